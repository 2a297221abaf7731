"""One row per active legal person: what of the register it says, and by which rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import handmade as hand
import pytest
from handmade import company, digits, enterprise, place, seat, works

from outreach.app import App
from outreach.models import RegisterEntry
from outreach.register import entries


def entry_of(app: App, number: str) -> RegisterEntry | None:
    with app.database.reading() as session:
        return entries.find(session, digits(number))


def taken(app: App, tmp_path: Path, **tables: list[tuple[str, ...]]) -> RegisterEntry:
    """Take in an extract with company 1, and return its entry."""
    rows = {"enterprise": [enterprise(company(1))], "denomination": [(company(1), "2", "001", "Voorbeeld")], **tables}
    hand.take_in(app, hand.full(tmp_path / "extract", **rows))
    entry = entry_of(app, company(1))
    assert entry is not None
    return entry


def test_an_entry_holds_names_form_seat_provinces_and_sector(both: App, tmp_path: Path) -> None:
    entry = taken(
        both,
        tmp_path,
        enterprise=[enterprise(company(1), form="015", cac="610", situation="050")],
        establishment=[(place(1), "01-01-2010", company(1)), (place(2), "01-01-2010", company(1))],
        denomination=[
            (company(1), "1", "001", "Exemple"),
            (company(1), "2", "001", "Voorbeeld"),
            (company(1), "2", "002", "VB"),
            (company(1), "0", "003", "De Winkel"),
            (place(2), "2", "003", "Aan de Kaai"),
        ],
        address=[seat(company(1), "9000"), works(place(1), "2000"), works(place(2), "9000", "Kerkstraat", "1")],
        activity=[
            (company(1), "003", "2025", "10110", "MAIN"),
            (company(1), "001", "2025", "88993", "MAIN"),
            (company(1), "001", "2008", "88995", "MAIN"),
        ],
    )
    assert (entry.name, entry.name_nl, entry.name_fr) == ("Voorbeeld", None, "Exemple")
    assert (entry.abbreviations, entry.commercial_names) == ("VB", "Aan de Kaai\nDe Winkel")
    assert (entry.juridical_form, entry.juridical_form_cac, entry.juridical_situation) == ("015", "610", "050")
    assert entry.start_date == date(2003, 2, 1)
    assert (entry.postcode, entry.municipality_nis, entry.province_nis) == ("9000", "44021", "40000")
    assert (entry.establishments, entry.establishment_provinces) == (2, "10000 40000")
    assert (entry.nace_2025, entry.section_2025, entry.rule_2025) == ("88993", "R", "001-main-enterprise")
    assert (entry.nace_2008, entry.section_2008, entry.rule_2008) == ("88995", "Q", "001-main-enterprise")
    assert entry.sector_version == 2025


@pytest.mark.parametrize(
    ("rows", "code", "rule"),
    [
        ([("E", "003", "10110", "MAIN"), ("E", "006", "88993", "MAIN")], "88993", "006-main-enterprise"),
        ([("E", "006", "10110", "SECO"), ("P1", "003", "88993", "MAIN")], "88993", "003-main-establishment"),
        ([("P1", "003", "10110", "MAIN"), ("P2", "003", "88993", "MAIN")], "88993", "003-main-seat"),
        ([("P1", "006", "10110", "MAIN"), ("P2", "003", "88993", "MAIN")], "10110", "006-main-establishment"),
        ([("E", "003", f"{43 + n}110", "MAIN") for n in range(30)], "43110", "003-main-enterprise-lowest"),
        (
            [("E", "003", "10110", "MAIN"), ("E", "003", "88993", "MAIN"), ("P2", "003", "88993", "SECO")],
            "88993",
            "003-main-enterprise-seat",
        ),
        ([("E", "003", "4779303", "SECO"), ("E", "003", "47793", "SECO")], "47793", "003-seco-enterprise-lowest"),
        ([("E", "002", "01110", "ANCI")], "01110", "002-anci-enterprise"),
        ([("E", "099", "01110", "HULP")], "01110", "other-other-enterprise"),
    ],
)
def test_the_main_sector_is_chosen_by_a_rule_that_is_told(
    app: App, tmp_path: Path, rows: list[tuple[str, str, str, str]], code: str, rule: str
) -> None:
    who = {"E": company(1), "P1": place(1), "P2": place(2)}
    entry = taken(
        app,
        tmp_path,
        establishment=[(place(n), "01-01-2010", company(1)) for n in (1, 2)],
        address=[seat(company(1), "9000"), works(place(1), "2000"), works(place(2), "9000", "Kerkstraat", "1")],
        activity=[(who[entity], group, "2025", nace, kind) for entity, group, nace, kind in rows],
    )
    assert (entry.nace_2025, entry.rule_2025) == (code, rule)
    assert entry.nace_2008 is None


def test_a_better_activity_of_2008_is_the_main_one_and_both_versions_are_kept(app: App, tmp_path: Path) -> None:
    activity = [(company(1), "003", "2025", "10110", "MAIN"), (company(1), "006", "2008", "88993", "MAIN"),
                (company(1), "006", "2003", "15110", "MAIN")]  # fmt: skip
    entry = taken(app, tmp_path, activity=activity)
    assert (entry.sector_version, entry.nace_2008, entry.nace_2025) == (2008, "88993", "10110")


def test_zwijndrecht_lies_in_oost_vlaanderen_and_a_seat_abroad_lies_nowhere(app: App, tmp_path: Path) -> None:
    numbers = [company(n) for n in range(1, 6)]
    hand.take_in(
        app,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(number) for number in numbers],
            address=[
                seat(numbers[0], "2070"),
                seat(numbers[1], "1000", country="Luxemburg", town="Luxemburg"),
                seat(numbers[2], "9999", town="Nergens"),
                seat(numbers[3], "9000", struck="03-04-2020"),
                seat(numbers[4], "9000", struck="03-04-2020"),
                seat(numbers[4], "2000"),
                seat(numbers[4], "2000"),
            ],
        ),
    )
    found = [entry_of(app, number) for number in numbers]
    assert [entry and entry.province_nis for entry in found] == ["40000", None, None, None, "10000"]
    assert [entry and entry.country for entry in found] == [None, "Luxemburg", None, None, None]
    assert [entry and entry.municipality for entry in found] == [None, "Luxemburg", "Nergens", None, None]
    assert [entry and entry.seat_struck_off_on for entry in found] == [None, None, None, date(2020, 4, 3), None]
    assert found[3] is not None
    assert found[3].postcode is None


def test_names_lose_their_line_breaks_and_keep_their_quotes(app: App, tmp_path: Path) -> None:
    long = "Een heel lange naam " * 16
    denomination = [(company(1), "2", "001", 'De "Gouden"\r\n  Appel '), (company(1), "1", "001", long)]
    entry = taken(app, tmp_path, denomination=denomination)
    assert entry.name == 'De "Gouden" Appel'
    assert entry.name_fr == long.strip()


def test_only_active_legal_persons_are_kept(both: App, tmp_path: Path) -> None:
    kinds = [("2", "AC"), ("1", "AC"), ("0", "AC"), ("2", "ST")]
    done = hand.take_in(
        both,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(company(n), type, status=status) for n, (type, status) in enumerate(kinds)],
            establishment=[(place(n), "01-01-2010", company(n)) for n in range(4)],
            activity=[(place(n), "003", "2025", "10110", "MAIN") for n in range(4)],
        ),
    )
    held = hand.everything(both)
    assert [row[0] for row in held["register_entry"]] == [digits(company(0))]
    assert len(held["establishment"]) == len(held["activity"]) == 1
    assert done.findings["natural_persons_left_out"] == 1
    assert done.findings["unknown_type_left_out"] == 1
    assert done.findings["not_active_left_out"] == 1


def test_what_nobody_knows_is_counted_and_never_fatal(app: App, tmp_path: Path) -> None:
    done = hand.take_in(
        app,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(company(1), form="997"), enterprise(company(1), form="997"), enterprise("12.34")],
            denomination=[(company(1), "9", "001", "Voorbeeld")],
            address=[seat(company(1), "9999")],
            activity=[
                (company(1), "009", "2025", "88993", "MAIN"),
                (company(1), "003", "2030", "88993", "HULP"),
                (company(1), "003", "2025", "99999", "MAIN"),
                (company(1), "003", "2025", "A1", "MAIN"),
            ],
        ),
    )
    found = done.findings
    assert done.entries == 1
    assert found["unknown_postcodes"] == {"9999": 1}
    assert found["odd_numbers"] == 1
    assert found["repeated_enterprises"] == 1
    assert found["activities_unread"] == 1
    assert found["unknown_codes"]["JuridicalForm"] == {"997": 1}
    assert found["unknown_codes"]["Language"] == {"9": 1}
    assert found["unknown_codes"]["Nace2025"] == {"99999": 1}
    assert found["unknown_codes"]["NaceVersion"] == {"other": 1}
    assert found["unknown_codes"]["Classification"] == {"other": 1}
    assert found["unknown_codes"]["ActivityGroup"] == {"other": 1}
