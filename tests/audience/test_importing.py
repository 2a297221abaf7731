"""What an import of contacts does, and what it may never undo. On both databases where the SQL differs."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import contact_lists as lists
import pytest
from contact_lists import CONSENT, row, take_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from outreach.app import App
from outreach.audience import bulk, companies, erasing, legal_basis, suppressing
from outreach.audience.importing import ImportSummary
from outreach.audience.tables import FileFault
from outreach.belgium.numbers import make_enterprise_number
from outreach.belgium.sectors import VERSIONS, nace
from outreach.errors import FileRefused, Refusal
from outreach.links import hash_address
from outreach.models import (
    AddressKind,
    Basis,
    Company,
    CompanyStatus,
    Contact,
    ContactTag,
    ContactTopic,
    Enterprise,
    Establishment,
    Frequency,
    LegalBasis,
    Suppression,
    SuppressionReason,
)
from outreach.settings import SenderType


def everything(app: App) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows that an import can touch."""
    tables = (Company, Establishment, Contact, ContactTag, ContactTopic, LegalBasis, Suppression)
    with app.database.reading() as session:
        return {
            table.__tablename__: sorted(map(tuple, session.execute(select(table.__table__))), key=repr)
            for table in tables
        }


def one(app: App, table: Any) -> Any:
    with app.database.reading() as session:
        return session.scalars(select(table)).one()


def count(app: App, table: Any) -> int:
    with app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def suppress(app: App, address: str, reason: SuppressionReason = SuppressionReason.UNSUBSCRIBED) -> None:
    hash = hash_address(app.suppression_key, address)
    with app.database.writing() as session:
        suppressing.suppress(session, hash, reason=reason, source="test", actor="test", now=app.now())


def test_a_row_becomes_a_company_a_contact_and_the_evidence_for_mailing_it(both: App, tmp_path: Path) -> None:
    take_in(both, lists.write(tmp_path / "l.csv", [row(postcode="9000 Gent")]))
    company, contact, basis = one(both, Company), one(both, Contact), one(both, LegalBasis)
    assert (company.enterprise_number, company.name, company.name_key) == (
        "0203201340",
        "Bakkerij Jansen",
        "bakkerij jansen",
    )
    assert (company.postcode, company.municipality_nis, company.province_nis) == ("9000", "44021", "40000")
    assert company.legal_person is True
    assert company.legal_person_source == "import l.csv: legal form nv"
    assert (contact.address, contact.address_domain, contact.kind) == (
        "ann@jansen.example",
        "jansen.example",
        AddressKind.PERSONAL,
    )
    assert contact.address_hash == hash_address(both.suppression_key, "ann@jansen.example")
    assert (basis.basis, basis.source, basis.obtained_on, basis.actor) == (
        Basis.CONSENT,
        "beurs",
        date(2026, 3, 1),
        "test",
    )


def test_zwijndrecht_lies_in_oost_vlaanderen(app: App, tmp_path: Path) -> None:
    take_in(app, lists.write(tmp_path / "l.csv", [row(postcode="2070")]))
    assert one(app, Company).province_nis == "40000"


def test_importing_again_changes_nothing(both: App, tmp_path: Path, clock: Any) -> None:
    headers = (*lists.HEADERS, "Tags", "Thema's", "NACE", "Vestigingsnummer", "Postcode vestiging", "Functie")
    extra = ("klant, vip", "groen", "43.320", "2.000.000.339", "8000", "aankoper")
    rows = [
        (*row(), *extra),
        (*row(email="info@jansen.example", voornaam="", achternaam=""), "", "", "", "", "2000", ""),
    ]
    path = lists.write(tmp_path / "l.csv", rows, headers)
    first = take_in(both, path)
    before = everything(both)
    clock.move(days=3)
    again = take_in(both, path)
    assert everything(both) == before
    assert (first.contacts.created, first.companies.created, first.establishments_created) == (2, 1, 2)
    assert (again.contacts.unchanged, again.companies.unchanged, again.evidence_added) == (2, 1, 0)


