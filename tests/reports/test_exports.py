from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import select

from outreach.app import App, open_app
from outreach.errors import Refusal
from outreach.formulas import neutral
from outreach.models import Campaign, Link
from outreach.reports import exports
from outreach.reports.exports import Sheet
from tests.leads.world import World

EVIL = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", '=HYPERLINK("http://x")']


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_of_an_export_is_a_formula(tmp_path: Path, evil: str) -> None:
    table, book = tmp_path / "t.csv", tmp_path / "t.xlsx"
    exports.write_csv(table, [evil], [[evil, -3]])
    assert [row[0][0] for row in read(table)] == ["'", "'"]
    assert read(table)[1][1] == "-3"
    exports.write_xlsx(book, [Sheet("blad", [evil, "n"], [[evil, -3]], (evil,))])
    for cell in (cell for row in load_workbook(book)["blad"].iter_rows() for cell in row if cell.value is not None):
        assert cell.data_type == ("n" if cell.value == -3 else "s")


@given(st.text(max_size=40))
def test_neutral_never_starts_as_a_formula_and_only_adds_an_apostrophe(text: str) -> None:
    safe = neutral(text)
    assert safe in (text, f"'{text}")
    assert not safe.lstrip().startswith(("=", "+", "-", "@"))
    assert not safe.startswith(("\t", "\r"))


def test_control_characters_do_not_break_a_workbook(tmp_path: Path) -> None:
    exports.write_xlsx(tmp_path / "t.xlsx", [Sheet("a", ["x\x00y"], [["\x01z", None, True, 1.5]])])
    assert load_workbook(tmp_path / "t.xlsx")["a"]["A2"].value == "z"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be written"):
        exports.write_csv(tmp_path / "nowhere" / "t.csv", ["a"], [])


@pytest.fixture
def sent(project: Path) -> Path:
    """A simulated campaign whose service and enterprise have names that a spreadsheet would run."""
    app: App = open_app(project)
    with app.database.writing() as session:
        w = World(session, app.suppression_key)
        service = w.service(w.enterprise("@SUM(A1)"), "=1+1")
        for name in ("herfst", "winter"):
            campaign = w.campaign(name, simulated=name == "herfst")
            cohort = w.cohort(campaign, [service])
            for who in ("ann", "bert"):
                w.delivery(campaign, w.contact(w.company(f"{name} {who}"), f"{who}@{name}.example"), cohort)
            w.hits(w.link(campaign, cohort, service), human=2, scanner=1)
    app.close()
    return project


def test_one_campaign_is_shown_as_a_table_with_the_simulation_on_top(cli: Callable[..., Any], sent: Path) -> None:
    ran = cli("report", "campaign", "herfst")
    assert ran.code == 0
    assert ran.out.startswith("SIMULATED: sent with the built-in inbox, so nothing left this machine: herfst\n")
    for part in ("audience", "leads_confirmed", "suppressed", "Oost-Vlaanderen", "=1+1"):
        assert part in ran.out
    assert not cli("report", "campaign", "winter").out.startswith("SIMULATED")
    assert cli("report", "campaign", "niets").code == 1
    assert cli("report", "campaign").code == 2


def test_only_what_the_demo_played_is_said_to_be_made_by_it(cli: Callable[..., Any], sent: Path) -> None:
    app: App = open_app(sent)
    with app.database.writing() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.name == "herfst")).one()
        link = session.scalars(select(Link).where(Link.campaign_id == campaign.id)).one()
        World(session, app.suppression_key).hits(link, human=1, simulated=True)
    app.close()
    told = cli("report", "campaign", "herfst", "winter").out.splitlines()[0]
    assert told.endswith("nothing left this machine: herfst; the demo made hits or leads of them")


def test_json_has_stable_keys_and_says_what_is_simulated(cli: Callable[..., Any], sent: Path) -> None:
    data = json.loads(cli("report", "campaign", "herfst", "winter", "--json").out)
    assert set(data) == {"simulated", "campaigns", "total"}
    assert [(each["name"], each["simulated"]) for each in data["campaigns"]] == [("herfst", True), ("winter", False)]
    assert set(data["campaigns"][0]) == {
        "name", "title", "status", "simulated", "send_at", "frozen_at", "finished_at", "funnel", "skipped", "failed",
        "withheld", "leads_by_evidence", "clicks", "simulated_hits", "simulated_leads",
    }  # fmt: skip
    assert data["total"]["funnel"]["hits_raw"] == 6
    assert data["campaigns"][0]["clicks"][0]["human"] == 2


