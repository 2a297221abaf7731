"""`outreach lead`: who got in contact with whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import rejects
from outreach.audience.cells import parse_date
from outreach.commands.door import Door, actor, counted, json_option, local, print_json, print_table, shown
from outreach.errors import Refusal
from outreach.leads import evidence, files, receiving
from outreach.leads.cards import LeadCard, doubles_of
from outreach.models import Channel, Lead, LeadStage


class ChannelType(click.ParamType[Channel]):
    """How a company got in contact, in Dutch or English; only a file is imported."""

    name = "channel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Channel:
        try:
            channel = files.channel_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if channel is Channel.IMPORT:
            self.fail("a list is read by `outreach lead import`", param, ctx)
        return channel


@click.group()
def command() -> None:
    """Add, list and import leads."""


@command.command()
@click.option("--enterprise", help="Slug, number or exact name of the maatwerkbedrijf.")
@click.option("--service", help="Slug (or exact name) of the service; names the enterprise too.")
@click.option("--company", help="Name of the company; not needed for a number that is known.")
@click.option("--company-number", help="Enterprise number of the company.")
@click.option("--channel", type=ChannelType(), required=True, help="form, reply, call or fair; Dutch words too.")
@click.option("--date", "day", help="Day of the contact, 2026-03-31 or 31/03/2026; default: now.")
@click.option("--declared-campaign", help="Campaign that the company or the enterprise says it comes from.")
@click.option("--person", help="Who got in contact.")
@click.option("--email", help="Their address.")
@click.option("--phone", help="Their telephone number.")
@click.option("--message", default="", help="What they asked.")
@click.option("--when", "wanted_when", help="When they need it.")
@click.option("--notify/--no-notify", default=True, help="Tell the enterprise by mail (default).")
@json_option
@click.pass_obj
def add(door: Door, /, as_json: bool, **given: Any) -> None:
    """Add a lead that came in by telephone, at a fair or by mail."""
    with door.open() as app, app.database.writing() as session:
        lead = _add(app, session, given)
        card = receiving.find(session, lead.id)
    if as_json:
        print_json(card)
        return
    merged = f", merged into lead {card.merged_into}" if card.merged_into else ""
    campaign = f" ({card.campaign})" if card.campaign else ""
    click.echo(
        f"lead {card.id}: {card.company_name} with {card.enterprise}; evidence {card.evidence}{campaign}{merged}"
    )


def _add(app: App, session: Session, given: dict[str, Any]) -> Lead:
    now = app.now()
    enterprise_id, service_id = files.offered(session, given["enterprise"], given["service"])
    name = given["company"] or files.company_name(session, given["company_number"])
    form = receiving.LeadForm(
        company_name=name,
        service_id=service_id,
        enterprise_id=enterprise_id,
        enterprise_number=given["company_number"],
        **{key: given[key] for key in ("person", "email", "phone", "message", "wanted_when")},
    )
    return receiving.add(
        session,
        form,
        channel=given["channel"],
        happened_at=_moment(given["day"], now),
        actor=actor(),
        declared_campaign=given["declared_campaign"],
        notify=given["notify"],
        links=app.links,
        settings=app.settings,
        now=now,
        suppression_key=app.suppression_key,
    )


def _moment(text: str | None, now: datetime) -> datetime:
    if not text:
        return now
    try:
        day = parse_date(text)
    except ValueError as error:
        raise Refusal(f"--date: {error}") from error
    if day > now.date() + timedelta(days=1):
        raise Refusal(f"--date: {text} lies in the future")
    return files.end_of(day, now)


@command.command("list")
@click.option("--stage", type=click.Choice([stage.value for stage in LeadStage]), help="Only leads in this stage.")
@click.option("--campaign", help="Only leads of this campaign.")
@json_option
@click.pass_obj
def list_(door: Door, stage: str | None, campaign: str | None, as_json: bool) -> None:
    """List leads, the newest first."""
    with door.open() as app, app.database.reading() as session:
        cards = receiving.listed(session, stage=LeadStage(stage) if stage else None, campaign=campaign)
    if as_json:
        print_json(cards)
        return
    if any(card.simulated for card in cards):
        click.echo("SIMULATED: leads marked * were made by the demo")
    columns = ("id", "day", "stage", "company", "enterprise", "service", "channel", "evidence", "campaign")
    print_table(columns, (_line(card) for card in cards))
    click.echo(counted(len(cards), "lead"))


def _line(card: LeadCard) -> tuple[Any, ...]:
    stage = f"merged into {card.merged_into}" if card.merged_into else card.stage.value
    shown = (f"{card.id}{'*' if card.simulated else ''}", f"{local(card.happened_at)[:10]}", stage, card.company_name)
    return (*shown, card.enterprise, card.service, card.channel.value, card.evidence.value, card.campaign)


@command.command()
@click.argument("lead_id", metavar="ID", type=int)
@json_option
@click.pass_obj
def show(door: Door, lead_id: int, as_json: bool) -> None:
    """Show a lead, and the campaigns that showed its service to its company within the window."""
    with door.open() as app, app.database.reading() as session:
        card = receiving.find(session, lead_id)
        window = timedelta(days=app.settings.leads.window_days)
        touches = evidence.touches_of(session, session.get_one(Lead, lead_id), window)
        doubles = doubles_of(session, lead_id)
    if as_json:
        print_json({"lead": card, "touches": touches, "doubles": doubles})
        return
    print_table(
        ("field", "value"), ((name, shown(name, each)) for name, each in vars(card).items() if each is not None)
    )
    print_table(("touch", "campaign", "sent"), ((n, t.campaign, local(t.at)) for n, t in enumerate(touches, 1)))
    if doubles:
        columns = ("double", "at", "person", "e-mail", "evidence", "campaign")
        print_table(columns, ((d.id, local(d.happened_at), d.person, d.email, d.evidence, d.campaign) for d in doubles))


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rejects", "wanted", type=click.Path(path_type=Path), help="Where refused rows go; default: beside it.")
@click.option("--notify", is_flag=True, help="Tell the enterprises by mail.")
@click.option("--confirmed-by", help="Who vouches for the list: its new leads are confirmed at once.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context, file: Path, wanted: Path | None, notify: bool, confirmed_by: str | None, as_json: bool
) -> None:
    """Read leads from a CSV or XLSX file (docs/leads.md)."""
    door: Door = ctx.obj
    with door.open() as app, app.database.writing() as session:
        summary = files.import_file(
            session,
            file,
            actor=actor(),
            notify=notify,
            confirmed_by=confirmed_by,
            links=app.links,
            settings=app.settings,
            now=app.now(),
            suppression_key=app.suppression_key,
        )
        refused = summary.refused
        written = (
            rejects.write(file, summary.headers, refused, delimiter=summary.delimiter, wanted=wanted)
            if refused
            else None
        )
    counts = {"added": summary.added, "merged": summary.merged, "unchanged": summary.unchanged, "refused": len(refused)}
    if as_json:
        print_json(counts | {"rejects_file": written})
    else:
        click.echo("leads: " + ", ".join(f"{count} {word}" for word, count in counts.items()))
        for reject in refused:
            click.echo(f"{file}:{reject.line}: {reject.reason}", err=True)
    if written:
        click.echo(f"the refused rows are in {written}: mend and import that file", err=True)
        ctx.exit(1)


def _decision(name: str, help: str) -> None:
    @command.command(name, help=help)
    @click.argument("lead_id", metavar="ID", type=int)
    @click.option("--by", required=True, help="Who says so.")
    @click.option("--note", help="Why.")
    @click.pass_obj
    def decide(door: Door, lead_id: int, by: str, note: str | None) -> None:
        verb = receiving.confirm if name == "confirm" else receiving.refuse
        with door.open() as app, app.database.writing() as session:
            done = verb(session, lead_id, by=by, note=note, now=app.now())
        word = "confirmed" if name == "confirm" else "refused"
        click.echo(f"lead {lead_id}: {word}" if done else f"lead {lead_id}: was {word} already")


_decision("confirm", "Confirm for the enterprise that there was a contact.")
_decision("refuse", "Say for the enterprise that there was no contact.")
