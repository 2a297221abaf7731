"""`/nieuwsbrief`: sign up here, from a form on another site or in a frame there; `/bevestig/<token>` makes it count.

The answer is the same page for every address. A form without our signature over its time is believed only from the
sites that the settings name; any other lands here with its fields filled in, and one more press.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from outreach import attempts
from outreach.app import App
from outreach.audience.addresses import AddressError, parse_address
from outreach.audience.cells import CellError
from outreach.audience.importing_cells import spot
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.campaigns import hits
from outreach.emails.assembly import ascii_address
from outreach.errors import Refusal
from outreach.links import Purpose
from outreach.models import ConsentPurpose, Frequency
from outreach.subscriptions import asking, confirming, texts
from outreach.subscriptions.asking import Ours, SignUp
from outreach.subscriptions.confirming import State
from outreach.web import door
from outreach.web.door import Explained, Opened, Submitted, page
from outreach.web.guard import framed_policy
from outreach.web.pages import show

router = APIRouter()

# Name of the field → how long it may be, and what is asked if it must be there.
FIELDS: Mapping[str, tuple[int, str]] = {
    "email": (254, "Vul uw e-mailadres in."),
    "company_name": (200, "Vul de naam van uw bedrijf in."),
    "enterprise_number": (40, ""),
    "postcode": (12, ""),
    "first_name": (60, ""),
    "last_name": (60, ""),
}
OFTEN = {
    "": "Zo vaak als er nieuws is",
    Frequency.MONTHLY.value: "Hoogstens één mail per maand",
    Frequency.QUARTERLY.value: "Hoogstens één mail per kwartaal",
    Frequency.HALF_YEARLY.value: "Hoogstens één mail per half jaar",
}
HONEYPOT = "website"
QUICK = timedelta(seconds=2)
STALE = timedelta(days=2)
HERE = "inschrijving op onze website"
LATER = "Inschrijven lukt nu even niet. Probeer het over een uur opnieuw."


@dataclass
class SignUpForm:
    """What was typed and what is wrong with it; `stamp`, `text` and `via` are hidden fields."""

    stamp: str
    text: str
    code: str = ""
    via: str = ""
    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    topics: tuple[str, ...] = ()
    frequency: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    notice: str = ""


@page(router, "/nieuwsbrief")
def offer(request: Request, app: Opened) -> Response:
    code = request.query_params.get("c", "").lower()
    return _shown(request, app, _blank(app, code if hits.is_code(code) else ""))


@page(router, "/nieuwsbrief/ingebed")
def framed(request: Request, app: Opened) -> Response:
    """Show the form alone, for a frame on one of the sites that the settings name."""
    origins = app.settings.subscribing.embed_origins
    form = _blank(app)
    host = urlsplit(request.headers.get("referer", "")).netloc
    if any(urlsplit(origin).netloc == host for origin in origins):
        form.via = door.sign(app, "frame", host)
    return _shown(request, app, form, "public/subscribe_framed.html", headers=framed_policy(origins))


@router.post("/nieuwsbrief", include_in_schema=False)
def ask(request: Request, app: Opened, submitted: Submitted) -> Response:
    now = app.now()
    form = read_form(app, submitted)
    origin = request.headers.get("origin", "").lower()
    trusted = origin in app.settings.subscribing.embed_origins
    _look_for_robots(app, form, submitted, trusted, now)
    if form.errors or form.notice:
        return _shown(request, app, form, status=422 if form.errors else 200)
    place = attempts.key_of(bytes.fromhex(app.keys.sessions), "sign-up", door.client(request), now)
    with app.database.writing() as session:
        text = texts.newsletter(app.settings)
        texts.keep(session, text, now)
        if form.text != text.digest and not texts.is_kept(session, form.text, ConsentPurpose.NEWSLETTER):
            form.notice, form.text = "De tekst waarmee u akkoord gaat, is gewijzigd. Lees hem even na.", text.digest
            return _shown(request, app, form)
        if attempts.count(session, place, window=timedelta(hours=1), now=now) >= app.settings.subscribing.per_place:
            form.errors["form"] = "Vanop uw plaats kwamen al veel inschrijvingen. Probeer het over een uur opnieuw."
            return _shown(request, app, form, status=429)
        if asking.is_flooded(session, app.settings, now):
            form.errors["form"] = LATER
            return _shown(request, app, form, status=429)
        attempts.record(session, place, now=now)
        source = _source(app, session, form, urlsplit(origin).netloc if trusted else "")
        asking.sign_up(session, _sign_up(form, source), ours(app), now)
    return RedirectResponse("/nieuwsbrief/verstuurd", status_code=303)


@page(router, "/nieuwsbrief/verstuurd")
def asked(request: Request, app: Opened) -> Response:
    return show(request, "public/subscribe_asked.html", subscribing=app.settings.subscribing)


@page(router, "/bevestig/{token}")
def look(request: Request, token: str, app: Opened) -> Response:
    with app.database.reading() as session:
        question = confirming.find(session, _question(app, session, token), app.settings, app.now())
    if question is None or question.state is State.GONE:
        raise _gone()
    return show(request, "public/confirm.html", question=question, outcome=None)


@router.post("/bevestig/{token}", include_in_schema=False)
def confirm(request: Request, token: str, app: Opened) -> Response:
    with app.database.writing() as session:
        outcome = confirming.confirm(session, _question(app, session, token), app.settings, app.now())
    if outcome.state is not State.DONE:
        raise _gone()
    return show(request, "public/confirm.html", question=None, outcome=outcome)


def ours(app: App) -> Ours:
    return Ours(app.settings, app.links, app.suppression_key)


def read_form(app: App, submitted: FormData) -> SignUpForm:
    """Return the fields as typed, with an error beside each that can't be used."""
    code = door.field(submitted, "c", 20).lower()
    form = _blank(app, code if hits.is_code(code) else "")
    form.text = door.field(submitted, "text", 64)
    form.via = door.field(submitted, "via", 400)
    for name, (limit, question) in FIELDS.items():
        value = door.field(submitted, name, limit + 1)
        form.values[name] = value
        if question and not value:
            form.errors[name] = question
        elif len(value) > limit:
            form.errors[name] = f"Hou het bij {limit} tekens."
    known = app.settings.subscribing.topics
    form.topics = tuple(topic for topic in dict.fromkeys(map(str, submitted.getlist("topic"))) if topic in known)
    often = door.field(submitted, "frequency", 20)
    form.frequency = often if often in OFTEN else ""
    _check_email(form.values["email"], form.errors)
    _check_company(form)
    return form


