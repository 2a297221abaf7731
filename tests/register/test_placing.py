"""Companies of our contacts take their facts from the register, and what people typed stays beside it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from registry import take_in
from sqlalchemy import select
from sqlalchemy.orm import Session
from world import add_catalogue, add_company, add_contact, add_establishment

from outreach.app import App
from outreach.audience.eligibility import policy_of, refusal
from outreach.errors import Refusal
from outreach.models import AddressKind, Basis, Company, CompanyStatus, Contact, Enterprise, Establishment, Placement
from outreach.register import differing, placing
from outreach.register.differing import Fact


def number_of(company: Company) -> str:
    assert company.enterprise_number is not None
    return company.enterprise_number


def typed_company(app: App, session: Session, **columns: Any) -> Company:
    """A company as a list of years ago has it: an NV in Gent, sector C."""
    told: dict[str, Any] = {"name": "Jansen nv", "legal_form": "nv", "legal_person_source": "import list.csv: nv"}
    company = add_company(session, app.now() - timedelta(days=900), **(told | columns))
    company.municipality_nis = "44021"
    return company


def placed(app: App, company: Company, **columns: Any) -> Company:
    with app.database.writing() as session:
        take_in(app, session, {"enterprise_number": number_of(company), **columns})
        placing.apply(session, now=app.now())
    with app.database.reading() as session:
        found = session.get(Company, company.id)
        assert found is not None
        return found


def made(app: App, **columns: Any) -> Company:
    with app.database.writing() as session:
        return typed_company(app, session, **columns)


def test_before_the_first_import_applying_says_the_way_out(app: App) -> None:
    with app.database.writing() as session, pytest.raises(Refusal, match="outreach register import"):
        placing.apply(session, now=app.now())


def test_place_sector_and_legal_form_come_from_the_register(both: App) -> None:
    company = placed(both, made(both), postcode="2000", nace_2008="41201", section_2008="F")
    assert (company.postcode, company.province_nis, company.municipality_nis) == ("2000", "10000", "11002")
    assert (company.nace_2025, company.section_2025, company.sector_rule) == ("41000", "F", "006-main-enterprise")
    assert (company.legal_form, company.legal_person) == ("bv", True)
    assert company.legal_person_source == placing.ATTESTED
    assert company.status is CompanyStatus.ACTIVE


def test_what_was_typed_is_kept_and_the_differences_are_listed(both: App) -> None:
    company = placed(both, made(both), postcode="2000")
    with both.database.reading() as session:
        kept = session.get(Placement, company.id)
        assert kept is not None
        assert (kept.typed_postcode, kept.typed_province_nis, kept.typed_legal_form) == ("9000", "40000", "nv")
        listed = {row.fact: (row.typed, row.register) for row in differing.listed(session)}
        counts = differing.count(session)
    assert listed[Fact.PROVINCE] == ("Oost-Vlaanderen", "Antwerpen")
    assert listed[Fact.LEGAL_FORM] == ("nv", "bv")
    assert listed[Fact.SECTOR] == ("C", "F 41000")
    assert Fact.LEGAL_PERSON not in listed
    assert counts["province"] == 1
    assert counts["establishment"] == 0


def test_applying_again_changes_nothing(both: App) -> None:
    company = made(both)
    with both.database.writing() as session:
        add_establishment(session, company, "70000")
        take_in(both, session, {"enterprise_number": number_of(company), "postcode": "2000",
                                "establishment_provinces": "10000 20001"})  # fmt: skip
        first = placing.apply(session, now=both.now())
    with both.database.writing() as session:
        again = placing.apply(session, now=both.now() + timedelta(hours=1))
        rows = list(session.scalars(select(Establishment).where(Establishment.from_register)))
    assert first.changed > 0
    assert (again.changed, again.turned) == (0, {})
    assert sorted(row.province_nis or "" for row in rows) == ["10000", "20001"]


def test_an_establishment_that_the_register_does_not_know_places_nobody_until_it_does(both: App) -> None:
    company = made(both)
    with both.database.writing() as session:
        typed = add_establishment(session, company, "70000").id
    placed(both, company, postcode="2000", establishment_provinces="10000")
    with both.database.reading() as session:
        row = session.get(Establishment, typed)
        assert row is not None
        assert (row.province_nis, row.typed_province_nis) == (None, "70000")
        assert differing.count(session)["establishment"] == 1
    placed(both, company, postcode="2000", establishment_provinces="10000 70000")
    with both.database.reading() as session:
        row = session.get(Establishment, typed)
        assert row is not None
        assert (row.province_nis, row.typed_province_nis) == ("70000", None)


BARRED = [
    (
        {"juridical_situation": "050"},
        CompanyStatus.INSOLVENT,
        "situation 050 in the register: Opening",
    ),
    ({"juridical_situation": "012"}, CompanyStatus.STOPPED, "situation 012"),
    ({"juridical_situation": "059"}, CompanyStatus.INSOLVENT, "Faillissement zonder activa"),
    ({"juridical_form": "411"}, CompanyStatus.NOT_REGULAR, "legal form 411"),
    ({"juridical_form": "070"}, CompanyStatus.NOT_REGULAR, "mede-eigenaars"),
    ({"juridical_form": "301"}, CompanyStatus.NOT_REGULAR, "Federale overheidsdienst"),
    ({"nace_2025": "88993", "section_2025": "R"}, CompanyStatus.NOT_REGULAR, "sheltered and social workshops"),
    ({"nace_2025": None, "section_2025": None, "nace_2008": "88995"}, CompanyStatus.NOT_REGULAR, "sector 88995"),
    ({"juridical_situation": "030"}, CompanyStatus.ACTIVE, None),
    ({"nace_2025": None, "section_2025": None, "nace_2008": "88993"}, CompanyStatus.ACTIVE, None),
]


@pytest.mark.parametrize(("columns", "status", "reason"), BARRED)
def test_what_is_no_regular_company_is_out_with_its_reason(
    app: App, columns: dict[str, Any], status: CompanyStatus, reason: str | None
) -> None:
    company = made(app)
    with app.database.writing() as session:
        contact = add_contact(session, company, "info@jansen.example", key=app.suppression_key, now=app.now()).id
    company = placed(app, company, postcode="9000", **columns)
    assert company.status is status
    assert reason is None or reason in (company.status_reason or "")
    with app.database.reading() as session:
        judged = refusal(policy_of(app.settings, None, app.now()))
        query = select(judged).select_from(Contact).join(Company).where(Contact.id == contact)
        assert (session.scalar(query) is None) == (status is CompanyStatus.ACTIVE)


def test_a_company_of_the_catalogue_is_no_regular_company(both: App) -> None:
    company = made(both)
    with both.database.writing() as session:
        add_catalogue(session, both.now(), enterprises=1)
        session.scalars(select(Enterprise)).one().enterprise_number = number_of(company)
    company = placed(both, company, postcode="9000")
    assert (company.status, company.status_reason) == (CompanyStatus.NOT_REGULAR, placing.CATALOGUE)


def test_a_company_that_left_the_register_has_stopped_and_keeps_its_last_facts(both: App) -> None:
    company = placed(both, made(both, legal_person=None, legal_form=None), postcode="2000")
    with both.database.writing() as session:
        take_in(both, session, number=143, day=date(2026, 11, 20))
        result = placing.apply(session, now=both.now())
    with both.database.reading() as session:
        gone = session.get(Company, company.id)
    assert gone is not None
    assert (gone.status, gone.status_reason) == (CompanyStatus.STOPPED, placing.GONE)
    assert gone.province_nis == "10000"
    assert (result.not_found, result.turned) == (1, {"stopped": 1})
    assert placed(both, gone, postcode="2000").status is CompanyStatus.ACTIVE


@pytest.mark.parametrize(
    ("legal_person", "age", "status"),
    [
        (None, 900, CompanyStatus.ACTIVE),  # perhaps a natural person, which the register doesn't hold
        (True, 900, CompanyStatus.STOPPED),
        (True, 0, CompanyStatus.ACTIVE),  # perhaps newer than the extract
    ],
)
def test_a_number_that_was_never_there_stops_only_an_older_legal_person(
    app: App, legal_person: bool | None, age: int, status: CompanyStatus
) -> None:
    company = made(app, legal_person=legal_person)
    with app.database.writing() as session:
        found = session.get(Company, company.id)
        assert found is not None
        found.created_at = app.now() - timedelta(days=age)
        take_in(app, session)
        placing.apply(session, now=app.now())
    with app.database.reading() as session:
        found = session.get(Company, company.id)
        assert found is not None
        assert found.status is status
        assert differing.count(session)["number"] == 1


def test_a_partnership_without_legal_personality_opens_no_impersonal_address(app: App) -> None:
    company = made(app)
    with app.database.writing() as session:
        add_contact(session, company, "info@jansen.example", key=app.suppression_key, now=app.now(),
                    basis=Basis.ROLE_ADDRESS, kind=AddressKind.ROLE)  # fmt: skip
    assert placed(app, company, postcode="9000", juridical_form="702").legal_person is False


def test_where_the_register_is_silent_what_was_typed_stays(app: App) -> None:
    silent = {"nace_2025": None, "section_2025": None, "rule_2025": None, "sector_version": None}
    company = placed(app, made(app), postcode=None, seat_struck_off_on=date(2025, 1, 1), **silent)
    assert (company.postcode, company.province_nis, company.section_2025) == ("9000", "40000", "C")


def test_a_sector_known_in_2008_alone_is_placed_by_its_division_and_says_so(app: App) -> None:
    old = {"nace_2025": None, "section_2025": None, "nace_2008": "62010", "section_2008": "J",
           "rule_2008": "003-main-establishment-lowest"}  # fmt: skip
    company = placed(app, made(app), postcode="9000", **old)
    assert (company.section_2025, company.sector_rule) == ("K", "2008:003-main-establishment-lowest")


def test_a_company_without_number_is_left_alone(app: App) -> None:
    with app.database.writing() as session:
        company = typed_company(app, session)
        company.enterprise_number = None
        take_in(app, session)
        assert placing.apply(session, now=app.now()).companies == 0
