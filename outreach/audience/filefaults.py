"""The fault of a file as a whole: nothing of it is taken in."""

from __future__ import annotations

from pathlib import Path

from outreach.errors import Complaint, FileRefused


class FileFault(FileRefused):
    """A file cannot be taken in at all: where (`path`, `line`), `what` is wrong and the `way_out`."""

    def __init__(self, what: str, way_out: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        super().__init__([Complaint(path if path is not None else "the file", line, f"{what}. {way_out}")])
        self.what = what
        self.way_out = way_out
        self.path = path
        self.line = line
