"""CSS as it is written: what can't be read, properties that don't exist, colours that are none; with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple

import tinycss2
from tinycss2.color4 import parse_color

from outreach.emails.checking.components import TABLES
from outreach.emails.checking.finding import did_you_mean

_COLOURS = {"color", "background-color", "border-color", "border-top-color", "border-bottom-color", "outline-color"}
_LENGTHS = re.compile(
    r"font-size|letter-spacing|word-spacing|text-indent|(?:max-|min-)?(?:width|height)|(?:margin|padding)(?:-\w+)?"
    r"|border-(?:\w+-)?(?:width|radius)"
)
_MAX_DEPTH = 40
_MAX_FAULTS = 20


class CssFault(NamedTuple):
    """What is wrong in a style: its offset, what, and how to mend it."""

    at: int
    what: str
    mend: str


class Declaration(NamedTuple):
    """A property with its value, at an offset of the text; `media` and `selector` for those of a sheet."""

    name: str
    value: str
    at: int
    selector: str = ""
    media: str = ""
    important: bool = False


_DEEP = CssFault(0, f"brackets are nested more than {_MAX_DEPTH} deep", "write it in a simpler way")
_BRACKETS = re.compile(r"[()\[\]{}]")


@cache
def properties() -> frozenset[str]:
    """Return the names of the CSS properties."""
    return frozenset((TABLES / "css.txt").read_text(encoding="utf-8").split())


@lru_cache(512)
def faults(style: str) -> tuple[CssFault, ...]:
    """Return what is wrong with a `style` attribute's value."""
    if too_deep(style):
        return (_DEEP,)
    parsed = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    return tuple(islice(_declaration_faults(parsed, _starts(style)), _MAX_FAULTS))


@lru_cache(32)
def sheet_faults(sheet: str) -> tuple[CssFault, ...]:
    """Return what is wrong with a style sheet."""
    if too_deep(sheet):
        return (_DEEP,)
    return (*islice(_rule_faults(sheet), _MAX_FAULTS), *islice(_unbalanced(sheet), _MAX_FAULTS))


def _rule_faults(sheet: str) -> Iterator[CssFault]:
    starts = _starts(sheet)
    for rule, _ in _rules(_stylesheet(sheet), ""):
        if rule.type == "error":
            yield _error(rule, starts)
        elif rule.type == "qualified-rule":
            yield from _declaration_faults(tinycss2.parse_blocks_contents(rule.content, True, True), starts)


def _unbalanced(sheet: str) -> Iterator[CssFault]:
    opened: list[int] = []
    for token in tinycss2.parse_component_value_list(sheet):
        if token.type == "error" and token.kind in ("}", ")", "]"):
            yield CssFault(_offset(token, _starts(sheet)), f"a {token.kind} that closes nothing", "take it out")
    for at, mark in enumerate(sheet):
        if mark == "{":
            opened.append(at)
        elif mark == "}" and opened:
            opened.pop()
    for at in opened[-1:]:
        yield CssFault(at, "a { that is never closed", "write } where the rule ends")


@lru_cache(2048)
def declarations(style: str) -> tuple[Declaration, ...]:
    """Return the declarations of a `style` attribute's value, in order."""
    if too_deep(style):
        return ()
    starts = _starts(style)
    parsed = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    return tuple(_declaration(one, starts, "", "") for one in parsed if one.type == "declaration")


@lru_cache(64)
def sheet_declarations(sheet: str) -> tuple[Declaration, ...]:
    """Return the declarations of a style sheet, each with its selector and the media it is for."""
    if too_deep(sheet):
        return ()
    starts = _starts(sheet)
    found = []
    for rule, media in _rules(_stylesheet(sheet), ""):
        if rule.type == "qualified-rule":
            selector = squeezed(tinycss2.serialize(rule.prelude))
            for one in tinycss2.parse_blocks_contents(rule.content, True, True):
                if one.type == "declaration":
                    found.append(_declaration(one, starts, selector, media))
    return tuple(found)


