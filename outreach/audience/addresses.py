"""E-mail addresses as people type them → one checked form.

email-validator is the judge. Plain ASCII addresses, nearly all of a list, take a fast path: one regular expression
that accepts only what email-validator accepts with the same result; everything else goes to email-validator itself.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from outreach.audience.impersonal import Kind, kind_of
from outreach.links import folded, hash_address

__all__ = ["Address", "AddressError", "Kind", "hash_within", "kind_of", "parse_address"]

# A subset of what RFC 5321 allows, narrow enough to need no further check up to 64 characters: no label can be too
# long, none has two hyphens in a row (Punycode), and the last one has only letters.
_PLAIN: Final = re.compile(
    r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@((?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,})"
).fullmatch
_PLAIN_LENGTH: Final = 64
_CELL_LENGTH: Final = 1_000
_SPECIAL_USE: Final = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES if name != "test")
_CASELESS: Final = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)  # RFC 2142

_INVISIBLE: Final = re.compile("[\u200b\u2060\ufeff\u00ad]")
# Copying from Outlook and chat programs leaves marks of writing direction and joiners around an address.
_EDGES: Final = (
    " \t\r\n\u00a0\u202f\u2007\u3000\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069;,"
)
_SOMETHING_AT: Final = re.compile(r"[^\s;,<>|]+@[^\s;,<>|]+")


class AddressError(ValueError):
    """The text is not one valid address; the message says why."""


class Address(NamedTuple):
    """One address: `address` to show and mail (Unicode domain), `domain` as lower-case A-labels."""

    address: str
    local: str
    domain: str

    @property
    def hash_form(self) -> str:
        """The form that is hashed, as `links.normalised_address` makes it."""
        return f"{folded(self.local)}@{self.domain}"

    @property
    def kind(self) -> Kind:
        """`role` or `personal` as far as the address alone tells."""
        return kind_of(self.local, self.domain)


def parse_address(text: str) -> Address:
    """Return the one address in a text such as `info@firma.be`, `mailto:…` or `Jan <jan@…>`; raise `AddressError`."""
    return _parse_plain(text) or _parse_cleaned(text)


def hash_within(key: bytes, text: str | None) -> bytes | None:
    """Return the keyed hash of the one address in a text, None if there is no such address."""
    try:
        return hash_address(key, parse_address(text).address) if text else None
    except AddressError:
        return None


def _parse_plain(text: str) -> Address | None:
    match = _PLAIN(text)
    if match is None or len(text) > _PLAIN_LENGTH:
        return None
    local, domain = match.groups()
    domain = domain.lower()
    if domain.endswith(_SPECIAL_USE):
        return None
    if local.lower() in _CASELESS:
        local = local.lower()
    return Address(f"{local}@{domain}", local, domain)


def _parse_cleaned(text: str) -> Address:
    if len(text) > _CELL_LENGTH:
        raise AddressError(f"{text[:40]!r}… is not a valid address: it has {len(text)} characters")
    bare = _bare(text)
    if not bare:
        raise AddressError("the address is empty")
    if not bare.startswith('"') and bare.count("@") > 1:
        raise AddressError(f"{text.strip()!r} holds more than one address: put each on a row of its own")
    return _parse_plain(bare) or _parse_any(bare)


def _parse_any(text: str) -> Address:
    try:
        # `test_environment` allows .test, which invented companies use.
        checked = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(f"{text!r} is not a valid address: {error}") from None
    if "." not in checked.ascii_domain:
        raise AddressError(f"{text!r} is not a valid address: the part after the @-sign should have a period.")
    return Address(checked.normalized, checked.local_part, checked.ascii_domain.lower())


def _bare(text: str) -> str:
    stripped = _INVISIBLE.sub("", text).strip(_EDGES)
    if "<" in stripped:
        stripped = _inside_brackets(stripped)
    if stripped[:7].lower() == "mailto:":
        stripped = unquote(stripped[7:].partition("?")[0])
    if stripped[-1:] in ("'", '"'):  # Outlook's quotes; no address ends in one
        stripped = stripped.strip("'\"")
    stripped = stripped.strip(_EDGES)
    # The root dot of DNS: `firma.be.` is the same domain.
    return stripped.removesuffix(".") if "@" in stripped else stripped


def _inside_brackets(text: str) -> str:
    """Return the address of `Naam <adres>`; the name may repeat the address but not hold another one."""
    before, _, rest = text.rpartition("<")
    inside, closed, after = rest.partition(">")
    if not closed or after.strip(_EDGES):
        return text
    address = inside.strip(_EDGES)
    others = {found.strip("'\"()").lower() for found in _SOMETHING_AT.findall(before)}
    if others - {address.lower(), address.lower().removeprefix("mailto:")}:
        raise AddressError(f"{text!r} holds more than one address: put each on a row of its own")
    return address
