"""`outreach register apply` and `differences`, as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Ran
from registry import take_in
from world import add_company

from outreach.app import App


def held(app: App) -> None:
    with app.database.writing() as session:
        company = add_company(session, app.now(), name="Jansen nv", legal_form="nv")
        stopped = add_company(session, app.now(), name="Oud nv")
        take_in(
            app,
            session,
            {"enterprise_number": company.enterprise_number, "postcode": "2000"},
            {"enterprise_number": stopped.enterprise_number, "postcode": "9000", "juridical_situation": "030"},
        )


def test_applying_says_what_came_of_it_with_source_and_licence(app: App, cli: Callable[..., Ran]) -> None:
    held(app)
    ran = cli("register", "apply")
    assert ran.code == 0, ran.err
    assert "2 companies with a number: 2 in the register" in ran.out
    assert "isn't listed, and taken as in business: 030 (1)" in ran.out
    assert "data of 2026-11-01" in ran.out
    assert "may not be used for direct marketing" in ran.out
    told = json.loads(cli("register", "apply", "--json").out)
    assert told["changed"] == 0
    assert told["differences"]["province"] == 1
    assert told["source"]["snapshot_date"] == "2026-11-01"


def test_differences_are_listed_as_table_csv_and_json(app: App, cli: Callable[..., Ran], tmp_path: Path) -> None:
    held(app)
    cli("register", "apply")
    shown = cli("register", "differences", "--fact", "province").out
    assert "Oost-Vlaanderen" in shown
    assert "Antwerpen" in shown
    assert "legal form" not in shown
    rows = json.loads(cli("register", "differences", "--json").out)["differences"]
    assert {row["fact"] for row in rows} >= {"province", "postcode", "legal_form", "sector"}
    file = tmp_path / "differences.csv"
    assert cli("register", "differences", "--csv", file).code == 0
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == len(rows) + 1
    assert "KBO/BCE Open Data" in lines[1]


def test_without_a_register_the_way_out_is_named(app: App, cli: Callable[..., Ran]) -> None:
    for name in ("apply", "differences"):
        ran = cli("register", name)
        assert ran.code == 1
        assert "outreach register import" in ran.err
