"""How right is what came back classified? By family of mail systems on the real messages, by kind on invented texts.

The real messages are those of the shared corpus where it is there; each family's figure stands by itself, since one
that the words were never chosen for is what the next mailbox brings. Of the invented texts, `people.txt` was looked at
while the words were chosen and `people_kept_apart.txt` never. The last line is one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent / "tests")

import mailbag  # noqa: E402

from outreach.inbox.classifying import classify  # noqa: E402


def bounces(samples: list[mailbag.Sample]) -> dict[str, float]:
    all: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for sample in samples:
        family = sample.name.rpartition("-")[0] or "our own"
        classes = {one.address.lower(): one.klass.value for one in classify(sample.raw).recipients}
        for wanted in sample.expected:
            all[family] += 1
            found[family] += wanted.address in classes
            right[family] += classes.get(wanted.address) == wanted.klass
    print(f"{'family':24}{'recipients':>12}{'found':>8}{'class':>8}")
    for family, count in sorted(all.items()):
        print(f"{family:24}{count:12}{found[family] / count:8.0%}{right[family] / count:8.0%}")
    total = all.total()
    return {"recipients": round(found.total() / total, 4), "recipients_and_class": round(right.total() / total, 4)}


def people(name: str) -> dict[str, dict[str, float]]:
    score = mailbag.score(mailbag.people(name))
    print(f"\n{name:24}{'texts':>12}{'recall':>8}{'precision':>11}")
    for kind, count in sorted(score.all.items()):
        print(f"{kind:24}{count:12}{score.recall(kind):8.0%}{score.precision(kind):11.0%}")
    return {
        kind: {
            "texts": score.all[kind],
            "recall": round(score.recall(kind), 3),
            "precision": round(score.precision(kind), 3),
        }
        for kind in sorted(score.all)
    }


def main() -> None:
    folder = mailbag.corpus_folder()
    result: dict[str, object] = dict(bounces(list(mailbag.corpus(folder)) if folder else mailbag.bounces()))
    for name in ("people.txt", "people_kept_apart.txt"):
        result[name.removesuffix(".txt")] = people(name)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
