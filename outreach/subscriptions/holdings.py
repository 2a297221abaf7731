"""What we hold about a person, in his own language: to read, and as rows for a spreadsheet (GDPR art. 15 and 20)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_datetime

from outreach.audience.cards import AddressFile, BasisView, ContactCard
from outreach.belgium.calendar import BRUSSELS
from outreach.formulas import neutral

_BASES = {
    "consent": "uw toestemming",
    "customer": "uw bedrijf is klant",
    "role_address": "algemeen adres van een rechtspersoon",
}
_SUPPRESSED = {
    "unsubscribed": "u schreef zich uit",
    "complaint": "u meldde een mail als ongewenst",
    "hard_bounce": "mail naar dit adres kwam terug",
    "erased": "u liet uw gegevens wissen",
    "imported": "overgenomen uit een eerdere uitsluitlijst",
    "manual": "uitgesloten door ons team",
}
_OFTEN = {
    "monthly": "hoogstens maandelijks",
    "quarterly": "hoogstens elk kwartaal",
    "half_yearly": "hoogstens elk half jaar",
}
_STATUS = {
    "pending": "staat klaar", "held_out": "niet gemaild (vergelijkingsgroep)", "skipped": "niet gemaild",
    "sending": "onderweg", "sent": "verzonden", "deferred": "uitgesteld", "rejected": "geweigerd door uw mailserver",
    "failed": "mislukt", "uncertain": "onzeker of het aankwam", "cancelled": "geannuleerd",
}  # fmt: skip
_CAME_BACK = {
    "bounced": "kwam terug", "complained": "gemeld als ongewenst", "autoresponded": "automatisch beantwoord",
    "delivered": "aangekomen", "answered": "beantwoord",
}  # fmt: skip
_QUESTIONS = {
    "sign_up": "inschrijving", "move": "adreswijziging", "colleague": "uitnodiging door een collega",
    "link": "persoonlijke link",
}  # fmt: skip
_CHANGES = {"newsletter": "nieuwsbrief", "frequency": "hoe vaak", "tracking": "persoonlijke links", "address": "adres"}
_VALUES = {
    "on": "ingeschreven", "follows": "volgt", "left": "volgt niet", "any": "zo vaak als er nieuws is",
    "allowed": "toegestaan", "ended": "gestopt", "changed": "gewijzigd", **_OFTEN,
}  # fmt: skip
_VIA = {
    "confirmed opt-in": "bevestigde inschrijving",
    "link in a newsletter": "link in een nieuwsbrief",
    "link mailed on request": "persoonlijke link",
}


@dataclass(frozen=True)
class Chapter:
    """One kind of data: a title, and rows of label and value."""

    title: str
    rows: tuple[tuple[str, str], ...]


def chapters(held: AddressFile, labels: Mapping[str, str]) -> list[Chapter]:
    """Return everything in a person's file, kind by kind, without empty ones; `labels` are those of topics."""
    found = [
        Chapter("Adres", (("E-mailadres", held.address),)),
        *(chapter for card in held.contacts for chapter in _contact(card, labels)),
        Chapter("Uitsluitingen", tuple(_suppressions(held))),
        Chapter("Aanvragen bij bedrijven", tuple(_leads(held))),
        Chapter("Vragen die op bevestiging wachten, of dat deden", tuple(_questions(held))),
        Chapter("Andere mails", tuple(_other_mails(held))),
        Chapter("Wat u ons schreef", tuple(_letters(held))),
    ]
    return [chapter for chapter in found if chapter.rows]


