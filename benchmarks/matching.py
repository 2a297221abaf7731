# ruff: noqa: E402

"""Measure the matching on invented registers with realistic dirt: precision, recall, and time by size.

    SEEDS=11,12,13 ENTRIES=20000 WANTED=4000 python benchmarks/matching.py

Times are CPU seconds. The last line is one JSON object; thresholds were chosen on other seeds than those measured here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "register"), str(Path(__file__).parents[1])]

import labelled

from outreach.belgium.legal_forms import legal_form
from outreach.belgium.places import place_of
from outreach.register import matching
from outreach.register.likeness import Entry, Rarity, Wanted, name_of


def measure(seed: int, entries: int, wanted: int) -> tuple[Counter[str], float]:
    """Return counts (certain, right, found, …) and the CPU seconds of comparing."""
    register, told = labelled.make(seed, entries, wanted)
    started = time.process_time()
    rows = [_entry(row) for row in register]
    rarity = rarity_of(register)
    asked = [_wanted(place, one) for place, one in enumerate(told)]
    best = matching.compared(asked, rows, rarity)
    counts: Counter[str] = Counter()
    for one, company in zip(told, asked, strict=True):
        _score(counts, one, matching.judged(company, best.get(company.id, []), rarity.entries))
    return counts, time.process_time() - started


def rarity_of(register: list[dict[str, str]]) -> Rarity:
    """Return how rare words and places are among the entries."""
    words: Counter[str] = Counter()
    for row in register:
        if name := name_of(row["name"]):
            words.update(set(name.words))
    places = Counter(row["postcode"] for row in register)
    return Rarity(len(register), words, places, Counter(row["municipality_nis"] for row in register))


def _entry(row: dict[str, str]) -> Entry:
    texts = [row["name"], row["commercial_names"]]
    form = legal_form(row["juridical_form"])
    place = (row["postcode"], row["municipality_nis"], row["province_nis"], row["establishment_provinces"])
    return matching.entry_of(row["enterprise_number"], texts, form, *place)


def _wanted(place: int, one: labelled.Labelled) -> Wanted:
    found = place_of(one.postcode) if one.postcode else None
    nis = (found.municipality_nis, found.province_nis) if found else (None, None)
    return matching.wanted_of(place, one.name, one.legal_form, one.postcode, *nis, [one.domain])


def _score(counts: Counter[str], one: labelled.Labelled, found: list[matching.Candidate]) -> None:
    counts["companies"] += 1
    counts["in the register"] += one.number is not None
    numbers = [candidate.enterprise_number for candidate in found]
    counts["first"] += bool(found) and numbers[0] == one.number
    counts["listed"] += one.number is not None and one.number in numbers
    if found and found[0].certain:
        right = numbers[0] == one.number
        counts["certain"] += 1
        counts["certain and right"] += right
        if not right:
            counts[f"wrong: {one.kind}"] += 1
            if os.environ.get("SHOW"):
                print("wrong:", one, "→", found[0], file=sys.stderr)


def main() -> None:
    seeds = [int(seed) for seed in os.environ.get("SEEDS", "11,12,13").split(",")]
    entries, wanted = int(os.environ.get("ENTRIES", "20000")), int(os.environ.get("WANTED", "4000"))
    total: Counter[str] = Counter()
    seconds = 0.0
    for seed in seeds:
        counts, took = measure(seed, entries, wanted)
        total += counts
        seconds += took
        print(seed, dict(counts), f"{took:.1f} s")
    print(
        json.dumps(summary(total) | {"entries": entries, "wanted": wanted, "seeds": seeds, "cpu_s": round(seconds, 1)})
    )


def summary(total: Counter[str]) -> dict[str, float]:
    """Return precision and recall of the certain ones, and how often the right one is proposed at all."""
    there = total["in the register"]
    return {
        "precision_certain": round(total["certain and right"] / max(total["certain"], 1), 4),
        "recall_certain": round(total["certain and right"] / there, 4),
        "recall_first": round(total["first"] / there, 4),
        "recall_listed": round(total["listed"] / there, 4),
    }


if __name__ == "__main__":
    main()
