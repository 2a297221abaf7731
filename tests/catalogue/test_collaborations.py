"""Collaborations are entered by hand or from a list, and segments find companies by them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import world
from openpyxl import Workbook
from sqlalchemy import select

from outreach.app import App
from outreach.belgium.numbers import format_enterprise_number
from outreach.models import Collaboration, CollaborationKind, Enterprise

Cli = Callable[..., Any]


@pytest.fixture
def filled(both: App) -> dict[str, str]:
    """Three companies, the first two with a number, and an enterprise; their numbers and slug by name."""
    with both.database.writing() as session:
        world.add_catalogue(session, both.now(), enterprises=2)
        ann = world.add_company(session, both.now(), name="Bakkerij Ann")
        bob = world.add_company(session, both.now(), name="Garage Bob")
        cleo = world.add_company(session, both.now(), name="Cleo")
        cleo.enterprise_number, cleo.name_key = None, "cleo"
        enterprise = session.scalars(select(Enterprise).order_by(Enterprise.id)).first()
        assert enterprise is not None
        assert cleo.postcode
        numbers = [format_enterprise_number(each.enterprise_number or "") for each in (ann, bob)]
        return {"ann": numbers[0], "bob": numbers[1], "slug": enterprise.slug, "kbo": enterprise.enterprise_number}


def kept(app: App) -> list[tuple[Any, ...]]:
    with app.database.reading() as session:
        rows = session.scalars(select(Collaboration).order_by(Collaboration.id))
        return [(row.kind, row.from_year, row.to_year, row.source) for row in rows]


def write(path: Path, *rows: str) -> Path:
    header = "Ondernemingsnummer;Bedrijf;Postcode;Maatwerkbedrijf;Soort;Van;Tot en met;Bron"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8-sig")
    return path


def test_a_list_goes_in_and_again_changes_nothing(both: App, filled: dict[str, str], cli: Cli, tmp_path: Path) -> None:
    path = write(
        tmp_path / "lijst.csv",
        f"{filled['ann']};;;{filled['slug']};klant;2022;2024;jaarverslag",
        f"{filled['bob']};;;{filled['kbo']};Leverancier;2025;;jaarverslag",
        f";Cleo;9000;{filled['slug']};klant;2020;;",
    )
    dry = cli("collaboration", "import", path, "--source", "bevraging", "--dry-run", "--json")
    assert json.loads(dry.out)["added"] == 3
    assert kept(both) == []
    first = json.loads(cli("collaboration", "import", path, "--source", "bevraging", "--json").out)
    assert (first["rows"], first["added"], first["refused"], first["rejects_file"]) == (3, 3, [], None)
    assert kept(both) == [
        (CollaborationKind.CUSTOMER, 2022, 2024, "jaarverslag"),
        (CollaborationKind.SUPPLIER, 2025, None, "jaarverslag"),
        (CollaborationKind.CUSTOMER, 2020, None, "bevraging"),
    ]
    again = json.loads(cli("collaboration", "import", path, "--source", "bevraging", "--json").out)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 3)


def test_faulty_rows_are_handed_back_and_can_be_mended(
    both: App, filled: dict[str, str], cli: Cli, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "lijst.csv",
        f"{filled['ann']};;;{filled['slug']};klant;2022;;bron",
        "0123;;;nergens;vriend;22;;bron",
        f"{filled['bob']};;;{filled['slug']};klant;2024;2023;bron",
    )
    ran = cli("collaboration", "import", path)
    assert ran.code == 1
    assert len(kept(both)) == 1
    rejects = tmp_path / "lijst.rejects.csv"
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        refused = list(csv.DictReader(file, delimiter=";"))
    assert [row["_line"] for row in refused] == ["3", "4"]
    for part in ("Ondernemingsnummer: ", "Maatwerkbedrijf: 'nergens' is no", "Soort: 'vriend'", "Van: '22' is no year"):
        assert part in refused[0]["_reason"]
    assert "2023 lies before the first year 2024" in refused[1]["_reason"]
    text = rejects.read_text(encoding="utf-8-sig").replace("2024;2023", "2023;2024")
    rejects.write_text("\n".join(line for line in text.splitlines() if "vriend" not in line), encoding="utf-8-sig")
    assert cli("collaboration", "import", rejects).code == 0
    assert len(kept(both)) == 2


def test_a_workbook_is_read_too(both: App, filled: dict[str, str], cli: Cli, tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["KBO", "Slug", "Rol", "Sinds", "Bron"])
    book.active.append([filled["ann"], filled["slug"], "klant", 2022, "boekhouding"])
    book.save(tmp_path / "lijst.xlsx")
    assert cli("collaboration", "import", tmp_path / "lijst.xlsx").code == 0
    assert kept(both) == [(CollaborationKind.CUSTOMER, 2022, None, "boekhouding")]


def test_one_is_added_ended_found_by_a_segment_and_removed(both: App, filled: dict[str, str], cli: Cli) -> None:
    world.add_segment(both.project, "klanten", "collaboration: {kind: customer, year: 2023}\n")
    with both.database.writing() as session:
        company = world.add_company(session, both.now(), name="Drukkerij Dan")
        world.add_contact(session, company, "dan@dan.example", key=both.suppression_key, now=both.now())
        number = company.enterprise_number or ""
    told = ("--number", number, "--enterprise", filled["slug"], "--kind", "klant", "--from", "2022", "--source", "mail")
    assert cli("collaboration", "add", *told).out == "collaboration: added\n"
    assert cli("collaboration", "add", *told).out == "collaboration: unchanged\n"
    counted = json.loads(cli("segment", "count", "klanten", "--json").out)
    assert counted["contacts"] == 1, counted
    assert cli("collaboration", "add", *told, "--to", "2022").out == "collaboration: changed\n"
    assert json.loads(cli("segment", "count", "klanten", "--json").out)["contacts"] == 0
    (card,) = json.loads(cli("collaboration", "list", "--enterprise", filled["slug"], "--json").out)
    assert (card["company"], card["kind"], card["to_year"]) == ("Drukkerij Dan", "customer", 2022)
    assert "Drukkerij Dan" in cli("collaboration", "list", "--year", "2022").out
    assert "Drukkerij Dan" not in cli("collaboration", "list", "--year", "2023").out
    assert cli("collaboration", "remove", card["id"]).code == 0
    assert kept(both) == []
    assert cli("collaboration", "remove", card["id"]).code == 1


def test_what_is_not_there_is_refused_with_a_way_out(both: App, filled: dict[str, str], cli: Cli) -> None:
    told = ("--enterprise", filled["slug"], "--kind", "klant", "--from", "2022", "--source", "mail")
    assert (
        "import it first"
        in cli("collaboration", "add", "--number", "1998.000.151", *told).err
        + cli("collaboration", "add", "--name", "Niemand", "--postcode", "9000", *told).err
    )
    assert "by name and postcode" in cli("collaboration", "add", *told).err
