"""What an examination found, and records as they are pasted into a zone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TTL = 3600
_LONGEST_STRING = 255  # RFC 1035, 3.3: a text record is one or more strings of so many octets


class Verdict(StrEnum):
    OK = "ok"
    ADVICE = "advice"  # it works, and could be better
    MISSING = "missing"
    UNKNOWN = "unknown"  # it could not be found out


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: the `record` is what to add or to put in the place of what is there."""

    matter: str
    verdict: Verdict
    text: str
    record: str | None = None

    @property
    def is_well(self) -> bool:
        return self.verdict in (Verdict.OK, Verdict.ADVICE)


def text_record(name: str, value: str) -> str:
    """Return a TXT record in the form of zone files, its value cut into strings that are short enough."""
    pieces = [value[start : start + _LONGEST_STRING] for start in range(0, len(value), _LONGEST_STRING)]
    quoted = " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
    return record(name, "TXT", quoted)


def record(name: str, kind: str, value: str) -> str:
    return f"{name.rstrip('.')}. {TTL} IN {kind} {value}"
