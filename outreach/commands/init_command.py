"""Make a project folder."""

from __future__ import annotations

from pathlib import Path

import click

from outreach.app import open_app
from outreach.commands.door import json_option, print_json
from outreach.starter import make_project


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Make a project in FOLDER: settings, templates, segments, keys and an empty database."""
    written = make_project(folder)
    app = open_app(folder)
    app.close()
    if as_json:
        print_json({"project": folder, "written": written})
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"made keys and database; fill in {folder / 'outreach.toml'}, then: cd {folder} && outreach check")
