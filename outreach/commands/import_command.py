"""`outreach import`: contacts and suppressions from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from outreach.audience import importing, rejects, suppression_files
from outreach.audience.cells import CellError, parse_date
from outreach.audience.columns import parse_overrides
from outreach.audience.importing import ImportOptions, ImportSummary
from outreach.audience.importing_cells import basis as parse_basis
from outreach.audience.rejects import Reject
from outreach.audience.suppression_files import SuppressionSummary
from outreach.commands.door import Door, actor, counted, json_option, print_json, printable
from outreach.models import Basis, CompanyStatus
from outreach.register import placing
from outreach.register.placing import Placed

SHOWN_AT_MOST = 20

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_dry_run = click.option("--dry-run", is_flag=True, help="Check everything, change nothing, write no rejects file.")
_rejects = click.option(
    "--rejects",
    "rejects_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where refused rows go; default: <name>.rejects.csv beside the file.",
)
_encoding = click.option("--encoding", help="utf-8, cp1252 or utf-16; default: found out.")
_sheet = click.option("--sheet", help="Sheet of a workbook; default: the first.")


class DayType(click.ParamType[date]):
    """A day as 2026-03-31 or 31/03/2026."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else parse_date(value)
        except CellError as error:
            self.fail(str(error), param, ctx)


class BasisType(click.ParamType[Basis]):
    """A legal basis by its word in English, Dutch or French."""

    name = "basis"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Basis:
        try:
            return value if isinstance(value, Basis) else parse_basis(value)
        except CellError as error:
            self.fail(str(error), param, ctx)


@click.group()
def command() -> None:
    """Read contacts and suppressions from files.

    Suppressions first: people who opted out elsewhere must not get a single mail from here.
    """


@command.command()
@_file
@click.option(
    "--map", "overrides", multiple=True, metavar="'HEADER=FIELD'", help="Which field a column is; repeatable."
)
@_dry_run
@click.option(
    "--basis", type=BasisType(), help="Legal basis of rows that name none: consent, customer or role_address."
)
@click.option("--source", default="", help="Where the addresses come from, for rows that don't say.")
@click.option("--date", "day", type=DayType(), help="Since when the basis holds, for rows that don't say.")
@_sheet
@_encoding
@click.option("--nace-version", type=click.Choice(["2008", "2025"]), help="Version of all sector codes in the file.")
@_rejects
@json_option
@click.pass_obj
def contacts(
    door: Door,
    file: Path,
    overrides: tuple[str, ...],
    dry_run: bool,
    basis: Basis | None,
    source: str,
    day: date | None,
    sheet: str | None,
    encoding: str | None,
    nace_version: str | None,
    rejects_file: Path | None,
    as_json: bool,
) -> int:
    """Import contacts of companies from a CSV or XLSX FILE.

    Faulty rows go to a rejects file that can be mended and imported again; the good ones go in together. Exit code 1
    if any row was refused.
    """
    with door.open() as app:
        options = ImportOptions(
            basis=basis,
            source=source,
            obtained_on=day,
            overrides=parse_overrides(overrides),
            sheet=sheet,
            encoding=encoding,
            nace_version=int(nace_version) if nace_version else None,
            nace_default=app.settings.imports.nace_version,
        )
        now, sender = app.now(), app.settings.sender.type
        reading = importing.read(file, options, sender=sender, suppression_key=app.suppression_key, now=now)
        with app.database.writing() as session:
            summary = importing.save(session, reading, options, actor=actor(), now=now)
            placed = placing.apply_if_there(session, now=now, since=now)
            kept = _keep(session, file, reading.headers, summary.rejects, reading.delimiter, rejects_file, dry_run)
    _print(summary, [*_contact_lines(summary), *_register_lines(placed)], dry_run, kept, as_json)
    return 1 if summary.rejects else 0


@command.command()
@_file
@_dry_run
@_sheet
@_encoding
@_rejects
@json_option
@click.pass_obj
def suppressions(
    door: Door,
    file: Path,
    dry_run: bool,
    sheet: str | None,
    encoding: str | None,
    rejects_file: Path | None,
    as_json: bool,
) -> int:
    """Import people who opted out elsewhere from FILE.

    Reads unsubscribe exports of Mailchimp, Flexmail and Brevo, and plain lists of addresses. Addresses that we don't
    know are suppressed too; only their hash is kept.
    """
    with door.open() as app:
        now = app.now()
        reading = suppression_files.read_suppressions(
            file, suppression_key=app.suppression_key, now=now, encoding=encoding, sheet=sheet
        )
        with app.database.writing() as session:
            summary = suppression_files.save_suppressions(session, reading, actor=actor())
            kept = _keep(session, file, reading.headers, summary.rejects, reading.delimiter, rejects_file, dry_run)
    _print(summary, _suppression_lines(summary), dry_run, kept, as_json)
    return 1 if summary.rejects else 0


