"""`outreach site`: what other sites need to show a part of ours."""

from __future__ import annotations

import click

from outreach.commands.door import Door, json_option, print_json
from outreach.subscriptions import embedding


@click.group()
def command() -> None:
    """The sign-up form for other sites."""


@command.command()
@click.option("--frame", is_flag=True, help="Print a frame with our form instead of a form of the other site's own.")
@json_option
@click.pass_obj
def embed(door: Door, frame: bool, as_json: bool) -> None:
    """Print the HTML with which another site lets people sign up; it needs no script."""
    with door.open() as app, app.database.writing() as session:
        html = embedding.frame(app.links) if frame else embedding.form(session, app.settings, app.links, app.now())
        origins = app.settings.subscribing.embed_origins
    if as_json:
        print_json({"html": html, "origins": origins})
        return
    click.echo(html, nl=False)
    if not origins:
        what = "nobody may show the frame" if frame else "each sign-up takes one more press on our own page"
        click.echo(f"no site is named in subscribing.embed_origins yet: until then {what}", err=True)
