"""`outreach dkim`: the key that signs our mails, and the record in DNS by which receivers verify them."""

from __future__ import annotations

from pathlib import Path

import click

from outreach.app import find_project
from outreach.commands.door import Door, json_option, print_json
from outreach.emails import signing
from outreach.errors import Refusal
from outreach.settings import FILE_NAME, DkimSettings, load_settings


@click.group()
def command() -> None:
    """The signature under our mails (DKIM)."""


@command.command()
@click.option("--second", is_flag=True, help="Make the Ed25519 key of the second signature instead.")
@json_option
@click.pass_obj
def key(door: Door, second: bool, as_json: bool) -> None:
    """Make the key that `[dkim]` names, and print the record for DNS.

    Publish the record first, and only then let mails be signed.
    """
    project, settings = _named(door)
    name = settings.ed25519_key_file if second else settings.key_file
    if not name:
        raise Refusal(f"{FILE_NAME}: dkim.ed25519_key_file is empty: name the file, e.g. .state/dkim-ed.pem")
    signing.make_key(project / name, second=second)
    click.echo(f"made {project / name}; it is in no backup: keep a copy, or make another with a new selector", err=True)
    _print(signing.record(settings, project, second=second), as_json)


@command.command()
@json_option
@click.pass_obj
def record(door: Door, as_json: bool) -> None:
    """Print what DNS must say for each key that signs."""
    project, settings = _named(door)
    found = signing.record(settings, project)
    if settings.ed25519_key_file:
        found |= signing.record(settings, project, second=True)
    _print(found, as_json)


def _named(door: Door) -> tuple[Path, DkimSettings]:
    project = door.project or find_project()
    settings = load_settings(project).dkim
    if not settings.domain:
        raise Refusal(f"{FILE_NAME}: dkim.domain is empty: name the domain of From under [dkim], e.g. example.be")
    return project, settings


def _print(records: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json({"records": [{"name": name, "type": "TXT", "value": value} for name, value in records.items()]})
        return
    for name, value in records.items():
        click.echo(signing.zone_line(name, value))
