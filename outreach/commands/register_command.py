"""`outreach register`: the company register (KBO/BCE Open Data), taken in and looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from outreach.belgium.numbers import NumberError, format_enterprise_number, parse_enterprise_number
from outreach.belgium.places import PROVINCES
from outreach.commands import register_matching, register_placing
from outreach.commands.door import Door, actor, counted, json_option, print_json, print_table, progress
from outreach.errors import NotFound, Refusal
from outreach.models import RegisterEntry
from outreach.register import entries, suggesting


@click.group()
def command() -> None:
    """The company register (KBO/BCE Open Data): take in extracts, look companies up."""


for each in (*register_placing.COMMANDS, *register_matching.COMMANDS):
    command.add_command(each)


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--allow-older", is_flag=True, help="Go back to a Full extract that is older than the register.")
@json_option
@click.pass_obj
def import_(door: Door, path: Path, allow_older: bool, as_json: bool) -> None:
    """Take in a Full or Update extract: the zip as downloaded, or a folder with its files.

    Checked before anything changes and swapped in at once: a failure leaves the register as it was. Natural persons are
    left out, and the file with telephone numbers and e-mail addresses is never opened.
    """
    from outreach.register import extracts, importing  # DuckDB, which looking up does without

    size = extracts.readable_size(path)
    with door.open() as app, progress("reading the register", size) as advance:
        done = importing.take_in(
            app.database, app.project, path, by=actor(), now=app.now(), allow_older=allow_older,
            progress=lambda _, read: advance(read),
        )  # fmt: skip
        placed = register_placing.place_all(app)
        with app.database.reading() as session:
            source = entries.source(session)
    if as_json:
        print_json({**asdict(done), "placed": asdict(placed), "source": asdict(source)})
        return
    click.echo(f"{source}: {counted(done.entries, 'active legal person')}")
    if done.touched is not None:
        click.echo(f"{counted(done.touched, 'enterprise')} touched by this update")
    for line in (*_finding_lines(done.findings), *register_placing.placed_lines(placed)):
        click.echo(line)
    click.echo(source.licence)


@command.command()
@json_option
@click.pass_obj
def status(door: Door, as_json: bool) -> None:
    """Say which extract the register holds, of which day, and what it left out or didn't know."""
    with door.open() as app, app.database.reading() as session:
        held = entries.current(session)
        if held is None:
            if as_json:
                print_json(None)
            else:
                click.echo("no company register yet: take an extract in with `outreach register import PATH`")
            return
        source = entries.source(session)
        told = {
            "source": asdict(source),
            "entries": held.entries,
            "imported_at": held.imported_at,
            "imported_by": held.imported_by,
            "findings": held.findings,
        }
    if as_json:
        print_json(told)
        return
    click.echo(f"{source}: {counted(held.entries, 'active legal person')}")
    click.echo(f"taken in on {held.imported_at:%Y-%m-%d} by {held.imported_by}")
    for line in _finding_lines(held.findings):
        click.echo(line)
    click.echo(source.licence)


@command.command()
@click.argument("number")
@json_option
@click.pass_obj
def show(door: Door, number: str, as_json: bool) -> None:
    """Show what the register says of an enterprise number."""
    try:
        digits = parse_enterprise_number(number)
    except NumberError as error:
        raise Refusal(str(error)) from error
    with door.open() as app, app.database.reading() as session:
        source = entries.source(session)
        entry = entries.find(session, digits)
        if entry is None:
            raise NotFound(
                f"{format_enterprise_number(digits)}: no active legal person in {source}; it stopped, is a natural "
                "person, or is too new"
            )
        told = _told(session, entry)
    if as_json:
        print_json({**told, "source": asdict(source)})
        return
    print_table(["what", "value"], [(name, value) for name, value in told.items() if value not in (None, [], "")])
    click.echo(f"source: {source}; {source.licence}")


@command.command()
@click.argument("text")
@click.option("-n", "--number", type=click.IntRange(1, 100), default=10, show_default=True, help="Companies at most.")
@json_option
@click.pass_obj
def suggest(door: Door, text: str, number: int, as_json: bool) -> None:
    """Suggest companies for the beginning of a name, of words in it, or of an enterprise number."""
    with door.open() as app, app.database.reading() as session:
        source = entries.source(session)
        found = suggesting.suggest(session, text, number)
    if as_json:
        print_json({"suggestions": [asdict(one) for one in found], "source": asdict(source)})
        return
    rows = [
        (format_enterprise_number(one.enterprise_number), one.name, one.matched, one.postcode, one.municipality)
        for one in found
    ]
    print_table(["enterprise number", "name", "other name", "postcode", "municipality"], rows)
    click.echo(f"source: {source}")


def _told(session: Session, entry: RegisterEntry) -> dict[str, Any]:
    meaning: Callable[[str, str | None], str | None] = lambda category, code: entries.meaning(session, category, code)  # noqa: E731
    provinces = (entry.establishment_provinces or "").split()
    return {
        "enterprise_number": entry.enterprise_number,
        "name": entry.name,
        "name_nl": entry.name_nl,
        "name_fr": entry.name_fr,
        "name_de": entry.name_de,
        "name_en": entry.name_en,
        "abbreviations": (entry.abbreviations or "").splitlines(),
        "commercial_names": (entry.commercial_names or "").splitlines(),
        "juridical_form": entry.juridical_form,
        "juridical_form_meaning": meaning("JuridicalForm", entry.juridical_form),
        "juridical_form_cac": entry.juridical_form_cac,
        "juridical_situation": entry.juridical_situation,
        "juridical_situation_meaning": meaning("JuridicalSituation", entry.juridical_situation),
        "start_date": entry.start_date,
        "postcode": entry.postcode,
        "municipality": entry.municipality,
        "municipality_nis": entry.municipality_nis,
        "province_nis": entry.province_nis,
        "province": PROVINCES[entry.province_nis].name_nl if entry.province_nis in PROVINCES else None,
        "country": entry.country,
        "seat_struck_off_on": entry.seat_struck_off_on,
        "establishments": entry.establishments,
        "establishment_provinces": provinces,
        "nace_2025": entry.nace_2025,
        "nace_2025_meaning": meaning("Nace2025", entry.nace_2025),
        "section_2025": entry.section_2025,
        "rule_2025": entry.rule_2025,
        "nace_2008": entry.nace_2008,
        "nace_2008_meaning": meaning("Nace2008", entry.nace_2008),
        "section_2008": entry.section_2008,
        "rule_2008": entry.rule_2008,
        "sector_version": entry.sector_version,
    }


def _finding_lines(findings: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in findings.items():
        words = name.replace("_", " ")
        if isinstance(value, dict):
            if value:
                lines.append(f"{words}: {_listed(value)}")
        elif value:
            lines.append(f"{words}: {value:,}")
    return lines


def _listed(found: dict[str, Any]) -> str:
    parts = [
        f"{name} ({_listed(count)})" if isinstance(count, dict) else f"{name} {count:,} times"
        for name, count in list(found.items())[:10]
    ]
    return ", ".join(parts) + (", …" if len(found) > 10 else "")