def test_what_changed_is_updated_and_nothing_else(both: App, tmp_path: Path, clock: Any) -> None:
    rows = [row(), row(ondernemingsnummer=make_enterprise_number(7), email="bob@b.example")]
    take_in(both, lists.write(tmp_path / "l.csv", rows))
    start = both.now()
    clock.move(days=1)
    summary = take_in(both, lists.write(tmp_path / "l.csv", [row(achternaam="Jansens"), rows[1]]))
    assert (summary.contacts.updated, summary.contacts.unchanged) == (1, 1)
    with both.database.reading() as session:
        ann, bob = session.scalars(select(Contact).order_by(Contact.id))
    assert (ann.last_name, ann.updated_at) == ("Jansens", both.now())
    assert bob.updated_at == start


def test_empty_cells_erase_nothing(both: App, tmp_path: Path) -> None:
    take_in(both, lists.write(tmp_path / "l.csv", [row()]))
    before = everything(both)
    take_in(
        both, lists.write(tmp_path / "l.csv", [row(bedrijf="", rechtsvorm="", postcode="", voornaam="", achternaam="")])
    )
    assert everything(both) == before


def test_an_import_does_not_revive_people_who_opted_out(both: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [row(), row(email="BOB@jansen.example", voornaam="Bob")])
    suppress(both, "bob@jansen.example")
    before = everything(both)["suppression"]
    for _ in range(2):
        summary = take_in(both, path)
        assert summary.suppressed == 1
    assert everything(both)["suppression"] == before


def test_an_erased_address_is_not_stored_again(both: App, tmp_path: Path) -> None:
    path = lists.write(
        tmp_path / "l.csv", [row(), row(ondernemingsnummer=make_enterprise_number(9), email="Ann@Jansen.example")]
    )
    take_in(both, path)
    with both.database.writing() as session:
        erasing.erase(session, "ann@jansen.example", key=both.suppression_key, actor="test", now=both.now())
    before = everything(both)
    summary = take_in(both, path)
    assert (summary.erased, summary.contacts.created, summary.companies.created) == (2, 0, 0)
    assert everything(both) == before


def test_an_import_overrides_nothing_that_the_contact_chose(both: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [(*row(), "groen, horeca")], (*lists.HEADERS, "Thema's"))
    take_in(both, path)
    with both.database.writing() as session:
        ann = session.scalars(select(Contact)).one()
        ann.frequency, ann.chosen_at, ann.tracking_consent_at = Frequency.MONTHLY, both.now(), both.now()
        topic = session.get_one(ContactTopic, ("groen", ann.id))
        topic.follows, topic.chosen = False, True
    before = everything(both)
    take_in(both, path)
    assert everything(both) == before


def test_evidence_of_a_later_date_is_never_overridden(both: App, tmp_path: Path) -> None:
    for day, added in (("01/03/2026", 1), ("01/02/2026", 0), ("01/03/2026", 0), ("02/03/2026", 1)):
        summary = take_in(both, lists.write(tmp_path / "l.csv", [row(datum=day, bron=f"lijst {day}")]))
        assert summary.evidence_added == added, day
    with both.database.reading() as session:
        current = legal_basis.current(session, session.scalars(select(Contact.id)).one())
    assert current is not None
    assert current.obtained_on == date(2026, 3, 2)


def test_withdrawn_evidence_is_not_revived_by_evidence_from_before_the_withdrawal(
    both: App, tmp_path: Path, clock: Any
) -> None:
    take_in(both, lists.write(tmp_path / "l.csv", [row()]))
    with both.database.writing() as session:
        legal_basis.withdraw(session, session.scalars(select(Contact.id)).one(), now=both.now())
    for day in ("01/03/2026", "01/06/2026", "24/11/2026"):
        assert take_in(both, lists.write(tmp_path / "l.csv", [row(datum=day)])).evidence_added == 0
    clock.move(days=2)
    assert take_in(both, lists.write(tmp_path / "l.csv", [row(datum="25/11/2026")])).evidence_added == 1


