"""A template's text with its Jinja masked: every character stays at its place, so that line and column stay true.

Expressions become `EXPRESSION` characters, statements and comments `GAP` characters; line breaks stay. What was masked
is kept beside the text, in order, as `Code`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

EXPRESSION = "\ue002"
GAP = "\ue003"

_OPENING = re.compile(r"\{[{%#]")
# A string that never ends is passed whole: looking for its end again from each quote in it would take for ever.
_STRINGS = r"\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)"
_INSIDE = re.compile(_STRINGS + r"|[{]{2}|\{%|%\}|[{}]", re.DOTALL)
_WORD = re.compile(r"[{%+-]*\s*([A-Za-z_]+)")
_RAW_END = re.compile(r"\{%[+-]?\s*endraw\s*[+-]?%\}")
_NOT_BREAK = re.compile(r"[^\n]")


class Kind(StrEnum):
    EXPRESSION = "expression"
    STATEMENT = "statement"
    COMMENT = "comment"
    UNCLOSED = "unclosed"


@dataclass(frozen=True)
class Code:
    """A piece of Jinja: where it stands, its first word (`if`, `endfor` …) and its whole text."""

    kind: Kind
    start: int
    end: int
    word: str
    text: str


@dataclass(frozen=True)
class Masked:
    """A text without its Jinja, of the same length, and the Jinja."""

    text: str
    codes: tuple[Code, ...]
    breaks: tuple[int, ...]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, from 1."""
        line = bisect_right(self.breaks, offset)
        return line, offset - self.breaks[line - 1] + 1


@lru_cache(64)
def mask(text: str) -> Masked:
    """Mask the Jinja of a text; what is opened and never closed is masked to the end of its line."""
    pieces: list[str] = []
    codes: list[Code] = []
    at = 0
    while found := _OPENING.search(text, at):
        pieces.append(text[at : found.start()])
        code = _code(text, found.start())
        codes.append(code)
        filler = EXPRESSION if code.kind is Kind.EXPRESSION else GAP
        pieces.append(_NOT_BREAK.sub(filler, code.text))
        at = code.end
        if code.word == "raw" and code.kind is Kind.STATEMENT:
            end = _RAW_END.search(text, at)
            stop = end.start() if end else len(text)
            pieces.append(text[at:stop])
            at = stop
    pieces.append(text[at:])
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return Masked("".join(pieces), tuple(codes), tuple(starts))


def _code(text: str, start: int) -> Code:
    opener = text[start : start + 2]
    if opener == "{#":
        end = text.find("#}", start + 2)
        return _closed(Kind.COMMENT, text, start, end + 2) if end >= 0 else _unclosed(text, start)
    closer, kind = ("}}", Kind.EXPRESSION) if opener == "{{" else ("%}", Kind.STATEMENT)
    depth = 0
    for found in _INSIDE.finditer(text, start + 2):
        mark = found[0]
        if mark == "{":
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
        elif mark in ("{{", "{%"):
            break
        elif mark == "%}":
            return _closed(kind, text, start, found.end()) if closer == "%}" else _unclosed(text, start)
        elif mark == "}":
            right = closer == "}}" and text.startswith("}}", found.start())
            return _closed(kind, text, start, found.start() + 2) if right else _unclosed(text, start)
    return _unclosed(text, start)


def _closed(kind: Kind, text: str, start: int, end: int) -> Code:
    word = _WORD.match(text, start + 2, end)
    return Code(kind, start, end, word[1] if word else "", text[start:end])


def _unclosed(text: str, start: int) -> Code:
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return Code(Kind.UNCLOSED, start, end, "", text[start:end])
