"""The mails about signing up and preferences: one thing each, no offer beside it, and never a word about anybody else.

They are put into the outbox under a key of the question they belong to, so that a question asked once is mailed once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from babel.dates import format_date, format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.orm import Session

from outreach.belgium.calendar import BRUSSELS
from outreach.delivery import outbox
from outreach.emails.assembly import Headers, Mailbox, ascii_domain, assemble_plain
from outreach.emails.model import fold
from outreach.links import Links
from outreach.models import Confirmation, Frequency
from outreach.settings import Settings

KIND = "confirmation"
OFTEN = {
    None: "zo vaak als er nieuws is",
    Frequency.MONTHLY: "hoogstens één mail per maand",
    Frequency.QUARTERLY: "hoogstens één mail per kwartaal",
    Frequency.HALF_YEARLY: "hoogstens één mail per half jaar",
}


@dataclass(frozen=True)
class Letter:
    """What one mail says: `button` is label and address; `quoted` the text that is agreed to."""

    subject: str
    opening: tuple[str, ...]
    button: tuple[str, str] | None = None
    facts: tuple[tuple[str, str], ...] = ()
    quoted: str = ""
    closing: tuple[str, ...] = ()


def key_of(confirmation_id: int) -> str:
    """Return the outbox key of the mail that a question was sent with."""
    return f"confirmation:{confirmation_id}"


def confirm_sign_up(
    session: Session, row: Confirmation, text: str, settings: Settings, links: Links, now: datetime
) -> None:
    """Ask whoever has the address whether it was he who signed up."""
    letter = Letter(
        "Bevestig uw inschrijving",
        (
            f"Op {_moment(now)} schreef iemand dit adres in voor de nieuwsbrief van {_name(settings)}. Was u dat? "
            "Bevestig het dan met de knop.",
        ),
        button=("Bekijk en bevestig", links.confirm(row.id, row.address_hash)),
        facts=tuple(_facts(row, settings)),
        quoted=text,
        closing=(
            f"De knop werkt tot {_moment(row.expires_at)}.",
            "Was u het niet? Dan hoeft u niets te doen: u krijgt geen nieuwsbrief, en we wissen dit adres na "
            f"{settings.subscribing.keep_days} dagen.",
        ),
    )
    _put(session, row, letter, settings, now)


def already(session: Session, row: Confirmation, settings: Settings, links: Links, now: datetime) -> None:
    """Tell a reader that he is one, with the way to his preferences."""
    letter = Letter(
        "U bent al ingeschreven",
        (
            f"Op {_moment(now)} vroeg iemand met dit adres de nieuwsbrief van {_name(settings)} aan. Dat hoefde niet: "
            "u bent al ingeschreven.",
            "Op uw persoonlijke pagina kiest u waarover en hoe vaak u mail krijgt.",
        ),
        button=("Naar mijn persoonlijke pagina", links.personal(row.id, row.address_hash)),
        closing=(_for_you_only(row),),
    )
    _put(session, row, letter, settings, now)


def personal_link(session: Session, row: Confirmation, settings: Settings, links: Links, now: datetime) -> None:
    """Mail the link to the person's own page."""
    letter = Letter(
        "Uw persoonlijke link",
        (
            f"Op {_moment(now)} vroeg iemand op onze website de persoonlijke link voor dit adres. Op die pagina kiest "
            "u waarover en hoe vaak u mail krijgt, ziet u wat we over u bewaren, en kunt u dat laten wissen.",
        ),
        button=("Naar mijn persoonlijke pagina", links.personal(row.id, row.address_hash)),
        closing=(_for_you_only(row), "Vroeg u dit niet? Dan hoeft u niets te doen."),
    )
    _put(session, row, letter, settings, now)


def nothing_held(session: Session, row: Confirmation, settings: Settings, links: Links, now: datetime) -> None:
    """Tell an address that asked for its page that we hold nothing about it."""
    letter = Letter(
        "We bewaren niets over dit adres",
        (
            f"Op {_moment(now)} vroeg iemand op onze website de persoonlijke link voor dit adres. We bewaren er niets "
            "over: het is niet ingeschreven, en er hoort geen contact bij.",
            "Kreeg u wel een nieuwsbrief van ons? Dan kwam die toe op een ander adres van u.",
        ),
        button=("Inschrijven op de nieuwsbrief", links.sign_up()),
        closing=(
            f"Vroeg u dit niet? Dan hoeft u niets te doen. Deze vraag wissen we na {settings.subscribing.keep_days} "
            "dagen.",
        ),
    )
    _put(session, row, letter, settings, now)


def blocked(session: Session, address: str, address_hash: bytes, settings: Settings, now: datetime) -> None:
    """Tell an address that no opt-in revives how a person can help; once a month at most."""
    letter = Letter(
        "We kunnen dit adres niet inschrijven",
        (
            f"Op {_moment(now)} vroeg iemand met dit adres de nieuwsbrief van {_name(settings)} aan. Dat lukt niet "
            "vanzelf: een eerdere mail kwam terug als onbestelbaar, of werd als ongewenst gemeld.",
            "Wilt u de nieuwsbrief toch? Antwoord dan op deze mail, en een van ons kijkt het na.",
        ),
        closing=("Vroeg u dit niet? Dan hoeft u niets te doen.",),
    )
    key = f"blocked:{address_hash.hex()}:{now:%Y-%m}"
    outbox.put(
        session,
        key=key,
        kind=KIND,
        recipient=address,
        message=message_of(address, letter, settings, now),
        now=now,
        address_hash=address_hash,
    )