def at_rules(sheet: str) -> Iterator[tuple[str, str, int]]:
    """Yield keyword, prelude and offset of each at-rule of a sheet, those within others too."""
    if too_deep(sheet):
        return
    starts = _starts(sheet)
    waiting = list(_stylesheet(sheet))
    while waiting:
        rule = waiting.pop(0)
        if rule.type == "at-rule":
            yield rule.lower_at_keyword, squeezed(tinycss2.serialize(rule.prelude)), _offset(rule, starts)
            waiting = [*tinycss2.parse_rule_list(rule.content or [], True, True), *waiting]


@lru_cache(2048)
def too_deep(text: str) -> bool:
    """Tell whether brackets are nested deeper than reading them one within another allows."""
    depth = 0
    for mark in _BRACKETS.findall(text):
        depth = max(0, depth + (1 if mark in "([{" else -1))
        if depth > _MAX_DEPTH:
            return True
    return False


def squeezed(text: str) -> str:
    """Return a text with single spaces."""
    return " ".join(text.split())


def _stylesheet(sheet: str) -> Sequence[Any]:
    rules: Sequence[Any] = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return rules


def _rules(rules: Sequence[Any], media: str) -> Iterator[tuple[Any, str]]:
    for rule in rules:
        if rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword in ("media", "supports"):
            inner = squeezed(f"{media} {tinycss2.serialize(rule.prelude)}")
            yield from _rules(tinycss2.parse_rule_list(rule.content, True, True), inner)
        else:
            yield rule, media


def _declaration_faults(parsed: Sequence[Any], starts: list[int]) -> Iterator[CssFault]:
    for one in parsed:
        if one.type == "error":
            yield _error(one, starts)
        elif one.type == "declaration":
            name = one.lower_name
            if not name.startswith(("-", "mso-")) and name not in properties():
                what = f"CSS knows no property {one.name!r}{did_you_mean(name, properties())}"
                yield CssFault(_offset(one, starts), what, "programs pass over what they don't know")
            elif not _has_value(one):
                yield CssFault(_offset(one, starts), f"{one.name!r} has no value", "write one, or take it out")
            elif wrong := _wrong_colour(one):
                what = f"{wrong!r} is no colour"
                yield CssFault(_offset(one, starts), what, "write one such as #0c4a57 or rgb(12,74,87)")
            elif wrong := _without_unit(one):
                yield CssFault(_offset(one, starts), f"{wrong} in {one.name!r} has no unit", f"write {wrong}px")


def _has_value(one: Any) -> bool:
    return any(token.type not in ("whitespace", "comment") for token in one.value)


def _wrong_colour(one: Any) -> str | None:
    for token in one.value:
        if token.type == "hash" and (one.lower_name in _COLOURS or one.lower_name == "background"):
            if parse_color(token) is None:
                return f"#{token.value}"
        elif token.type == "ident" and one.lower_name in _COLOURS and len(one.value) == 1:
            wide = token.lower_value in ("inherit", "initial", "unset", "revert", "currentcolor")
            if not wide and parse_color(token) is None:
                return str(token.value)
    return None


def _without_unit(one: Any) -> str | None:
    """Return a number that needs a unit; programs pass over the whole declaration."""
    if not _LENGTHS.fullmatch(one.lower_name):
        return None
    bare = (token for token in one.value if token.type == "number" and token.value != 0)
    return next((str(token.representation) for token in bare), None)


def _declaration(one: Any, starts: list[int], selector: str, media: str) -> Declaration:
    value = squeezed(tinycss2.serialize(one.value))
    return Declaration(one.lower_name, value, _offset(one, starts), selector, media, one.important)


def _error(node: Any, starts: list[int]) -> CssFault:
    return CssFault(_offset(node, starts), f"CSS that can't be read ({node.message})", "look for a missing ; or :")


def _starts(text: str) -> list[int]:
    found, at = [0], text.find("\n")
    while at >= 0:
        found.append(at + 1)
        at = text.find("\n", at + 1)
    return found


def _offset(node: Any, starts: list[int]) -> int:
    line, column = int(node.source_line), int(node.source_column)
    return starts[min(line, len(starts)) - 1] + column - 1