def test_tags_are_added_and_never_removed(both: App, tmp_path: Path) -> None:
    headers = (*lists.HEADERS, "Tags")
    for tags in ("Klant|vip", "beurs, KLANT", ""):
        take_in(both, lists.write(tmp_path / "l.csv", [(*row(), tags)], headers))
    with both.database.reading() as session:
        assert set(session.scalars(select(ContactTag.tag))) == {"klant", "vip", "beurs"}


def test_double_rows_of_a_file_are_merged_and_counted(both: App, tmp_path: Path) -> None:
    rows = [
        row(voornaam=""),
        row(email="ANN@jansen.example", datum="05/03/2026"),
        row(datum="04/03/2026", achternaam=""),
    ]
    summary = take_in(both, lists.write(tmp_path / "l.csv", rows))
    assert (summary.rows, summary.doubles, summary.contacts.created, summary.evidence_added) == (3, 2, 1, 1)
    assert one(both, LegalBasis).obtained_on == date(2026, 3, 5)
    assert (one(both, Contact).first_name, one(both, Contact).last_name) == ("Ann", "Jansen")


def test_rows_that_disagree_about_a_company_are_told_with_both_lines_and_the_last_one_wins(
    app: App, tmp_path: Path
) -> None:
    rows = [row(), row(email="bob@jansen.example", bedrijf="Slagerij Maes", postcode="8000")]
    summary = take_in(app, lists.write(tmp_path / "l.csv", rows))
    assert (one(app, Company).name, one(app, Company).postcode) == ("Slagerij Maes", "8000")
    assert len(summary.warnings) == 2
    assert all("lines 2 and 3" in warning for warning in summary.warnings)


def test_another_spelling_of_the_same_name_is_no_disagreement(app: App, tmp_path: Path) -> None:
    rows = [row(), row(email="bob@jansen.example", bedrijf="BAKKERIJ JANSEN N.V.")]
    assert take_in(app, lists.write(tmp_path / "l.csv", rows)).warnings == ()


def test_a_company_without_number_is_known_by_name_and_postcode(both: App, tmp_path: Path) -> None:
    rows = [
        row(ondernemingsnummer="", email="a@x.example"),
        row(ondernemingsnummer="", bedrijf="bakkerij jansen nv", email="b@x.example"),
        row(ondernemingsnummer="", postcode="8000", email="c@x.example"),
    ]
    path = lists.write(tmp_path / "l.csv", rows)
    assert take_in(both, path).companies.created == 2
    assert take_in(both, path).companies.unchanged == 2


def test_a_company_that_later_gets_its_number_is_joined_and_not_doubled(both: App, tmp_path: Path) -> None:
    without = lists.write(tmp_path / "without.csv", [row(ondernemingsnummer="")])
    take_in(both, without)
    summary = take_in(both, lists.write(tmp_path / "with.csv", [row(bedrijf="Bakkerij Jansen BV", rechtsvorm="BV")]))
    assert (summary.companies.created, summary.companies.updated, summary.contacts.unchanged) == (0, 1, 1)
    assert one(both, Company).enterprise_number == "0203201340"
    again = take_in(both, without)
    assert (again.companies.created, count(both, Company)) == (0, 1)


def test_a_row_with_and_a_row_without_number_in_one_file_are_one_company(both: App, tmp_path: Path) -> None:
    rows = [row(ondernemingsnummer="", email="b@jansen.example"), row()]
    take_in(both, lists.write(tmp_path / "l.csv", rows))
    assert one(both, Company).enterprise_number == "0203201340"


