"""Companies without a number are matched to the register: how well, and on what."""

from __future__ import annotations

from collections import Counter

import labelled
import pytest
from registry import take_in
from world import add_company, add_contact

from outreach.app import App
from outreach.belgium.legal_forms import legal_form
from outreach.belgium.places import place_of
from outreach.register import matching
from outreach.register.likeness import Rarity, labels_of, name_of, names_of

HELD_OUT = (21, 22)


def measured(seed: int, entries: int, wanted: int) -> Counter[str]:
    register, told = labelled.make(seed, entries, wanted)
    words: Counter[str] = Counter()
    for row in register:
        if name := name_of(row["name"]):
            words.update(set(name.words))
    places, towns = Counter(row["postcode"] for row in register), Counter(row["municipality_nis"] for row in register)
    rarity = Rarity(len(register), words, places, towns)
    rows = [
        matching.entry_of(row["enterprise_number"], [row["name"], row["commercial_names"]],
                          legal_form(row["juridical_form"]), row["postcode"], row["municipality_nis"],
                          row["province_nis"], row["establishment_provinces"])
        for row in register
    ]  # fmt: skip
    asked = []
    for at, one in enumerate(told):
        place = place_of(one.postcode) if one.postcode else None
        nis = (place.municipality_nis, place.province_nis) if place else (None, None)
        asked.append(matching.wanted_of(at, one.name, one.legal_form, one.postcode, *nis, [one.domain]))
    best = matching.compared(asked, rows, rarity)
    counts: Counter[str] = Counter()
    for one, company in zip(told, asked, strict=True):
        found = matching.judged(company, best.get(company.id, []), rarity.entries)
        counts["there"] += one.number is not None
        counts["listed"] += one.number is not None and one.number in [each.enterprise_number for each in found]
        if found and found[0].certain:
            counts["certain"] += 1
            counts["right"] += found[0].enterprise_number == one.number
    return counts


def test_certain_proposals_are_right_99_times_in_100_on_seeds_that_were_not_used_to_choose() -> None:
    counts = sum((measured(seed, 6_000, 1_500) for seed in HELD_OUT), Counter[str]())
    assert counts["right"] / counts["certain"] >= 0.99, counts
    assert counts["right"] / counts["there"] >= 0.70, counts
    assert counts["listed"] / counts["there"] >= 0.90, counts


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Gebr. Peeters BVBA", "Gebroeders Peeters"),
        ("N.V. Café Müller", "Cafe Muller"),
        ("Peeters & Zn", "Peeters en Zonen"),
        ("ACME B.V.B.A.", "Acme"),
    ],
)
def test_forms_accents_and_abbreviations_make_no_other_name(text: str, other: str) -> None:
    mine, theirs = name_of(text), name_of(other)
    assert mine is not None
    assert theirs is not None
    assert set(mine.words) - {"en"} == set(theirs.words) - {"en"}


def test_an_old_name_in_brackets_is_a_name_of_its_own() -> None:
    assert "oudwerk" in [name.whole for name in names_of("Nieuwwerk bv (vroeger Oudwerk)")]


def test_a_free_mailbox_says_nothing_about_the_company() -> None:
    assert labels_of(["gmail.com", "hotmail.be", "jansen-bouw.be", None]) == ("jansenbouw",)


def listed(app: App, name: str, postcode: str | None, address: str, **entry: str) -> list[matching.Candidate]:
    """The candidates of one company, against its entry, a sister's, a namesake's elsewhere, and many others'."""
    with app.database.writing() as session:
        company = add_company(session, app.now(), name=name)
        place = place_of(postcode or "")
        company.enterprise_number, company.postcode = None, postcode
        company.municipality_nis = place.municipality_nis if place else None
        company.province_nis = place.province_nis if place else None
        add_contact(session, company, address, key=app.suppression_key, now=app.now())
        others, _ = labelled.make(3, 2_000, 0)
        mine = {"enterprise_number": "1999000150", "name": "Jansen Verpakking", "postcode": "9000"} | entry
        sister = {"enterprise_number": "1999000249", "name": "Jansen Holding", "postcode": "9000"}
        namesake = {"enterprise_number": "1999000348", "name": "Jansen Verpakking", "postcode": "8500"}
        take_in(app, session, mine, sister, namesake, *others)
    with app.database.reading() as session:
        return matching.candidates(session)


def test_name_and_postcode_find_the_entry_and_not_its_sister_or_namesake(both: App) -> None:
    found = listed(both, "JANSEN VERPAKKING BVBA", "9000", "info@gmail.com")
    assert (found[0].enterprise_number, found[0].certain) == ("1999000150", True)
    assert not any(each.certain for each in found[1:])


def test_without_a_place_namesakes_are_ranked_and_nothing_is_certain(app: App) -> None:
    found = listed(app, "Jansen Verpakking", None, "info@gmail.com")
    assert {each.enterprise_number for each in found[:2]} == {"1999000150", "1999000348"}
    assert not any(each.certain for each in found)


def test_a_commercial_name_of_the_register_is_a_name_too(app: App) -> None:
    found = listed(app, "De Dozenkoning", "9000", "info@gmail.com", commercial_names="De Dozenkoning\nAnders")
    assert (found[0].enterprise_number, found[0].certain) == ("1999000150", True)


def test_a_company_that_is_no_legal_person_gets_no_proposal(app: App) -> None:
    listed(app, "Jansen Verpakking", "9000", "info@gmail.com")
    with app.database.writing() as session:
        company = add_company(session, app.now(), name="Jansen Verpakking ez", legal_person=False)
        company.enterprise_number = None
        alone = company.id
    with app.database.reading() as session:
        assert alone not in {each.company_id for each in matching.candidates(session)}
