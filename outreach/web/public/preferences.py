"""`/voorkeuren/<token>`: topics, frequency, tracking, and everything else that is a person's own to decide.

Two links lead here. The one in each newsletter works as long as the mail is kept, and may be forwarded with it: it
shows no personal data, and does what anybody with that mail may do, which is to get less. The one that the person has
mailed on request works for a day and opens everything: to see, download, change the address, consent to tracking,
be erased. Nothing happens by a GET, and each POST carries a mark that we put into the page it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from outreach import attempts
from outreach.app import App
from outreach.audience import cards
from outreach.audience.addresses import parse_address
from outreach.audience.cards import AddressFile
from outreach.errors import NotFound
from outreach.links import NOBODY, Purpose
from outreach.models import Frequency
from outreach.subscriptions import asking, confirming, holdings, leaving, preferences, texts
from outreach.subscriptions.preferences import Choice, Reader
from outreach.web import door
from outreach.web.door import Explained, Opened, Submitted, page
from outreach.web.pages import show
from outreach.web.public.subscribing import OFTEN, address_fault, age_of, ours, stamp

router = APIRouter()

STALE = timedelta(days=1)
# What a page says after something was done; the address carries the word, so that reloading does nothing twice.
DONE: Mapping[str, str] = {
    "bewaard": "Uw keuze is bewaard, en geldt vanaf de volgende nieuwsbrief.",
    "uitgeschreven": "U bent uitgeschreven: u krijgt geen nieuwsbrieven meer.",
    "mail": "Kijk in uw mailbox: we mailden u een link waarmee u bevestigt.",
    "link": "Kijk in uw mailbox: we mailden u een persoonlijke link. Hij werkt 24 uur.",
    "adres": "Kijk in de nieuwe mailbox: we mailden daarheen een link waarmee u bevestigt. Tot dan verandert er niets.",
    "collega": "Dank u. U krijgt geen nieuwsbrieven meer, en uw collega krijgt één uitnodiging.",
}
TOO_OLD = "Deze pagina stond lang open. Kijk uw keuze na en druk opnieuw op de knop."


@page(router, "/voorkeuren")
def by_mail(request: Request, app: Opened) -> Response:
    return _by_mail(request, app)


@router.post("/voorkeuren", include_in_schema=False)
def mail_link(request: Request, app: Opened, submitted: Submitted) -> Response:
    """Mail the person's own link to whoever has the address; the page says the same whatever the address."""
    email = door.field(submitted, "email", 255)
    fault = address_fault(email)
    if door.field(submitted, "website", 200):
        fault = "Laat het veld 'Website' leeg en verstuur opnieuw: het houdt robots tegen."
    if fault:
        return _by_mail(request, app, email, {"email": fault}, status=422)
    now = app.now()
    if _too_old(app, "voorkeuren", submitted):
        return _by_mail(request, app, email, {"email": "Druk nog eens op de knop."}, status=422)
    place = attempts.key_of(bytes.fromhex(app.keys.sessions), "sign-up", door.client(request), now)
    with app.database.writing() as session:
        tried = attempts.count(session, place, window=timedelta(hours=1), now=now)
        if tried >= app.settings.subscribing.per_place or asking.is_flooded(session, app.settings, now):
            return _by_mail(request, app, email, {"email": "Dat is te veel na elkaar. Probeer het over een uur."}, 429)
        attempts.record(session, place, now=now)
        asking.link(session, parse_address(email).address, ours(app), now)
    return RedirectResponse("/voorkeuren?gelukt=link", status_code=303)