def confirm_move(
    session: Session, row: Confirmation, text: str, settings: Settings, links: Links, now: datetime
) -> None:
    """Ask the new address whether it takes the old one's place."""
    letter = Letter(
        "Bevestig uw nieuwe adres",
        (
            f"Op {_moment(now)} vroeg een lezer van {_name(settings)} om de nieuwsbrief voortaan op dit adres te "
            "krijgen. Was u dat? Bevestig het dan met de knop. Tot dan verandert er niets.",
        ),
        button=("Bekijk en bevestig", links.confirm(row.id, row.address_hash)),
        quoted=text,
        closing=(
            f"De knop werkt tot {_moment(row.expires_at)}.",
            "Was u het niet? Dan hoeft u niets te doen, en wissen we dit adres na "
            f"{settings.subscribing.keep_days} dagen.",
        ),
    )
    _put(session, row, letter, settings, now)


def moved(session: Session, confirmation_id: int, old: str, old_hash: bytes, settings: Settings, now: datetime) -> None:
    """Tell the old address that another took its place, and what to do if that is wrong."""
    letter = Letter(
        "Uw adres is gewijzigd",
        (
            f"Op {_moment(now)} werd voor de nieuwsbrief van {_name(settings)} een ander adres gekozen en bevestigd. "
            "Op dit adres krijgt u er geen meer.",
        ),
        closing=("Hebt u dat niet gevraagd? Antwoord dan op deze mail, en we zetten het recht.",),
    )
    outbox.put(
        session,
        key=f"moved:{confirmation_id}",
        kind=KIND,
        recipient=old,
        message=message_of(old, letter, settings, now),
        now=now,
        address_hash=old_hash,
    )


def invite(
    session: Session,
    row: Confirmation,
    once: str,
    proposer: str,
    text: str,
    settings: Settings,
    links: Links,
    now: datetime,
) -> None:
    """Ask a colleague, the only time, whether he wants the newsletter that another left to him (GDPR art. 14)."""
    letter = Letter(
        "Uw collega stelde u voor",
        (
            f"{fold(proposer)} kreeg de nieuwsbrief van {_name(settings)}, over wat maatwerkbedrijven voor uw bedrijf "
            "kunnen doen, en gaf uw adres door omdat u dit voortaan opvolgt.",
            "Wilt u de nieuwsbrief? Bevestig het dan met de knop. We schrijven u nooit vanzelf in.",
        ),
        button=("Bekijk en bevestig", links.confirm(row.id, row.address_hash)),
        quoted=text,
        closing=(
            f"De knop werkt tot {_moment(row.expires_at)}. Doet u niets, dan krijgt u geen nieuwsbrief en geen tweede "
            f"uitnodiging, en wissen we uw adres na {settings.subscribing.keep_days} dagen.",
        ),
    )
    _put(session, row, letter, settings, now, key=f"colleague:{once}")


def message_of(recipient: str, letter: Letter, settings: Settings, now: datetime) -> bytes:
    """Write a letter; Refusal if the sender's own address or the recipient's is not in order."""
    headers = Headers(
        sender=Mailbox(settings.from_address, settings.from_name),
        recipient=Mailbox(recipient),
        date=now,
        message_id=f"<confirmation.{secrets.token_hex(12)}@{ascii_domain(settings.mail_domain)}>",
        reply_to=Mailbox(settings.mail.reply_to) if settings.mail.reply_to else None,
        auto_submitted="auto-generated",
    )
    sender = settings.sender
    number = f"Ondernemingsnummer {sender.enterprise_number}" if sender.enterprise_number else ""
    identity = (sender.name, sender.address, number, sender.email or settings.from_address)
    values = {
        "letter": letter,
        "brand": fold(settings.site.name or sender.name),
        "tagline": fold(settings.site.tagline),
        "identity": [fold(line) for line in identity if line],
    }
    pages = _templates()
    text, html = (pages.get_template(f"letter.{kind}").render(values) for kind in ("txt", "html"))
    return assemble_plain(headers, letter.subject, text, html)


def _put(
    session: Session, row: Confirmation, letter: Letter, settings: Settings, now: datetime, key: str | None = None
) -> None:
    outbox.put(
        session,
        key=key or key_of(row.id),
        kind=KIND,
        recipient=row.address,
        message=message_of(row.address, letter, settings, now),
        now=now,
        address_hash=row.address_hash,
    )


def _facts(row: Confirmation, settings: Settings) -> list[tuple[str, str]]:
    labels = [settings.subscribing.topics.get(code, code) for code in row.topics]
    facts = [
        ("Bedrijf", fold(row.company_name or "")),
        ("Waarover", "; ".join(labels)),
        ("Hoe vaak", OFTEN[row.frequency]),
    ]
    return [fact for fact in facts if fact[1]]


def _for_you_only(row: Confirmation) -> str:
    return f"De link werkt tot {_moment(row.expires_at)} en is van u alleen: stuur deze mail niet door."


def _name(settings: Settings) -> str:
    return fold(settings.sender.name or settings.from_address)


def _moment(at: datetime) -> str:
    local = at.astimezone(BRUSSELS)
    return f"{format_date(local, 'd MMMM y', locale='nl')} om {format_datetime(local, 'HH:mm', locale='nl')}"


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
