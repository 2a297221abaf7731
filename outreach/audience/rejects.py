"""The rows that were refused, in a file to mend and import again.

It holds the original columns as they were, and first where the row stood and why it was refused. A cell that a
spreadsheet would run as a formula gets an apostrophe in front, which the importer takes off again.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from outreach.errors import Refusal
from outreach.formulas import neutral, original

LINE, REASON = "_line", "_reason"
_ENDING = re.compile(r"\.rejects(?:\.\d+)?$")


@dataclass(frozen=True)
class Reject:
    """A refused row: the line it starts at, why, and its cells as they were."""

    line: int
    reason: str
    cells: tuple[str, ...]


def is_rejects_file(headers: Sequence[str]) -> bool:
    """Tell whether a table was written here."""
    return {LINE, REASON} <= set(headers)


def opener(headers: Sequence[str]) -> Callable[[list[str]], list[str]] | None:
    """Return the function that takes the apostrophes off the cells of a rejects file, None for any other file."""
    if not is_rejects_file(headers):
        return None
    return lambda cells: [original(cell) for cell in cells]


def write(
    source: Path, headers: Sequence[str], rejects: Sequence[Reject], *, delimiter: str | None, wanted: Path | None
) -> Path:
    """Write the refused rows beside the file or to `wanted`, under a free name; return the path."""
    text = _text(headers, rejects, delimiter or ";").encode("utf-8-sig")
    first = wanted or source.with_name(_ENDING.sub("", source.stem) + ".rejects.csv")
    number = 1
    while True:
        path = first if number == 1 else first.with_name(f"{first.stem}.{number}{first.suffix}")
        try:
            if path.exists() and path.read_bytes() == text:
                return path  # the same rows refused again: nothing would be lost, nothing is new
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise Refusal(
                f"{path}: the refused rows cannot be written there ({error.strerror}): give --rejects FILE"
            ) from error
        else:
            return path


def _text(headers: Sequence[str], rejects: Sequence[Reject], delimiter: str) -> str:
    kept = [place for place, header in enumerate(headers) if header not in (LINE, REASON)]
    buffer = io.StringIO(newline="")
    # The reader passes over spaces before a cell, unless they stand in quotes.
    spaced = any(cell.startswith(" ") for cells in (headers, *(reject.cells for reject in rejects)) for cell in cells)
    make = partial(csv.writer, buffer, delimiter=delimiter, lineterminator="\r\n")
    writer = make(quoting=csv.QUOTE_ALL) if spaced else make()
    writer.writerow([LINE, REASON, *(neutral(headers[place]) for place in kept)])
    for reject in sorted(rejects, key=lambda reject: reject.line):
        cells = reject.cells
        beyond = cells[len(headers) :]
        writer.writerow(
            [reject.line, neutral(reject.reason), *(neutral(cells[place]) for place in kept), *map(neutral, beyond)]
        )
    return buffer.getvalue()
