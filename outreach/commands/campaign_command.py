"""`outreach campaign`: write, check, approve, schedule and follow campaigns."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import contacts
from outreach.audience.contacts import checked_address
from outreach.campaigns import checking, life, previewing, progress, reviewing
from outreach.campaigns.life import shown_time
from outreach.campaigns.progress import Outcome
from outreach.campaigns.sources import Sources
from outreach.campaigns.spec import CampaignSpec, file_text, read_spec, write_spec
from outreach.commands import live
from outreach.commands.acting import approver, as_option, person, terminal
from outreach.commands.campaign_output import (
    checked_data,
    plain,
    print_checked,
    print_progress,
    print_step,
    summary,
    told,
)
from outreach.commands.door import Door, json_option, print_json, print_table
from outreach.commands.preview_output import NOTHING, png_option, write
from outreach.commands.relay_command import print_providers, print_relays
from outreach.commands.report_command import campaign as report_of_campaigns
from outreach.delivery import gauges, looking, trial
from outreach.delivery.looking import Watched
from outreach.emails.photographing import Picture
from outreach.errors import NotFound, Refusal
from outreach.models import Campaign, CampaignStatus, DeliveryStatus

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
name_argument = click.argument("name")


@click.group()
def command() -> None:
    """Write, approve, schedule and follow campaigns."""


@command.command("list")
@click.option("--status", type=click.Choice([status.value for status in CampaignStatus]), help="Only these.")
@json_option
@click.pass_obj
def list_(door: Door, status: str | None, as_json: bool) -> None:
    """List the campaigns, newest first."""
    with door.open() as app, app.database.reading() as session:
        found = life.listed(session, CampaignStatus(status) if status else None)
        if as_json:
            print_json([summary(campaign) for campaign in found])
            return
        rows = [(c.name, c.status.value, life.shown_time(c.send_at), c.segment, c.title) for c in found]
    print_table(("name", "status", "time", "segment", "title"), rows)


@command.command()
@name_argument
@json_option
@click.pass_obj
def show(door: Door, name: str, as_json: bool) -> None:
    """Show a campaign: what its file says, and what was done to it by whom."""
    with door.open() as app, app.database.reading() as session:
        campaign = life.find(session, name)
        changes = life.history(session, campaign)
        approval = life.live_approval(session, campaign.id)
    approved = {
        "approved_by": approval.approved_by if approval else None,
        "approved_at": approval.approved_at if approval else None,
    }
    if as_json:
        history = [{"at": c.at, "by": c.actor, "action": c.action, "detail": c.detail} for c in changes]
        print_json({**summary(campaign), **approved, "spec": campaign.spec, "history": history})
        return
    print_table(("campaign", campaign.name), told({**summary(campaign), **approved}))
    click.echo("\n".join(plain(line) for line in file_text(CampaignSpec.from_json(campaign.spec)).splitlines()))
    print_table(("when", "who", "what", ""), [(life.shown_time(c.at), c.actor, c.action, c.detail) for c in changes])


@command.command()
@file_argument
@as_option
@json_option
@click.pass_obj
def new(door: Door, file: Path, as_who: str | None, as_json: bool) -> None:
    """Make a draft from a campaign file (docs/campaigns.md)."""
    with door.open() as app, app.database.writing() as session:
        sending = app.settings.sending
        campaign = life.create(session, read_spec(file), sending=sending, by=person(session, as_who), now=app.now())
        print_step(campaign, as_json, f"next: outreach campaign check {campaign.name}")


@command.command()
@file_argument
@as_option
@json_option
@click.pass_obj
def edit(door: Door, file: Path, as_who: str | None, as_json: bool) -> None:
    """Take over a changed campaign file. An approval becomes void; once sending has started it is refused."""
    with door.open() as app, app.database.writing() as session:
        spec = read_spec(file)
        campaign = life.find(session, spec.name)
        life.edit(session, campaign, spec, sending=app.settings.sending, by=person(session, as_who), now=app.now())
        print_step(campaign, as_json, f"next: outreach campaign check {campaign.name}")


@command.command()
@name_argument
@click.argument("new_name")
@as_option
@json_option
@click.pass_obj
def copy(door: Door, name: str, new_name: str, as_who: str | None, as_json: bool) -> None:
    """Make a draft with the texts of a campaign and no time."""
    with door.open() as app, app.database.writing() as session:
        source = life.find(session, name)
        made = life.copy(
            session, source, new_name, sending=app.settings.sending, by=person(session, as_who), now=app.now()
        )
        print_step(made, as_json, f"next: outreach campaign export {made.name} FILE, then give it a time")


@command.command()
@name_argument
@file_argument
@click.pass_obj
def export(door: Door, name: str, file: Path) -> None:
    """Write a campaign as a file that can be changed and taken over with `edit`."""
    with door.open() as app, app.database.reading() as session:
        write_spec(CampaignSpec.from_json(life.find(session, name).spec), file)
    click.echo(f"{file}: written; change it, then: outreach campaign edit {file}")


@command.command()
@click.argument("name_or_file")
@json_option
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, door: Door, name_or_file: str, as_json: bool) -> None:
    """Say everything that keeps a campaign (by name, or a file) from being sent, and what would be sent to whom."""
    with door.open() as app, app.database.reading() as session:
        is_file = name_or_file.endswith((".yaml", ".yml"))
        subject = read_spec(Path(name_or_file)) if is_file else life.find(session, name_or_file)
        checked = checking.examine(session, subject, sources=sources_of(app), now=app.now())
    if as_json:
        print_json(checked_data(checked))
    else:
        print_checked(checked)
    ctx.exit(1 if checked.reasons else 0)


@command.command()
@name_argument
@click.option("--contact", metavar="ADDRESS", help="As this contact would get it.")
@click.option("--cohort", type=int, help="As this cohort (by number) would get it; default: the largest.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for HTML, text and PNG.")
@png_option
@json_option
@click.pass_obj
def preview(
    door: Door, name: str, contact: str | None, cohort: int | None, out: Path | None, png: bool, as_json: bool
) -> None:
    """Show the mail, text, HTML and on screens, without counting anywhere."""
    with door.open() as app, app.database.reading() as session:
        campaign = life.find(session, name)
        contact_id = _contact_id(app, session, contact)
        shown = previewing.preview(
            session, campaign, sources=sources_of(app), now=app.now(), contact_id=contact_id, cohort=cohort
        )
    pictures = {app.links.picture(one.digest, one.suffix): Picture(one.media_type, one.data) for one in shown.pictures}
    written = write(out, name, shown.rendered, pictures, shown.attachments, png=png) if out else NOTHING
    if as_json:
        told_of = {"name": name, "not_mailed": shown.refusal, "cells": shown.cells}
        print_json({**told_of, **written.to_json(), **asdict(shown.rendered)})
        return
    if shown.refusal:
        click.echo(f"note: {contact} would not be mailed: {shown.refusal}", err=True)
    click.echo(f"Subject: {shown.rendered.subject}")
    written.tell()
    if not out:
        click.echo(f"\n{shown.rendered.text}\n(--out FOLDER writes the HTML too, and photographs it)")


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@json_option
@click.pass_context
def report(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Show what campaigns led to; `outreach report campaign` is the same and writes CSV and XLSX too."""
    ctx.invoke(report_of_campaigns, names=names, as_json=as_json)


