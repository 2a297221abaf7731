"""Contacts one at a time, for the person on the phone: by any part of an address, a name, a company or its number."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from outreach.audience.addresses import AddressError, parse_address
from outreach.audience.companies import name_key
from outreach.errors import Refusal
from outreach.links import hash_address
from outreach.models import Company, Contact

FOUND_AT_MOST = 50


def checked_address(text: str) -> str:
    """Return the one address in a text; Refusal if there is none."""
    try:
        return parse_address(text).address
    except AddressError as error:
        raise Refusal(str(error)) from error


def find(session: Session, text: str, key: bytes) -> list[Contact]:
    """Return contacts by address (whole or in part), name, company or fragment of an enterprise number; 50 at most."""
    wanted = " ".join(text.split())
    if not wanted:
        raise Refusal("nothing to look for: give an address, a name, a company or an enterprise number")
    statement = (
        select(Contact)
        .join(Company)
        .options(joinedload(Contact.company))
        .where(or_(*_matches(wanted, key)))
        .order_by(Company.name, Contact.address)
        .limit(FOUND_AT_MOST)
    )
    return list(session.scalars(statement))


def _matches(wanted: str, key: bytes) -> Iterable[ColumnElement[bool]]:
    if "@" in wanted.strip("@"):
        with suppress(AddressError):
            yield Contact.address_hash == hash_address(key, parse_address(wanted).address)
    yield _contains(Contact.address, wanted)
    name = Contact.first_name.concat(" ").concat(Contact.last_name)
    for column in (name, Contact.first_name, Contact.last_name, Company.name):
        # SQLite folds the case of ASCII letters only, so "é" is tried as "É" too.
        for spelling in dict.fromkeys((wanted, wanted.upper(), wanted.title())):
            yield _contains(column, spelling)
    if bare := name_key(wanted):
        yield Company.name_key.contains(bare, autoescape=True)
    digits = "".join(mark for mark in wanted if mark.isdigit())
    if len(digits) >= 3 and not any(mark.isalpha() for mark in wanted.upper().replace("BE", "")):
        yield Company.enterprise_number.contains(digits, autoescape=True)


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    lower = text.lower() if text.isascii() else text
    return or_(func.lower(column).contains(lower, autoescape=True), column.contains(text, autoescape=True))


def of_address(session: Session, address: str, key: bytes) -> list[Contact]:
    """Return the contacts with this address, one per company it stands for."""
    statement = select(Contact).where(Contact.address_hash == hash_address(key, address)).order_by(Contact.id)
    return list(session.scalars(statement.options(joinedload(Contact.company))))