def _check_email(email: str, errors: dict[str, str], name: str = "email") -> None:
    if fault := address_fault(email):
        errors.setdefault(name, fault)


def address_fault(email: str) -> str:
    """Return what is wrong with an e-mail address that somebody typed, empty if nothing is."""
    if not email:
        return "Vul een e-mailadres in."
    try:
        if "=?" in ascii_address(parse_address(email).address):
            raise AddressError("mail programs would decode it")
    except (AddressError, Refusal):
        return "Dit e-mailadres klopt niet. Schrijf het als naam@bedrijf.be."
    return ""


def _check_company(form: SignUpForm) -> None:
    number, postcode = form.values["enterprise_number"], form.values["postcode"]
    try:
        if number:
            parse_enterprise_number(number)
    except NumberError:
        form.errors.setdefault(
            "enterprise_number",
            "Dit is geen geldig ondernemingsnummer. Het heeft tien cijfers, zoals 1999.000.150. U mag het leeg laten "
            "en uw postcode invullen.",
        )
    try:
        if postcode:
            spot(postcode)
    except CellError:
        form.errors.setdefault("postcode", "Deze postcode kennen we niet. Schrijf vier cijfers, zoals 9000.")
    if not number and not postcode:
        why = "Vul uw ondernemingsnummer of uw postcode in: we zoeken diensten in uw buurt."
        form.errors.setdefault("postcode", why)


def _look_for_robots(app: App, form: SignUpForm, submitted: FormData, trusted: bool, now: datetime) -> None:
    if door.field(submitted, HONEYPOT, 200):
        form.errors.setdefault("form", "Laat het veld 'Website' leeg en verstuur opnieuw: het houdt robots tegen.")
        return
    if trusted:
        return
    age = age_of(app, "sign-up", door.field(submitted, "stamp", 200), now)
    if age is None:
        form.notice = "Kijk alles even na, en druk op de knop om u in te schrijven."
    elif age >= STALE:
        form.notice = "Dit formulier stond lang open. Alles staat er nog: druk opnieuw op de knop."
    elif age < QUICK:
        form.notice = "Dat ging sneller dan iemand kan typen. Druk nog eens op de knop."


def stamp(app: App, purpose: str) -> str:
    """Return this moment under our signature."""
    return door.sign(app, purpose, str(int(app.now().timestamp())))


def age_of(app: App, purpose: str, stamped: str, now: datetime) -> timedelta | None:
    """Return how long ago a form was made, None if it isn't ours."""
    value = door.signed(app, purpose, stamped)
    return now - datetime.fromtimestamp(int(value), tz=now.tzinfo) if value else None


def _blank(app: App, code: str = "") -> SignUpForm:
    return SignUpForm(stamp(app, "sign-up"), texts.newsletter(app.settings).digest, code)


def _source(app: App, session: Session, form: SignUpForm, origin: str) -> str:
    """Return where the form stood, as the evidence and each later mail say it."""
    host = origin or door.signed(app, "frame", form.via)
    source = f"inschrijving via {host}" if host else HERE
    if form.code:
        campaign = hits.campaign_of(session, form.code)
        source += f", na nieuwsbrief {campaign}" if campaign else ""
    return source


def _sign_up(form: SignUpForm, source: str) -> SignUp:
    values = form.values
    return SignUp(
        address=parse_address(values["email"]).address,
        source=source,
        text_hash=form.text,
        first_name=values["first_name"],
        last_name=values["last_name"],
        company_name=values["company_name"],
        enterprise_number=parse_enterprise_number(values["enterprise_number"]) if values["enterprise_number"] else None,
        postcode=spot(values["postcode"]).postcode if values["postcode"] else None,
        topics=form.topics,
        frequency=Frequency(form.frequency) if form.frequency else None,
    )


def _shown(
    request: Request,
    app: App,
    form: SignUpForm,
    template: str = "public/subscribe.html",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return show(
        request,
        template,
        status=status,
        headers=headers,
        form=form,
        consent=texts.newsletter(app.settings).text,
        topics=app.settings.subscribing.topics,
        often=OFTEN,
    )


def _question(app: App, session: Session, token: str) -> int:
    id = app.links.read(Purpose.CONFIRM, token, partial(confirming.owner, session))
    if id is None:
        raise _gone(404)
    return id


def _gone(status: int = 410) -> Explained:
    return Explained(
        status,
        "Deze link werkt niet meer",
        "Misschien is hij onvolledig overgenomen, of te oud: een bevestiging kan maar enkele dagen. Schrijf u opnieuw "
        "in op de pagina Nieuwsbrief, dan mailen we u een nieuwe.",
    )
