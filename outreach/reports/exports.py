"""Figures as CSV and XLSX that a spreadsheet opens without running what is in them.

A text that a spreadsheet would take for a formula gets an apostrophe in front in CSV; in XLSX every text is written as
a text. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from outreach.errors import Refusal
from outreach.formulas import neutral

if TYPE_CHECKING:
    from openpyxl.cell import WriteOnlyCell

Cell = str | int | float | bool | None

_WIDEST = 60


@dataclass(frozen=True)
class Sheet:
    """A named table; `notes` stand above the header."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Write a table as Excel in Belgium reads it: `;`, UTF-8 with byte-order mark; an existing file is replaced."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow([_csv_cell(cell) for cell in row])
    write_bytes(path, buffer.getvalue().encode("utf-8-sig"))


def _csv_cell(cell: Cell) -> str | int | float:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if cell is None:
        return ""
    return neutral(_printable(cell)) if isinstance(cell, str) else cell


def write_xlsx(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write tables as sheets of one workbook; an existing file is replaced."""
    # Here and below: most commands that can export are not asked to, and it takes as long as the rest of them.
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(_printable(sheet.name)[:31])
        page.freeze_panes = f"A{len(sheet.notes) + 2}"
        for column, width in enumerate(_widths(sheet), 1):
            page.column_dimensions[get_column_letter(column)].width = width
        for note in sheet.notes:
            page.append([_xlsx_cell(page, note, bold=True)])
        page.append([_xlsx_cell(page, name, bold=True) for name in sheet.header])
        for row in sheet.rows:
            page.append([_xlsx_cell(page, cell) for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    write_bytes(path, buffer.getvalue())


def _xlsx_cell(page: object, value: Cell, *, bold: bool = False) -> WriteOnlyCell:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(page, value=_printable(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"  # openpyxl makes a formula of a text that starts with `=`
    if bold:
        cell.font = Font(bold=True)
    return cell


def _widths(sheet: Sheet) -> list[int]:
    lines = [sheet.header, *sheet.rows]
    lengths = [
        max(len(str(line[place] or "")) for line in lines if place < len(line)) for place in range(len(sheet.header))
    ]
    return [min(_WIDEST, length + 2) for length in lengths]


def _printable(text: str) -> str:
    """Take out control characters, which XML and so XLSX cannot hold."""
    return "".join(mark for mark in text if mark >= " " or mark in "\t\n\r")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; an existing one is replaced."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Refusal(f"{path}: cannot be written ({error.strerror}): name another file") from error