def test_csv_and_workbook_hold_every_figure_and_run_nothing(cli: Callable[..., Any], sent: Path) -> None:
    ran = cli("report", "campaign", "herfst", "winter", "--csv", "r.csv", "--xlsx", "r.xlsx")
    assert ran.code == 0
    header, *rows = read(sent / "r.csv")
    table = [dict(zip(header, row, strict=True)) for row in rows]
    sums = {
        name: sum(
            int(r["count"]) for r in table if r["campaign"] == name and r["table"] == "clicks" and r["item"] == "raw"
        )
        for name in ("herfst", "winter", "total")
    }
    assert sums == {"herfst": 3, "winter": 3, "total": 6}
    assert {row["simulated"] for row in table if row["campaign"] == "herfst"} == {"true"}
    assert {row["simulated"] for row in table if row["campaign"] == "winter"} == {"false"}
    assert {row["service"] for row in table} == {"", "'=1+1"}
    assert {row["enterprise"] for row in table} == {"", "'@SUM(A1)"}
    book = load_workbook(sent / "r.xlsx")
    assert book.sheetnames == ["funnel", "skipped", "leads", "clicks"]
    for sheet in book:
        assert str(sheet["A1"].value).startswith("SIMULATED")
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert [cell.value for cell in book["funnel"][2]] == ["step", "herfst", "winter", "total"]
    assert [cell.value for cell in book["funnel"][3]] == ["audience", 2, 2, 4]


def test_the_command_of_a_campaign_gives_the_same_report(cli: Callable[..., Any], sent: Path) -> None:
    direct = cli("report", "campaign", "herfst", "--json")
    through = cli("campaign", "report", "herfst", "--json")
    assert (through.code, through.out) == (direct.code, direct.out)


def test_the_tables_of_a_terminal_cut_long_names_and_align_numbers(cli: Callable[..., Any], project: Path) -> None:
    app = open_app(project)
    with app.database.writing() as session:
        w = World(session, app.suppression_key)
        service = w.service(w.enterprise("Maatwerkbedrijf Noord-Limburg en omstreken"), "Archieven " + "scannen " * 9)
        campaign = w.campaign("herfst")
        cohort = w.cohort(campaign, [service], section="K")
        for n in range(2):
            w.delivery(campaign, w.contact(w.company(f"b{n}"), f"b{n}@b.example"), cohort)
        w.hits(w.link(campaign, cohort, service), human=1234)
    app.close()
    lines = cli("report", "campaign", "herfst").out.splitlines()
    (line,) = [line for line in lines if "Oost-Vlaanderen" in line]
    _, place, sector, name, enterprise, *numbers, _ = line.split("│")
    assert [part.strip() for part in (place, sector)] == ["Oost-Vlaanderen", "K Telecommunicatie…"]
    assert [part.strip() for part in (name, enterprise)] == [
        "Archieven scannen scannen…",
        "Maatwerkbedrijf Noord-Limburg…",
    ]
    assert numbers == ["          2 ", " 1,234 ", " 1,234 "]
    assert {len(row) for row in lines if row.startswith(("┏", "└", "│", "┃"))} >= {len(line)}


def test_tables_in_a_pipe_are_as_wide_as_columns_says(
    cli: Callable[..., Any], sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = cli("segment", "explain", sorted((sent / "segments").glob("*.yaml"))[0].stem)
    assert wide.code == 0
    frame = [line for line in wide.out.splitlines() if line[:1] in "┏┃┡│└"]
    assert len({len(line) for line in frame}) == 1
    monkeypatch.setenv("COLUMNS", "60")
    narrow = cli("report", "campaign", "herfst").out
    assert max(len(line) for line in narrow.splitlines() if line[:1] in "┏┃┡│└") <= 60
