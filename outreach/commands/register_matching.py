"""`outreach register match` and `review`: numbers for companies that lists have without."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import click

from outreach.belgium.numbers import NumberError, format_enterprise_number, parse_enterprise_number
from outreach.commands.door import Door, actor, counted, json_option, print_json, print_table, progress
from outreach.errors import Complaint, FileRefused, Refusal
from outreach.register import entries, proposing
from outreach.register.proposing import Proposed, Row
from outreach.reports import exports

SHOWN = 25
COMMAND_DECISION = "decision"
_YES = {"accept", "yes", "y", "ja", "j", "ok", "aanvaard", "x"}
_NO = {"reject", "no", "n", "nee", "neen", "weiger"}


@click.command()
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write the proposals to this CSV for review.")
@click.option("--certain/--doubtful", "certain", default=None, help="Show only the certain, or the doubtful ones.")
@click.option("--waiting", is_flag=True, help="Show what waits, without looking again.")
@json_option
@click.pass_obj
def match(door: Door, csv_file: Path | None, certain: bool | None, waiting: bool, as_json: bool) -> None:
    """Propose numbers for companies without one, by name, postcode and e-mail domain.

    Nothing is linked: accept or reject on the staff site, or in the CSV (column `decision`: accept or reject) and with
    `outreach register review`. A rejected pair isn't proposed again.
    """
    with door.open() as app:
        with app.database.reading() as session:
            source = entries.source(session)
            held = entries.current(session)
        size = held.entries if held else None
        with app.database.writing() as session, progress("reading the register", size) as advance:
            if waiting:
                found = proposing.waiting(session)
            else:
                found = proposing.propose(session, now=app.now(), progress=advance)
            limit = None if as_json or csv_file else SHOWN
            rows = proposing.listed(session, certain=certain, limit=limit)
    if csv_file:
        exports.write_csv(csv_file, [COMMAND_DECISION, *_NAMES], [["", *_cells(row)] for row in rows])
    if as_json:
        print_json({**asdict(found), "proposals": [asdict(row) for row in rows], "source": asdict(source)})
        return
    for line in _lines(found):
        click.echo(line)
    if csv_file:
        click.echo(f"written: {csv_file}; fill its column `decision` and give it to `outreach register review`")
    else:
        columns = ("company", "name", "postcode", "enterprise number", "register", "postcode there", "score", "why")
        print_table(columns, [_shown(row) for row in rows])
    click.echo(f"source: {source}; {source.licence}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def review(door: Door, file: Path, as_json: bool) -> None:
    """Take in a reviewed CSV of `outreach register match --csv`: all of its decisions, or none.

    Rows with an empty decision are left alone.
    """
    decisions = list(_decisions(file))
    with door.open() as app, app.database.writing() as session:
        accepted, rejected = proposing.decide_all(session, decisions, by=actor(), now=app.now())
    if as_json:
        print_json({"accepted": accepted, "rejected": rejected})
        return
    click.echo(f"accepted {accepted:,}, rejected {rejected:,}, of {counted(len(decisions), 'decision')}")


_NAMES = [field.name for field in fields(Row)]


def _lines(found: Proposed) -> list[str]:
    return [
        f"{counted(found.companies, 'company', 'companies')} without a number: {found.certain:,} with a certain "
        f"proposal, {found.doubtful:,} with doubtful ones, {found.without:,} with none",
        f"{counted(found.new, 'proposal')} new; {counted(found.rejected, 'pair')} rejected before",
    ]


def _cells(row: Row) -> Sequence[exports.Cell]:
    return [getattr(row, name) for name in _NAMES]


def _shown(row: Row) -> tuple[object, ...]:
    score = f"{row.score:.1%}{' certain' if row.certain else ''}"
    number = format_enterprise_number(row.enterprise_number)
    return f"{row.company_id}", row.company, row.postcode, number, row.entry, row.entry_postcode, score, row.why


def _decisions(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield company, number and decision of each decided row; FileRefused lists every faulty line."""
    wrong: list[Complaint] = []
    found: list[tuple[int, str, bool]] = []
    for line, row in _rows(file):
        word = (row.get(COMMAND_DECISION) or "").strip().casefold()
        if not word:
            continue
        if word not in _YES | _NO:
            wrong.append(Complaint(file, line, f"decision {word!r}: write accept, reject, or nothing"))
            continue
        try:
            number = parse_enterprise_number((row.get("enterprise_number") or "").strip().rjust(10, "0"))
            found.append((int(row.get("company_id") or ""), number, word in _YES))
        except (NumberError, ValueError) as error:
            wrong.append(Complaint(file, line, str(error)))
    if wrong:
        raise FileRefused(wrong)
    # What is rejected first: accepting one entry takes the others of the company away.
    yield from sorted(found, key=lambda decision: decision[2])


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file}: cannot be read as UTF-8 ({error})") from error
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if header.count(";") >= header.count(",") else ",")
    needed = {COMMAND_DECISION, "company_id", "enterprise_number"}
    if missing := needed - set(reader.fieldnames or ()):
        raise Refusal(
            f"{file}: no column {', '.join(sorted(missing))}: review a file of `outreach register match --csv`"
        )
    for row in reader:
        yield reader.line_num, row


COMMANDS = (match, review)
