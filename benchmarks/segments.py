"""Time segments on a million contacts against SQL written by hand from the same question.

Ours starts at the file: reading, parsing, compiling and counting. The last line printed is one JSON object. Exit code 1
if an answer differs, or a time is over its limit. CONTACTS sets another size, LIMITS=0 only measures.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

from segment_data import NOW, fill
from sqlalchemy.orm import Session

from outreach.audience import segments
from outreach.database import Database, open_database, upgrade

FOLDER = Path(__file__).parent / "segments"
CONTACTS = int(os.environ.get("CONTACTS", "1000000"))
ROUNDS = 5
RATIO, ALLOWANCE_MS, LIMIT_MS, NASTY_MS = 1.2, 5.0, 500.0, 2000.0
NASTY = "5-alles-tegelijk"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="outreach-bench-") as folder:
        database = open_database("sqlite:///segments.db", Path(folder))
        upgrade(database)
        started = time.perf_counter()
        with database.writing() as session:
            fill(session, CONTACTS)
        print(f"{CONTACTS:,} contacts written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        results = {name: measure(database, name) for name in segments.available(FOLDER)}
        database.close()
    faults = [fault for name, result in results.items() for fault in too_slow(name, result)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(json.dumps({"contacts": CONTACTS, "segments": results}))
    return 1 if faults and os.environ.get("LIMITS") != "0" else 0


def measure(database: Database, name: str) -> dict[str, Any]:
    """Return the median of both in milliseconds, after making sure that they give the same contacts."""
    by_hand = (FOLDER / f"{name}.sql").read_text()
    now = NOW.replace(tzinfo=UTC)
    with database.reading() as session:
        query = segments.contact_ids(segments.load(FOLDER, name), now)
        expected = {row[0] for row in _execute(session, by_hand)}
        assert set(session.scalars(query)) == expected, f"{name}: the segment and the SQL give different contacts"
        theirs, ours = [], []
        for _ in range(ROUNDS):
            theirs.append(_milliseconds(lambda: _execute(session, f"SELECT count(*) FROM ({by_hand})")[0][0]))
            ours.append(_milliseconds(lambda: segments.size(session, segments.load(FOLDER, name), now)))
    ms, sql_ms = statistics.median(ours), statistics.median(theirs)
    return {"ms": round(ms, 1), "sql_ms": round(sql_ms, 1), "ratio": round(ms / sql_ms, 2), "found": len(expected)}


def too_slow(name: str, result: dict[str, Any]) -> list[str]:
    """Return what is over its limit."""
    allowed = RATIO * result["sql_ms"] + ALLOWANCE_MS
    limit = NASTY_MS if name == NASTY else LIMIT_MS
    return [
        f"{name}: {result['ms']} ms, over {most:.0f} ms ({why})"
        for most, why in ((allowed, f"{RATIO} x by hand + {ALLOWANCE_MS:.0f} ms"), (limit, "the limit"))
        if result["ms"] > most
    ]


def _execute(session: Session, sql: str) -> list[Any]:
    return list(session.connection().connection.cursor().execute(sql).fetchall())  # type: ignore[attr-defined]


def _milliseconds(call: Callable[[], int]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
