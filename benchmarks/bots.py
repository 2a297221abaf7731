"""How well are scanners told from people? Precision and recall over a labelled simulator (`tests/knocks`).

Three plays over COMPANIES (3,000) each, recorded and judged in a real SQLite database: `tuned` has the families that
the rules were made with, `held_back` those that nobody looked at before, `all` everything together, as the site would
see it. SEED (1) is not that of the tests. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from knocks import PEOPLE, SCANNERS, make_world, play
from knocks.judging import Score, judge, only, score
from knocks.playing import Family

from outreach.app import open_app

COMPANIES = int(os.environ.get("COMPANIES", "3000"))
SEED = int(os.environ.get("SEED", "1"))
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def measure(families: list[Family]) -> Score:
    world = make_world(Random(SEED), COMPANIES)
    knocks = play(world, families, seed=SEED)
    with tempfile.TemporaryDirectory(prefix="outreach-bots-") as name:
        (Path(name) / "outreach.toml").write_text('[sender]\nname = "Federatie Voorbeeld"\n')
        app = open_app(Path(name))
        begin = time.process_time()
        judge(app, world, knocks, START)
        spent = time.process_time() - begin
        result = score(app, knocks)
        app.close()
    print(f"{len(knocks):,} hits, {spent / len(knocks) * 1e6:.0f} µs of processor each")
    for family in families:
        wrong, count = result.wrong[family.name], result.all[family.name]
        print(f"  {family.name:16} {count:6,} hits, {1 - wrong / max(count, 1):7.1%} right")
    return result


def main() -> None:
    everything = [*SCANNERS, *PEOPLE]
    figures = {}
    plays = {
        "tuned": only(everything, held_back=False),
        "held_back": only(everything, held_back=True),
        "all": everything,
    }
    for name in os.environ.get("PLAYS", ",".join(plays)).split(","):
        families = plays[name]
        print(f"{name}:")
        figures[name] = measure(families).figures()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
