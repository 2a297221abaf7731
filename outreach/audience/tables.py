"""A table in a file, as Belgian offices have them: CSV in every dialect of Excel, or XLSX.

A fault of the file raises `FileFault`, if need be in the middle of reading; a fault of one row is told by `row_fault`.
CSV is read in one pass with constant memory, after a first pass over the bytes that settles the encoding.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from outreach.audience.filefaults import FileFault
from outreach.audience.workbooks import read_workbook

__all__ = ["FileFault", "Row", "Table", "read_table", "row_fault"]

Row = tuple[int, list[str]]
HeaderTest = Callable[[list[str]], bool]

_DELIMITERS = ";,\t"
_CHUNK = 1 << 20
_SAMPLE_CHARACTERS = 1 << 16
_SAMPLE_ROWS = 20  # a header is looked for in these, below title rows
_UNDEFINED_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# In Windows-1252 this would be Ã followed by a sign, which no word has; in UTF-8 it is an accented letter.
_UTF8_LETTER = re.compile(rb"\xc3[\x80-\xbf]")
# As Excel writes them in English, Dutch and French.
_ERROR_VALUE = re.compile(
    r"#(?:(?:N/A|N/B|N/D|ND)!?|(?:REF|VERW|VALUE|WAARDE|VALEUR|DIV/0|DEEL/0|NUM|GETAL|NOMBRE|NULL|LEEG|NUL|SPILL|CALC)!"
    r"|(?:NAME|NAAM|NOM)\?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Table:
    """An opened table. `rows` gives (line, cells) once: the physical line or sheet row a record starts at, its cells.

    There are as many cells as headers (what Excel leaves off at the end is filled up, rows without any text are
    skipped), or more if the row is faulty: ask `row_fault`.
    """

    headers: list[str]
    rows: Iterator[Row]
    delimiter: str | None
    encoding: str | None
    name: str
    path: Path
    header_line: int


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    is_header: HeaderTest | None = None,
    rows_required: bool = True,
) -> Table:
    """Open a CSV or XLSX file and read its headers; raise `FileFault`.

    `is_header` tells the header row from title rows above it; without it, or if no row fits, it is the first row.
    """
    form = _form(path)
    if form == "xlsx":
        name, records = read_workbook(path, sheet)
        delimiter, found_encoding = None, None
    else:
        name, found_encoding = path.name, _encoding(path, encoding)
        delimiter = _delimiter(path, found_encoding, is_header)
        records = _csv_records(path, found_encoding, delimiter)
    records = ((line, cells) for line, cells in records if any(map(str.strip, cells)))
    header_line, headers, rest = _split_header(path, records, is_header)
    rows = _fitted(rest, len(headers))
    if rows_required:
        first = next(rows, None)
        if first is None:
            raise FileFault("it has headers but no rows", "Fill it or choose another file", path=path, line=header_line)
        rows = itertools.chain([first], rows)
    return Table(headers, rows, delimiter, found_encoding, name, path, header_line)


def row_fault(headers: list[str], cells: list[str]) -> str | None:
    """Say what is wrong with the shape of a row: more cells than headers, or an error value of a spreadsheet."""
    if len(cells) > len(headers):
        return f"it has {len(cells)} cells but there are {len(headers)} headers: put text with separators in quotes"
    for header, cell in zip(headers, cells, strict=False):
        if cell[:1] == "#" and _ERROR_VALUE.fullmatch(cell.strip()):
            return f"{header or 'a cell'} holds the spreadsheet error {cell.strip()}"
    return None


def _form(path: Path) -> str:
    """Return `csv` or `xlsx` by the file's first bytes, whatever its name says."""
    save_as = "Open it in a spreadsheet program and save it as .xlsx or as CSV UTF-8"
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise FileFault(f"it cannot be read: {error.strerror}", "Check the name and the rights", path=path) from None
    if not start.strip(b"\r\n\t \xef\xbb\xbf"):
        raise FileFault("it is empty", "Choose another file", path=path)
    if start.startswith(b"PK\x03\x04"):
        return "xlsx"
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileFault("it is an old Excel workbook (.xls), or one with a password", save_as, path=path)
    if start.lstrip(b"\r\n\t \xef\xbb\xbf").startswith(b"<"):
        raise FileFault("it is a web page or XML, whatever its name says", save_as, path=path)
    if start.startswith((b"%PDF", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"{\\rtf")):
        raise FileFault("it is no table", save_as, path=path)
    return "csv"