@command.command("test")
@name_argument
@click.option("--to", multiple=True, required=True, metavar="ADDRESS", help="Who gets the test mail; repeatable.")
@click.option("--contact", metavar="ADDRESS", help="As this contact would get it.")
@click.option("--cohort", type=int, help="As this cohort (by number) would get it; default: the largest.")
@json_option
@click.pass_obj
def test_(door: Door, name: str, to: tuple[str, ...], contact: str | None, cohort: int | None, as_json: bool) -> None:
    """Send the mail, marked as a test, to anybody. Its opt-out works and opts nobody out."""
    addresses = list(dict.fromkeys(checked_address(address) for address in to))
    with door.open() as app, app.database.writing() as session:
        campaign, contact_id = life.find(session, name), _contact_id(app, session, contact)
        trial.send(
            session,
            campaign,
            to=addresses,
            sources=sources_of(app),
            now=app.now(),
            contact_id=contact_id,
            cohort=cohort,
        )
    if as_json:
        print_json({"name": name, "to": addresses})
        return
    click.echo(f"{len(addresses)} test mails are in the outbox; `outreach up` or `outreach worker` sends them")


@command.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def submit(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Check a campaign and hand it to a colleague for approval; refused with every reason at once."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        by, via = person(session, as_who), terminal(as_who)
        checked = reviewing.submit(session, campaign, sources=sources_of(app), by=by, now=app.now(), via=via)
        if not as_json:
            print_checked(checked)
        print_step(campaign, as_json, f"next, by somebody else: outreach campaign approve {name} --as WHO")


@command.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def approve(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Check a submitted campaign again and freeze it as it is."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        by, via = approver(session, campaign, as_who, app.settings.sending.approve_own), terminal(as_who)
        approval = reviewing.approve(session, campaign, sources=sources_of(app), by=by, now=app.now(), via=via)
        if not as_json:
            mails = "?" if approval.mailable_count is None else approval.mailable_count
            click.echo(f"approved for {approval.audience_count} contacts, of whom {mails} would be mailed now")
        print_step(campaign, as_json, f"next: outreach campaign schedule {name}")


@command.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def schedule(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Arm an approved campaign: it goes at the time that was approved."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        life.schedule(session, campaign, by=person(session, as_who), now=app.now())
        print_step(campaign, as_json, f"goes at {life.shown_time(campaign.send_at)}, while `outreach up` runs")


@command.command()
@name_argument
@click.option("--reason", default="", help="Why; shown to whoever resumes it.")
@as_option
@json_option
@click.pass_obj
def pause(door: Door, name: str, reason: str, as_who: str | None, as_json: bool) -> None:
    """Stop a campaign that is scheduled or being sent, until it is resumed."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        life.pause(session, campaign, by=person(session, as_who), now=app.now(), reason=reason)
        print_step(campaign, as_json, f"to go on: outreach campaign resume {name}")


@command.command()
@name_argument
@click.option("--accept", "--accept-audience", "--accept-late", "accept", is_flag=True, help="Take what it waits for.")
@as_option
@json_option
@click.pass_obj
def resume(door: Door, name: str, accept: bool, as_who: str | None, as_json: bool) -> None:
    """Go on with a paused campaign."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        life.resume(session, campaign, by=person(session, as_who), now=app.now(), accept=accept)
        at_once = campaign.send_at is not None and campaign.send_at <= app.now()
        when = "goes on" if campaign.frozen_at or at_once else f"goes at {life.shown_time(campaign.send_at)}"
        print_step(campaign, as_json, f"{when}; to follow it: outreach campaign status {name}")


@command.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def cancel(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Stop a campaign for good, also while it is being sent; mails on the wire this moment are finished."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        stopped = life.cancel(session, campaign, by=person(session, as_who), now=app.now())
        if not as_json:
            click.echo(f"{stopped} mails will not be sent")
        print_step(campaign, as_json)


@command.command()
@name_argument
@json_option
@click.pass_obj
def status(door: Door, name: str, as_json: bool) -> None:
    """Show how far a campaign is: every recipient's status, which always add up to the frozen audience."""
    with door.open() as app, app.database.reading() as session:
        campaign = life.find(session, name)
        found = progress.status(session, campaign, app.now(), with_providers=True)
        wait = gauges.wait_of(session, app.settings, campaign, app.now())
        relays = gauges.relays(session, app.settings, app.now())
        providers = gauges.providers(session, app.settings, campaign)
    if as_json:
        print_json({**vars(found), "wait": wait, "pace": {"relays": relays, "providers": providers}})
        return
    print_progress(found)
    if wait is not None:
        click.echo(f"waits: {plain(wait.reason)}" + (f" (until {shown_time(wait.until)})" if wait.until else ""))
    if found.status is CampaignStatus.SENDING:
        print_relays(relays)
        print_providers(providers)


@command.command()
@name_argument
@click.option("--seconds", type=click.IntRange(1, 3600), default=2, show_default=True, help="How often to look.")
@json_option
@click.pass_obj
def watch(door: Door, name: str, seconds: int, as_json: bool) -> None:
    """Follow a campaign until it is sent, cancelled or paused: rate, time left, outcomes, and why it rests.

    On a terminal it moves; in a pipe each change is a line, with --json an object. Exit code 1 if it is paused.
    """
    with door.open() as app:
        with app.database.reading() as session:
            _refuse_unscheduled(life.find(session, name))

        def look() -> Watched:
            with app.database.reading() as session:
                return looking.look(session, app.now(), [name], all_under_way=False)

        last = live.follow(look, seconds, as_json=as_json)
    if last.campaigns[0].status is CampaignStatus.PAUSED:
        raise click.exceptions.Exit(1)


@command.command()
@name_argument
@click.option("--status", type=click.Choice([status.value for status in DeliveryStatus]), help="Only these.")
@json_option
@click.pass_obj
def deliveries(door: Door, name: str, status: str | None, as_json: bool) -> None:
    """List who exactly got a campaign, who didn't, and why."""
    with door.open() as app, app.database.reading() as session:
        campaign = life.find(session, name)
        lines = list(progress.deliveries(session, campaign, DeliveryStatus(status) if status else None))
    if as_json:
        print_json(lines)
        return
    rows = [
        (line.contact_id, line.address or "(erased)", line.company, line.status.value, line.reason, line.reply)
        for line in lines
    ]
    print_table(("contact", "address", "company", "status", "reason", "the relay said"), rows)


@command.command()
@name_argument
@click.option("--sent", "outcome", flag_value="sent", help="They went: the relay's log shows them.")
@click.option("--give-up", "outcome", flag_value="give_up", help="They count as not sent; nothing is sent again.")
@click.option("--contact", "contacts", multiple=True, type=int, help="Only the mail to this contact; may be repeated.")
@as_option
@json_option
@click.pass_obj
def settle(
    door: Door, name: str, outcome: str | None, contacts: tuple[int, ...], as_who: str | None, as_json: bool
) -> None:
    """Decide what became of the mails whose fate is uncertain, all or one by one; they are never sent again."""
    if outcome is None:
        raise click.UsageError("say which: --sent or --give-up")
    chosen: Outcome = "sent" if outcome == "sent" else "give_up"
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        by = person(session, as_who)
        count = progress.settle(
            session, campaign, outcome=chosen, by=by, now=app.now(), contacts=list(contacts) if contacts else None
        )
        if not as_json:
            click.echo(f"{count} uncertain mails settled: {chosen.replace('_', ' ')}")
        print_step(campaign, as_json, settled=count)


@command.command()
@name_argument
@click.option("--failed", is_flag=True, required=True, help="The mails that failed and certainly never arrived.")
@as_option
@json_option
@click.pass_obj
def retry(door: Door, name: str, failed: bool, as_who: str | None, as_json: bool) -> None:
    """Try failed mails again; never those that were sent or may have been."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        count = progress.retry(session, campaign, by=person(session, as_who), now=app.now())
        if not as_json:
            click.echo(f"{count} failed mails wait to be sent again")
        print_step(campaign, as_json, retried=count)


def _refuse_unscheduled(campaign: Campaign) -> None:
    """Refuse to wait for what nobody has set going."""
    if campaign.status in (CampaignStatus.DRAFT, CampaignStatus.IN_REVIEW, CampaignStatus.APPROVED):
        raise Refusal(
            f"campaign {campaign.name!r} is {campaign.status.value}: there is nothing to watch until it is scheduled"
        )


def sources_of(app: App) -> Sources:
    """Return where the parts of a campaign come from in an open project."""
    return Sources(app.project, app.settings, app.links)


def _contact_id(app: App, session: Session, address: str | None) -> int | None:
    if address is None:
        return None
    found = contacts.of_address(session, checked_address(address), app.suppression_key)
    if not found:
        raise NotFound(f"no contact with address {address}; `outreach contact find TEXT` looks for one")
    return found[0].id
