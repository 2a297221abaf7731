"""Messages that came back: invented ones of many mail systems, and real ones where the shared corpus is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parent / "inbox" / "samples"
_MARK = "==== "


@dataclass(frozen=True)
class Expected:
    """What a message says of a recipient; a reason of `*` is any."""

    address: str
    klass: str
    reason: str = "*"


@dataclass(frozen=True)
class Sample:
    name: str
    raw: bytes
    expected: tuple[Expected, ...]


def bounces() -> list[Sample]:
    """Return our own messages: a heading with name and expectation, then the message as it is."""
    found = []
    for block in (SAMPLES / "bounces.txt").read_text(encoding="utf-8").split(_MARK)[1:]:
        heading, _, raw = block.partition("\n")
        name, _, wanted = heading.partition(" | ")
        expected = tuple(Expected(*one.split()) for one in wanted.split("; "))
        found.append(Sample(name, raw.encode(), expected))
    return found


def corpus_folder() -> Path | None:
    """Return the folder of the shared corpus, which is not copied into the project; None where it isn't there."""
    for folder in Path(__file__).resolve().parents:
        if (found := folder / "shared" / "corpora" / "bounces").is_dir():
            return found
    return None


def corpus(folder: Path) -> Iterator[Sample]:
    """Yield the real messages with their labels."""
    labels: dict[str, list[dict[str, str]]] = json.loads((folder / "labels.json").read_text())
    for path in sorted(folder.glob("*.eml")):
        wanted = tuple(Expected(one["recipient"].lower(), one["class"], one["reason"]) for one in labels[path.name])
        yield Sample(path.name, path.read_bytes(), wanted)