def test_a_name_that_two_companies_bear_is_refused_without_a_number(both: App, tmp_path: Path) -> None:
    rows = [row(), row(ondernemingsnummer=make_enterprise_number(5)), row(ondernemingsnummer="", email="x@x.example")]
    summary = take_in(both, lists.write(tmp_path / "l.csv", rows))
    assert [(reject.line, "enterprise number" in reject.reason) for reject in summary.rejects] == [(4, True)]
    assert count(both, Company) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ondernemingsnummer": "0203201341"}, "check digits"),
        ({"ondernemingsnummer": "2.000.000.339"}, "establishment number"),
        ({"ondernemingsnummer": "", "postcode": ""}, "name and its postcode"),
        ({"bedrijf": "", "ondernemingsnummer": make_enterprise_number(3)}, "has no name"),
        ({"postcode": "9999"}, "no Belgian postcode"),
        ({"email": "kapot@"}, "not a valid address"),
        ({"email": ""}, "empty"),
        ({"email": "a@x.example; b@x.example"}, "more than one"),
        ({"rechtsgrond": ""}, "no legal basis"),
        ({"rechtsgrond": "gerechtvaardigd belang"}, "XII.13"),
        ({"rechtsgrond": "zomaar"}, "no legal basis"),
        ({"bron": ""}, "no source"),
        ({"datum": ""}, "no date"),
        ({"datum": "25/11/2026"}, "future"),
        ({"datum": "31/02/2026"}, "no date"),
        ({"rechtsgrond": "klant"}, "sender.type"),
        ({"rechtsgrond": "roladres"}, "personal"),
        ({"rechtsgrond": "roladres", "email": "info@jansen.example", "rechtsvorm": ""}, "nothing attests"),
        ({"rechtsgrond": "roladres", "email": "info@jansen.example", "rechtsvorm": "eenmanszaak"}, "eenmanszaak"),
        ({"voornaam": "x" * 101}, "more than 100"),
        ({"email": "#N/B"}, "spreadsheet error"),
    ],
)
def test_a_faulty_row_is_refused_with_its_reason_and_the_good_ones_go_in(
    app: App, tmp_path: Path, changes: dict[str, str], why: str
) -> None:
    good = row(ondernemingsnummer=make_enterprise_number(8), email="bob@b.example")
    summary = take_in(app, lists.write(tmp_path / "l.csv", [row(**changes), good]))
    assert [reject.line for reject in summary.rejects] == [2]
    assert why in summary.rejects[0].reason
    assert (one(app, Contact).address, count(app, Company)) == ("bob@b.example", 1)


def test_a_role_address_of_an_attested_legal_person_goes_in(both: App, tmp_path: Path) -> None:
    role = {"rechtsgrond": "functioneel adres", "email": "info@jansen.example", "voornaam": "", "achternaam": ""}
    assert not take_in(both, lists.write(tmp_path / "l.csv", [row(**role)])).rejects
    # The form is known from the first list, so a second one need not say it again.
    role["email"] = "sales@jansen.example"
    assert not take_in(both, lists.write(tmp_path / "m.csv", [row(**role, rechtsvorm="")])).rejects
    with both.database.reading() as session:
        assert set(session.scalars(select(Contact.kind))) == {AddressKind.ROLE}


def test_what_the_register_attests_a_list_does_not_overrule(app: App, tmp_path: Path) -> None:
    take_in(app, lists.write(tmp_path / "l.csv", [row()]))
    with app.database.writing() as session:
        company = session.scalars(select(Company)).one()
        company.legal_person, company.legal_person_source, company.legal_form = False, "KBO 2026-10", "eenmanszaak"
    take_in(app, lists.write(tmp_path / "l.csv", [row()]))
    company = one(app, Company)
    assert (company.legal_person, company.legal_form) == (False, "eenmanszaak")