def _encoding(path: Path, encoding: str | None) -> str:
    """Return the codec that reads the whole file; raise `FileFault` at the first byte that none can read."""
    with path.open("rb") as file:
        start = file.read(4)
    marked = _marked_encoding(start)
    if encoding is not None:
        return _explicit_encoding(path, encoding, marked)
    if marked:
        if bad := _undecodable(path, marked):
            raise _bad_byte(path, bad, marked)
        return marked
    if _undecodable(path, "utf-8") is None:
        return "utf-8"
    _check_cp1252(path)
    return "cp1252"


def _marked_encoding(start: bytes) -> str | None:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _explicit_encoding(path: Path, encoding: str, marked: str | None) -> str:
    try:
        known = codecs.lookup(encoding).name
        "".encode(known)
        chosen = marked if marked and known in ("utf-8", "utf-16") else known
        bad = _undecodable(path, chosen)
    except (LookupError, AssertionError, UnicodeError):
        raise FileFault(f"{encoding!r} is no encoding", "Give utf-8, cp1252 or utf-16", path=path) from None
    if bad:
        raise _bad_byte(path, bad, chosen)
    return chosen


def _undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    """Return the byte offset and the line of the first byte that the codec refuses, or None; refuse NUL."""
    # Without -sig, so that offsets count the mark's three bytes.
    decoder = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))()
    offset, line = 0, 1
    with path.open("rb") as file:
        chunk = b"start"
        while chunk:
            chunk = file.read(_CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = chunk[: max(error.start - pending, 0)]
                return offset + len(before), line + before.count(b"\n")
            if "\0" in text:
                raise FileFault(
                    "it holds NUL characters, so it is no text",
                    "Save it again as .xlsx or as CSV UTF-8",
                    path=path,
                    line=line + text[: text.index("\0")].count("\n"),
                )
            offset += len(chunk)
            line += text.count("\n")
    return None


def _check_cp1252(path: Path) -> None:
    """Refuse what is neither UTF-8 nor Windows-1252, and a mixture of both."""
    offset, line = 0, 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if match := _UNDEFINED_CP1252.search(chunk):
                raise _bad_byte(
                    path,
                    (offset + match.start(), line + chunk.count(b"\n", 0, match.start())),
                    "UTF-8 nor Windows-1252",
                )
            if match := _UTF8_LETTER.search(chunk):
                raise FileFault(
                    "it mixes UTF-8 and Windows-1252, so names would be damaged",
                    "Save it again as CSV UTF-8, or say which with --encoding",
                    path=path,
                    line=line + chunk.count(b"\n", 0, match.start()),
                )
            offset += len(chunk)
            line += chunk.count(b"\n")


def _bad_byte(path: Path, place: tuple[int, int], encoding: str) -> FileFault:
    offset, line = place
    neither = "neither " if " nor " in encoding else "not "
    return FileFault(
        f"the byte at offset {offset} is {neither}{encoding.removesuffix('-sig')}",
        "Save it again as CSV UTF-8",
        path=path,
        line=line,
    )


def _open(path: Path, encoding: str) -> IO[str]:
    return path.open(encoding=encoding, newline="")


def _delimiter(path: Path, encoding: str, is_header: HeaderTest | None) -> str:
    """Return the delimiter that `sep=` names, or under which header and first rows fit together best."""
    with _open(path, encoding) as file:
        sample = file.read(_SAMPLE_CHARACTERS)
        complete = not file.read(1)
    first_line = sample.lstrip("\ufeff").splitlines()[0] if sample.strip() else ""
    if named := _named_delimiter(first_line):
        return named
    if not complete:
        sample = sample[: sample.rfind("\n") + 1] or sample
    scores = {delimiter: _fit(sample, delimiter, is_header) for delimiter in _DELIMITERS}
    return max(_DELIMITERS, key=lambda delimiter: scores[delimiter])


def _named_delimiter(line: str) -> str | None:
    """Return the delimiter of Excel's own first line, `sep=;`."""
    match = re.fullmatch(r'"?sep=([;,|\t])"?\s*', line, re.IGNORECASE)
    return match[1] if match else None


def _fit(sample: str, delimiter: str, is_header: HeaderTest | None) -> tuple[bool, float, int]:
    """Return how well a delimiter fits: header known, share of rows as wide as the header, width of the header."""
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True):
            if any(cells):
                rows.append(cells)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        return (False, 0.0, 0)
    start = next((i for i, cells in enumerate(rows) if is_header and is_header(cells)), None)
    body = rows[start or 0 :]
    if not body or len(body[0]) < 2:
        return (start is not None, 0.0, 0)
    width = len(body[0])
    return (start is not None, sum(len(cells) == width for cells in body) / len(body), width)


