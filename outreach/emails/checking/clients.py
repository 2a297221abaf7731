"""What the readers' mail programs don't know, by caniemail's tables: features used without anything in their place.

The table says what a test once showed (`y`, `a` in part, `n`, `u`); only `n` counts here, and what isn't in the table
is passed over. A feature is no finding where those readers get something as good: the rule stands within `@media` or
`@supports`, the same property stands before it with a plain value, a plain ground colour stands beside a picture, the
table of fallbacks names what they see instead, or a comment on the line or the one before says `fallback: …`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from outreach.emails.checking import features, styles
from outreach.emails.checking.components import TABLES
from outreach.emails.checking.finding import Finding, Severity, did_you_mean
from outreach.emails.checking.markup_source import Tag, Words, pieces
from outreach.emails.checking.masking import EXPRESSION, GAP, mask
from outreach.emails.templates import TemplateSource
from outreach.errors import Refusal

# What Belgian offices read their mail with; the new Outlook for Windows is Outlook.com in a window.
PROGRAMS = (
    *("outlook.windows", "outlook.outlook-com", "outlook.macos", "outlook.ios", "outlook.android"),
    *("gmail.desktop-webmail", "gmail.ios", "gmail.android", "apple-mail.macos", "apple-mail.ios"),
    *("samsung-email.android", "yahoo.desktop-webmail", "yahoo.ios", "yahoo.android"),
    *("thunderbird.windows", "thunderbird.macos"),
)
_STATED = re.compile(r"fallback\s*:\s*\w+", re.IGNORECASE)
_MAX_FINDINGS = 100
_GROUND = frozenset(["background-color", "background"])


class Used(NamedTuple):
    """A feature where it is used: its name in the table, its offset, and how it is written."""

    feature: str
    at: int
    shown: str


@cache
def support() -> dict[str, dict[str, str]]:
    """Return for each feature what each program does with it."""
    with (TABLES / "caniemail.csv").open(encoding="utf-8", newline="") as file:
        return {row["feature"]: row for row in csv.DictReader(file)}


@cache
def known_programs() -> tuple[str, ...]:
    """Return the names of the programs that the table knows."""
    first = next(iter(support().values()))
    return tuple(name for name in first if name not in ("feature", "title", "tested"))


def chosen(programs: Sequence[str]) -> tuple[str, ...]:
    """Return the programs to look at: those named, or the usual ones; Refusal for one that the table doesn't know."""
    for program in programs:
        if program not in known_programs():
            near = did_you_mean(program, known_programs())
            raise Refusal(f"checking.programs: {program!r} isn't known{near} There are: {', '.join(known_programs())}")
    return tuple(programs) or PROGRAMS


@cache
def fallbacks() -> dict[str, str]:
    """Return what readers see where a program doesn't know a feature, for those where that is as good."""
    with (TABLES / "fallbacks.csv").open(encoding="utf-8", newline="") as file:
        return {row["feature"]: row["instead"] for row in csv.DictReader(file)}


def lacking(feature: str, programs: Sequence[str]) -> list[str]:
    """Return the programs that don't know a feature."""
    row = support().get(feature, {})
    return [program for program in programs if row.get(program) == "n"]


def source_findings(template: TemplateSource, programs: Sequence[str]) -> Iterator[Finding]:
    """Yield the features that a template uses and some program doesn't know, without a fallback."""
    for part in ("body.mjml", *(name for name in template.parts if name.endswith(".mjml"))):
        loaded = template.loadable(part)
        if loaded is None:
            continue
        masked = mask(loaded[0])
        seen: set[tuple[str, int]] = set()
        for used in uses(masked.text):
            if len(seen) >= _MAX_FINDINGS:
                break
            line, column = masked.place(used.at)
            without = lacking(used.feature, programs)
            if not without or used.feature in fallbacks() or (used.feature, line) in seen:
                continue
            if _stated(loaded[0], masked.breaks, line):
                continue
            seen.add((used.feature, line))
            yield _finding(f"{template.file(part)}:{line}:{column}", used, without)


def _finding(where: str, used: Used, without: list[str]) -> Finding:
    what = f"{used.shown} isn't known to {', '.join(without)}"
    mend = "write something plain before it, or say in a comment what they see instead: fallback: …"
    row = support()[used.feature]
    why = f"https://www.caniemail.com/features/{used.feature}/ (tested {row['tested']})"
    return Finding(Severity.WARNING, where, what, mend, "unsupported", why)


def _stated(text: str, breaks: tuple[int, ...], line: int) -> bool:
    """Tell whether a comment on a line, or on the one before, says what others see instead."""
    begin = breaks[max(0, line - 2)]
    end = breaks[line] if line < len(breaks) else len(text)
    return any(
        _STATED.search(comment) for comment in re.findall(r"\{#.*?#\}|/\*.*?\*/|<!--.*?-->", text[begin:end], re.DOTALL)
    )


@lru_cache(64)
def uses(text: str) -> tuple[Used, ...]:
    """Return the features of HTML and CSS that a masked text uses."""
    return tuple(_uses(text))


def _uses(text: str) -> Iterator[Used]:
    opened = ""
    for piece in pieces(text):
        if isinstance(piece, Words) and opened in ("mj-style", "style"):
            sheet = text[piece.start : piece.end].replace(EXPRESSION, " ").replace(GAP, " ")
            yield from _sheet(sheet, piece.start)
        opened = ""
        if isinstance(piece, Tag) and not piece.closing:
            opened = piece.name
            yield from _tag(piece)


def _tag(tag: Tag) -> Iterator[Used]:
    html = not tag.name.startswith("mj")
    if html and (feature := features.of_element(tag.name.lower(), {one.name: one.value for one in tag.attributes})):
        yield Used(feature, tag.start, f"<{tag.name}>")
    for one in tag.attributes:
        if html and (feature := features.of_attribute(one.name.lower(), one.value)):
            yield Used(feature, one.at, f"the attribute {one.name}")
        if one.name in ("src", "href", "background-url", "background") and not one.dynamic:
            for feature in features.of_address(one.name, one.value):
                yield Used(feature, one.at, f"{one.name}={one.value[:40]!r}")
        if one.name == "style" and not one.dynamic:
            grounded = tag.get("bgcolor") is not None
            yield from _block(styles.declarations(one.value), one.value_at, grounded)


def _sheet(sheet: str, at: int) -> Iterator[Used]:
    for keyword, prelude, place in styles.at_rules(sheet):
        for feature in features.of_at_rule(keyword, prelude):
            yield Used(feature, at + place, f"@{keyword} {prelude}".strip()[:60])
    blocks: dict[tuple[str, str], list[styles.Declaration]] = {}
    for one in styles.sheet_declarations(sheet):
        if not one.media:
            blocks.setdefault((one.media, one.selector), []).append(one)
    for (_, selector), block in blocks.items():
        for feature in features.of_selector(selector):
            yield Used(feature, at + block[0].at, f"the selector {selector!r}")
        yield from _block(block, at, False)


def _block(block: Sequence[styles.Declaration], at: int, grounded: bool) -> Iterator[Used]:
    plain: set[str] = set()
    grounded = grounded or any(one.name in _GROUND and "(" not in one.value for one in block)
    for one in block:
        found = list(features.of_declaration(one.name, one.value))
        pictured = one.name.startswith("background") and grounded
        for feature in found:
            if one.name not in plain and not pictured:
                yield Used(feature, at + one.at, f"{one.name}:{one.value}"[:60])
        if not any(lacking(feature, PROGRAMS) for feature in found if feature not in fallbacks()):
            plain.add(one.name)
