"""An XLSX workbook as rows of text. The file is a stranger's: its size is bounded before it is unpacked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook

from outreach.audience.filefaults import FileFault

_MOST_BYTES = 400_000_000  # unpacked; 100,000 rows of 15 columns take about 80 MB
_MOST_COLUMNS = 500
_MOST_ROWS = 1_048_576  # a row that says that it is the two-billionth is filled up to there
_ZEROS = re.compile(r"0+")
_DECIMALS = re.compile(r"0+\.(0+)")


def read_workbook(path: Path, sheet: str | None = None) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """Return the name of the sheet (the first by default) and its rows as (row number, cells); raise `FileFault`."""
    _check_zip(path)
    book, file = _load(path)
    try:
        name = _choose_sheet(path, [page.title for page in book.worksheets], sheet)
    except FileFault:
        book.close()
        file.close()
        raise
    return name, _rows(path, book, file, name)


def _check_zip(path: Path) -> None:
    save_as = "Open it in a spreadsheet program and save it as .xlsx or as CSV UTF-8"
    try:
        with ZipFile(path) as archive:
            parts = {info.filename: info.file_size for info in archive.infolist()}
    except (BadZipFile, OSError):
        raise FileFault("it is a damaged workbook", save_as, path=path) from None
    if "xl/workbook.xml" not in parts:
        other = "an OpenDocument table (.ods)" if "mimetype" in parts else "a zip file that is no .xlsx workbook"
        raise FileFault(f"it is {other}", save_as, path=path)
    if sum(parts.values()) > _MOST_BYTES:
        size = f"unpacked it is {sum(parts.values()) // 1_000_000} MB, more than {_MOST_BYTES // 1_000_000} MB"
        raise FileFault(size, "Split it, or save it as CSV UTF-8", path=path)


def _load(path: Path) -> tuple[Any, IO[bytes]]:
    file = path.open("rb")  # opened here because openpyxl refuses a path without .xlsx
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that openpyxl leaves out: styles, validation rules
            return load_workbook(file, read_only=True, data_only=True, keep_links=False), file
    except Exception as error:  # openpyxl raises whatever its parser meets
        file.close()
        raise _damaged(path, error) from error


def _choose_sheet(path: Path, names: list[str], wanted: str | None) -> str:
    if not names:
        raise FileFault("it has no sheet with cells", "Choose another file", path=path)
    if wanted is None:
        return names[0]
    for name in names:
        if name.casefold() == wanted.strip().casefold():
            return name
    raise FileFault(f"it has no sheet {wanted!r}", f"It has: {', '.join(map(repr, names))}", path=path)


def _rows(path: Path, book: Any, file: IO[bytes], name: str) -> Iterator[tuple[int, list[str]]]:
    try:
        page = book[name]
        page.reset_dimensions()  # the stated size may be wrong or absurd
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number, row in enumerate(page.iter_rows(), start=1):
                if number > _MOST_ROWS:
                    what = f"it has a row further down than {_MOST_ROWS:,}, the last that a spreadsheet has"
                    raise FileFault(what, "Save it anew in a spreadsheet program", path=path, line=number)
                yield number, _texts(path, number, row)
    except FileFault:
        raise
    except Exception as error:  # openpyxl raises whatever its parser meets
        raise _damaged(path, error) from error
    finally:
        book.close()
        file.close()


def _texts(path: Path, number: int, row: tuple[Any, ...]) -> list[str]:
    cells = [_text(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > _MOST_COLUMNS:
        what = f"it has text in column {len(cells)}, further right than column {_MOST_COLUMNS}"
        raise FileFault(what, "Remove the cells that don't belong to the table", path=path, line=number)
    return cells


def _text(cell: Any) -> str:
    """Write a value as a person sees it: whole numbers without `.0`, dates as ISO, formulas as their last result."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    # A column formatted as 0.00 shows the sector 41.20, of which the number itself is 41.2; larger ones are no codes.
    if isinstance(value, int | float) and abs(value) < 100 and (form := _DECIMALS.fullmatch(str(cell.number_format))):
        as_shown = f"{value:.{len(form[1])}f}"
        return as_shown if float(as_shown) == value else str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        # A column formatted as 0000000000 shows a number with its leading zeros.
        zeros = str(cell.number_format)
        return str(value).zfill(len(zeros)) if _ZEROS.fullmatch(zeros) else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(" ", "seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)


def _damaged(path: Path, error: Exception) -> FileFault:
    way_out = "Open it in a spreadsheet program and save it as .xlsx or as CSV UTF-8"
    return FileFault(f"it is a damaged workbook ({type(error).__name__})", way_out, path=path)
