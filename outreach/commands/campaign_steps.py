"""The steps of `outreach campaign`: from hand to hand until it is sent, paused, or cancelled."""

from __future__ import annotations

import click

from outreach.campaigns import life, reviewing
from outreach.commands.acting import approver, as_option, person, terminal
from outreach.commands.campaign_output import name_argument, print_checked, print_step
from outreach.commands.door import Door, json_option


@click.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def submit(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Check a campaign and hand it to a colleague for approval; refused with every reason at once."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        by, via = person(session, as_who), terminal(as_who)
        checked = reviewing.submit(session, campaign, sources=app.sources, by=by, now=app.now(), via=via)
        if not as_json:
            print_checked(checked)
        print_step(campaign, as_json, f"next, by somebody else: outreach campaign approve {name} --as WHO")


@click.command()
@name_argument
@as_option
@json_option
@click.pass_obj
def approve(door: Door, name: str, as_who: str | None, as_json: bool) -> None:
    """Check a submitted campaign again and freeze it as it is."""
    with door.open() as app, app.database.writing() as session:
        campaign = life.find(session, name)
        by, via = approver(session, campaign, as_who, app.settings.sending.approve_own), terminal(as_who)
        approval = reviewing.approve(session, campaign, sources=app.sources, by=by, now=app.now(), via=via)
        if not as_json:
            mails = "?" if approval.mailable_count is None else approval.mailable_count
            click.echo(f"approved for {approval.audience_count} contacts, of whom {mails} would be mailed now")
        print_step(campaign, as_json, f"next: outreach campaign schedule {name}")


@click.command()
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


@click.command()
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


@click.command()
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


@click.command()
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


COMMANDS = (submit, approve, schedule, pause, resume, cancel)