@pytest.mark.parametrize(
    ("sender", "basis", "allowed"),
    [
        (SenderType.ENTERPRISE, Basis.CUSTOMER, True),
        (SenderType.FEDERATION, Basis.CUSTOMER, False),
        (SenderType.FEDERATION, Basis.CONSENT, True),
        (SenderType.AUTHORITY, Basis.ROLE_ADDRESS, False),
        (SenderType.AUTHORITY, Basis.CONSENT, True),
    ],
)
def test_the_type_of_the_sender_decides_which_bases_may_be_chosen(
    app: App, tmp_path: Path, sender: SenderType, basis: Basis, allowed: bool
) -> None:
    path = lists.write(
        tmp_path / "l.csv", [("0203201340", "Jansen", "ann@jansen.example")], ("KBO", "Bedrijf", "E-mail")
    )
    given = {**CONSENT, "basis": basis}
    if allowed:
        assert not take_in(app, path, sender=sender, **given).rejects
        return
    with pytest.raises(Refusal, match=rf"{basis.value}.*sender\.type.*allowed: consent"):
        take_in(app, path, sender=sender, **given)


def test_options_fill_what_the_columns_leave_empty(app: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [row(rechtsgrond="", bron="", datum=""), row(email="b@x.example")])
    take_in(app, path, basis=Basis.CONSENT, source="nieuwsbrief", obtained_on=date(2025, 1, 1))
    with app.database.reading() as session:
        assert set(session.execute(select(LegalBasis.source, LegalBasis.obtained_on))) == {
            ("nieuwsbrief", date(2025, 1, 1)),
            ("beurs", date(2026, 3, 1)),
        }


def test_a_list_that_says_nowhere_why_it_may_be_mailed_is_refused_whole(app: App, tmp_path: Path) -> None:
    path = lists.write(
        tmp_path / "l.csv", [("0203201340", "Jansen", "ann@jansen.example")], ("KBO", "Bedrijf", "E-mail")
    )
    with pytest.raises(FileRefused, match="--basis --source --date"):
        take_in(app, path)


def test_a_fault_of_the_file_changes_nothing(app: App, tmp_path: Path) -> None:
    missing = lists.write(tmp_path / "missing.csv", [("x", "9000")], ("Bedrijf", "Postcode"))
    broken = tmp_path / "broken.csv"
    broken.write_bytes(lists.write(tmp_path / "l.csv", [row()]).read_bytes() + b'0203201340;"open\r\n;;;')
    for path in (missing, broken):
        with pytest.raises(FileFault):
            take_in(app, path)
    assert count(app, Company) == 0


def test_a_public_body_is_kept_apart_as_no_regular_company(app: App, tmp_path: Path) -> None:
    summary = take_in(app, lists.write(tmp_path / "l.csv", [row(rechtsvorm="gemeente")]))
    company = one(app, Company)
    assert (company.status, company.status_reason) == (CompanyStatus.NOT_REGULAR, "legal form gemeente")
    assert summary.not_regular == 1
    take_in(app, lists.write(tmp_path / "l.csv", [row(rechtsvorm="nv")]))
    assert one(app, Company).status is CompanyStatus.ACTIVE


def test_a_maatwerkbedrijf_of_the_catalogue_is_no_regular_company(app: App, tmp_path: Path) -> None:
    with app.database.writing() as session:
        session.add(
            Enterprise(
                enterprise_number="0203201340", slug="m", name="M", postcode="9000", email="m@m.example",
                created_at=app.now(), updated_at=app.now(),
            )
        )  # fmt: skip
    take_in(app, lists.write(tmp_path / "l.csv", [row()]))
    assert one(app, Company).status is CompanyStatus.NOT_REGULAR


def test_a_stopped_company_stays_stopped(app: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [row()])
    take_in(app, path)
    with app.database.writing() as session:
        session.scalars(select(Company)).one().status = CompanyStatus.STOPPED
    take_in(app, path)
    assert one(app, Company).status is CompanyStatus.STOPPED


