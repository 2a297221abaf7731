"""`outreach collaboration`: which companies are customer or supplier of which enterprises."""

from __future__ import annotations

from pathlib import Path

import click

from outreach.audience import rejects
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import format_enterprise_number
from outreach.catalogue import collaboration_files, collaborations
from outreach.commands.door import Door, counted, json_option, print_json, print_table
from outreach.errors import Refusal

SHOWN_AT_MOST = 20


@click.group()
def command() -> None:
    """Which companies are or were customer or supplier of which enterprises."""


@command.command()
@click.option("--number", default="", help="Enterprise number of the company.")
@click.option("--name", default="", help="Name of a company without number; with --postcode.")
@click.option("--postcode", default="", help="Postcode of a company without number.")
@click.option("--enterprise", required=True, help="Slug, enterprise number or name of the maatwerkbedrijf.")
@click.option("--kind", required=True, help="What the company is: klant (customer) or leverancier (supplier).")
@click.option("--from", "from_year", required=True, help="First year.")
@click.option("--to", "to_year", default="", help="Last year; without it the collaboration goes on.")
@click.option("--source", required=True, help="How you know, for the record.")
@json_option
@click.pass_obj
def add(
    door: Door,
    number: str,
    name: str,
    postcode: str,
    enterprise: str,
    kind: str,
    from_year: str,
    to_year: str,
    source: str,
    as_json: bool,
) -> None:
    """Add a collaboration; the same one again changes nothing, another last year or source replaces it."""
    if not source.strip():
        raise Refusal("--source is empty: say how you know, for the record")
    with door.open() as app, app.database.writing() as session:
        now = app.now()
        years = collaborations.years_of(from_year, to_year, now.astimezone(BRUSSELS).year)
        given = collaborations.Given(
            collaborations.find_company(session, number, name, postcode),
            collaborations.find_enterprise(session, enterprise),
            collaborations.kind_of(kind),
            *years,
            source.strip()[: collaboration_files.SOURCE_LENGTH],
        )
        done = {True: "added", False: "changed", None: "unchanged"}[collaborations.put(session, given, now)]
    print_json({"done": done, **vars(given)}) if as_json else click.echo(f"collaboration: {done}")


@command.command("list")
@click.option("--enterprise", help="Only of this maatwerkbedrijf: slug, enterprise number or name.")
@click.option("--number", help="Only of the company with this enterprise number.")
@click.option("--year", type=int, help="Only those that went on in this year.")
@json_option
@click.pass_obj
def list_(door: Door, enterprise: str | None, number: str | None, year: int | None, as_json: bool) -> None:
    """List collaborations by company."""
    with door.open() as app, app.database.reading() as session:
        cards = collaborations.listed(session, enterprise=enterprise, company=number, year=year)
    if as_json:
        print_json(cards)
        return
    columns = ("id", "company", "number", "is", "of", "from", "to", "source")
    print_table(columns, (_line(card) for card in cards))
    click.echo(counted(len(cards), "collaboration"))


def _line(card: collaborations.Card) -> tuple[int | str | None, ...]:
    number = format_enterprise_number(card.enterprise_number) if card.enterprise_number else None
    years = (str(card.from_year), str(card.to_year or "…"))
    return (card.id, card.company, number, card.kind, card.enterprise_slug, *years, card.source)


@command.command()
@click.argument("id", type=int)
@json_option
@click.pass_obj
def remove(door: Door, id: int, as_json: bool) -> None:
    """Delete a collaboration that was entered by mistake; one that ended gets a last year instead."""
    with door.open() as app, app.database.writing() as session:
        card = collaborations.remove(session, id)
    if as_json:
        print_json({"removed": card})
    else:
        click.echo(f"removed: {card.company} as {card.kind} of {card.enterprise}, from {card.from_year}")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", default="", help="How you know, for rows that don't say.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@click.option("--rejects", "wanted", type=click.Path(path_type=Path), help="Where refused rows go; default: beside it.")
@json_option
@click.pass_obj
def import_(door: Door, file: Path, source: str, dry_run: bool, wanted: Path | None, as_json: bool) -> int:
    """Read collaborations from a CSV or XLSX FILE (docs/catalogue.md); exit code 1 if any row was refused."""
    with door.open() as app, app.database.writing() as session:
        found = collaboration_files.import_file(session, file, source=source.strip(), now=app.now())
        kept = None
        if dry_run:
            session.rollback()
        elif found.refused:
            kept = rejects.write(file, found.headers, found.refused, delimiter=found.delimiter, wanted=wanted)
    counts = {name: getattr(found, name) for name in ("rows", "added", "changed", "unchanged")}
    if as_json:
        print_json({**counts, "refused": found.refused, "dry_run": dry_run, "rejects_file": kept})
        return 1 if found.refused else 0
    click.echo("collaborations: " + ", ".join(f"{count:,} {word}" for word, count in counts.items()))
    for reject in found.refused[:SHOWN_AT_MOST]:
        click.echo(f"  line {reject.line}: {reject.reason}")
    if (more := len(found.refused) - SHOWN_AT_MOST) > 0:
        click.echo(f"  … and {more:,} more")
    if dry_run:
        click.echo("dry run: nothing was changed")
    if kept:
        click.echo(f"refused rows: {kept} — mend them there and import that file")
    return 1 if found.refused else 0
