"""A contact list that comes after the register was applied: it tells, and the register's facts stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import contact_lists as lists
from conftest import Ran
from contact_lists import row, take_in
from registry import take_in as register_holds
from sqlalchemy import func, select

from outreach.app import App
from outreach.audience import cards
from outreach.models import Company, CompanyAlias, CompanyStatus, Placement
from outreach.register import placing

NUMBER = "1999000150"
WRITTEN = "1999.000.150"


def listed(app: App, path: Path, **changes: str) -> None:
    take_in(app, lists.write(path, [row(**({"ondernemingsnummer": WRITTEN} | changes))]))


def placed(app: App, **columns: str) -> None:
    with app.database.writing() as session:
        register_holds(app, session, {"enterprise_number": NUMBER, "postcode": "2000", **columns})
        placing.apply(session, now=app.now())


def test_a_list_after_the_register_changes_what_is_typed_and_not_what_is_known(both: App, tmp_path: Path) -> None:
    listed(both, tmp_path / "old.csv")
    placed(both)
    listed(both, tmp_path / "new.csv", postcode="8500", rechtsvorm="VZW", bedrijf="Bakkerij Jansen Gent")
    with both.database.reading() as session:
        company = session.scalars(select(Company)).one()
        kept = session.scalars(select(Placement)).one()
    assert (company.postcode, company.province_nis, company.legal_form) == ("2000", "10000", "bv")
    assert company.name == "Bakkerij Jansen Gent"
    assert (kept.typed_postcode, kept.typed_province_nis, kept.typed_legal_form) == ("8500", "30000", "vzw")


def test_a_list_cannot_bring_a_bankrupt_company_back(app: App, tmp_path: Path) -> None:
    listed(app, tmp_path / "old.csv")
    placed(app, juridical_situation="050")
    listed(app, tmp_path / "new.csv", bedrijf="Bakkerij Jansen herrezen")
    with app.database.reading() as session:
        assert session.scalars(select(Company.status)).one() is CompanyStatus.INSOLVENT


def test_a_row_without_number_finds_its_company_though_the_register_moved_it(both: App, tmp_path: Path) -> None:
    listed(both, tmp_path / "old.csv")
    placed(both)
    listed(both, tmp_path / "new.csv", ondernemingsnummer="", email="info@jansen.example")
    with both.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Company)) == 1


def test_a_row_under_a_name_that_a_person_linked_finds_that_company(app: App, tmp_path: Path) -> None:
    listed(app, tmp_path / "old.csv")
    with app.database.writing() as session:
        company = session.scalars(select(Company)).one()
        session.add(CompanyAlias(name_key="de warme bakker", postcode="9000", company_id=company.id))
    listed(app, tmp_path / "new.csv", ondernemingsnummer="", bedrijf="De Warme Bakker bv", email="info@jansen.example")
    with app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Company)) == 1


def test_the_import_command_looks_new_companies_up_and_says_of_which_day(
    app: App, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    with app.database.writing() as session:
        register_holds(app, session, {"enterprise_number": NUMBER, "postcode": "2000", "juridical_situation": "012"})
    ran = cli("import", "contacts", lists.write(tmp_path / "list.csv", [row(ondernemingsnummer=WRITTEN)]))
    assert ran.code == 0, ran.err
    assert "register: 1 of 1 number found (KBO/BCE Open Data, FPS Economy (Belgium), data of 2026-11-01" in ran.out
    assert "1 company turned out to be no regular" in ran.out
    with app.database.reading() as session:
        card = cards.export(session, "ann@jansen.example", app.suppression_key).contacts[0]
        assert card.company.status == "stopped"
    shown = cli("contact", "show", "ann@jansen.example").out
    assert "situation 012 in the register" in shown
    assert "data of 2026-11-01" in shown
    assert "typed postcode 9000" in shown