def test_sector_codes_are_stored_with_their_version_and_never_converted(app: App, tmp_path: Path) -> None:
    headers = (*lists.HEADERS, "NACE", "NACE-versie")
    cases = {"a": ("43.320", ""), "b": ("88995", "2008"), "c": ("62.100", "2025")}
    rows = [
        (*row(ondernemingsnummer=make_enterprise_number(20 + place), email=f"{name}@x.example"), *cells)
        for place, (name, cells) in enumerate(cases.items())
    ]
    summary = take_in(app, lists.write(tmp_path / "l.csv", rows, headers))
    with app.database.reading() as session:
        found = session.execute(select(Company.nace_2008, Company.nace_2025).order_by(Company.id)).all()
    assert found == [(None, "43320"), ("88995", None), (None, "62100")]
    assert (summary.nace_by_default, summary.nace_default_version) == (1, 2025)


def test_a_code_of_the_other_version_adds_to_what_is_known(app: App, tmp_path: Path) -> None:
    for code, version in (("62.100", "2025"), ("62.010", "2008"), ("62.100", "2025")):
        take_in(
            app, lists.write(tmp_path / "l.csv", [(*row(), code, version)], (*lists.HEADERS, "NACE", "NACE-versie"))
        )
    company = one(app, Company)
    assert (company.nace_2008, company.nace_2025, company.section_2025) == ("62010", "62100", "K")


def test_an_unknown_sector_code_is_refused_with_codes_near_it(app: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [(*row(), "43.329")], (*lists.HEADERS, "NACE"))
    assert "43320" in take_in(app, path).rejects[0].reason


def test_international_domains_and_accents_survive(both: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [row(email="info@CAFÉ.example", voornaam="Zoë", achternaam="D'Hondt-Œuvre")])
    take_in(both, path)
    contact = one(both, Contact)
    assert (contact.address, contact.address_domain) == ("info@café.example", "xn--caf-dma.example")
    assert contact.address_hash == hash_address(both.suppression_key, "INFO@xn--caf-dma.example")


def test_a_windows_1252_list_of_excel_is_read_right(app: App, tmp_path: Path) -> None:
    summary = take_in(app, lists.write(tmp_path / "l.csv", [row(bedrijf="Café Zoë €")], encoding="cp1252"))
    assert (summary.encoding, one(app, Company).name) == ("cp1252", "Café Zoë €")


