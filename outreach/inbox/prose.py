"""Finds in the prose of a notice who was not reached, what was said of each, and where the returned message begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from outreach.inbox import wording
from outreach.inbox.messages import Fields, fields_of
from outreach.inbox.notices import ADDRESS

LONGEST_NOTICE: Final = 20_000
MOST_FOUND: Final = 100
_SEGMENT: Final = 1_500

# Fields that only a message has, so the first of them is where the returned message begins.
_HEAD = re.compile(
    r"^[ \t>|]*(?:Received|Return-Path|DKIM-Signature|DomainKey-Signature|Message-ID|MIME-Version|Delivered-To|"
    r"X-[a-z-]{2,40}|ARC-[a-z-]{4,30}|Authentication-Results|Received-SPF|Content-Type|Content-Transfer-Encoding)"
    r"[ \t]?:[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"^[ \t>|]*[A-Za-z][A-Za-z0-9-]{0,40}:(?:[ \t]|$)")
_CONTINUED = re.compile(r"^[ \t>|]+\S")
# What may stand before an address at the start of a line, the code of a reply too.
_BULLET: Final = " \t*•·->|<\"'([:#=.0123456789"
_ROLES: Final = frozenset(
    {
        "postmaster",
        "post_master",
        "mailer-daemon",
        "mailer_daemon",
        "mailerdaemon",
        "abuse",
        "support",
        "helpdesk",
        "help",
    }
    | {"hostmaster", "noreply", "no-reply", "root", "webmaster"}
)


@dataclass(frozen=True, slots=True)
class Notice:
    """The part of a text that a machine wrote, and the head of the message that it returns after it."""

    text: str
    returned: Fields | None


def cut(text: str) -> Notice:
    """Part the notice from the message that it returns."""
    text = text[: LONGEST_NOTICE * 2]
    start = _returned_at(text)
    if start is None:
        mark = _mark_at(text)
        if mark is not None:
            return Notice(text[:mark][:LONGEST_NOTICE], _head_at(text, text.find("\n", mark) + 1))
        return Notice(text[:LONGEST_NOTICE], None)
    return Notice(text[:start][:LONGEST_NOTICE], _head_at(text, start))


def _returned_at(text: str) -> int | None:
    for tries, found in enumerate(_HEAD.finditer(text)):
        if tries > 20:
            return None
        start = found.start()
        after = text.find("\n", found.end())
        if (after >= 0 and _is_head(text[after + 1 : after + 2_000])) or _is_head(text[:start][-400:], before=True):
            start = _back(text, start)
            if not _is_described(text, start):
                return start
    return None


def _is_described(text: str, start: int) -> bool:
    """Tell whether fields only say which message the notice is about, and the notice goes on below them."""
    end = text.find("\n\n", start)
    fields = text[start:end].lower()
    if end < 0 or "received:" in fields or "return-path:" in fields:
        return False
    return wording.has("signs", "undelivered", wording.folded(text[end : end + 400]))


def _mark_at(text: str) -> int | None:
    """Return where a line announces what is returned: it ends like a heading, and nothing of it goes on below."""
    lowered = text.lower()
    places = [lowered.find(mark, 20) for mark in wording.plain("signs", "returned")]
    for place in sorted(place for place in places if place >= 0):
        start, end = lowered.rfind("\n", 0, place) + 1, lowered.find("\n", place)
        line = lowered[start:end].strip()
        heading = line.endswith((":", ".", "-", "=", "*", "#", ">", "|")) or line.startswith(("-", "=", "*", "#"))
        after = lowered[end + 1 : end + 100].partition("\n")[0]
        if (
            20 < start < end
            and len(line) <= 100
            and " not " not in line
            and heading
            and (not after.strip() or _FIELD.match(after))
        ):
            return start
    return None


def _is_head(text: str, before: bool = False) -> bool:
    """Tell whether fields follow (or precede) without a blank line between."""
    lines = text.split("\n")[-2:-1] if before else text.split("\n", 12)[:12]
    for line in lines:
        if _FIELD.match(line):
            return True
        if not _CONTINUED.match(line):
            return False
    return False


def _back(text: str, start: int) -> int:
    """Go back over the fields that stand directly before."""
    for _ in range(20):
        before = text.rfind("\n", 0, max(start - 1, 0)) + 1
        line = text[before:start]
        continued = bool(line.strip()) and line[0] in " \t" and before > 0
        above = text[text.rfind("\n", 0, before - 1) + 1 : before] if continued else ""
        if start == 0 or not (_FIELD.match(line) or _FIELD.match(above)):
            break
        start = before
    return start


def _head_at(text: str, start: int) -> Fields | None:
    rest = text[start : start + 20_000].lstrip("\n \t>|-")
    head = rest.partition("\n\n")[0]
    lines = head.split("\n")
    indent = min((len(line) - len(line.lstrip(" \t>|")) for line in lines[1:] if line.strip()), default=0)
    return fields_of("\n".join([lines[0].lstrip(" \t>|"), *(line[indent:] for line in lines[1:])])) or None


@dataclass(slots=True)
class Found:
    """An address in a notice: how likely it is the one that was not reached, and where it was first seen as that."""

    address: str
    score: int
    at: int


def recipients(notice: str, named: frozenset[str], ours: frozenset[str]) -> list[Found]:
    """Return who a notice is about; `named` are those the returned message went to, `ours` who it came from."""
    found: dict[str, Found] = {}
    for match in ADDRESS.finditer(notice):
        address = match[0].rstrip(".")
        if address[:5].lower() == "smtp=":  # Exchange 5 writes addresses as those of X.400
            address = address[5:]
        key = address.lower()
        score = _score(notice, match, key, named, ours)
        one = found.get(key)
        if one is None:
            if len(found) >= MOST_FOUND:
                break
            found[key] = Found(address, score, match.start())
        elif score > one.score:
            one.score, one.at = score, match.start()
    best = max((one.score for one in found.values()), default=0)
    if best <= 0:
        return []
    floor = 4 if best >= 4 else best
    return [one for one in found.values() if one.score >= floor]


def _score(notice: str, match: re.Match[str], key: str, named: frozenset[str], ours: frozenset[str]) -> int:
    start = match.start()
    line = notice.rfind("\n", 0, start) + 1
    before = notice[max(line, start - 60) : start].rstrip(" \t<\"'([:;").lower()
    score = 1
    if "." not in key.rpartition("@")[2]:
        score -= 2
    if _ends(before, "other"):
        score -= 5
    elif not notice[line:start].strip(_BULLET) or _ends(before, "named"):
        score += 4
    elif _ends(before, "perhaps_named"):
        score += 2
    if key in named:
        score += 3
    if key in ours:
        score -= 4
    if key.partition("@")[0] in _ROLES:
        score -= 3
    return score


def _ends(before: str, key: str) -> bool:
    """Tell whether the words before an address end in a whole phrase of a list."""
    phrases = wording.plain("signs", key)
    if not before.endswith(phrases):
        return False
    return any(before.endswith(words) and not before[: -len(words)][-1:].isalnum() for words in phrases)


def segments(notice: str, found: list[Found]) -> dict[str, str]:
    """Return what a notice says of each address: from there to the next one that something else is said of."""
    ordered = sorted(found, key=lambda one: one.at)
    if len(ordered) > 1 and (elsewhere := _above(notice, ordered) or _again(notice, ordered)):
        return elsewhere
    said: dict[str, str] = {}
    shared = ""
    for place in range(len(ordered) - 1, -1, -1):
        one = ordered[place]
        end = ordered[place + 1].at if place + 1 < len(ordered) else len(notice)
        text = notice[one.at : min(end, one.at + _SEGMENT)]
        if not any(letter.isalnum() for letter in text[len(one.address) :]):
            text += shared  # several in a row: what is said stands below the last
        said[one.address] = shared = text[:_SEGMENT]
    return said


def _above(notice: str, ordered: list[Found]) -> dict[str, str]:
    """Return what stands directly above each address, where a blank line follows every one of them."""
    said = {}
    for one in ordered:
        start, end = notice.rfind("\n", 0, one.at) + 1, notice.find("\n", one.at)
        paragraph = notice.rfind("\n\n", 0, start) + 2
        if end < 0 or notice[end + 1 : end + 2] != "\n" or paragraph == 1:
            return {}
        above = notice[max(paragraph, start - _SEGMENT) : start]
        if "@" in above or above.rstrip().endswith(":") or not any(letter.isalnum() for letter in above):
            return {}
        said[one.address] = above
    return said


def _again(notice: str, ordered: list[Found]) -> dict[str, str]:
    """Return what is said where all addresses are named again below their list, as in the transcript of a session."""
    lowered, last = notice.lower(), ordered[-1].at + len(ordered[-1].address)
    if any(letter.isalnum() for letter in notice[ordered[0].at + len(ordered[0].address) : ordered[1].at]):
        return {}
    places = {one.address: lowered.find(one.address.lower(), last) for one in ordered}
    if min(places.values()) < 0:
        return {}
    starts = {address: notice.rfind("\n", 0, at) + 1 for address, at in places.items()}
    ends = {
        start: min((next for next in starts.values() if next > start), default=len(notice)) for start in starts.values()
    }
    return {address: notice[start : min(ends[start], start + _SEGMENT)] for address, start in starts.items()}
