"""Say what is wrong with the project."""

from __future__ import annotations

import click

from outreach.app import find_project
from outreach.checkup import examine
from outreach.commands.door import Door, json_option, print_json


@click.command()
@json_option
@click.pass_obj
def command(door: Door, as_json: bool) -> None:
    """Examine settings, keys, database, templates, segments and relay; exit code 1 if anything is wrong."""
    findings = list(examine(door.project or find_project()))
    wrong = [finding for finding in findings if not finding.ok]
    if as_json:
        print_json({"ok": not wrong, "findings": findings})
    else:
        for finding in findings:
            click.echo(f"{'ok   ' if finding.ok else 'WRONG'} {finding.area}: {finding.text}")
    if wrong:
        raise click.exceptions.Exit(1)
