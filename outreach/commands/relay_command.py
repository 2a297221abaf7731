"""`outreach relay`: where mail goes out, and how fast it may."""

from __future__ import annotations

import click

from outreach.campaigns.life import shown_time
from outreach.commands.door import Door, json_option, print_json, print_table
from outreach.delivery import gauges
from outreach.delivery.gauges import ProviderGauge, RelayGauge


@click.group()
def command() -> None:
    """Where mail goes out, and how fast it may."""


@command.command()
@json_option
@click.pass_obj
def status(door: Door, as_json: bool) -> None:
    """Show each relay and each recipients' provider: state, rate now and set, and the relay's day."""
    with door.open() as app, app.database.reading() as session:
        relays = gauges.relays(session, app.settings, app.now())
        providers = gauges.providers(session, app.settings)
    if as_json:
        print_json({"relays": relays, "providers": providers})
        return
    print_relays(relays)
    print_providers(providers)


@command.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def wake(door: Door, name: str | None, as_json: bool) -> None:
    """Let what rests or was slowed down go at its full rate again: one relay or provider, or all.

    For when the cause was mended: whatever still stands will slow it down again.
    """
    with door.open() as app, app.database.writing() as session:
        woken = gauges.wake(session, app.settings, name)
    if as_json:
        print_json({"woken": woken})
    else:
        click.echo(f"at full rate again: {', '.join(woken)}" if woken else "nothing was held back")


def print_relays(relays: list[RelayGauge]) -> None:
    """Print the relays, and the words of those that rest."""
    rows = [
        (
            gauge.name + (" (backup)" if gauge.backup else ""),
            gauge.state + (f" until {shown_time(gauge.until)}" if gauge.until else ""),
            _rate(gauge.per_second, gauge.per_second_set),
            f"{gauge.sent_per_minute:g}",
            f"{gauge.today}" + (f" of {gauge.ceiling}" if gauge.ceiling is not None else ""),
        )
        for gauge in relays
    ]
    print_table(("relay", "state", "a second", "sent a minute", "today"), rows)
    for gauge in relays:
        if gauge.reply:
            click.echo(f"{gauge.name}: {gauge.reply}")


def print_providers(providers: list[ProviderGauge]) -> None:
    """Print the providers, and the words of those that were slowed down."""
    rows = [
        (gauge.name, _rate(gauge.per_minute, gauge.per_minute_set), f"{gauge.sent_per_minute:g}", gauge.waiting)
        for gauge in providers
    ]
    print_table(("provider", "a minute", "sent a minute", "waiting"), rows)
    for gauge in providers:
        if gauge.reply and gauge.slowed_at:
            click.echo(f"{gauge.name}, slowed down at {shown_time(gauge.slowed_at)}: {gauge.reply}")


def _rate(now: float | None, full: float | None) -> str:
    if now is None:
        return "no limit"
    return f"{now:g}" if now == full else f"{now:g} (full: {f'{full:g}' if full else 'no limit'})"
