"""`outreach campaign` once it goes: how far it is, who got it, and what a person decides about single mails."""

from __future__ import annotations

import click

from outreach.campaigns import life, progress
from outreach.campaigns.life import shown_time
from outreach.campaigns.progress import Outcome
from outreach.commands import live
from outreach.commands.acting import as_option, person
from outreach.commands.campaign_output import name_argument, plain, print_progress, print_step
from outreach.commands.door import Door, json_option, print_json, print_table
from outreach.commands.relay_command import print_providers, print_relays
from outreach.delivery import gauges, looking
from outreach.delivery.looking import Watched
from outreach.errors import Refusal
from outreach.models import Campaign, CampaignStatus, DeliveryStatus


@click.command()
@name_argument
@json_option
@click.pass_obj
def status(door: Door, name: str, as_json: bool) -> None:
    """Show how far a campaign is: every recipient's status, which always add up to the frozen audience."""
    with door.open() as app, app.database.reading() as session:
        campaign = life.find(session, name)
        found = progress.status(session, campaign, app.now(), with_providers=True)
        wait = gauges.wait_of(session, app.settings, campaign, app.now())
        relays, providers = gauges.pace_of(session, app.settings, campaign, app.now())
    if as_json:
        print_json({**vars(found), "wait": wait, "pace": {"relays": relays, "providers": providers}})
        return
    print_progress(found)
    if wait is not None:
        click.echo(f"waits: {plain(wait.reason)}" + (f" (until {shown_time(wait.until)})" if wait.until else ""))
    if found.simulated:
        click.echo("relay: the built-in inbox; nothing of it leaves this machine")
    elif found.status is CampaignStatus.SENDING:
        print_relays(relays)
        print_providers(providers)


@click.command()
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


@click.command()
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


@click.command()
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


@click.command()
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


COMMANDS = (status, watch, deliveries, settle, retry)
