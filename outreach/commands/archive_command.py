"""`outreach archive`: which newsletters anybody may read on the site; publish one later, or take it back."""

from __future__ import annotations

import click

from outreach.campaigns import editions
from outreach.commands.door import Door, json_option, local, print_json, print_table


@click.group()
def command() -> None:
    """Newsletters that anybody may read on the site; `archive: true` in the campaign's file puts it there."""


@command.command("list")
@json_option
@click.pass_obj
def list_(door: Door, as_json: bool) -> None:
    """List the newsletters in the archive, the latest first."""
    with door.open() as app, app.database.reading() as session:
        found = editions.listed(session, simulated=True)
        if as_json:
            print_json(found)
        elif not found:
            click.echo("none yet: write `archive: true` in a campaign's file, or `outreach archive publish CAMPAIGN`")
        else:
            rows = [(each.name, each.title, local(each.sent_at), app.links.edition(each.name)) for each in found]
            print_table(["campaign", "title", "sent", "address"], rows)


@command.command()
@click.argument("name", metavar="CAMPAIGN")
@json_option
@click.pass_obj
def publish(door: Door, name: str, as_json: bool) -> None:
    """Let anybody read a campaign that was sent, in a version made for no group."""
    with door.open() as app, app.database.writing() as session:
        done = editions.publish(session, name, links=app.links, now=app.now())
        address = app.links.edition(name)
        if as_json:
            print_json({"campaign": name, "address": address, "changed": done})
        else:
            click.echo(f"{address}{'' if done else ' (it was there already)'}")


@command.command()
@click.argument("name", metavar="CAMPAIGN")
@json_option
@click.pass_obj
def withdraw(door: Door, name: str, as_json: bool) -> None:
    """Take a newsletter off the site; mails that were sent keep their links."""
    with door.open() as app, app.database.writing() as session:
        done = editions.withdraw(session, name, now=app.now())
        if as_json:
            print_json({"campaign": name, "changed": done})
        else:
            click.echo(f"{name}: {'no longer in the archive' if done else 'is not in the archive'}")