@page(router, "/voorkeuren/{token}")
def offer(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        return _main(request, app, token, _reader(app, session, token))


@router.post("/voorkeuren/{token}", include_in_schema=False)
def save(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        if _too_old(app, token, submitted):
            return _main(request, app, token, reader, notice=TOO_OLD)
        wanted = set(map(str, submitted.getlist("topic")))
        shown = preferences.shown_topics(reader, app.settings)
        often = door.field(submitted, "frequency", 20)
        choice = Choice(
            topics={code: code in wanted for code in shown},
            frequency=Frequency(often) if often in OFTEN and often else None,
            tracking=submitted.get("tracking") == "yes",
        )
        preferences.save(session, reader, choice, app.settings, app.now())
    return _back(token, "bewaard")


@router.post("/voorkeuren/{token}/uit", include_in_schema=False)
def leave(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    # Out works without a mark and from an old page too: nothing may stand between a person and the way out.
    with app.database.writing() as session:
        leaving.leave(session, _reader(app, session, token), ours(app), app.now())
    return _back(token, "uitgeschreven")


@router.post("/voorkeuren/{token}/opnieuw", include_in_schema=False)
def sign_up_again(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        if _too_old(app, token, submitted) or not reader.contacts:
            return _main(request, app, token, reader, notice=TOO_OLD)
        source = "opnieuw ingeschreven op onze website"
        asking.sign_up_again(session, reader.contacts[0], ours(app), source, app.now())
    return _back(token, "mail")


@router.post("/voorkeuren/{token}/link", include_in_schema=False)
def mail_own_link(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        if _too_old(app, token, submitted):
            return _main(request, app, token, reader, notice=TOO_OLD)
        if reader.address is not None:
            asking.link(session, reader.address, ours(app), app.now())
    return _back(token, "link")


@page(router, "/voorkeuren/{token}/collega")
def offer_colleague(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        return _colleague(request, app, token, _reader(app, session, token))


@router.post("/voorkeuren/{token}/collega", include_in_schema=False)
def hand_over(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    email = door.field(submitted, "email", 255)
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        fault = address_fault(email) or _colleague_fault(reader, email)
        if _too_old(app, token, submitted):
            fault = TOO_OLD
        if fault:
            return _colleague(request, app, token, reader, email, {"email": fault}, status=422)
        leaving.hand_over(session, reader, parse_address(email).address, ours(app), app.now())
    return _back(token, "collega")


@page(router, "/voorkeuren/{token}/adres")
def offer_move(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        reader = _reader(app, session, token)
        return _ask_for_link(request, app, token, reader) or _move(request, app, token, reader)


@router.post("/voorkeuren/{token}/adres", include_in_schema=False)
def move(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    email = door.field(submitted, "email", 255)
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        if not reader.fresh:
            return _needs_link(request, app, token, reader, 403)
        fault = TOO_OLD if _too_old(app, token, submitted) else address_fault(email)
        if fault:
            return _move(request, app, token, reader, email, {"email": fault}, status=422)
        asking.move(session, reader.address_hash, parse_address(email).address, ours(app), app.now())
    return _back(token, "adres")


@page(router, "/voorkeuren/{token}/gegevens")
def data(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        reader = _reader(app, session, token)
        if not reader.fresh:
            return _needs_link(request, app, token, reader)
        chapters = holdings.chapters(_held(app, session, reader), app.settings.subscribing.topics)
        return show(request, "public/prefs_data.html", token=token, reader=reader, chapters=chapters)


@page(router, "/voorkeuren/{token}/gegevens.{form}")
def download(request: Request, token: str, form: str, app: Opened) -> Response:
    media_type = {"json": "application/json", "csv": "text/csv; charset=utf-8"}.get(form)
    if media_type is None:
        raise _unknown()
    with app.database.reading() as session:
        reader = _reader(app, session, token)
        if not reader.fresh:
            return _needs_link(request, app, token, reader, 403)
        held = _held(app, session, reader)
    body = holdings.as_csv(held, app.settings.subscribing.topics) if form == "csv" else holdings.as_json(held)
    headers = {"Content-Disposition": f'attachment; filename="mijn-gegevens.{form}"'}
    return Response(body, media_type=media_type, headers=headers)


@page(router, "/voorkeuren/{token}/wissen")
def offer_erasure(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        reader = _reader(app, session, token)
        return _ask_for_link(request, app, token, reader) or _erasure(request, app, token, reader)


@router.post("/voorkeuren/{token}/wissen", include_in_schema=False)
def erase(request: Request, token: str, app: Opened, submitted: Submitted) -> Response:
    with app.database.writing() as session:
        reader = _reader(app, session, token)
        if not reader.fresh:
            return _needs_link(request, app, token, reader, 403)
        if _too_old(app, token, submitted):
            return _erasure(request, app, token, reader, notice=TOO_OLD)
        leaving.erase(session, reader, ours(app), app.now())
    return show(request, "public/prefs_erased.html")


def _reader(app: App, session: Session, token: str) -> Reader:
    addressed = app.links.read_addressed(Purpose.PREFERENCES, token)
    if addressed is not None and addressed.delivery_id == NOBODY:
        text = "In een echte nieuwsbrief opent deze link de voorkeuren van de ontvanger."
        raise Explained(200, "Dit is een voorbeeldmail", text)
    if addressed is not None:
        reader = preferences.of_mail(session, addressed)
    else:
        link_id = app.links.read(Purpose.PERSONAL, token, partial(confirming.owner, session))
        if link_id is None:
            raise _unknown()
        reader = preferences.of_link(session, link_id, app.now())
    if reader is None:
        raise Explained(
            410,
            "Deze link werkt niet meer",
            "Een persoonlijke link werkt 24 uur, en die in een nieuwsbrief tot uw gegevens gewist zijn. Op de pagina "
            "/voorkeuren mailen we u een nieuwe.",
        )
    return reader


def _unknown() -> Explained:
    return Explained(
        404,
        "Deze link klopt niet",
        "Waarschijnlijk is hij onvolledig overgenomen. Klik op de link in de mail zelf, of vraag een nieuwe op de "
        "pagina /voorkeuren.",
    )


def _held(app: App, session: Session, reader: Reader) -> AddressFile:
    assert reader.address is not None
    try:
        return cards.export(session, reader.address, app.suppression_key)
    except NotFound:
        return AddressFile(reader.address, (), (), ())


def _colleague_fault(reader: Reader, email: str) -> str:
    domain = leaving.domain_of(reader.address or "")
    if leaving.domain_of(parse_address(email).address) != domain:
        return f"Vul een adres van uw bedrijf in, dat eindigt op @{domain}. Een ander adres kan zich zelf inschrijven."
    if parse_address(email).hash_form == parse_address(reader.address or "").hash_form:
        return "Dit is uw eigen adres. Vul het adres van uw collega in."
    return ""


def _too_old(app: App, token: str, submitted: FormData) -> bool:
    age = age_of(app, f"page:{token}", door.field(submitted, "stamp", 200), app.now())
    return age is None or age >= STALE


def _back(token: str, done: str) -> Response:
    return RedirectResponse(f"/voorkeuren/{token}?gelukt={done}", status_code=303)


def _shown(request: Request, app: App, template: str, token: str, reader: Reader, status: int, **more: Any) -> Response:
    return show(
        request, f"public/{template}", status=status, token=token, reader=reader, stamp=stamp(app, f"page:{token}"),
        **more,
    )  # fmt: skip


def _main(request: Request, app: App, token: str, reader: Reader, notice: str = "") -> Response:
    more = {
        "topics": preferences.shown_topics(reader, app.settings),
        "often": OFTEN,
        "tracking_text": texts.tracking(app.settings).text,
        "done": DONE.get(request.query_params.get("gelukt", ""), ""),
        "notice": notice,
    }
    return _shown(request, app, "prefs.html", token, reader, 422 if notice else 200, **more)


def _ask_for_link(request: Request, app: App, token: str, reader: Reader) -> Response | None:
    return None if reader.fresh else _needs_link(request, app, token, reader)


def _needs_link(request: Request, app: App, token: str, reader: Reader, status: int = 200) -> Response:
    return _shown(request, app, "prefs_link.html", token, reader, status)


def _colleague(
    request: Request,
    app: App,
    token: str,
    reader: Reader,
    email: str = "",
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    domain = leaving.domain_of(reader.address or "")
    more = {"email": email, "errors": errors or {}, "domain": domain}
    return _shown(request, app, "prefs_colleague.html", token, reader, status, **more)


def _move(
    request: Request,
    app: App,
    token: str,
    reader: Reader,
    email: str = "",
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return _shown(request, app, "prefs_address.html", token, reader, status, email=email, errors=errors or {})


def _erasure(request: Request, app: App, token: str, reader: Reader, notice: str = "") -> Response:
    return _shown(request, app, "prefs_erase.html", token, reader, 422 if notice else 200, notice=notice)


def _by_mail(
    request: Request, app: App, email: str = "", errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    done = request.query_params.get("gelukt") == "link"
    return show(
        request, "public/prefs_by_mail.html", status=status, email=email, errors=errors or {}, done=done,
        stamp=stamp(app, "page:voorkeuren"), per_address=app.settings.subscribing.per_address,
    )  # fmt: skip