def _csv_records(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    """Yield the physical line each record starts at and its cells; raise `FileFault` for quotes that don't close."""
    with _open(path, encoding) as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        line = 1
        try:
            for cells in reader:
                if line > 1 or not _named_delimiter(delimiter.join(cells)):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise _quote_fault(path, line, max(reader.line_num, line), str(error)) from None


def _quote_fault(path: Path, start: int, end: int, reason: str) -> FileFault:
    double = 'Write a quote inside a cell twice ("")'
    if "field larger" in reason and end == start:
        return FileFault("a cell is far too long", "Shorten it, or check the quotes", path=path, line=start)
    if "field larger" in reason or "unexpected end" in reason:
        return FileFault(f"a quote opened in the record of line {start} is never closed", double, path=path, line=start)
    if end > start:
        what = f"a quote opened in the record of line {start} is not closed before line {end}"
        return FileFault(what, double, path=path, line=start)
    return FileFault(f"a quoted cell goes on after its closing quote ({reason})", double, path=path, line=start)


def _split_header(
    path: Path, records: Iterator[Row], is_header: HeaderTest | None
) -> tuple[int, list[str], Iterator[Row]]:
    """Return the header's line and cells, and the records after it."""
    top = list(itertools.islice(records, _SAMPLE_ROWS if is_header else 1))
    if not top:
        raise FileFault("it is empty", "Choose another file", path=path)
    at = next((i for i, (_, cells) in enumerate(top) if is_header and is_header(cells)), 0)
    line, cells = top[at]
    headers = [cell.strip(" \t\r\n\ufeff\u00a0") for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    _check_headers(path, line, headers)
    return line, headers, itertools.chain(top[at + 1 :], records)


def _check_headers(path: Path, line: int, headers: list[str]) -> None:
    seen: dict[str, str] = {}
    for header in filter(None, headers):
        if (other := seen.setdefault(header.casefold(), header)) is not header:
            what = f"two columns have the same header: {other!r}" + (f" and {header!r}" if header != other else "")
            raise FileFault(what, "Rename or remove one", path=path, line=line)


def _fitted(records: Iterator[Row], width: int) -> Iterator[Row]:
    """Fill up short rows and cut off empty cells beyond the headers; a row with text there stays too long."""
    for line, cells in records:
        missing = width - len(cells)
        if missing > 0:
            cells += [""] * missing
        elif missing and not any(map(str.strip, cells[width:])):
            cells = cells[:width]
        yield line, cells