def _keep(
    session: Session,
    file: Path,
    headers: Sequence[str],
    refused: Sequence[Reject],
    delimiter: str | None,
    wanted: Path | None,
    dry_run: bool,
) -> Path | None:
    """Write the refused rows before the transaction commits, so that no row is in neither place; undo a dry run."""
    if dry_run:
        session.rollback()
        return None
    if not refused:
        return None
    return rejects.write(file, headers, refused, delimiter=delimiter, wanted=wanted)


def _print(
    summary: ImportSummary | SuppressionSummary, lines: list[str], dry_run: bool, kept: Path | None, as_json: bool
) -> None:
    if as_json:
        print_json({**asdict(summary), "dry_run": dry_run, "rejects_file": kept})
        return
    click.echo("\n".join(lines))
    if not summary.rejects:
        click.echo("dry run: nothing was changed" if dry_run else "every row went in")
        return
    for reject in summary.rejects[:SHOWN_AT_MOST]:
        click.echo(f"  line {reject.line}: {printable(reject.reason)}")
    if (more := len(summary.rejects) - SHOWN_AT_MOST) > 0:
        click.echo(f"  … and {more:,} more")
    if dry_run:
        click.echo("dry run: nothing was changed, and no rejects file was written")
    else:
        click.echo(f"refused rows: {kept} — mend them there and import that file")


def _contact_lines(summary: ImportSummary) -> list[str]:
    form = f"sheet {summary.sheet!r}" if summary.sheet else f"{summary.encoding}, delimiter {summary.delimiter!r}"
    companies, people = summary.companies, summary.contacts
    lines = [
        f"{summary.file}: {counted(summary.rows, 'row')} ({form})",
        "columns: " + ", ".join(f"{header} → {name}" for name, header in summary.columns.items()),
        f"companies: {companies.created:,} new, {companies.updated:,} updated, {companies.unchanged:,} unchanged",
        f"contacts: {people.created:,} new, {people.updated:,} updated, {people.unchanged:,} unchanged "
        f"({counted(summary.role_addresses, 'impersonal address', 'impersonal addresses')})",
        f"evidence of a legal basis: {summary.evidence_added:,} added",
    ]
    lines += [counted(count, one, many) for count, one, many in _contact_counts(summary) if count]
    if summary.unknown_columns:
        lines.append(f"columns not read: {', '.join(map(repr, summary.unknown_columns))} (use --map to read one)")
    lines += [f"warning: {printable(warning)}" for warning in summary.warnings[:SHOWN_AT_MOST]]
    if (more := len(summary.warnings) - SHOWN_AT_MOST) > 0:
        lines.append(f"warning: … and {more:,} more")
    return [printable(line) for line in lines]


def _contact_counts(summary: ImportSummary) -> tuple[tuple[int, str, str], ...]:
    """Return what is told where there is any: how many, and in which words of one and of several."""
    irregular = "(public body, co-owners, maatwerkbedrijf): not mailed"
    return (
        (
            summary.doubles,
            "row repeats a contact of this file and was merged",
            "rows repeat a contact of this file and were merged",
        ),
        (summary.suppressed, "contact is suppressed and stays so", "contacts are suppressed and stay so"),
        (
            summary.erased,
            "row is of somebody who was erased: not stored",
            "rows are of people who were erased: not stored",
        ),
        (
            summary.not_regular,
            f"company is no regular company {irregular}",
            f"companies are no regular companies {irregular}",
        ),
        (summary.without_postcode, "company has no postcode in this file", "companies have no postcode in this file"),
        (
            summary.foreign_postcodes,
            "company has a postcode of another country",
            "companies have a postcode of another country",
        ),
        (
            summary.nace_by_default,
            f"sector code exists in both versions; taken as {summary.nace_default_version}",
            f"sector codes exist in both versions; taken as {summary.nace_default_version}",
        ),
        (summary.establishments_created, "establishment is new", "establishments are new"),
        (summary.tags_added, "tag was added", "tags were added"),
        (summary.topics_added, "topic was added", "topics were added"),
        (summary.rejected, "row was refused", "rows were refused"),
    )


def _register_lines(placed: Placed | None) -> list[str]:
    if placed is None or not placed.companies:
        return []
    barred = sum(count for status, count in placed.turned.items() if status != CompanyStatus.ACTIVE)
    lines = [f"register: {placed.found:,} of {counted(placed.companies, 'number')} found ({placed.source})"]
    out = "no regular companies in business, as the register has it: `outreach register differences`"
    return [*lines, f"{counted(barred, 'company', 'companies')} turned out to be {out}"] if barred else lines


def _suppression_lines(summary: SuppressionSummary) -> list[str]:
    lines = [
        f"{printable(summary.file)}: {counted(summary.rows, 'row')}, read as {summary.format}",
        f"suppressed: {summary.suppressed:,} new, {summary.already_suppressed:,} were suppressed already",
    ]
    told = (
        (summary.doubles, "row repeats an address of this file", "rows repeat an address of this file"),
        (
            summary.not_blocked,
            "row says that the address is not blocked: left alone",
            "rows say that the address is not blocked: left alone",
        ),
        (summary.rejected, "row was refused", "rows were refused"),
    )
    return lines + [counted(count, one, many) for count, one, many in told if count]
