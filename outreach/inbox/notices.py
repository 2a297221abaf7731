"""Reads the fields that machines write about recipients: delivery reports (RFC 3464, RFC 6533), feedback (RFC 5965) and
receipts (RFC 8098), wherever in a message they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from outreach.inbox.messages import Fields, unfolded

MOST_RECIPIENTS: Final = 500
_BLANK = re.compile(r"\n[>|]? ?\n")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_OF_A_RECIPIENT = frozenset(
    {
        "final-recipient",
        "original-recipient",
        "action",
        "status",
        "diagnostic-code",
        "remote-mta",
        "last-attempt-date",
        "final-log-id",
        "will-retry-until",
        "x-actual-recipient",
        "x-display-name",
    }
)
# No blank, control character or invisible mark, and nothing that encloses or separates addresses.
_NOT_IN_ONE: Final = r"\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\ufeff<>\"'(),;:\[\]\\@"
ADDRESS: Final = re.compile(
    rf"(?<![^{_NOT_IN_ONE}])[^{_NOT_IN_ONE}=][^{_NOT_IN_ONE}]{{0,63}}@[^{_NOT_IN_ONE}=*]{{1,190}}"
)


def groups(text: str) -> Iterator[Fields]:
    """Yield the fields of each recipient; a group ends with a blank line, or where its Final-Recipient comes again."""
    group: Fields = {}
    count = 0
    for line in unfolded(_BLANK.sub("\n\x00\n", text)).split("\n"):
        name, colon, value = line.partition(":")
        name = name.strip(" \t>|").lower()
        if name == "\x00":
            if "final-recipient" in group or "original-recipient" in group:
                count += 1
                yield group
                group = {}
        elif colon and name in _OF_A_RECIPIENT:
            if name == "final-recipient" and name in group:
                count += 1
                yield group
                group = {}
            if name == "original-recipient":
                group[name] = value.strip()
            else:
                group.setdefault(name, value.strip())
        if count >= MOST_RECIPIENTS:
            return
    if group:
        yield group


def has_groups(text: str) -> bool:
    lowered = text.lower()
    return ("final-recipient:" in lowered or "original-recipient:" in lowered) and (
        "action:" in lowered or "status:" in lowered or "diagnostic-code:" in lowered
    )


def address_of(value: str) -> str | None:
    """Return the address in a field such as `rfc822; <ann@firm.example> (Ann)`; None if there is none."""
    kind, semicolon, rest = value.partition(";")
    found = ADDRESS.search((rest if semicolon else value).replace('"@', "@"))
    if found is None:
        return None
    address = found[0].rstrip(".")
    return _XTEXT.sub(lambda code: chr(int(code[1], 16)), address) if "+" in address and "xtext" in kind else address


def addresses_in(values: Iterable[str]) -> list[str]:
    """Return all addresses in fields, each once."""
    return list(dict.fromkeys(found[0].rstrip(".") for value in values for found in ADDRESS.finditer(value)))
