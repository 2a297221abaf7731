"""`outreach import` through its real door: exit codes, the rejects file, dry runs, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import contact_lists as lists
import pytest
from contact_lists import row
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from outreach.app import App, open_app
from outreach.audience import rejects
from outreach.audience.rejects import Reject
from outreach.belgium.numbers import make_enterprise_number
from outreach.models import Company, Contact, LegalBasis

Cli = Callable[..., Any]
BAD = row(ondernemingsnummer="0203201341", email="bob@b.example", voornaam="=1+1")


def contacts(project: Path) -> list[tuple[str | None, str | None]]:
    app: App = open_app(project)
    with app.database.reading() as session:
        found = session.execute(select(Contact.address, Contact.first_name).order_by(Contact.address)).all()
    app.close()
    return [(address, name) for address, name in found]


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def test_a_good_list_goes_in_with_exit_code_0_and_leaves_no_rejects_file(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row()])
    ran = cli("import", "contacts", "l.csv")
    assert (ran.code, ran.err) == (0, "")
    assert "1 new" in ran.out
    assert not list(project.glob("*.rejects*"))


def test_refused_rows_are_kept_mended_and_imported_as_if_they_had_been_right(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row(), BAD])
    ran = cli("import", "contacts", "l.csv")
    assert ran.code == 1
    assert "line 3" in ran.out
    assert "l.rejects.csv" in ran.out
    kept = project / "l.rejects.csv"
    assert kept.read_bytes().startswith(b"\xef\xbb\xbf")
    header, cells = table(kept)
    assert header == ["_line", "_reason", *lists.HEADERS]
    assert cells[0] == "3"
    assert "check digits" in cells[1]
    assert cells[header.index("Voornaam")] == "'=1+1"
    kept.write_text(
        kept.read_text(encoding="utf-8-sig").replace("0203201341", make_enterprise_number(77)), encoding="utf-8-sig"
    )
    assert cli("import", "contacts", kept).code == 0
    assert contacts(project) == [("ann@jansen.example", "Ann"), ("bob@b.example", "=1+1")]


def test_refused_rows_of_an_earlier_run_are_never_overwritten(cli: Cli, project: Path) -> None:
    path = lists.write(project / "l.csv", [BAD])
    cli("import", "contacts", path)
    cli("import", "contacts", path)
    assert len(list(project.glob("*.rejects*"))) == 1, "the same rows refused again are the same file"
    cli("import", "contacts", lists.write(path, [row(email="kapot")]))
    cli("import", "contacts", project / "l.rejects.2.csv", "--rejects", project / "l.rejects.csv")
    assert [table(file)[1][2] for file in sorted(project.glob("l.rejects*.csv"))] == ["0203.201.340", "0203201341"]


def test_a_dry_run_shows_everything_and_changes_nothing(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row(), BAD])
    ran = cli("import", "contacts", "l.csv", "--dry-run")
    assert ran.code == 1
    assert "line 3" in ran.out
    assert "dry run" in ran.out
    assert contacts(project) == []
    assert not list(project.glob("*.rejects*"))


def test_the_json_has_stable_keys(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [(*row(), "x"), (*BAD, "y")], (*lists.HEADERS, "Telefoon"))
    ran = cli("import", "contacts", "l.csv", "--json")
    found = json.loads(ran.out)
    assert found["companies"] == {"created": 1, "updated": 0, "unchanged": 0}
    assert found["contacts"] == {"created": 1, "updated": 0, "unchanged": 0}
    assert (found["rows"], found["rejected"], found["encoding"], found["delimiter"]) == (2, 1, "utf-8", ";")
    assert found["unknown_columns"] == ["Telefoon"]
    assert found["rejects"][0]["line"] == 3
    assert found["rejects_file"] == "l.rejects.csv"
    assert {
        "evidence_added",
        "suppressed",
        "erased",
        "doubles",
        "warnings",
        "nace_by_default",
        "dry_run",
    } <= found.keys()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Bedrijf;Postcode\r\nx;9000\r\n",
        b'KBO;E-mail\r\n"open;a@b.example\r\n',
        b"KBO;E-mail\r\n1;caf\x81@x.example\r\n",
    ],
)
def test_a_faulty_file_changes_nothing_and_ends_with_exit_code_1(cli: Cli, project: Path, content: bytes) -> None:
    (project / "l.csv").write_bytes(content)
    ran = cli("import", "contacts", "l.csv", "--basis", "consent", "--source", "x", "--date", "2026-01-01")
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "l.csv" in ran.err
    assert "Traceback" not in ran.err
    assert contacts(project) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--basis", "customer"), "sender.type"),
        (("--date", f"{date.today() + timedelta(days=30)}"), "future"),
        (("--map", "Kolom=email"), "not there"),
        (("--map", "Bron=nonsens"), "names no field"),
        (("--map", "Bron"), "Header=field"),
        (("--sheet", "Blad2",), "Blad2"),
        (("--encoding", "klingon"), "no encoding"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_with_the_way_out(
    cli: Cli, project: Path, arguments: tuple[str, ...], words: str
) -> None:
    if "--sheet" in arguments:
        from openpyxl import Workbook

        book = Workbook()
        book.save(project / "l.xlsx")
        ran = cli("import", "contacts", "l.xlsx", *arguments)
    else:
        lists.write(project / "l.csv", [row()])
        ran = cli("import", "contacts", "l.csv", *arguments)
    assert ran.code == 1
    assert words in ran.err
    assert contacts(project) == []


def test_wrong_usage_ends_with_exit_code_2(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row()])
    assert cli("import", "contacts", "absent.csv").code == 2
    assert cli("import", "contacts", "l.csv", "--basis", "zomaar").code == 2
    assert cli("import", "contacts", "l.csv", "--date", "ooit").code == 2
    assert cli("import", "contacts", "l.csv", "--nace-version", "1993").code == 2


def test_a_column_that_is_not_known_can_be_mapped(cli: Cli, project: Path) -> None:
    headers = ("Nr", "Zaak", "Elektronisch")
    lists.write(project / "l.csv", [("0203201340", "Jansen", "ann@jansen.example")], headers)
    maps = ("--map", "Nr=enterprise_number", "--map", "Zaak=company_name", "--map", "Elektronisch=email")
    ran = cli("import", "contacts", "l.csv", *maps, "--basis", "toestemming", "--source", "beurs", "--date", "1/3/2026")
    assert ran.code == 0, ran.err
    assert contacts(project) == [("ann@jansen.example", None)]


def test_an_unwritable_rejects_file_takes_nothing_in(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row(), BAD])
    ran = cli("import", "contacts", "l.csv", "--rejects", project / "no" / "such" / "folder.csv")
    assert ran.code == 1
    assert "--rejects" in ran.err
    assert contacts(project) == []


def test_a_name_with_terminal_codes_does_not_reach_the_terminal(cli: Cli, project: Path) -> None:
    lists.write(project / "l.csv", [row(email="\x1b[31mx")])
    assert "\x1b" not in cli("import", "contacts", "l.csv").out


def test_a_killed_import_leaves_nothing_behind(both: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from outreach.audience import importing_contacts

    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(importing_contacts, "_evidence", dies)
    with pytest.raises(RuntimeError):
        lists.take_in(both, lists.write(tmp_path / "l.csv", [row()]))
    with both.database.reading() as session:
        for table in (Company, Contact, LegalBasis):
            assert session.scalar(select(func.count()).select_from(table)) == 0


_cells = st.text(alphabet="=+-@\t\r'\";\nxé ", max_size=6)


@given(rows=st.lists(st.tuples(_cells, _cells), min_size=1, max_size=4))
def test_a_rejects_file_is_no_formula_and_gives_back_every_cell_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("rejects")
    refused = [Reject(line, "=reason", cells) for line, cells in enumerate(rows, 2)]
    path = rejects.write(folder / "l.csv", ["a", "b"], refused, delimiter=";", wanted=None)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *written = csv.reader(file, delimiter=";")
    mend = rejects.opener(header)
    assert mend
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for cells in written for cell in cells)
    assert [tuple(mend(cells)[2:]) for cells in written] == rows
