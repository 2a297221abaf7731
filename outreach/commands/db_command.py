"""Upgrade, back up, restore and adopt the database; its keys go along."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import click

from outreach import backup as backups
from outreach import place, restoring
from outreach.app import find_project, system_clock
from outreach.audience.wishes import CarriedOver
from outreach.campaigns import holding_back
from outreach.commands.door import Door, actor, counted, json_option, local, print_json
from outreach.database import current_revision, latest_revision, open_database, upgrade
from outreach.keys import write_keys
from outreach.place import Standing
from outreach.restoring import Restored
from outreach.settings import load_settings

SHOWN_AT_MOST = 20


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
    """Put a backup in place. Nothing is mailed from it until `outreach db adopt`.

    Opt-outs, withdrawn consents, erasures and people's own choices that the replaced database knows and the backup
    doesn't are carried over. Stop `outreach up` and workers first.
    """
    folder = door.project or find_project()
    database = open_database(load_settings(folder).database.url, folder)
    try:
        restored = restoring.restore(
            file, folder, database, replace_existing=replace, actor=actor(), now=system_clock()
        )
    finally:
        database.close()
    with door.open():  # proves that keys and database fit
        pass
    if as_json:
        _print_restored_json(file, restored)
    else:
        _print_restored(restored)


def _print_restored_json(file: Path, restored: Restored) -> None:
    manifest = restored.manifest
    print_json(
        {
            "file": file,
            "made_at": manifest.made_at,
            "revision": manifest.revision,
            "adopted": False,
            "carried_over": restored.carried,
            "not_carried_over": restored.unread,
            "replaced_file": restored.kept,
        }
    )


def _print_restored(restored: Restored) -> None:
    made = datetime.fromisoformat(restored.manifest.made_at)
    click.echo(f"restored the backup of {local(made)}; campaigns are held until you say: outreach db adopt")
    if restored.unread:
        click.echo(
            f"WARNING: nothing was carried over from the replaced database: {restored.unread}. Whoever opted out, "
            "withdrew a consent or was erased since the backup is mailed again unless you enter it anew "
            "(`outreach import suppressions`, `outreach contact suppress` or `erase`)",
            err=True,
        )
    if restored.carried is not None:
        for line in _carried_lines(restored.carried):
            click.echo(line)
    if restored.kept:
        click.echo(
            f"{restored.kept}: the replaced database, with all its people, those erased since too. "
            "Look up there what you still need, then delete it: outreach db discard"
        )


def _carried_lines(carried: CarriedOver) -> list[str]:
    if not carried.anything:
        return ["nobody opted out, withdrew, chose or was erased since that backup"]
    counts = (
        counted(carried.suppressions, "suppression"),
        counted(carried.erasures, "erasure"),
        counted(carried.withdrawn_bases, "withdrawn legal basis", "withdrawn legal bases"),
        counted(carried.withdrawn_tracking_consents, "withdrawn tracking consent"),
        counted(carried.choices, "choice of people's own", "choices of people's own"),
    )
    lines = [f"carried over from the replaced database: {', '.join(counts)}"]
    lines += [f"  stays suppressed: {address}" for address in carried.addresses[:SHOWN_AT_MOST]]
    if (more := len(carried.addresses) - SHOWN_AT_MOST) > 0:
        lines.append(f"  … and {more:,} more (--json names all)")
    return lines


@command.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_obj
def discard(door: Door, yes: bool, as_json: bool) -> None:
    """Delete the databases that restores replaced (….before-restore): they hold people who were erased since."""
    folder = door.project or find_project()
    database = open_database(load_settings(folder).database.url, folder)
    files = restoring.replaced_files(database)
    database.close()
    if files and not yes:
        click.confirm(f"Delete {', '.join(file.name for file in files)} for good?", abort=True, err=True)
    for file in files:
        file.unlink()
    if as_json:
        print_json({"deleted": files})
    else:
        click.echo("\n".join(f"deleted {file}" for file in files) or "there is none")


@command.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--send-other-mail",
    is_flag=True,
    help="Send the notices and acknowledgements that wait, too; some may have gone out already.",
)
@json_option
@click.pass_obj
def adopt(door: Door, yes: bool, send_other_mail: bool, as_json: bool) -> None:
    """Say that this copy of the database is the live one, so that campaigns may be sent from it.

    Every campaign that is scheduled or under way is paused: look at each, and resume it by hand.
    """
    names: list[str] = []
    mails, by = 0, actor()
    with door.open() as app:
        changed = place.standing(app.database, app.keys.instance_id) is not Standing.OURS
        if changed and not yes:
            click.confirm("Is no other copy of this database sending mail?", abort=True, err=True)
        if changed:
            with app.database.writing() as session:
                names, mails = holding_back.adopt(session, by=by, now=app.now(), send_other_mail=send_other_mail)
            place.claim(app.database, app.keys.instance_id, app.now())
    if as_json:
        print_json({"adopted": changed, "by": by, "paused": names, "other_mails_held": mails})
    else:
        _print_adopted(changed, names, mails)


def _print_adopted(changed: bool, names: list[str], mails: int) -> None:
    if not changed:
        click.echo("this copy is the live one already")
        return
    click.echo("adopted: campaigns may be sent from this copy")
    for name in names:
        click.echo(f"paused: {name}; if its mails haven't gone out elsewhere: outreach campaign resume {name} --accept")
    if mails:
        click.echo(f"{mails} notices and acknowledgements that waited may have gone out already: they aren't sent")


@command.command()
@json_option
@click.pass_obj
def join(door: Door, as_json: bool) -> None:
    """Let this host send too, beside those that send from the same PostgreSQL database already.

    For a new host, with the project folder and its keys copied to it, and for the others after an adoption.
    """
    with door.open() as app:
        instance_id = place.join(app.database, app.keys.instance_id, app.now())
        write_keys(app.project, dataclasses.replace(app.keys, instance_id=instance_id))
    if as_json:
        print_json({"joined": True, "by": actor()})
    else:
        click.echo("joined: campaigns are sent from this host too; start `outreach up` or workers here anew")
