import csv
import io
import tracemalloc
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from outreach.audience.columns import is_header
from outreach.audience.tables import FileFault, read_table, row_fault
from outreach.errors import Refusal

HEADERS = ["Bedrijf", "E-mail", "Postcode"]
ROW = ["Café Zoë BV", "info@zoe.example", "9000"]


def write(folder: Path, content: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def workbook(folder: Path, *rows: list[Any], name: str = "list.xlsx", **sheets: list[list[Any]]) -> Path:
    book = Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(row)
    for title, cells in sheets.items():
        other = book.create_sheet(title)
        for row in cells:
            other.append(row)
    book.save(folder / name)
    return folder / name


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_csv_that_excel_writes_is_read(tmp_path: Path, delimiter: str, encoding: str, newline: str) -> None:
    text = newline.join([delimiter.join(HEADERS), delimiter.join(ROW), ""])
    table = read_table(write(tmp_path, text.encode(encoding)))
    assert (table.headers, table.delimiter, list(table.rows)) == (HEADERS, delimiter, [(2, ROW)])


def test_the_delimiter_is_found_beside_others_inside_cells(tmp_path: Path) -> None:
    path = write(tmp_path, 'Naam, voornaam;E-mail;Adres\n"Peeters; Jan, dr";j@x.example;Straat 1, 9000 Gent, België\n')
    table = read_table(path)
    assert table.delimiter == ";"
    assert list(table.rows) == [(2, ["Peeters; Jan, dr", "j@x.example", "Straat 1, 9000 Gent, België"])]


def test_the_sep_line_of_excel_is_obeyed_and_counted(tmp_path: Path) -> None:
    for first in ("sep=;", '"sep=;"', "SEP=;"):
        table = read_table(write(tmp_path, f"{first}\r\na,b;c\r\n1,2;3\r\n"))
        assert (table.headers, list(table.rows)) == (["a,b", "c"], [(3, ["1,2", "3"])])


def test_a_list_of_one_column_is_a_table(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "E-mail\na@x.example\nb@x.example\n"))
    assert [cells for _, cells in table.rows] == [["a@x.example"], ["b@x.example"]]


def test_line_breaks_in_quotes_keep_the_line_numbers_right(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'a;b\n"een\ntwee";1\n\n\n"x";2\n'))
    assert list(table.rows) == [(2, ["een\ntwee", "1"]), (6, ["x", "2"])]


def test_spaces_after_a_delimiter_do_not_hide_the_quotes(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'a, b\n"x", "y, z"\n'))
    assert list(table.rows) == [(2, ["x", "y, z"])]


