"""What a check finds: how bad, which rule, where, what, why it matters and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

_PLACE = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?\Z", re.DOTALL)


class Severity(StrEnum):
    """Whether a mail may go out with it: not with an error; a hint is only worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True)
class Finding:
    """Something to mend. `code` is stable; `where` is `file`, `file:line` or `file:line:column`, counted from 1."""

    severity: Severity
    where: str
    what: str
    mend: str
    code: str = ""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.mend}" if self.mend else "")

    @property
    def file(self) -> str:
        return self._part("file") or self.where

    @property
    def line(self) -> int | None:
        return _number(self._part("line"))

    @property
    def column(self) -> int | None:
        return _number(self._part("column"))

    def _part(self, name: str) -> str | None:
        found = _PLACE.match(self.where)
        return found[name] if found else None

    def as_data(self) -> dict[str, object]:
        """Give the stable keys of `--json` (docs/checking.md)."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "where": self.where,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "what": self.what,
            "why": self.why,
            "mend": self.mend,
        }


_ORDER = list(Severity)


def ordered(found: Iterable[Finding]) -> list[Finding]:
    """Return findings without repeats, by file and line, errors first at one place.

    What keeps a mail from being rendered is told only where nothing else says what is wrong on that line.
    """
    once: dict[tuple[str, int | None, str, str], Finding] = {}
    for one in found:
        key = (one.file, one.line, one.code, one.what)
        if key not in once or (one.column or 0) > (once[key].column or 0):
            once[key] = one
    told = {(one.file, one.line) for one in once.values() if one.severity is Severity.ERROR and one.code != "render"}
    kept = [one for one in once.values() if one.code != "render" or (one.file, one.line) not in told]
    return sorted(kept, key=lambda one: (one.file, one.line or 0, _ORDER.index(one.severity), one.column or 0))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known name that is nearest, or nothing."""
    close = get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None
