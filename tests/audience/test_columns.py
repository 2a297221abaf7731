from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.audience.cells import CellError, clean_name, parse_date
from outreach.audience.columns import (
    HEADERS,
    Field,
    Mapping,
    field_of,
    fold_header,
    is_header,
    map_headers,
    parse_overrides,
)
from outreach.audience.filefaults import FileFault


def mapped(headers: list[str], **overrides: str) -> dict[str, str]:
    return {field.value: headers[index] for field, index in map_headers(headers, overrides).fields.items()}


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Ondernemingsnr", Field.ENTERPRISE_NUMBER),
        ("KBO-nummer", Field.ENTERPRISE_NUMBER),
        ("BTW nr.", Field.ENTERPRISE_NUMBER),
        ("VAT number", Field.ENTERPRISE_NUMBER),
        ("N° d'entreprise", Field.ENTERPRISE_NUMBER),
        ("enterprise_number", Field.ENTERPRISE_NUMBER),
        ("Vestigingsnummer", Field.ESTABLISHMENT_NUMBER),
        ("Firmanaam", Field.COMPANY_NAME),
        ("BEDRIJF", Field.COMPANY_NAME),
        ("Organisatie", Field.COMPANY_NAME),
        ("Naam bedrijf:", Field.COMPANY_NAME),
        ("Company Name", Field.COMPANY_NAME),
        ("Société", Field.COMPANY_NAME),
        ("E-mailadres", Field.EMAIL),
        ("\ufeffEmail", Field.EMAIL),
        ("e_mail", Field.EMAIL),
        (" mail ", Field.EMAIL),
        ("E-mail Address", Field.EMAIL),
        ("Voornaam", Field.FIRST_NAME),
        ("Prenom", Field.FIRST_NAME),
        ("Achternaam", Field.LAST_NAME),
        ("Familienaam", Field.LAST_NAME),
        ("Contactpersoon", Field.FULL_NAME),
        ("Functie", Field.FUNCTION),
        ("Job Title", Field.FUNCTION),
        ("Postcode", Field.POSTCODE),
        ("PC", Field.POSTCODE),
        ("Zip", Field.POSTCODE),
        ("Gemeente", Field.MUNICIPALITY),
        ("Plaats", Field.MUNICIPALITY),
        ("Rechtsvorm", Field.LEGAL_FORM),
        ("Rechtsgrond", Field.LEGAL_BASIS),
        ("Grondslag", Field.LEGAL_BASIS),
        ("Bron", Field.BASIS_SOURCE),
        ("Herkomst", Field.BASIS_SOURCE),
        ("Datum toestemming", Field.BASIS_DATE),
        ("Toestemming op", Field.BASIS_DATE),
        ("Consent date", Field.BASIS_DATE),
        ("Sector", Field.NACE),
        ("NACE-code", Field.NACE),
        ("NACE 2008", Field.NACE_2008),
        ("Nacebel 2025", Field.NACE_2025),
        ("Tags", Field.TAGS),
        ("Labels", Field.TAGS),
        ("Thema's", Field.TOPICS),
    ],
)
def test_headers_of_belgian_offices_are_known(header: str, field: Field) -> None:
    assert field_of(header) is field


@pytest.mark.parametrize("header", ["", "Datum", "Opmerkingen", "Taal", "Klant", "Telefoon", "naam"])
def test_headers_that_say_nothing_certain_are_not_guessed(header: str) -> None:
    assert field_of(header) is None


@given(st.sampled_from([(f, name.strip()) for f, names in HEADERS.items() for name in names.split(";")]), st.data())
def test_every_synonym_is_known_in_any_case_and_with_any_signs(pair: tuple[Field, str], data: st.DataObject) -> None:
    field, name = pair
    sign = data.draw(st.sampled_from(["", " ", ":", "_", ".", "*", "\u00a0", "\ufeff"]))
    assert field_of(sign + data.draw(st.sampled_from([name, name.upper(), name.title()])) + sign) is field


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        (["Ondernemingsnummer", "Naam", "E-mail"], "company_name"),
        (["Naam", "E-mail"], "company_name"),
        (["Bedrijf", "Voornaam", "Naam", "E-mail"], "last_name"),
        (["E-mail", "Naam", "Voornaam", "Ondernemingsnummer"], "last_name"),
        (["Naam", "Voornaam", "Achternaam", "E-mail"], "company_name"),
        (["Bedrijf", "Naam", "E-mail"], "full_name"),
        (["Company", "First name", "Name", "Email"], "last_name"),
    ],
)
def test_the_header_naam_is_understood_by_what_stands_beside_it(headers: list[str], field: str) -> None:
    assert fold_header(mapped(headers)[field]) in ("naam", "name")


def test_a_naam_that_is_left_over_is_reported_as_unknown() -> None:
    mapping = map_headers(["Bedrijf", "Achternaam", "Naam", "E-mail"], {})
    assert mapping.unknown == ["Naam"]


def test_unknown_columns_are_reported() -> None:
    assert map_headers(["Bedrijf", "E-mail", "Opmerkingen", ""], {}) == Mapping(
        {Field.COMPANY_NAME: 0, Field.EMAIL: 1}, ["Opmerkingen"]
    )