def test_empty_rows_are_skipped_and_short_rows_filled_up(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a;b;c;;\n;;;;\n1\n1;2;3;;\n  ;\t;\n"))
    assert table.headers == ["a", "b", "c"]
    assert list(table.rows) == [(3, ["1", "", ""]), (4, ["1", "2", "3"])]


def test_a_row_with_too_many_cells_is_a_fault_of_the_row(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a;b\n1;2;3\n4;5\n"))
    (_, wide), (_, good) = table.rows
    assert "3 cells but there are 2 headers" in (row_fault(table.headers, wide) or "")
    assert row_fault(table.headers, good) is None


@pytest.mark.parametrize("value", ["#N/A", "#N/B", "#REF!", "#VERW!", "#NAAM?", "#WAARDE!", "#DEEL/0!", "#n/a"])
def test_an_error_value_of_a_spreadsheet_is_a_fault_of_the_row(value: str) -> None:
    assert row_fault(["a", "b"], ["1", value]) == f"b holds the spreadsheet error {value}"
    assert row_fault(["a"], ["#1 in Gent"]) is None


def test_title_rows_above_the_header_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, "Contactlijst 2026;;\n\nBedrijf;E-mail;Postcode\nFirma;a@x.example;9000\n")
    table = read_table(path, is_header=is_header)
    assert (table.headers, table.header_line, list(table.rows)) == (HEADERS, 3, [(4, ["Firma", "a@x.example", "9000"])])


@pytest.mark.parametrize(
    ("content", "fault", "line"),
    [
        (b"", "is empty", None),
        (b"\xef\xbb\xbf\r\n", "is empty", None),
        (b"a;b\n", "headers but no rows", 1),
        (b"a;A\n1;2\n", "same header: 'a' and 'A'", 1),
        (b"a;b\n1;\x00\n", "NUL", 2),
        (b"a;b\ncaf\xe9;1\nx;\x8d\n", "byte at offset 13 is neither UTF-8 nor Windows-1252", 3),
        (b"\xef\xbb\xbfa;b\ncaf\xe9;1\n", "byte at offset 10 is not utf-8", 2),
        ("a;b\ncafé;1\n".encode() + "café;1\n".encode("cp1252"), "mixes UTF-8 and Windows-1252", 2),
        (b'a;b\n1;2\n"3;4\n5;6\n', "record of line 3 is never closed", 3),
        (b'a;b\n1;2\n"3;4\n5;"6"\n', "record of line 3 is not closed before line 4", 3),
        (b'a;b\n"Firma "X" bv";2\n', "goes on after its closing quote", 2),
        (b"a;b\n1;" + b"x" * 200_000 + b"\n", "cell is far too long", 2),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook", None),
        (b"\xef\xbb\xbf<html><table>", "web page or XML", None),
        (b"%PDF-1.7", "no table", None),
        (b"PK\x03\x04broken", "damaged workbook", None),
    ],
)
def test_a_fault_of_the_file_names_path_line_and_the_way_out(
    tmp_path: Path, content: bytes, fault: str, line: int | None
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(FileFault, match=fault) as caught:
        list(read_table(path).rows)
    assert isinstance(caught.value, Refusal)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert caught.value.way_out


def test_a_missing_file_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="cannot be read: No such file"):
        read_table(tmp_path / "none.csv")
    for encoding in ("klingon", "hex", "rot13"):
        with pytest.raises(FileFault, match="is no encoding"):
            read_table(write(tmp_path, "a;b\n1;2\n"), encoding=encoding)


def test_a_given_encoding_is_obeyed(tmp_path: Path) -> None:
    path = write(tmp_path, "a;b\ncafé;1\n".encode("cp850"))
    assert next(read_table(path, encoding="cp850").rows) == (2, ["café", "1"])
    with pytest.raises(FileFault, match="is not utf-8"):
        read_table(path, encoding="utf-8")


def test_an_export_without_rows_can_be_allowed(tmp_path: Path) -> None:
    assert list(read_table(write(tmp_path, "a;b\n"), rows_required=False).rows) == []


def test_a_broken_letter_at_the_edge_of_a_block_is_still_utf_8(tmp_path: Path) -> None:
    row = "x" * ((1 << 20) - 6) + "\n"
    content = ("a\n" + row + "1\n" + "é" * 10 + "\n").encode()
    with pytest.raises(FileFault, match="too long"):
        list(read_table(write(tmp_path, content)).rows)
    path = write(tmp_path, "a;b\n" + "é;ë\n" * 300_000)
    assert sum(1 for _ in read_table(path).rows) == 300_000


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a;b\n" + "Firma & Zonen;info@firma.example\n" * 200_000)
    tracemalloc.start()
    assert sum(1 for _ in read_table(path).rows) == 200_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


cells = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5), delimiter=st.sampled_from(";,\t")
)
def test_what_a_csv_writer_writes_comes_back(tmp_path: Path, rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADERS, *rows])
    table = read_table(write(tmp_path, text.getvalue()), rows_required=False, is_header=is_header)
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    assert [found for _, found in table.rows] == filled


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(content=st.binary(max_size=60))
def test_any_bytes_give_a_table_or_a_file_fault(tmp_path: Path, content: bytes) -> None:
    try:
        list(read_table(write(tmp_path, content)).rows)
    except FileFault as fault:
        assert fault.way_out  # noqa: PT017


def test_a_workbook_gives_text_as_a_person_sees_it(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        ["number", "whole", "broken", "day", "moment", "yes", "text", "gap", "last"],
        [203201340, 9000.0, 25.11, date(2026, 3, 31), datetime(2026, 3, 31, 9, 5), True, "0203", None, "x"],
    )
    table = read_table(path)
    expected = ["203201340", "9000", "25.11", "2026-03-31", "2026-03-31 09:05:00", "TRUE", "0203", "", "x"]
    assert list(table.rows) == [(2, expected)]


def test_a_number_format_of_zeros_keeps_its_leading_zeros(tmp_path: Path) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["nace"])
    page.append([1110])
    page["A2"].number_format = "00000"
    book.save(tmp_path / "zeros.xlsx")
    assert list(read_table(tmp_path / "zeros.xlsx").rows) == [(2, ["01110"])]


