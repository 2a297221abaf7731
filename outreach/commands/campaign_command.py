"""`outreach campaign`: write, check and look at campaigns; its steps and its sending have files of their own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience import contacts
from outreach.audience.contacts import checked_address
from outreach.campaigns import checking, life, previewing
from outreach.campaigns.spec import CampaignSpec, file_text, read_spec, write_spec
from outreach.commands import campaign_following, campaign_steps
from outreach.commands.acting import as_option, person
from outreach.commands.campaign_output import (
    checked_data,
    name_argument,
    plain,
    print_checked,
    print_step,
    summary,
    told,
)
from outreach.commands.door import Door, counted, json_option, print_json, print_table
from outreach.commands.preview_output import NOTHING, png_option, write
from outreach.commands.report_command import campaign as report_of_campaigns
from outreach.delivery import trial
from outreach.emails.photographing import Picture
from outreach.errors import NotFound
from outreach.models import CampaignStatus

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def command() -> None:
    """Write, approve, schedule and follow campaigns."""


for each in (*campaign_steps.COMMANDS, *campaign_following.COMMANDS):
    command.add_command(each)


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
        checked = checking.examine(session, subject, sources=app.sources, now=app.now())
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
            session, campaign, sources=app.sources, now=app.now(), contact_id=contact_id, cohort=cohort
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
            sources=app.sources,
            now=app.now(),
            contact_id=contact_id,
            cohort=cohort,
        )
    if as_json:
        print_json({"name": name, "to": addresses})
        return
    told = counted(len(addresses), "test mail is", "test mails are")
    click.echo(f"{told} in the outbox; `outreach up` or `outreach worker` sends what is there")


def _contact_id(app: App, session: Session, address: str | None) -> int | None:
    if address is None:
        return None
    found = contacts.of_address(session, checked_address(address), app.suppression_key)
    if not found:
        raise NotFound(f"no contact with address {address}; `outreach contact find TEXT` looks for one")
    return found[0].id
