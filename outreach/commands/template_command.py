"""`outreach template`: list, check and look at the templates of the project."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from outreach.app import App
from outreach.campaigns.trying import try_template
from outreach.commands.campaign_output import plain
from outreach.commands.door import Door, json_option, print_json, print_table
from outreach.commands.preview_output import png_option, write
from outreach.demo.pictures import draw
from outreach.emails import markup, templates
from outreach.emails.checking import Finding, Severity
from outreach.emails.photographing import Picture
from outreach.errors import FileRefused, Refusal


@click.group()
def command() -> None:
    """List and check templates."""


@command.command("list")
@json_option
@click.pass_obj
def list_(door: Door, as_json: bool) -> None:
    """List the templates of the project."""
    with door.open() as app:
        found = [_described(app, name) for name in templates.available(app.templates)]
    if as_json:
        print_json(found)
        return
    print_table(("name", "title", ""), [(one["name"], one["title"], one["description"]) for one in found])


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@json_option
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, door: Door, names: tuple[str, ...], as_json: bool) -> None:
    """Read templates (default: all), try them on invented content, and say what is wrong and how to mend it."""
    with door.open() as app:
        chosen = names or tuple(templates.available(app.templates))
        found = {name: _findings(app, name) for name in chosen}
    failed = any(finding.severity is Severity.ERROR for findings in found.values() for finding in findings)
    if as_json:
        print_json({name: [finding.as_data() for finding in findings] for name, findings in found.items()})
        ctx.exit(1 if failed else 0)
    for name, findings in found.items():
        for finding in findings:
            why = f" [{finding.why}]" if finding.why else ""
            click.echo(plain(f"{finding.severity.value}: {finding}{why} ({finding.code})"))
        if not any(finding.severity is Severity.ERROR for finding in findings):
            click.echo(f"{name}: nothing keeps it from being used")
    ctx.exit(1 if failed else 0)


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the files.")
@png_option
@json_option
@click.pass_obj
def preview(door: Door, name: str, out: Path, png: bool, as_json: bool) -> None:
    """Write NAME.html, NAME.txt and its looks on a screen and a phone (PNG), with invented content."""
    with door.open() as app:
        rendered, findings = try_template(templates.load(app.templates, name), app.links)
    if rendered is None:
        raise Refusal("\n".join(finding.what for finding in findings if finding.severity is Severity.ERROR))
    written = write(out, name, rendered, _drawn(app, rendered.html), png=png)
    if as_json:
        print_json({"name": name, **written.to_json(), **asdict(rendered)})
    else:
        written.tell()


def _drawn(app: App, html: str) -> dict[str, Picture]:
    """Draw something for each invented picture of ours that a mail shows."""
    shown = [address for attribute, address in markup.targets(html) if attribute == "src"]
    ours = [address for address in dict.fromkeys(shown) if address.startswith(f"{app.links.base}/media/")]
    return {address: Picture("image/jpeg", draw("green", number)) for number, address in enumerate(ours)}


def _described(app: App, name: str) -> dict[str, Any]:
    try:
        source = templates.load(app.templates, name)
    except Refusal:
        return {"name": name, "title": "", "description": f"has faults: outreach template check {name}", "ok": False}
    return {"name": name, "title": source.title, "description": source.description, "ok": True}


def _findings(app: App, name: str) -> list[Finding]:
    settings = app.settings.checking
    try:
        source = templates.read(app.templates, name)
    except FileRefused as refused:
        places = ((f"{c.file}:{c.line}" if c.line else str(c.file), c.text) for c in refused.complaints)
        return [Finding(Severity.ERROR, place, text, "", "template-toml") for place, text in places]
    return try_template(source, app.links, settings.programs, spam=settings.spamassassin)[1]