def test_an_override_wins_over_what_a_header_seems_to_mean() -> None:
    headers = ["Bedrijf", "E-mail", "E-mail privé", "Nr"]
    overrides = {"e-mail privé": "email", "Nr": "enterprise_number"}
    mapping = map_headers(headers, overrides)
    assert mapping.fields == {Field.EMAIL: 2, Field.ENTERPRISE_NUMBER: 3, Field.COMPANY_NAME: 0}
    assert mapping.unknown == ["E-mail"]
    assert mapped(["Bedrijf", "E-mail", "Mail"], Mail="ignore") == {"company_name": "Bedrijf", "email": "E-mail"}


@pytest.mark.parametrize(
    ("headers", "overrides", "fault"),
    [
        (["Bedrijf", "E-mail", "Mail"], {}, "'E-mail' and 'Mail' both mean email.*--map 'Mail=ignore'"),
        (["Bedrijf", "Telefoon"], {}, "headers are: 'Bedrijf', 'Telefoon'. .* which: --map 'HEADER=email'"),
        (["Bedrijf", "E-mial"], {}, "no column for email.*Perhaps --map 'E-mial=email'"),
        (["Bedrijf", "E-mail klant nieuw"], {}, "Perhaps --map 'E-mail klant nieuw=email'"),
        (["E-mail", "Voornaam"], {}, "no column for enterprise_number or company_name.*HEADER=company_name"),
        (["Voornaam"], {}, "no column for email and for enterprise_number or company_name"),
        (["Bedrijf", "X"], {"Y": "email"}, "header 'Y', which is not there. The headers are: 'Bedrijf', 'X'"),
        (["Bedrijf", "X"], {"X": "mail"}, "names no field. The fields are: enterprise_number, .*email.*, ignore"),
        (["Bedrijf", "X", "Z"], {"X": "email", "Z": "email"}, "gives email to two headers"),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_the_way_out(
    headers: list[str], overrides: dict[str, str], fault: str
) -> None:
    with pytest.raises(FileFault, match=fault):
        map_headers(headers, overrides)


def test_a_postal_address_is_not_suggested_as_the_e_mail_address() -> None:
    with pytest.raises(FileFault) as caught:
        map_headers(["Bedrijf", "Adres"], {})
    assert "Perhaps" not in str(caught.value)


def test_overrides_are_read_as_they_are_typed() -> None:
    assert parse_overrides(["Kolom A=email", "a=b = tags"]) == {"Kolom A": "email", "a=b": "tags"}
    for text in ("email", "=email"):
        with pytest.raises(FileFault, match="Write it as --map"):
            parse_overrides([text])


def test_a_header_row_is_told_from_titles_and_data() -> None:
    assert is_header(["Naam", "", "E-mail"])
    assert is_header(["E-mail"])
    assert not is_header(["Contacten voorjaar", "", ""])
    assert not is_header(["Firma X", "info@x.example", "9000"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jan Peeters", "Jan Peeters"),
        ("  Jan \t Peeters ", "Jan Peeters"),
        ("Jan\r\nBcc: x@y.example", "Jan Bcc: x@y.example"),
        ("Zoe\u0308", "Zoë"),
        ("Jan\u00a0Peeters\u200b", "Jan Peeters"),
        ("\u202eneb", "neb"),
        ("\ufeff", ""),
        ("'t Hof & Zn. <b>", "'t Hof & Zn. <b>"),
    ],
)
def test_a_name_is_put_on_one_line_without_invisible_characters(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_a_name_beyond_its_limit_is_refused() -> None:
    assert clean_name("x" * 100, 100) == "x" * 100
    with pytest.raises(CellError, match="101 characters, more than 100"):
        clean_name("x" * 101, 100)


@given(st.text(max_size=40))
def test_a_clean_name_is_clean_and_stays_as_it_is(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert name == name.strip()
    assert not any(ord(char) < 32 or char in "\x7f\x85\u2028\u2029" for char in name)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05",
        "2026/03/05",
        "2026-03-05T10:11:12Z",
        "2026-03-05 10:11",
        "05/03/2026",
        "5/3/2026",
        "05-03-2026",
        "05.03.2026",
        "5/3/26",
        "05/03/2026 10:11:12",
        "5/03/2026 om 10u11",
        "5 maart 2026",
        "5-mrt-26",
        "5 mars 2026",
        "5 March 2026",
        "20260305",
        " 05 / 03 / 2026 ",
    ],
)
def test_dates_are_read_in_belgian_order(text: str) -> None:
    assert parse_date(text) == date(2026, 3, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("03/31/2026", "there is no month 31"),
        ("31/02/2026", "is no date"),
        ("2026-13-01", "there is no month 13"),
        ("45231", "spreadsheet's day number"),
        ("", "is no date"),
        ("ja", "is no date"),
        ("5 foo 2026", "is no date"),
        ("05/03/2026 tot 2027", "is no date"),
        ("00010101", "the year 1 cannot be meant"),
        ("01/01/0026", "the year 26 cannot be meant"),
    ],
)
def test_what_is_no_date_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        parse_date(text)


@given(st.text(max_size=20))
def test_any_text_gives_a_date_or_a_cell_error(text: str) -> None:
    try:
        parse_date(text)
    except CellError as error:
        assert str(error)  # noqa: PT017


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_every_date_comes_back_in_both_orders(day: date) -> None:
    assert parse_date(day.isoformat()) == day == parse_date(f"{day.day}/{day.month}/{day.year}")
