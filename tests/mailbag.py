"""Messages that came back: invented ones of many mail systems, and real ones where the shared corpus is there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outreach.inbox.classifying import classify

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


@dataclass(frozen=True)
class Text:
    """What somebody wrote back, and what it is."""

    kind: str
    raw: bytes
    new_address: str | None = None


def people(name: str) -> list[Text]:
    """Return invented texts: `people.txt` was looked at while the words were chosen, `people_kept_apart.txt` never."""
    head = b"From: Ann Peeters <ann@firma.example>\nTo: nieuws@federatie.example\n"
    found = []
    for block in (SAMPLES / name).read_text(encoding="utf-8").split(_MARK)[1:]:
        heading, _, raw = block.partition("\n")
        kind, _, new_address = heading.partition(" ")
        found.append(Text(kind, head + raw.encode(), new_address or None))
    return found


@dataclass
class Score:
    """How many texts there are of each kind, how many were taken for it, and how many rightly."""

    all: Counter[str]
    said: Counter[str]
    right: Counter[str]

    def recall(self, kind: str) -> float:
        return self.right[kind] / max(self.all[kind], 1)

    def precision(self, kind: str) -> float:
        return self.right[kind] / max(self.said[kind], 1)


def score(texts: list[Text]) -> Score:
    """Classify texts and count."""
    result = Score(Counter(), Counter(), Counter())
    for text in texts:
        kind = classify(text.raw).kind.value
        result.all[text.kind] += 1
        result.said[kind] += 1
        result.right[kind] += kind == text.kind
    return result
