"""Segments as files: `segments/<name>.yaml` in the project folder, read and checked, or frozen into an approval."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outreach.audience.segments.rules import SegmentFile
from outreach.documents import Location, parse_yaml, read_text, refuse, validate
from outreach.errors import Complaint, FileRefused, NotFound, Refusal

SUFFIX = ".yaml"
MAX_DEPTH = 8
MAX_ENTRIES = 3000
_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_NESTING = frozenset({"all", "any", "not"})


@dataclass(frozen=True)
class Segment:
    """A named rule; `text` is the file as it was written, and all that an approval needs to keep."""

    name: str
    title: str
    rule: SegmentFile
    text: str
    file: Path = field(compare=False)
    lines: Mapping[Location, int] = field(compare=False, repr=False)

    def to_json(self) -> dict[str, str]:
        """Return what `from_json` makes the same segment of."""
        return {"name": self.name, "text": self.text}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Segment:
        """Return the segment that was frozen by `to_json`."""
        return parse(str(data["name"]), str(data["text"]), Path(f"{data['name']}{SUFFIX} (as approved)"))

    def complaint(self, location: Location, text: str) -> Complaint:
        """Return a complaint about the value at `location`, with the nearest line that is known."""
        ends = (location[:end] for end in range(len(location), -1, -1))
        line = next((self.lines[end] for end in ends if end in self.lines), None)
        return Complaint(self.file, line, text)


def available(folder: Path) -> list[str]:
    """Return the names of the segments in `folder`, whether they can be read or not; `load` refuses bad names."""
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def load(folder: Path, name: str) -> Segment:
    """Read the segment `name`; NotFound lists what exists, FileRefused every fault of the file with its line."""
    if not _NAME.fullmatch(name):
        file = folder / f"{name}{SUFFIX}"
        rename = f"; rename {file}" if name in available(folder) else ""
        raise Refusal(
            f"segment {name!r}: a name has lower-case letters, digits and hyphens, without folder or .yaml{rename}"
        )
    file = folder / f"{name}{SUFFIX}"
    if not file.is_file():
        raise NotFound(_missing(folder, name))
    return parse(name, read_text(file), file)


def parse(name: str, text: str, file: Path) -> Segment:
    """Read a segment from its text; `file` is what refusals name."""
    document = parse_yaml(text, file, as_written=True)
    if not isinstance(document.data, dict):
        raise refuse(file, 1, "is no segment: write title: and rules such as province: limburg")
    for location, line in document.lines.items():
        if sum(part in _NESTING for part in location) > MAX_DEPTH:
            raise refuse(file, line, f"all, any and not are nested more than {MAX_DEPTH} deep: split the segment")
    if len(document.lines) > MAX_ENTRIES:
        raise refuse(file, None, f"has {len(document.lines)} entries; at most {MAX_ENTRIES} are read")
    try:
        rule = validate(SegmentFile, document)
    except FileRefused as refused:
        raise FileRefused(sorted(refused.complaints, key=lambda complaint: complaint.line or 0)) from refused
    return Segment(name, rule.title, rule, text, file, document.lines)


def _missing(folder: Path, name: str) -> str:
    names = available(folder)
    if (folder / f"{name}.yml").is_file():
        return f"{folder / name}.yml: segments end in {SUFFIX}: rename the file"
    names = [name for name in names if _NAME.fullmatch(name)]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    what = f"existing: {', '.join(names)}" if names else f"{folder} has none yet"
    return f"segment {name!r} does not exist; {hint}{what}; make {folder / name}{SUFFIX}"
