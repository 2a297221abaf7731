"""Upgrade, back up, restore and adopt the database; its keys go along."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import select

from outreach import backup as backups
from outreach import place
from outreach.app import find_project
from outreach.commands.door import Door, actor, json_option, print_json
from outreach.database import current_revision, latest_revision, open_database, upgrade
from outreach.models import Installation
from outreach.settings import load_settings


@click.group()
def command() -> None:
    """Upgrade, back up and restore the database with its keys."""


@command.command("upgrade")
@json_option
@click.pass_obj
def upgrade_command(door: Door, as_json: bool) -> None:
    """Bring the tables up to date (also done at every start)."""
    folder = door.project or find_project()
    database = open_database(load_settings(folder).database.url, folder)
    before = current_revision(database)
    changed = upgrade(database)
    database.close()
    with door.open():  # makes or checks the keys
        pass
    if as_json:
        print_json({"before": before, "after": latest_revision(), "changed": changed})
    elif changed:
        click.echo(f"upgraded from {before or 'an empty database'} to {latest_revision()}")
    else:
        click.echo(f"already at {latest_revision()}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@json_option
@click.pass_obj
def backup(door: Door, file: Path | None, as_json: bool) -> None:
    """Write database and keys to FILE (default: a dated file in the project folder)."""
    with door.open() as app:
        now = app.now()
        target = file or app.project / f"outreach-{now:%Y%m%d-%H%M%S}.backup"
        manifest = backups.back_up(app.database, app.keys, target, now=now)
    size = target.stat().st_size
    if as_json:
        print_json({"file": target, "bytes": size, "revision": manifest.revision, "made_at": manifest.made_at})
    else:
        click.echo(f"{target}: {size:,} bytes, with the keys: keep it as safe as the database itself")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Put the backup in place of the data that is there.")
@json_option
@click.pass_obj
def restore(door: Door, file: Path, replace: bool, as_json: bool) -> None:
    """Put a backup in place. Nothing is mailed from it until `outreach db adopt`."""
    folder = door.project or find_project()
    database = open_database(load_settings(folder).database.url, folder)
    manifest = backups.restore(file, folder, database, replace_existing=replace)
    database.close()
    with door.open():  # upgrades an older backup, and proves that keys and database fit
        pass
    if as_json:
        print_json({"file": file, "made_at": manifest.made_at, "revision": manifest.revision, "adopted": False})
        return
    made = datetime.fromisoformat(manifest.made_at)
    click.echo(f"restored the backup of {made:%Y-%m-%d %H:%M} UTC; campaigns are held until you say: outreach db adopt")


@command.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_obj
def adopt(door: Door, yes: bool, as_json: bool) -> None:
    """Say that this copy of the database is the live one, so that campaigns may be sent from it."""
    with door.open() as app, app.database.writing() as session:
        installation = session.scalars(select(Installation)).one()
        changed = installation.instance_id != app.keys.instance_id
        if changed and not yes:
            click.confirm("Is no other copy of this database sending mail?", abort=True)
        installation.instance_id = app.keys.instance_id
        session.commit()
        place.claim(app.database)
    if as_json:
        print_json({"adopted": changed, "by": actor()})
    else:
        click.echo("adopted: campaigns may be sent from this copy" if changed else "this copy is the live one already")
