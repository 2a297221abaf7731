"""`outreach contact`: find, show, suppress, erase or export a contact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import cards, contacts, erasing, suppressing
from outreach.audience.cards import (
    AddressFile,
    BasisView,
    ContactCard,
    DeliveryView,
    LeadView,
    RegisterView,
    SuppressionView,
)
from outreach.belgium.calendar import BRUSSELS
from outreach.commands.door import (
    Door,
    actor,
    as_json_text,
    counted,
    day,
    json_option,
    local,
    print_json,
    print_table,
    printable,
)
from outreach.errors import NotFound, Refusal
from outreach.links import hash_address
from outreach.models import SuppressionReason
from outreach.register import entries

_OFTEN = {"monthly": "a month", "quarterly": "a quarter", "half_yearly": "every half year"}


@click.group()
def command() -> None:
    """Find, show, suppress, erase or export a contact."""


@command.command()
@click.argument("text")
@json_option
@click.pass_obj
def find(door: Door, text: str, as_json: bool) -> None:
    """Find contacts by address, name, company or enterprise number; a part will do."""
    with door.open() as app, app.database.reading() as session:
        found = [cards.show(session, one.id) for one in contacts.find(session, text, app.suppression_key)]
    if as_json:
        print_json([_short(card) for card in found])
        return
    if not found:
        click.echo("nobody found; an address that we don't know can still be suppressed: outreach contact suppress")
        return
    columns = ("id", "address", "name", "company", "number", "kind", "bases", "suppressed")
    print_table(columns, [list(_short(card).values()) for card in found])
    if len(found) == contacts.FOUND_AT_MOST:
        click.echo(f"only the first {contacts.FOUND_AT_MOST} are shown: look for more of the text")


def _short(card: ContactCard) -> dict[str, object]:
    return {
        "id": card.id,
        "address": card.address or "(erased)",
        "name": _name(card),
        "company": card.company.name,
        "enterprise_number": card.company.enterprise_number,
        "kind": card.kind,
        "bases": ", ".join(row.basis for row in card.bases if row.withdrawn_at is None),
        "suppressed": "yes" if card.suppressed else "no",
    }


@command.command()
@click.argument("who", metavar="ADDRESS_OR_ID")
@json_option
@click.pass_obj
def show(door: Door, who: str, as_json: bool) -> None:
    """Show everything that we hold about an address, or about one contact by its id."""
    with door.open() as app, app.database.reading() as session:
        held = _held(session, app, who)
    if as_json:
        print_json(held, zone=BRUSSELS)
        return
    for card in held.contacts:
        _print_card(card)
    _print_rest(held)


def _held(session: Session, app: App, who: str) -> AddressFile:
    if who.isascii() and who.isdigit():
        card = cards.show(session, int(who[:18]))
        return AddressFile(card.address or "(erased)", (card,), card.leads, card.suppressions)
    return cards.export(session, contacts.checked_address(who), app.suppression_key)


def _agreed(row: BasisView) -> str:
    """Say what was agreed to, where the contact confirmed it from the mailbox."""
    if not (row.asked_at and row.confirmed_at and row.text_hash):
        return ""
    times = f"asked {local(row.asked_at)}, confirmed {local(row.confirmed_at)}"
    return f", {times}, text {row.text_version} (SHA-256 {row.text_hash[:12]}…): {row.text!r}"


def _print_card(card: ContactCard) -> None:
    company = card.company
    person = {True: "yes", False: "no", None: "unknown"}[company.legal_person]
    facts = [
        ("contact", f"{card.id}: {card.address or '(erased)'} ({card.kind})"),
        ("name", _name(card)),
        ("function", card.function),
        ("company", " · ".join(filter(None, (company.name, company.enterprise_number, company.legal_form)))),
        ("legal person", f"{person} ({company.legal_person_source or 'no source'})"),
        ("place", " ".join(filter(None, (company.postcode, company.municipality, company.province)))),
        ("sector", " ".join(f"{code} ({year})" for code, year in _codes(card) if code)),
        ("status", " · ".join(filter(None, (company.status, company.status_reason)))),
        *_register(company.register),
        ("tags", ", ".join(card.tags)),
        ("topics", ", ".join(f"{topic.topic}{'' if topic.follows else ' (left)'}" for topic in card.topics)),
        ("at most", f"one mail {_OFTEN[card.frequency]}, chosen by the contact" if card.frequency else None),
        ("tracking", f"consent since {day(card.tracking_consent_at)}" if card.tracking_consent_at else None),
        *(("basis", f"{row.basis} since {row.obtained_on}, from {row.source!r}, entered by {row.actor}"
           + _agreed(row) + (f", withdrawn {day(row.withdrawn_at)}" if row.withdrawn_at else ""))
          for row in card.bases),
        *(("chose", f"{change.what}: {change.value}, {local(change.at)}, by {change.via}") for change in card.changes),
        *(fact for row in card.deliveries for fact in _mail(row)),
    ]  # fmt: skip
    for label, value in facts:
        if value:
            click.echo(f"{label:>13}  {printable(value)}")
    click.echo()


def _register(looked_up: RegisterView | None) -> list[tuple[str, str | None]]:
    if looked_up is None:
        return []
    there = "place, sector, form and status as in" if looked_up.found else "no active legal person in"
    typed = ", ".join(f"typed {name.replace('_', ' ')} {value}" for name, value in looked_up.typed.items())
    return [("register", f"{there} {entries.NAME}, data of {looked_up.snapshot_date}"), ("lists say", typed or None)]


def _mail(row: DeliveryView) -> list[tuple[str, str]]:
    """Return what became of a mail, and below it what came back about it, with its evidence."""
    back = [event for event in row.events if event.klass or event.kind == "unsubscribed"]
    return [
        ("mail", f"{row.campaign}: {row.status} {row.reason or ''} {local(row.status_at)}"),
        *(("came back", " ".join(filter(None, (local(event.at), event.kind, event.klass, event.reason)))
           + (f": {event.detail}" if event.detail else "")) for event in back),
    ]  # fmt: skip


def _codes(card: ContactCard) -> tuple[tuple[str | None, int], ...]:
    return (card.company.nace_2025, 2025), (card.company.nace_2008, 2008)


def _print_rest(held: AddressFile) -> None:
    for lead in held.leads:
        click.echo(f"{'lead':>13}  {printable(_lead(lead))}")
    for row in held.suppressions:
        click.echo(f"{'suppression':>13}  {printable(_suppression(row))}")
    if not any(row.lifted_at is None for row in held.suppressions):
        click.echo(f"{'suppression':>13}  none in force")


def _lead(lead: LeadView) -> str:
    return f"{lead.id}: {lead.company} → {lead.enterprise}, {lead.stage}, {day(lead.happened_at)}"


def _suppression(row: SuppressionView) -> str:
    lifted = f", lifted {day(row.lifted_at)} by {row.lifted_by} ({row.lifted_reason})" if row.lifted_at else ""
    return f"{row.reason} since {day(row.at)} ({row.source}, by {row.actor}){lifted}"


def _name(card: ContactCard) -> str:
    return " ".join(filter(None, (card.first_name, card.last_name)))


@command.command()
@click.argument("address")
@click.option("--reason", required=True, help="Why, for the record: e.g. 'phoned on 12 May'.")
@click.option("--our-decision", is_flag=True, help="The person didn't ask for it: `outreach contact lift` can undo it.")
@json_option
@click.pass_obj
def suppress(door: Door, address: str, reason: str, our_decision: bool, as_json: bool) -> None:
    """Let no campaign mail ADDRESS any more, since the person asked; it need not be known here.

    Only the person's own confirmed opt-in lifts it.
    """
    kind = SuppressionReason.MANUAL if our_decision else SuppressionReason.UNSUBSCRIBED
    checked = contacts.checked_address(address)
    if not reason.strip():
        raise Refusal("--reason is empty: say why, for the record")
    with door.open() as app, app.database.writing() as session:
        hash = hash_address(app.suppression_key, checked)
        new = suppressing.suppress(session, hash, reason=kind, source=reason.strip(), actor=actor(), now=app.now())
        known = len(contacts.of_address(session, checked, app.suppression_key))
    if as_json:
        print_json({"address": checked, "new": new, "contacts": known})
        return
    state = "suppressed" if new else "was suppressed already"
    click.echo(f"{checked}: {state}; no campaign mails it (contacts with this address here: {known})")


@command.command()
@click.argument("address")
@click.option("--reason", required=True, help="Why, for the record.")
@click.pass_obj
def lift(door: Door, address: str, reason: str) -> None:
    """Lift a suppression that a person made, a complaint or a dead address. An opt-out cannot be lifted here."""
    checked = contacts.checked_address(address)
    with door.open() as app, app.database.writing() as session:
        hash = hash_address(app.suppression_key, checked)
        if not suppressing.lift(session, hash, by=actor(), reason=reason, now=app.now()):
            raise NotFound(f"{checked}: is not suppressed")
        left = suppressing.live(session, hash)
    if left is None:
        click.echo(f"{checked}: the suppression is lifted")
    else:
        still = f"still suppressed since {day(left.at)} ({left.reason.value}): only the person's own opt-in lifts that"
        click.echo(f"{checked}: the suppression is lifted, but the address is {still}")


@command.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Don't ask; needed with --json.")
@json_option
@click.pass_obj
def erase(door: Door, address: str, yes: bool, as_json: bool) -> None:
    """Erase the person with ADDRESS (GDPR art. 17); the address stays suppressed, as a hash."""
    if as_json and not yes:
        raise click.UsageError("--json asks nothing: say --yes too, to erase for good")
    checked = contacts.checked_address(address)
    with door.open() as app:
        with app.database.reading() as session:
            known = len(contacts.of_address(session, checked, app.suppression_key))
        if not yes:
            click.confirm(f"Erase {checked} ({counted(known, 'contact')}) for good?", abort=True, err=True)
        with app.database.writing() as session:
            erased = erasing.erase(session, checked, key=app.suppression_key, actor=actor(), now=app.now())
    if as_json:
        print_json({"address": checked, **asdict(erased)})
        return
    click.echo(
        f"{checked}: erased from {counted(erased.contacts, 'contact')}, "
        f"{counted(erased.legal_bases, 'legal basis', 'legal bases')}, {counted(erased.leads, 'lead')} and "
        f"{counted(erased.mails, 'mail')}; "
        f"{counted(erased.deliveries_cancelled, 'delivery', 'deliveries')} cancelled; suppressed"
    )


@command.command()
@click.argument("address")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: standard output.")
@click.pass_obj
def export(door: Door, address: str, out: Path | None) -> None:
    """Export everything that we hold about ADDRESS as JSON, for the person it belongs to (GDPR art. 15 and 20)."""
    with door.open() as app, app.database.reading() as session:
        held = cards.export(session, contacts.checked_address(address), app.suppression_key)
    if out is None:
        print_json(held, zone=BRUSSELS)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(as_json_text(held, zone=BRUSSELS))
    except FileExistsError:
        raise Refusal(f"{out}: is there already: choose another name") from None
    except OSError as error:
        raise Refusal(f"{out}: cannot be written ({error.strerror})") from error
    click.echo(f"{held.address}: written to {out}")
