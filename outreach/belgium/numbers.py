"""Enterprise and establishment numbers of the Crossroads Bank for Enterprises (KBO/BCE).

Both have ten digits of which the last two are 97 minus the first eight modulo 97, so a remainder of 0 gives 97.
An enterprise number starts with 0 or 1, an establishment number with 2 to 8.
"""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s.,·\-‐-―/_'\u200b\u2060\ufeff]+")
# What people write before the number: BE, BTW BE, TVA, VAT, KBO, BCE, CBE, ON, RPR, nr., n°, no.
_PREFIX = re.compile(r"(?:(?:BTW|TVA|VAT|KBO|BCE|CBE|RPR|RPM|ON|VE|NR|NO|N°|NUMMER|#|:)+)?:?(?:BE)?:?", re.IGNORECASE)
_FLOAT = re.compile(r"\s*(\d{9,10})[.,]0{1,2}\s*")
_SCIENTIFIC = re.compile(r"\s*\d([.,]\d+)?E\+?\d+\s*", re.IGNORECASE)


class NumberError(ValueError):
    """The text is not a number of the register; the message says what is wrong with it."""


def parse_enterprise_number(text: str) -> str:
    """Return the ten digits of an enterprise number in any spelling people use; raise `NumberError`."""
    if len(text) == 10 and text[0] in "01" and text.isascii() and text.isdigit():
        if 97 - int(text[:8]) % 97 == int(text[8:]):
            return text
        raise _wrong_check_digits(text, text, "enterprise number")
    digits = _digits(text, "enterprise number")
    if len(digits) == 9 and digits[0] != "0":
        digits = "0" + digits  # the spelling from before 2005
    _check_length(text, digits, "enterprise number")
    if digits[0] not in "01":
        if digits[0] in "2345678" and _check_digits(digits) == digits[8:]:
            raise NumberError(f"{text!r} is an establishment number; an enterprise number starts with 0 or 1")
        raise NumberError(f"{text!r} is not an enterprise number: it starts with {digits[0]}, not with 0 or 1")
    if _check_digits(digits) != digits[8:]:
        raise _wrong_check_digits(text, digits, "enterprise number")
    return digits


def parse_establishment_number(text: str) -> str:
    """Return the ten digits of an establishment number in any spelling people use; raise `NumberError`."""
    digits = _digits(text, "establishment number")
    _check_length(text, digits, "establishment number")
    if digits[0] not in "2345678":
        if digits[0] in "01" and _check_digits(digits) == digits[8:]:
            raise NumberError(f"{text!r} is an enterprise number; an establishment number starts with 2 to 8")
        raise NumberError(f"{text!r} is not an establishment number: it starts with {digits[0]}, not with 2 to 8")
    if _check_digits(digits) != digits[8:]:
        raise _wrong_check_digits(text, digits, "establishment number")
    return digits


def format_enterprise_number(digits: str) -> str:
    """Write ten digits as the register prints them: 0203.201.340."""
    return f"{digits[:4]}.{digits[4:7]}.{digits[7:]}"


def format_establishment_number(digits: str) -> str:
    """Write ten digits as the register prints them: 2.000.000.339."""
    return f"{digits[0]}.{digits[1:4]}.{digits[4:7]}.{digits[7:]}"


def make_enterprise_number(n: int) -> str:
    """Return the enterprise number whose first eight digits are `n` (below 20,000,000), for invented companies."""
    if not 0 <= n < 20_000_000:
        raise ValueError(f"{n} does not fit an enterprise number: give 0 to 19999999")
    return f"{n:08d}{97 - n % 97:02d}"


def make_establishment_number(n: int) -> str:
    """Return the establishment number whose first eight digits are `n` (20,000,000 to 89,999,999)."""
    if not 20_000_000 <= n < 90_000_000:
        raise ValueError(f"{n} does not fit an establishment number: give 20000000 to 89999999")
    return f"{n:08d}{97 - n % 97:02d}"


def _digits(text: str, noun: str) -> str:
    if _SCIENTIFIC.fullmatch(text):
        raise NumberError(f"{text!r} was shortened by a spreadsheet: format the column as text and enter the {noun}")
    if whole := _FLOAT.fullmatch(text):
        return whole[1]
    bare = _SEPARATORS.sub("", text)
    digits = bare[_prefix_length(bare) :]
    if not digits:
        raise NumberError(f"the {noun} is empty" if not bare else f"{text!r} holds no digits of an {noun}")
    if not (digits.isascii() and digits.isdigit()):
        country = re.match(r"[A-Z]{2}(?=\d)", digits, re.IGNORECASE)
        if country:
            raise NumberError(f"{text!r} is not a Belgian number: it starts with {country[0].upper()}, not with BE")
        wrong = next(c for c in digits if not ("0" <= c <= "9"))
        raise NumberError(f"{text!r} is not an {noun}: {wrong!r} is not a digit")
    return digits


def _prefix_length(bare: str) -> int:
    match = _PREFIX.match(bare)
    return match.end() if match else 0


def _check_length(text: str, digits: str, noun: str) -> None:
    if len(digits) != 10:
        raise NumberError(f"{text!r} is not an {noun}: it has {len(digits)} digits, not 10")


def _check_digits(digits: str) -> str:
    return f"{97 - int(digits[:8]) % 97:02d}"


def _wrong_check_digits(text: str, digits: str, noun: str) -> NumberError:
    right = _check_digits(digits)
    return NumberError(f"{text!r} is not an {noun}: it ends in {digits[8:]}, but {digits[:8]} has check digits {right}")
