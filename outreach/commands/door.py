"""What every command shares: opening the project, printing tables or JSON, and turning errors into exit codes.

Exit codes: 0 success, 1 a refusal that a person can mend, 2 wrong usage.
"""

from __future__ import annotations

import difflib
import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import format_enterprise_number
from outreach.errors import Refusal

if TYPE_CHECKING:
    from outreach.app import App

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Door:
    """Opens the project that a command works on."""

    project: Path | None

    @contextmanager
    def open(self, *, migrate: bool = True, lean: bool = False) -> Iterator[App]:
        from outreach.app import open_app  # half a second that `--help` and `inbox classify` do without

        app = open_app(self.project, clock=_clock(), migrate=migrate, lean=lean)
        try:
            yield app
        finally:
            app.close()


class LazyGroup(click.Group):
    """A group whose commands are loaded when they are asked for; a word that names none is told what is near it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_commands(ctx))
            if near:
                ctx.fail(f"No such command {name!r}. Did you mean {' or '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)


def _clock() -> Callable[[], datetime]:
    from outreach.app import system_clock

    return system_clock


def actor() -> str:
    """Return who works at this terminal, for the record."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


log_option = click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="How to log to standard error; default: log.format."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON with stable keys.")


def _plain(value: Any, zone: tzinfo) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date | Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def as_json_text(data: Any, *, zone: tzinfo = UTC) -> str:
    """Return `data` (dataclasses, dates and enums included) as indented JSON, moments with the offset of `zone`."""
    return json.dumps(data, default=partial(_plain, zone=zone), ensure_ascii=False, indent=2)


def print_json(data: Any, *, zone: tzinfo = UTC) -> None:
    """Print `data` (dataclasses, dates and enums included) as indented JSON, moments with the offset of `zone`."""
    click.echo(as_json_text(data, zone=zone))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table, numbers to the right; in a pipe it is as wide as COLUMNS says, else as its content."""
    table = Table(title=title, title_justify="left", header_style="bold")
    lines = [list(row) for row in rows]
    numeric = [_is_numeric(line[place] for line in lines) for place in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if right else "left")
    counted = [right and name not in _IDENTIFIERS for name, right in zip(columns, numeric, strict=True)]
    for line in lines:
        table.add_row(*(_cell(cell, grouped) for cell, grouped in zip(line, counted, strict=True)))
    Console(width=_width(), highlight=False).print(table)


_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?%?")
_IDENTIFIERS = ("id", "contact", "touch")  # numbers to be typed again, as they are
_ENDLESS = 10_000


def _is_numeric(cells: Iterable[Any]) -> bool:
    filled = [cell for cell in cells if cell is not None and cell != ""]
    return bool(filled) and all(
        _NUMBER.fullmatch(cell) if isinstance(cell, str) else isinstance(cell, int | float) for cell in filled
    )


def _cell(cell: Any, grouped: bool) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if grouped and isinstance(cell, int) else escape(str(cell))


def _width() -> int | None:
    """Return the width of tables, None for the terminal's own."""
    if sys.stdout.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isdecimal() and int(told) > 0 else _ENDLESS


def short(text: str, width: int) -> str:
    """Cut a text at a word, so that it fits with its ellipsis; a single long word is cut through."""
    if len(text) <= width:
        return text
    cut = text[: width - 1]
    kept = cut.rsplit(" ", 1)[0] if " " in cut[2:] and text[width - 1] != " " else cut
    return f"{kept.rstrip(' ,;:-')}…"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 lead`, `1,200 leads`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def local(moment: datetime) -> str:
    """Return a moment as the clock in Brussels shows it, to the minute."""
    return f"{moment.astimezone(BRUSSELS):%Y-%m-%d %H:%M}"


def day(moment: datetime) -> str:
    """Return the day of a moment as the calendar in Brussels has it: midnight there is the day before in UTC."""
    return f"{moment.astimezone(BRUSSELS):%Y-%m-%d}"


def shown(name: str, value: Any) -> Any:
    """Return the value of a named field as a person reads it: local time, enterprise numbers with their dots."""
    if isinstance(value, datetime):
        return local(value)
    if name.endswith("enterprise_number") and isinstance(value, str):
        return format_enterprise_number(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def escape(text: str) -> str:
    """Return `text` without control characters, and with rich's markup taken literally."""
    from rich.markup import escape as escape_markup

    return escape_markup(
        "".join(mark if mark.isprintable() or mark in "\n\t" else "\N{REPLACEMENT CHARACTER}" for mark in text)
    )


def printable(text: str) -> str:
    """Return a text, such as one from a stranger's file, without anything that a terminal would obey."""
    return "".join(mark if mark.isprintable() else " " for mark in text)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal and nothing in a pipe; yields a function that advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


def run(command: click.Command) -> int:
    """Run `command` with the process's arguments and return its exit code."""
    try:
        result = command.main(standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code if isinstance(error, click.UsageError) else 1
    except Refusal as refusal:
        for line in str(refusal).splitlines():
            click.echo(f"error: {line}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        from outreach.database import damage

        if not (told := damage(error)):
            raise
        click.echo(f"error: {told}", err=True)
        return 1