def as_csv(held: AddressFile, labels: Mapping[str, str]) -> bytes:
    """Return the chapters as CSV (UTF-8 with a byte-order mark, semicolons), safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(("onderdeel", "gegeven", "waarde"))
    for chapter in chapters(held, labels):
        for label, value in chapter.rows:
            writer.writerow((neutral(chapter.title), neutral(label), neutral(value)))
    return out.getvalue().encode("utf-8-sig")


def as_json(held: AddressFile) -> bytes:
    """Return the file as JSON, with the keys that `outreach contact export` has."""
    return json.dumps(asdict(held), default=_plain, ensure_ascii=False, indent=2).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _contact(card: ContactCard, labels: Mapping[str, str]) -> Iterator[Chapter]:
    company = card.company
    place = " ".join(filter(None, (company.postcode, company.municipality)))
    tracked = card.tracking_consent_at
    facts = [
        ("Naam", " ".join(filter(None, (card.first_name, card.last_name)))),
        ("Functie", card.function or ""),
        ("Bedrijf", " · ".join(filter(None, (company.name, company.enterprise_number, place)))),
        ("Soort adres", "algemeen adres" if card.kind == "role" else "persoonlijk adres"),
        ("Hoe vaak", _OFTEN.get(card.frequency or "", "")),
        ("Persoonlijke links", f"toegestaan op {_moment(tracked)}" if tracked else ""),
        ("Labels van ons team", ", ".join(card.tags)),
        ("Bij ons bekend sinds", _moment(card.created_at)),
    ]
    yield Chapter(f"Contact bij {company.name}", tuple(fact for fact in facts if fact[1]))
    yield Chapter("Waarom we u mogen mailen", tuple(_basis(row) for row in card.bases))
    yield Chapter("Thema's", tuple(_topics(card, labels)))
    yield Chapter("Wat u koos, en hoe", tuple(_changes(card, labels)))
    yield Chapter("Nieuwsbrieven", tuple(_mailed(card)))


def _topics(card: ContactCard, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for topic in card.topics:
        yield (
            labels.get(topic.topic, topic.topic),
            ("volgt" if topic.follows else "volgt niet") + (", zelf gekozen" if topic.chosen else ""),
        )


def _mailed(card: ContactCard) -> Iterator[tuple[str, str]]:
    for mail in card.deliveries:
        yield mail.campaign, f"{_STATUS.get(mail.status, mail.status)}, {_moment(mail.sent_at or mail.status_at)}"
        for event in mail.events:
            if event.kind in _CAME_BACK:
                detail = f": {event.detail}" if event.detail else ""
                yield mail.campaign, f"{_CAME_BACK[event.kind]}, {_moment(event.at)}{detail}"


def _other_mails(held: AddressFile) -> Iterator[tuple[str, str]]:
    for mail in held.mails:
        yield _moment(mail.created_at), _STATUS.get(mail.status, mail.status)


def _letters(held: AddressFile) -> Iterator[tuple[str, str]]:
    for letter in held.letters:
        words = (" ".join(part.split()) for part in (letter.subject, letter.body) if part)
        yield _moment(letter.received_at), " · ".join(words) or "de tekst is gewist"


def _basis(row: BasisView) -> tuple[str, str]:
    parts = [f"sinds {_day(row.obtained_on)}", f"bron: {row.source}"]
    if row.asked_at and row.confirmed_at:
        parts.append(f"gevraagd op {_moment(row.asked_at)}, bevestigd op {_moment(row.confirmed_at)}")
    if row.text:
        parts.append(f"tekst {row.text_version}: “{row.text}”")
    if row.withdrawn_at:
        parts.append(f"ingetrokken op {_moment(row.withdrawn_at)}")
    return _BASES.get(row.basis, row.basis), "; ".join(parts)


def _changes(card: ContactCard, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for change in card.changes:
        topic = change.what.removeprefix("topic ") if change.what.startswith("topic ") else ""
        what = labels.get(topic, topic) or _CHANGES.get(change.what, change.what)
        value = f"{_VALUES.get(change.value, change.value)} ({_VIA.get(change.via, change.via)}, {_moment(change.at)})"
        yield what, value


def _suppressions(held: AddressFile) -> Iterator[tuple[str, str]]:
    for row in held.suppressions:
        ended = f", tot {_moment(row.lifted_at)}" if row.lifted_at else ""
        yield f"sinds {_moment(row.at)}{ended}", _SUPPRESSED.get(row.reason, row.reason)


def _leads(held: AddressFile) -> Iterator[tuple[str, str]]:
    for lead in held.leads:
        said = [lead.company, lead.person, lead.phone, lead.message]
        yield (
            f"{lead.enterprise}, {_moment(lead.happened_at)}",
            " · ".join(" ".join(part.split()) for part in said if part),
        )


def _questions(held: AddressFile) -> Iterator[tuple[str, str]]:
    for row in held.questions:
        done = f", bevestigd op {_moment(row.confirmed_at)}" if row.confirmed_at else ""
        yield _QUESTIONS.get(row.kind, row.kind), f"gevraagd op {_moment(row.asked_at)}{done}"


def _day(value: date) -> str:
    return format_date(value, "d MMMM y", locale="nl")


def _moment(value: datetime) -> str:
    return format_datetime(value.astimezone(BRUSSELS), "d MMMM y, HH:mm", locale="nl")