def test_a_workbook_is_read_from_its_header_whatever_stands_above_and_beside(tmp_path: Path) -> None:
    path = workbook(tmp_path, [], ["Lijst voorjaar"], [], [*HEADERS, None, None], [], [*ROW, None, " "], [None, None])
    table = read_table(path, is_header=is_header)
    assert (table.headers, table.header_line, list(table.rows)) == (HEADERS, 4, [(6, ROW)])


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a"], [1], Tweede=[["b"], [2]])
    assert list(read_table(path).rows) == [(2, ["1"])]
    assert list(read_table(path, sheet="tweede").rows) == [(2, ["2"])]
    with pytest.raises(FileFault, match=r"no sheet 'Derde'.*'Sheet', 'Tweede'"):
        read_table(path, sheet="Derde")


def test_a_formula_gives_its_last_result_and_an_error_is_seen(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b"], ["x", "#N/A"], ["=1+1", "y"])
    table = read_table(path)
    rows = list(table.rows)
    assert row_fault(table.headers, rows[0][1]) == "b holds the spreadsheet error #N/A"
    assert rows[1][1] == ["", "y"]  # openpyxl wrote no result; a formula itself never comes through


def test_a_workbook_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a"], [1], name="list.csv")
    assert list(read_table(path).rows) == [(2, ["1"])]
    assert list(read_table(write(tmp_path, "a;b\n1;2\n", "list.xlsx")).rows) == [(2, ["1", "2"])]


def test_an_opendocument_table_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "list.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(FileFault, match=r"OpenDocument table \(.ods\).*save it as .xlsx"):
        read_table(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a"], [1])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/media/bomb", "w") as part:
        for _ in range(401):
            part.write(bytes(1_000_000))
    with pytest.raises(FileFault, match="unpacked it is 401 MB"):
        read_table(path)


def sheet_of(path: Path, xml: str) -> Path:
    """Replace the first sheet of a workbook by hand-made XML."""
    changed = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            is_sheet = info.filename == "xl/worksheets/sheet1.xml"
            new.writestr(info, xml if is_sheet else old.read(info))
    return changed


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'


def test_an_absurd_stated_size_of_a_sheet_costs_nothing(tmp_path: Path) -> None:
    cell = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c></row>'
    rows = cell.format(1, "E-mail") + cell.format(9, "a@x.example")
    xml = SHEET.format(f'<dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData>')
    table = read_table(sheet_of(workbook(tmp_path, ["a"], [1]), xml))
    assert list(table.rows) == [(9, ["a@x.example"])]


def test_a_cell_far_to_the_right_is_refused(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>'
    xml = SHEET.format(f"<sheetData>{rows}</sheetData>")
    with pytest.raises(FileFault, match="column 16384"):
        read_table(sheet_of(workbook(tmp_path, ["a"], [1]), xml))


def test_a_sheet_of_nested_entities_does_not_explode(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE worksheet [<!ENTITY e0 "lol">{entities}]>'
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>&e9;</t></is></c></row>'
    xml = doctype + SHEET.format(f"<sheetData>{rows}</sheetData>")
    with pytest.raises(FileFault, match="damaged workbook"):
        read_table(sheet_of(workbook(tmp_path, ["a"], [1]), xml))


def test_a_damaged_sheet_is_a_fault_of_the_file_though_it_shows_late(tmp_path: Path) -> None:
    xml = SHEET.format("<sheetData><row r='1'><c r='A1'><v>1</v></c></row><row r='2'><c r='A2'><v>2</v></row>")
    with pytest.raises(FileFault, match="damaged workbook"):
        list(read_table(sheet_of(workbook(tmp_path, ["a"], [1]), xml)).rows)


def test_a_number_is_read_with_the_decimals_that_its_column_shows(tmp_path: Path) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["nace"])
    for value, form in ((41.2, "0.00"), (41, "0.00"), (41.2, "General"), (41.256, "0.00"), (9000, "0.00")):
        page.append([value])
        page.cell(page.max_row, 1).number_format = form
    book.save(tmp_path / "codes.xlsx")
    texts = [cells[0] for _, cells in read_table(tmp_path / "codes.xlsx").rows]
    assert texts == ["41.20", "41.00", "41.2", "41.256", "9000"]


def test_a_row_that_says_it_is_the_two_billionth_is_refused_in_bounded_time(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    rows += '<row r="2000000000"><c r="A2000000000" t="inlineStr"><is><t>x</t></is></c></row>'
    path = sheet_of(workbook(tmp_path, ["a"], [1]), SHEET.format(f"<sheetData>{rows}</sheetData>"))
    with pytest.raises(FileFault, match="row further down than"):
        list(read_table(path).rows)
