"""`outreach report reach`: regular companies per province and sector, how many we may mail, how many we did."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import click

from outreach.audience.eligibility import policy_of
from outreach.belgium.calendar import local_to_utc
from outreach.commands.door import Door, counted, json_option, local, print_json, print_table, short
from outreach.reports import exports, maps, reach_tables
from outreach.reports.maps import LANGUAGES, Figure
from outreach.reports.reach import By, Counts, Reach, Row, reach
from outreach.reports.reach_tables import numbers, province_label, sector_label, share

HEADINGS = ("regular companies", "ours", "may be mailed", "mailed", "mailed of regular")
SECTOR_WIDTH = 44  # files hold the names whole
SUFFIXES = (".svg", ".png")


@click.command("reach")
@click.option("--by", type=click.Choice([by.value for by in By]), default=By.SEAT.value, show_default=True,
              help="Where a company counts: at its seat, or wherever it has its seat or an establishment.")  # fmt: skip
@click.option("--since", metavar="DATE", help="Count mails from this day on (2026-01-31); without it, all mails.")
@click.option("--cells", is_flag=True, help="Print a row for each province and sector too.")
@json_option
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write every figure to this CSV file.")
@click.option("--map", "map_files", type=click.Path(path_type=Path), multiple=True,
              help="Draw the provinces into this file, .svg or .png; may be given twice.")  # fmt: skip
@click.option("--figure", type=click.Choice([figure.value for figure in Figure]), default=Figure.MAILED.value,
              show_default=True, help="What the map shows, as a share of the regular companies.")  # fmt: skip
@click.option("--language", type=click.Choice(LANGUAGES), default="nl", show_default=True,
              help="The language of names, and of the map.")  # fmt: skip
@click.pass_obj
def command(
    door: Door, by: str, since: str | None, cells: bool, as_json: bool, csv_file: Path | None,
    map_files: tuple[Path, ...], figure: str, language: str,
) -> None:  # fmt: skip
    """Show how many regular companies there are per province and sector, how many we may mail, and how many we did.

    The regular companies are those of the register (`outreach register import`): active legal persons without public
    bodies, co-owners, maatwerkbedrijven, and who is insolvent or winding up. Source and day of the data go along.
    """
    for file in map_files:
        if file.suffix.lower() not in SUFFIXES:
            raise click.BadParameter(f"{file}: name a file that ends in .svg or .png", param_hint="--map")
    start = _start(since)
    with door.open() as app, app.database.reading() as session:
        found = reach(session, policy_of(app.settings, None, app.now()), by=By(by), since=start)
    if csv_file:
        exports.write_csv(csv_file, reach_tables.COLUMNS, reach_tables.long_rows(found, language))
    for file in map_files:
        _draw(file, found, Figure(figure), language)
    if as_json:
        print_json(reach_tables.plain(found, language))
        return
    _print(found, language, cells)
    for file in filter(None, (csv_file, *map_files)):
        click.echo(f"written: {file}")


def _start(text: str | None) -> datetime | None:
    """Return the first moment of a day in Brussels."""
    if text is None:
        return None
    try:
        return local_to_utc(datetime.combine(date.fromisoformat(text), time()))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day: write it as 2026-01-31", param_hint="--since") from None


def _draw(file: Path, found: Reach, figure: Figure, language: str) -> None:
    png = file.suffix.lower() == ".png"
    data = maps.as_png(found, figure, language) if png else maps.as_svg(found, figure, language).encode()
    exports.write_bytes(file, data)


def _print(found: Reach, language: str, cells: bool) -> None:
    where = "the province of the seat" if found.by is By.SEAT else "every province with a seat or establishment"
    when = f"mails since {local(found.since)}" if found.since else "all mails"
    click.echo(f"counted in {where}; {when}; as of {local(found.at)}")
    rows = [[province_label(row.province_nis, language), *_figures(row)] for row in found.provinces]
    print_table(("province", *HEADINGS), [*rows, ["total", *_figures(found.total)]], title="provinces")
    rows = [[_sector(row, language), *_figures(row)] for row in found.sections]
    print_table(("sector", *HEADINGS), [*rows, ["total", *_figures(found.total)]], title="sectors (NACE-BEL 2025)")
    if cells:
        rows = [
            [province_label(row.province_nis, language), _sector(row, language), *_figures(row)] for row in found.cells
        ]
        print_table(("province", "sector", *HEADINGS), rows, title="provinces and sectors")
    if found.by is By.ESTABLISHMENT:
        click.echo("a company counts once in each of its provinces, so these don't add up to the total")
    if found.outside.ours:
        other = found.outside
        click.echo(
            f"besides: {counted(other.ours, 'company', 'companies')} of ours not among them (sole traders, no number "
            f"yet): {other.mailable:,} may be mailed, {other.mailed:,} were"
        )
    click.echo(f"source: {found.source}; {found.source.licence}")


def _sector(row: Row, language: str) -> str:
    return short(f"{row.section or '-'} {sector_label(row.section, language)}", SECTOR_WIDTH)


def _figures(counts: Counts) -> list[int | str]:
    return [*numbers(counts), share(counts.mailed, counts.register)]
