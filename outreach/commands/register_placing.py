"""`outreach register apply` and `differences`: our companies beside the register."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from outreach.app import App
from outreach.belgium.numbers import format_enterprise_number
from outreach.commands.door import Door, counted, json_option, print_json, print_table
from outreach.register import differing, entries, placing
from outreach.register.differing import Difference, Fact
from outreach.register.placing import Placed
from outreach.reports import exports

SHOWN = 50


@click.command()
@json_option
@click.pass_obj
def apply(door: Door, as_json: bool) -> None:
    """Give our companies place, sector, legal form and status from the register.

    Runs after every import of an extract by itself. What lists say of a company is kept beside it; doing it again
    changes nothing.
    """
    with door.open() as app:
        placed = place_all(app)
        with app.database.reading() as session:
            counts = differing.count(session)
    if as_json:
        print_json({**asdict(placed), "differences": counts})
        return
    for line in placed_lines(placed):
        click.echo(line)
    differ = ", ".join(f"{fact.replace('_', ' ')} {count:,}" for fact, count in counts.items() if count)
    click.echo(f"what lists say differs: {differ or 'nowhere'} (`outreach register differences`)")
    click.echo(f"source: {placed.source}; {placed.source.licence}")


def place_all(app: App) -> Placed:
    """Apply the register to all our companies, in a transaction of its own."""
    with app.database.writing() as session:
        return placing.apply(session, now=app.now())


def placed_lines(placed: Placed) -> list[str]:
    """Return what applying the register came to, as a person reads it."""
    lines = [
        f"{counted(placed.companies, 'company', 'companies')} with a number: {placed.found:,} in the register, "
        f"{placed.not_found:,} not; {placed.changed:,} changed"
    ]
    lines += [
        f"now {status.replace('_', ' ')}: {counted(n, 'company', 'companies')}" for status, n in placed.turned.items()
    ]
    if placed.unlisted:
        codes = ", ".join(f"{code} ({count:,})" for code, count in placed.unlisted.items())
        lines.append(f"in a juridical situation that isn't listed, and taken as in business: {codes}")
    return lines


@click.command()
@click.option("--fact", "facts", multiple=True, type=click.Choice([fact.value for fact in Fact]), help="Only of this.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write all of them to this CSV file.")
@json_option
@click.pass_obj
def differences(door: Door, facts: tuple[str, ...], csv_file: Path | None, as_json: bool) -> None:
    """List where what lists say of a company and what the register says differ."""
    wanted = tuple(Fact(fact) for fact in facts)
    with door.open() as app, app.database.reading() as session:
        source = entries.source(session)
        counts = differing.count(session)
        limit = None if as_json or csv_file else SHOWN
        found = list(differing.listed(session, wanted, limit))
    if csv_file:
        names = [field.name for field in fields(Difference)]
        exports.write_csv(csv_file, [*names, "source"], [[*_cells(row), str(source)] for row in found])
    if as_json:
        print_json({"counts": counts, "differences": [asdict(row) for row in found], "source": asdict(source)})
        return
    if csv_file:
        click.echo(f"written: {csv_file}")
    else:
        columns = ("enterprise number", "company", "what", "lists say", "register")
        print_table(columns, [_row(row) for row in found])
        total = sum(counts[fact.value] for fact in wanted or Fact)
        if total > len(found):
            click.echo(f"{total - len(found):,} more: --csv and --json hold them all")
    click.echo(f"source: {source}; {source.licence}")


def _cells(row: Difference) -> list[exports.Cell]:
    return [row.company_id, row.enterprise_number, row.company, row.fact.value, row.typed, row.register]


def _row(row: Difference) -> tuple[Any, ...]:
    number = format_enterprise_number(row.enterprise_number)
    return number, row.company, row.fact.value.replace("_", " "), row.typed, row.register or "not there"


COMMANDS = (apply, differences)
