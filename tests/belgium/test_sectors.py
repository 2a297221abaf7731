import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.belgium import sectors
from outreach.belgium.sectors import Rule, Sector, SectorError, parse_code, parse_version, resolve


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("25.110", "25110"),
        ("25110", "25110"),
        ("25.11", "2511"),
        (" 41.20101", "4120101"),
        ("01.110", "01110"),
        ("1110", "01110"),
        ("1110.0", "01110"),
        ("1.11", "0111"),
        ("1.110", "01110"),
        ("1420", "1420"),  # as written: manufacture of fur articles, not 01420
        ("C", "C"),
        ("c25", "25"),
        ("41.201 - Algemene bouw van residentiële gebouwen", "41201"),
        ("NACE 41.201", "41201"),
        # A Belgian spreadsheet writes the code as a number, with a comma, and without the zero at its end.
        ("41,20", "4120"),
        ("41,2", "412"),
        ("41,201", "41201"),
        ("47,1", "471"),
        ("1,11", "0111"),
        ("NACE 41,201", "41201"),
    ],
)
def test_a_code_is_taken_as_written_and_then_with_its_lost_zero(text: str, code: str) -> None:
    assert parse_code(text) == code


@pytest.mark.parametrize(
    "text", ["", "999", "W", "bakkerij", "A25", "41.201; 41.202", "25, 11", "41,42,43", "41.201/41.202", "1.1.1.1.1.1"]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(SectorError):
        parse_code(text)


def test_a_code_means_nothing_without_its_version() -> None:
    assert "drugs" in sectors.nace(2008, "88993").label_nl  # type: ignore[union-attr]
    assert sectors.nace(2025, "88993").label_nl == "Beschutte en sociale werkplaatsen"  # type: ignore[union-attr]
    for version, codes in sectors.MAATWERK_CODES.items():
        assert all(sectors.nace(version, code) for code in codes)


def test_the_sections_of_both_versions_are_there_in_three_languages() -> None:
    assert "".join(entry.code for entry in sectors.sections(2008)) == "ABCDEFGHIJKLMNOPQRSTU"
    assert "".join(entry.code for entry in sectors.sections(2025)) == "ABCDEFGHIJKLMNOPQRSTUV"
    assert [sectors.section_label(2025, "F", language) for language in ("nl", "fr", "en")] == [
        "Bouwnijverheid",
        "Construction",
        "Construction",
    ]


@pytest.mark.parametrize(
    ("code", "section"),
    [("62010", "K"), ("58110", "J"), ("45113", None), ("88995", "R"), ("K", "L"), ("F", "F"), ("G", None), ("J", None)],
)
def test_a_2008_code_goes_to_the_2025_section_of_its_division(code: str, section: str | None) -> None:
    assert sectors.section_2025_of_2008(code) == (section, Rule.GIVEN_2008_DIVISION)


@pytest.mark.parametrize(
    ("text", "version", "sector"),
    [
        ("25.110", 2025, Sector(None, "25110", None, "C", Rule.GIVEN_2025)),
        ("62.010", 2008, Sector("62010", None, "J", "K", Rule.GIVEN_2008_DIVISION)),
        ("88.995", None, Sector("88995", None, "Q", "R", Rule.ONLY_IN_2008)),
        ("88.993", None, Sector(None, "88993", None, "R", Rule.DEFAULT_VERSION)),
        ("62.100", None, Sector(None, "62100", None, "K", Rule.ONLY_IN_2025)),
        ("45.113", None, Sector("45113", None, "G", None, Rule.ONLY_IN_2008)),
        ("C", None, Sector(None, None, None, "C", Rule.SECTION_GIVEN)),
        ("U", 2008, Sector(None, None, "U", "V", Rule.SECTION_GIVEN)),
        ("J62", None, Sector("62", None, "J", "K", Rule.GIVEN_2008_DIVISION)),
        ("K62", None, Sector(None, "62", None, "K", Rule.GIVEN_2025)),
        ("  bouwnijverheid ", None, Sector(None, None, None, "F", Rule.LABEL)),
        ("Activités des entreprises de travail adapté", 2008, Sector("88995", None, "Q", "R", Rule.LABEL)),
    ],
)
def test_a_sector_says_by_which_rule_it_is_known(text: str, version: int | None, sector: Sector) -> None:
    assert resolve(text, version) == sector


def test_an_unversioned_code_of_both_versions_follows_the_default() -> None:
    assert resolve("88993", None, 2008) == Sector("88993", None, "Q", "R", Rule.DEFAULT_VERSION)


def test_a_code_that_its_version_does_not_have_is_refused() -> None:
    with pytest.raises(SectorError, match="does not exist in NACE-BEL 2025"):
        resolve("88995", 2025)


def test_a_label_of_several_sectors_is_refused_with_their_codes() -> None:
    with pytest.raises(SectorError, match="64929, 6492203"):
        resolve("Overige kredietverstrekking, n.e.g.", 2008)


@pytest.mark.parametrize(
    ("text", "version"),
    [("", None), ("2008", 2008), ("NACE-BEL 2025", 2025), ("2025.0", 2025), ("Rev. 2", 2008), ("NACE Rev. 2.1", 2025)],
)
def test_versions_are_read(text: str, version: int | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["2003", "2008/2025", "new"])
def test_unknown_versions_are_refused(text: str) -> None:
    with pytest.raises(SectorError):
        parse_version(text)


@given(st.sampled_from([2008, 2025]), st.data())
def test_every_code_of_a_version_is_found_with_and_without_dots(version: int, data: st.DataObject) -> None:
    codes = sorted(sectors._table()[version])
    code = data.draw(st.sampled_from(codes))
    dotted = code if len(code) < 3 else f"{code[:2]}.{code[2:]}"
    entry = sectors.nace(version, code)
    assert entry is not None
    for text in (code, dotted):
        found = resolve(text, version)
        assert (found.section_2025 if version == 2025 else found.section_2008) == entry.section


@given(st.text(max_size=20))
def test_any_text_gives_a_sector_or_a_sector_error(text: str) -> None:
    try:
        sector = resolve(text, None)
    except SectorError:
        return
    assert sector.section_2008 or sector.section_2025


@pytest.mark.parametrize(("dotted", "comma"), [("41.20", "41,20"), ("41.201", "41,201"), ("47.1", "47,1")])
def test_a_decimal_comma_is_read_like_the_dot(dotted: str, comma: str) -> None:
    assert resolve(comma, 2008) == resolve(dotted, 2008)


def test_a_code_of_the_other_version_is_told_where_it_exists() -> None:
    with pytest.raises(SectorError, match=r"does not exist in NACE-BEL 2025, but it does in NACE-BEL 2008"):
        resolve("41,202", 2025)
