"""The errors that a door turns into an exit code or an HTTP status.

Everything a person can mend is a `Refusal`: its text names the place, the bad value and the way out.
Anything else is a defect of ours and may show its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Refusal(Exception):
    """Something a person can mend; the text says where, what and how."""


class NotFound(Refusal):
    """What was named does not exist; the text lists what does, or how to find it."""


@dataclass(frozen=True)
class Complaint:
    """One thing wrong in a file that a person wrote."""

    file: Path | str
    line: int | None
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.text}"


class FileRefused(Refusal):
    """A file that a person wrote has faults; every one of them is listed, with its line."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = tuple(complaints)
