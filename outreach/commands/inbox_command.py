"""`outreach inbox`: what came back by mail."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from outreach import intake, jobs
from outreach.app import App
from outreach.commands.acting import as_option, person
from outreach.commands.door import Door, counted, json_option, local, print_json, print_table, shown
from outreach.errors import Refusal
from outreach.inbox import listing, mailboxes, settling
from outreach.inbox.listing import MessageCard
from outreach.inbox.receiving import Incoming
from outreach.models import InboxState

# sysexits.h: the mail server keeps the message in its queue and tries again.
EX_TEMPFAIL = 75


@click.group()
def command() -> None:
    """What came back: bounces, complaints, automatic replies and answers."""


@command.command()
@json_option
@click.pass_obj
def read(door: Door, as_json: bool) -> None:
    """Read the mailboxes of the settings now, and do what came back says; `outreach up` does it every minute."""
    with door.open() as app:
        done = jobs.read_inbox(app)
        with app.database.reading() as session:
            waiting = listing.waiting(session)
    if as_json:
        print_json({**vars(done), "waiting": waiting})
    else:
        click.echo(f"{done.new:,} new, {done.known:,} known already, {done.understood:,} looked at")
        if waiting:
            click.echo(f"{counted(waiting, 'message')} for a person to look at: outreach inbox list")
        for fault in done.faults:
            click.echo(f"error: {fault}", err=True)
    if done.faults:
        raise click.exceptions.Exit(1)


@command.command()
@click.option("--recipient", default="", help="Whom the envelope names; Postfix: ${recipient}.")
@click.pass_obj
def receive(door: Door, recipient: str) -> None:
    """Take in one message from standard input, as a mail server's pipe gives it.

    Exit code 75 asks the mail server to keep the message and try again: nothing is lost while the database is away.
    """
    try:
        with door.open(migrate=False) as app:
            limit = app.settings.inbox.max_bytes
            raw = sys.stdin.buffer.read(limit)
            size = len(raw) + _drained()
            if not raw.strip():
                raise click.UsageError("standard input is empty: give a message, outreach inbox receive < message")
            incoming = Incoming(raw, f"pipe {recipient}".strip(), size)
            (received,) = intake.keep(app, [incoming], source="pipe", recipient=recipient)
            _try_to_understand(app)
    except (Refusal, SQLAlchemyError, OSError) as error:
        click.echo(f"kept in the mail server's queue: {error}", err=True)
        raise click.exceptions.Exit(EX_TEMPFAIL) from error
    click.echo(f"message {received.id}" + ("" if received.new else ", taken in before"))


def _drained() -> int:
    """Read the rest of a message that is larger than we keep, so that the mail server can finish writing it."""
    rest = 0
    while piece := sys.stdin.buffer.read(1 << 20):
        rest += len(piece)
    return rest


def _try_to_understand(app: App) -> None:
    """Act at once where that works; the message is kept, so the clock does it otherwise."""
    try:
        intake.understand(app)
    except Exception as error:
        click.echo(f"taken in; what it says is done later: {error}", err=True)


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what was understood or settled.")
@click.option("--kind", help="Only of this kind: bounce, complaint, autoreply, opt_out, answer, unknown …")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, help="At most so many, the newest (200).")
@json_option
@click.pass_obj
def list_(door: Door, everything: bool, kind: str | None, limit: int, as_json: bool) -> None:
    """List what waits for a person, the newest first."""
    with door.open() as app, app.database.reading() as session:
        state = None if everything else InboxState.WAITING
        cards = listing.listed(session, state=state, kind=kind, limit=limit)
        boxes = mailboxes.listed(session)
    if as_json:
        print_json(cards)
        return
    columns = ("id", "day", "state", "kind", "from", "subject", "campaign", "note")
    print_table(columns, (_line(card) for card in cards))
    click.echo(counted(len(cards), "message"))
    for box in boxes:
        if box.fault:
            click.echo(f"{box.name}: {box.fault}", err=True)


def _line(card: MessageCard) -> tuple[object, ...]:
    day = local(card.received_at)[:10]
    return (card.id, day, card.state.value, card.kind, card.sender, (card.subject or "")[:40], card.campaign, card.note)


@command.command()
@click.argument("message_id", metavar="ID", type=int)
@json_option
@click.pass_obj
def show(door: Door, message_id: int, as_json: bool) -> None:
    """Show a message with its text, what was made of it, and the services that an answer may be about."""
    with door.open() as app, app.database.reading() as session:
        card = listing.find(session, message_id)
        offers = listing.offers(session, card)
    if as_json:
        print_json({"message": card, "services": offers})
        return
    facts = {name: value for name, value in vars(card).items() if value is not None and name != "body"}
    print_table(("field", "value"), ((name, shown(name, value)) for name, value in facts.items()))
    if offers:
        columns = ("service", "name", "enterprise")
        print_table(columns, ((one.slug, one.service, one.enterprise) for one in offers))
    if card.body:
        click.echo("".join(mark if mark.isprintable() or mark == "\n" else " " for mark in card.body))


@command.command()
@click.argument("message_ids", metavar="ID...", type=int, nargs=-1, required=True)
@click.option("--note", default="", help="Why, for the record.")
@click.option("--opt-out", is_flag=True, help="It asks for no more mail: suppress who wrote, and tell them once.")
@click.option("--move", is_flag=True, help="It names a new address: ask that one to confirm; nothing changes before.")
@click.option("--address", help="With --move: the new address, where it isn't the one that was found.")
@as_option
@json_option
@click.pass_obj
def settle(
    door: Door,
    message_ids: tuple[int, ...],
    note: str,
    opt_out: bool,
    move: bool,
    address: str | None,
    as_who: str | None,
    as_json: bool,
) -> None:
    """Say that messages were dealt with; with an option, deal with them."""
    if opt_out and move:
        raise click.UsageError("--opt-out and --move exclude each other")
    if address and not move:
        raise click.UsageError("--address goes with --move")
    with door.open() as app, app.database.writing() as session:
        by, ours = person(session, as_who), intake.ours_of(app)
        for message_id in message_ids:
            if opt_out:
                settling.opt_out(session, message_id, by=by, ours=ours, now=app.now())
            elif move:
                settling.move(session, message_id, address=address, by=by, ours=ours, now=app.now())
            else:
                settling.settle(session, message_id, by=by, note=note, now=app.now())
        cards = [listing.find(session, message_id) for message_id in message_ids]
    _report(cards, as_json)


@command.command()
@click.argument("message_id", metavar="ID", type=int)
@click.option("--service", help="Slug of the service it is about; names the enterprise too.")
@click.option("--enterprise", help="Slug of the maatwerkbedrijf, where it is about no service in particular.")
@as_option
@json_option
@click.pass_obj
def assign(
    door: Door, message_id: int, service: str | None, enterprise: str | None, as_who: str | None, as_json: bool
) -> None:
    """Say what an answer is about: it becomes a lead, and the maatwerkbedrijf is told by mail."""
    if bool(service) == bool(enterprise):
        raise click.UsageError("give --service or --enterprise, one of the two")
    with door.open() as app, app.database.writing() as session:
        by, ours = person(session, as_who), intake.ours_of(app)
        settling.assign(session, message_id, service=service, enterprise=enterprise, by=by, ours=ours, now=app.now())
        card = listing.find(session, message_id)
    _report([card], as_json)


@command.command()
@click.argument("message_ids", metavar="[ID...]", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every message that waits.")
@json_option
@click.pass_obj
def again(door: Door, message_ids: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Try again to understand what waits, e.g. after an upgrade of outreach."""
    if bool(message_ids) == everything:
        raise click.UsageError("give the numbers of messages, or --all")
    with door.open() as app:
        with app.database.writing() as session:
            ids = settling.waiting_ids(session) if everything else list(message_ids)
            tried = [message_id for message_id in ids if settling.again(session, message_id)]
        intake.understand(app)
        with app.database.reading() as session:
            cards = [listing.find(session, message_id) for message_id in ids]
    _report(cards, as_json)
    if missed := [str(each) for each in ids if each not in tried]:
        text = f"not tried: {', '.join(missed)}: only what waits and still has its words can be understood again"
        raise Refusal(text)


def _report(cards: list[MessageCard], as_json: bool) -> None:
    if as_json:
        print_json(cards)
        return
    for card in cards:
        click.echo(f"message {card.id}: {card.kind or 'not understood'}, {card.state.value}: {card.note}")
