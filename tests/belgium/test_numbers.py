from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.be import vat

from outreach.belgium.numbers import (
    NumberError,
    format_enterprise_number,
    format_establishment_number,
    make_enterprise_number,
    make_establishment_number,
    parse_enterprise_number,
    parse_establishment_number,
)

eight_digits = st.integers(0, 19_999_999)


@pytest.mark.parametrize(
    "text",
    [
        "0203201340",
        "0203.201.340",
        "203.201.340",
        "203201340",
        "BE 0203.201.340",
        "BE0203201340",
        "be 0203 201 340",
        "BTW BE0203.201.340",
        "BTW: BE 0203.201.340",
        "TVA BE 0203.201.340",
        "VAT BE-0203-201-340",
        "KBO nr. 0203.201.340",
        "BE\u00a00203.201.340",
        "\u202f0203\u2009201\u2011340 ",
        "203201340.0",
        "0203201340,00",
        "BE 203.201.340",
    ],
)
def test_every_spelling_of_an_enterprise_number_gives_the_same_ten_digits(text: str) -> None:
    assert parse_enterprise_number(text) == "0203201340"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("BE", "no digits"),
        ("0203.201.34", "9 digits, not 10"),
        ("02032013401", "11 digits, not 10"),
        ("0203.201.341", "ends in 41, but 02032013 has check digits 40"),
        ("0203201341", "ends in 41, but 02032013 has check digits 40"),
        ("2.000.000.339", "is an establishment number"),
        ("9203201340", "starts with 9"),
        ("NL123456789B01", "starts with NL"),
        ("2,032E+08", "shortened by a spreadsheet"),
        ("0203.2o1.340", "'o' is not a digit"),
        ("٠٢٠٣٢٠١٣٤٠", "is not a digit"),
        ("n/a", "'n' is not a digit"),
    ],
)
def test_what_is_no_enterprise_number_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NumberError, match=reason):
        parse_enterprise_number(text)


def test_a_remainder_of_nought_has_check_digits_97() -> None:
    assert parse_enterprise_number("0000009797") == "0000009797"
    with pytest.raises(NumberError):
        parse_enterprise_number("0000009700")


def test_an_establishment_number_is_told_apart_from_an_enterprise_number() -> None:
    assert parse_establishment_number("2.000.000.339") == "2000000339"
    with pytest.raises(NumberError, match="is an enterprise number"):
        parse_establishment_number("0203.201.340")
    with pytest.raises(NumberError, match="9 digits"):
        parse_establishment_number("200000033")


def test_numbers_are_printed_as_the_register_prints_them() -> None:
    assert format_enterprise_number("0203201340") == "0203.201.340"
    assert format_establishment_number("2000000339") == "2.000.000.339"


@given(eight_digits)
def test_every_made_number_is_accepted_in_every_form_and_by_stdnum(n: int) -> None:
    number = make_enterprise_number(n)
    assert parse_enterprise_number(number) == number
    assert parse_enterprise_number("BE " + format_enterprise_number(number)) == number
    if n:
        assert vat.is_valid(number)


@given(st.from_regex(r"[01][0-9]{9}", fullmatch=True))
def test_ten_digits_are_judged_as_stdnum_judges_them(text: str) -> None:
    try:
        ours = parse_enterprise_number(text) == text
    except NumberError:
        ours = False
    # stdnum takes check digits 00 for a remainder of 0 as well; the register writes 97.
    assert ours == (vat.is_valid(text) and not text.endswith("00")) or text[:8] == "00000000"


@given(st.text(max_size=20))
def test_any_text_gives_ten_digits_or_a_number_error(text: str) -> None:
    for parse in (parse_enterprise_number, parse_establishment_number):
        with suppress(NumberError):
            assert len(parse(text)) == 10


def test_numbers_that_do_not_fit_are_not_made() -> None:
    assert parse_establishment_number(make_establishment_number(20_000_003)) == "2000000339"
    for n in (-1, 20_000_000):
        with pytest.raises(ValueError, match="does not fit"):
            make_enterprise_number(n)
    with pytest.raises(ValueError, match="does not fit"):
        make_establishment_number(19_999_999)
