from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.belgium import places
from outreach.belgium.places import PROVINCES, place_of, places_of, province_by_name


@pytest.mark.parametrize(
    "text", ["9000", "B-9000", "BE-9000", "B 9000", "9000 Gent", "9000.0", " 9000 ", "B9000 Gent", "9000,0"]
)
def test_a_postcode_is_read_however_people_write_it(text: str) -> None:
    place = place_of(text)
    assert place is not None
    assert (place.postcode, place.municipality, place.province_nis) == ("9000", "Gent", "40000")


def test_2070_zwijndrecht_lies_in_oost_vlaanderen_since_2025() -> None:
    place = place_of("2070")
    assert place is not None
    assert place.province == "Oost-Vlaanderen"
    assert date(2025, 1, 1) == places.TABLE_DATE


@pytest.mark.parametrize("text", ["", "9999", "900", "90000", "1012 AB", "1012AB", "L-1234", "F-59000", "Gent", "0900"])
def test_what_is_no_belgian_postcode_has_no_place(text: str) -> None:
    assert place_of(text) is None


def test_the_municipality_of_as_is_not_taken_for_a_dutch_postcode() -> None:
    place = place_of("3665 As")
    assert place is not None
    assert place.municipality == "As"


@pytest.mark.parametrize(
    ("text", "municipality"),
    [
        ("1040", "Etterbeek"),
        ("1040 Brussel", "Brussel"),
        ("1050", "Elsene"),
        ("1804", "Vilvoorde"),
        ("1804 Zemst", "Zemst"),
    ],
)
def test_a_postcode_of_two_municipalities_follows_the_name_if_there_is_one(text: str, municipality: str) -> None:
    place = place_of(text)
    assert place is not None
    assert place.municipality == municipality


def test_three_postcodes_span_two_municipalities_and_none_spans_two_provinces() -> None:
    every = {code: places_of(code) for code in map(str, range(1000, 10000)) if places_of(code)}
    assert [code for code, found in every.items() if len(found) > 1] == ["1040", "1050", "1804"]
    assert all(len({place.province_nis for place in found}) == 1 for found in every.values())
    assert {place.province_nis for found in every.values() for place in found} == set(PROVINCES)


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("30000", "west-vlaanderen"),
        ("West-Vlaanderen", "west-vlaanderen"),
        ("west vlaanderen", "west-vlaanderen"),
        ("WVL", "west-vlaanderen"),
        ("Flandre occidentale", "west-vlaanderen"),
        ("Brussel", "brussel"),
        ("Brussels Hoofdstedelijk Gewest", "brussel"),
        ("04000", "brussel"),
        ("Liège", "luik"),
        ("liege", "luik"),
        ("BE-VLI", "limburg"),
    ],
)
def test_a_province_is_found_by_code_slug_and_names_in_three_languages(text: str, slug: str) -> None:
    province = province_by_name(text)
    assert province is not None
    assert province.slug == slug


def test_five_provinces_are_flemish_and_unknown_names_are_none() -> None:
    assert len([province for province in PROVINCES.values() if province.flemish]) == 5
    assert province_by_name("Vlaanderen") is None
    assert province_by_name("") is None


@given(st.text(max_size=15))
def test_any_text_gives_a_place_or_none(text: str) -> None:
    place = place_of(text)
    assert place is None or place.postcode in text
