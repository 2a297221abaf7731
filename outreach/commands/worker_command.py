"""`outreach worker`: start and send what is due, without the site."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from outreach import jobs, logs, scheduler
from outreach.app import App
from outreach.commands import live
from outreach.commands.door import Door, json_option, log_option, print_json
from outreach.commands.stopping import stop_event
from outreach.delivery import looking
from outreach.delivery.looking import Watched
from outreach.jobs import Done


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, once, and end.")
@click.option("--until-idle", is_flag=True, help="Go on until nothing is due any more, and end.")
@click.option("--metrics", metavar="HOST:PORT", help="Serve figures for Prometheus there, at /metrics.")
@log_option
@json_option
@click.pass_obj
def command(
    door: Door, once: bool, until_idle: bool, metrics: str | None, log_format: str | None, as_json: bool
) -> None:
    """Start campaigns that are due and send mail; without an option until it is stopped (Ctrl-C or SIGTERM).

    Mail that the relay put off is due again later: --until-idle doesn't wait for it.
    """
    if once and until_idle:
        raise click.UsageError("--once and --until-idle exclude each other")
    with door.open(lean=True) as app, _serving(app, metrics), stop_event() as stop:
        # A run that ends prints its sum: what went well needn't be told twice.
        logs.set_up(app.settings.log, form=log_format, quiet=once or until_idle)
        jobs.wake_relays(app)
        if not (once or until_idle):
            _run_on(app, stop)
            return
        done = _run(app, stop, again=until_idle)
    _print(done, as_json)
    if done.faults or done.sending.trouble:
        raise click.exceptions.Exit(1)


def _serving(app: App, place: str | None) -> AbstractContextManager[None]:
    if place is None:
        return nullcontext()
    from outreach.serving_metrics import serving

    return serving(app, place)


def _run_on(app: App, stop: threading.Event) -> None:
    with scheduler.running(app, stop):
        click.echo("sending what is due; stop with Ctrl-C", err=True)
        while not stop.wait(1):
            pass


def _run(app: App, stop: threading.Event, *, again: bool) -> Done:
    """Run what is due, again while that makes more fall due; return the sum."""
    seen: set[str] = set()  # those that end meanwhile stay on the screen

    def look() -> Watched:
        with app.database.reading() as session:
            watched = looking.look(session, app.now(), sorted(seen))
        seen.update(campaign.name for campaign in watched.campaigns)
        return watched

    with live.shown(look):
        total = latest = jobs.run_due(app, stop=stop)
        while again and latest.worked and not (stop.is_set() or latest.faults or latest.sending.trouble):
            latest = jobs.run_due(app, stop=stop)
            total = total + latest
    return total


def _print(done: Done, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "started": done.starts.started,
        "paused": done.starts.paused,
        **vars(done.sending),
        "reminders": done.reminders,
        "faults": list(done.faults),
    }
    if as_json:
        print_json(facts)
        return
    said = [f"{value} {name.replace('_', ' ')}" for name, value in facts.items() if type(value) is int and value]
    click.echo(", ".join(said) or "nothing was due")
    if done.sending.standby:
        click.echo("another process of this project sends already", err=True)
    for fault in (*done.faults, *filter(None, [done.sending.trouble])):
        click.echo(f"error: {fault}", err=True)
