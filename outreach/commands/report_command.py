"""`outreach report`: figures for the team itself."""

from __future__ import annotations

from pathlib import Path

import click

from outreach.commands import report_reach
from outreach.commands.door import Door, json_option, local, print_json, print_table, short
from outreach.reports import exports, tables
from outreach.reports.campaigns import CampaignsReport, report
from outreach.reports.clicks import ClickRow

SHOWN_CLICKS = 25
SECTOR_WIDTH, NAME_WIDTH = 28, 30


@click.group()
def command() -> None:
    """Figures about campaigns, and about how far they reach."""


command.add_command(report_reach.command)


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write every figure to this CSV file.")
@click.option("--xlsx", "xlsx_file", type=click.Path(path_type=Path), help="Write the tables to this workbook.")
@click.pass_obj
def campaign(door: Door, names: tuple[str, ...], as_json: bool, csv_file: Path | None, xlsx_file: Path | None) -> None:
    """Show what one or several campaigns led to: funnel, reasons of skips, clicks, leads by evidence."""
    with door.open() as app, app.database.reading() as session:
        figures = report(session, names, min_cohort=app.settings.tracking.min_cohort)
    if csv_file:
        exports.write_csv(csv_file, tables.LONG_COLUMNS, tables.long_rows(figures))
    if xlsx_file:
        exports.write_xlsx(xlsx_file, [*tables.side_by_side(figures), tables.click_sheet(figures)])
    if as_json:
        print_json(tables.plain(figures))
    else:
        _print(figures)
        for file in filter(None, (csv_file, xlsx_file)):
            click.echo(f"written: {file}")


def _print(figures: CampaignsReport) -> None:
    for line in tables.simulation(figures):
        click.echo(line)
    for each in figures.campaigns:
        frozen = f", audience frozen {local(each.frozen_at)}" if each.frozen_at else ": not sent yet"
        click.echo(f"{each.name}: {each.title} ({each.status}{frozen}){' SIMULATED' if each.simulated else ''}")
    for sheet in tables.side_by_side(figures):
        print_table(sheet.header, sheet.rows, title=sheet.name)
    rows = [(each.name, row) for each in figures.campaigns for row in each.figures.clicks]
    hit = [(name, row) for name, row in rows if row.raw][:SHOWN_CLICKS]
    several = len(figures.campaigns) > 1
    columns = (*(("campaign",) if several else ()), *tables.CLICK_COLUMNS)
    print_table(columns, [(*((name,) if several else ()), *_narrow(row)) for name, row in hit], title="clicks")
    if more := len(rows) - len(hit):
        click.echo(f"{more:,} more rows, mostly without hits: --json, --csv and --xlsx hold them all")


def _narrow(row: ClickRow) -> tuple[str | int, ...]:
    """Return a row with its texts cut for the terminal; files hold them whole."""
    return (
        row.province,
        short(row.sector, SECTOR_WIDTH),
        short(row.service, NAME_WIDTH),
        short(row.enterprise, NAME_WIDTH),
        row.recipients,
        row.human,
        row.raw,
    )