def test_a_workbook_of_excel_is_read_right(app: App, tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    assert page is not None
    page.append(list(lists.HEADERS))
    page.append(
        [
            203201340,
            "Jansen",
            "NV",
            9000.0,
            "ann@jansen.example",
            "Ann",
            None,
            "toestemming",
            "beurs",
            datetime(2026, 3, 1),
        ]
    )
    book.save(tmp_path / "l.xlsx")
    summary = take_in(app, tmp_path / "l.xlsx")
    assert (summary.rejects, summary.sheet, summary.delimiter) == ((), "Sheet", None)
    assert (one(app, Company).enterprise_number, one(app, Company).postcode) == ("0203201340", "9000")
    assert one(app, LegalBasis).obtained_on == date(2026, 3, 1)


def test_a_foreign_postcode_is_kept_and_counted(app: App, tmp_path: Path) -> None:
    summary = take_in(app, lists.write(tmp_path / "l.csv", [row(postcode="1012 AB")]))
    assert (one(app, Company).postcode, one(app, Company).province_nis, summary.foreign_postcodes) == (
        "1012 AB",
        None,
        1,
    )


def test_an_establishment_of_another_company_is_left_out_with_a_warning(app: App, tmp_path: Path) -> None:
    other = row(ondernemingsnummer=make_enterprise_number(4), email="b@x.example")
    path = lists.write(
        tmp_path / "l.csv", [(*row(), "2.000.000.339"), (*other, "2000000339")], (*lists.HEADERS, "Vestigingsnummer")
    )
    assert "another company" in take_in(app, path).warnings[0]
    with app.database.reading() as session:
        assert [bool(found) for found in session.scalars(select(Contact.establishment_id).order_by(Contact.id))] == [
            True,
            False,
        ]


_cell = st.sampled_from(["", "Ann", "Bob", "Zoë"])
_rows = st.lists(
    st.builds(
        lambda number, name, form, postcode, local, first, basis, day, code: (
            *row(
                ondernemingsnummer=make_enterprise_number(number) if number else "", bedrijf=name, rechtsvorm=form,
                postcode=postcode, email=f"{local}@x.example", voornaam=first, rechtsgrond=basis, datum=day,
            ),
            code,
        ),
        st.integers(0, 3), st.sampled_from(["", "Jansen", "JANSEN NV", "Maes"]),
        st.sampled_from(["", "nv", "gemeente", "eenmanszaak"]),
        st.sampled_from(["", "9000", "8000"]), st.sampled_from(["info", "ann", "ANN", "sales"]), _cell,
        st.sampled_from(["toestemming", "roladres"]), st.sampled_from(["01/01/2026", "02/02/2026", "03/03/2026"]),
        st.sampled_from(["", "43.320", "F", "62.010", "62.100"]),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows)
def test_importing_any_list_twice_is_importing_it_once(app: App, tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    with app.database.writing() as session:
        for table in reversed(Company.metadata.sorted_tables):
            if table.name in ("company", "contact", "legal_basis", "contact_tag", "contact_topic", "establishment"):
                session.execute(table.delete())
    path = lists.write(tmp_path / "l.csv", rows, (*lists.HEADERS, "NACE"))
    first: ImportSummary = take_in(app, path)
    before = everything(app)
    again = take_in(app, path, now=app.now() + timedelta(days=1))
    assert everything(app) == before
    assert asdict(again)["rejects"] == asdict(first)["rejects"]
    assert (again.contacts.created, again.contacts.updated, again.companies.created, again.companies.updated) == (
        0,
        0,
        0,
        0,
    )


def test_a_date_of_today_in_brussels_is_no_future(app: App, tmp_path: Path) -> None:
    path = lists.write(tmp_path / "l.csv", [row(datum="25/11/2026")])
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # half past midnight in Brussels
    assert not take_in(app, path, now=late).rejects


@pytest.mark.parametrize(("text", "number"), [("41.20", 41.2), ("43.320", 43.32), ("41.201", 41.2)])
def test_a_code_that_lost_its_last_zero_in_a_workbook_is_the_same(
    app: App, tmp_path: Path, text: str, number: float
) -> None:
    from openpyxl import Workbook

    headers = [*lists.HEADERS, "NACE 2008"]
    take_in(app, lists.write(tmp_path / "l.csv", [(*row(), text)], headers))
    before = one(app, Company).nace_2008
    assert before == text.replace(".", "")
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(headers)
    page.append([*row(), number])
    book.save(tmp_path / "l.xlsx")
    assert take_in(app, tmp_path / "l.xlsx").companies.updated == 0
    assert one(app, Company).nace_2008 == before


def test_a_code_with_a_zero_added_is_all_that_there_is_beneath_it() -> None:
    for version in VERSIONS:
        for number in (str(each) for width in (3, 4) for each in range(10**width)):
            code = number.zfill(3 if len(number) < 4 else 4)
            if nace(version, code) and nace(version, f"{code}0"):
                assert not any(nace(version, f"{code}{last}") for last in range(1, 10)), code


def reasons(app: App, folder: Path, *rows: Any, extra: tuple[str, ...] = ()) -> list[str]:
    path = lists.write(folder / "reasons.csv", rows, headers=(*lists.HEADERS, *extra))
    return [reject.reason for reject in take_in(app, path).rejects]


@pytest.mark.parametrize("postcode", ["99999", "92000", "9999"])
def test_a_mistyped_belgian_postcode_is_refused_and_leaves_the_good_one(
    app: App, tmp_path: Path, postcode: str
) -> None:
    take_in(app, lists.write(tmp_path / "good.csv", [row(postcode="9000")]))
    (reason,) = reasons(app, tmp_path, row(postcode=postcode))
    assert reason.startswith(f"Postcode: '{postcode}' is no Belgian postcode")
    assert one(app, Company).postcode == "9000"


@pytest.mark.parametrize(
    ("postcode", "country", "kept"),
    [("59000", "Frankrijk", True), ("59000", "", False), ("59000", "België", False), ("1012 AB", "", True)],
)
def test_a_postcode_of_another_country_is_believed_when_the_row_says_so(
    app: App, tmp_path: Path, postcode: str, country: str, kept: bool
) -> None:
    refused = reasons(app, tmp_path, (*row(postcode=postcode), country), extra=("Land",))
    assert bool(refused) is not kept
    assert kept or "no Belgian postcode" in refused[0]


def test_a_faulty_date_or_basis_names_its_column_and_no_programmer_s_words(app: App, tmp_path: Path) -> None:
    found = reasons(app, tmp_path, row(rechtsgrond="zomaar", datum="gisteren"), row(datum="31/02/2026"))
    assert "Rechtsgrond: 'zomaar' is no legal basis" in found[0]
    assert "Datum toestemming: 'gisteren' is no date: write it as 2026-03-31 or 31/03/2026" in found[0]
    assert "Datum toestemming: '31/02/2026' is no date: month 2 of 2026 has no day 31" in found[1]
    assert not any("isoformat" in reason or "out of range" in reason for reason in found)


def test_a_wrong_sector_code_gets_each_hint_once_and_its_column(app: App, tmp_path: Path) -> None:
    rows = ((*row(), "41,202"), (*row(), "41,5"))
    found = reasons(app, tmp_path, *rows, extra=("NACE 2025",))
    assert found[0].startswith("NACE 2025: '41.202' does not exist in NACE-BEL 2025, but it does in NACE-BEL 2008")
    hints = found[1].rpartition("the nearest there: ")[2].split(", ")
    assert len(hints) == len(set(hints))


def test_a_sole_trader_beside_a_company_of_the_same_name_inherits_no_legal_person(both: App, tmp_path: Path) -> None:
    file = tmp_path / "gids.csv"
    file.write_text(
        "bedrijf;rechtsvorm;postcode;e-mail;rechtsgrond;bron;datum toestemming\n"
        "De Smet BV;BV;9000;info@desmetbv.example;role_address;gids;2026-05-12\n"
        "De Smet;;9000;info@desmetschilder.example;role_address;gids;2026-05-12\n"
    )
    for _ in range(2):  # the second time the company is known
        done = take_in(both, file)
        assert [reject.line for reject in done.rejects] == [3]
        assert "nothing attests" in done.rejects[0].reason
    assert one(both, Contact).address == "info@desmetbv.example"


@pytest.mark.parametrize("rows", [bulk.TOGETHER - 1, bulk.TOGETHER, 2 * bulk.TOGETHER + 1])
def test_no_row_is_lost_or_mixed_up_where_several_go_in_together(both: App, tmp_path: Path, rows: int) -> None:
    told = [
        (make_enterprise_number(1_000 + n), f"Firma {n}", f"ann{n}@firma{n}.example", f"Ann{n}") for n in range(rows)
    ]
    written = [row(ondernemingsnummer=a, bedrijf=b, email=c, voornaam=d) for a, b, c, d in told]
    take_in(both, lists.write(tmp_path / "l.csv", written))
    query = (
        select(Company.enterprise_number, Company.name, Contact.address, Contact.first_name)
        .join(Contact, Contact.company_id == Company.id)
        .join(LegalBasis, LegalBasis.contact_id == Contact.id)
        .order_by(Contact.id)
    )
    with both.database.reading() as session:
        assert [tuple(found) for found in session.execute(query)] == told


@given(st.text(max_size=40) | st.text("aé ï\u0301\u00a8ŭ\u1100\u1161", max_size=20))
def test_accents_go_from_a_name_word_by_word_as_from_the_whole(name: str) -> None:
    whole = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    assert " ".join(map(companies._bare, name.split(" "))) == whole
