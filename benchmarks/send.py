"""How fast does a campaign go out, beside Postfix's own load generator into the same sink?

N (50,000) recipients get the monthly newsletter, by `outreach worker --until-idle` in a process of its own: the
audience is frozen and cut into cohorts, each mail composed, rechecked, paced, sent over 32 connections to `smtp-sink`
(each has two mails, or four on PostgreSQL, so that some 30 share a transaction), and recorded durably (SQLite
synchronous=FULL, PostgreSQL fsync). `smtp-source -d -s 8` sends as many messages of the same size. They take turns,
RUNS (5) each; medians and the median of the turns' ratios. Everything has two cores.

`per_s` counts from the first mail that was taken to the last that was answered, as the rows say; `whole_per_s` counts
the whole life of the process, with start, freeze and end. `cpu_ms` is all the CPU of the worker, per mail, and of
PostgreSQL (`database_cpu_ms` is its share). With DKIM there is the limit beside it: how many signatures of RSA-2048
two cores make a second, when they do nothing else. The plain path gets a tenth of the recipients.

Every run: what the sink counted must be what the rows say is sent. And 1,000 messages are captured, parsed and checked.
The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import newsletter
import parts
import received
from sqlalchemy import func, select

from outreach.app import open_app
from outreach.models import Cohort, Delivery, DeliveryStatus, Event

N = int(os.environ.get("N", "50000"))
RUNS = int(os.environ.get("RUNS", "5"))
CAPTURED = int(os.environ.get("CAPTURED", "1000"))
CONNECTIONS = 32


@dataclass
class Rates:
    """What the runs of one way of sending gave."""

    per_s: list[float] = field(default_factory=list)
    whole_per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    database_cpu_ms: list[float] = field(default_factory=list)
    freeze_s: list[float] = field(default_factory=list)

    def told(self, source: list[float]) -> dict[str, float]:
        turns = zip(self.per_s, source, strict=False)
        told = {
            "per_s": round(statistics.median(self.per_s)),
            "ratio": round(statistics.median(ours / theirs for ours, theirs in turns), 3),
            "whole_per_s": round(statistics.median(self.whole_per_s)),
            "cpu_ms": round(statistics.median(self.cpu_ms), 3),
        }
        if any(self.database_cpu_ms):
            told["database_cpu_ms"] = round(statistics.median(self.database_cpu_ms), 3)
        return told


@dataclass
class Faults:
    """Mails that the sink got more or less often than the rows say."""

    duplicates: int = 0
    lost: int = 0


def send(
    recipients: int, rates: Rates, faults: Faults, *, server: parts.Postgres | None = None, **options: object
) -> None:
    """Make a project, send its campaign, and add what it took."""
    url = server.new_database() if server else None
    if url:
        os.environ["OUTREACH_DATABASE__URL"] = url
    try:
        with tempfile.TemporaryDirectory(prefix="outreach-send-") as folder, parts.sink() as sink:
            project = Path(folder) / "project"
            newsletter.make(project, recipients, port=sink.port, connections=CONNECTIONS, **options)  # type: ignore[arg-type]
            before = server.cpu() if server else 0.0
            run = parts.worker(project, url)
            used = server.cpu() - before if server else 0.0
            _judge(project, recipients, sink.messages, run, used, rates, faults)
    finally:
        os.environ.pop("OUTREACH_DATABASE__URL", None)


def _judge(
    project: Path, recipients: int, counted: int, run: parts.Run, used: float, rates: Rates, faults: Faults
) -> None:
    app = open_app(project)
    with app.database.reading() as session:
        sent = Delivery.status == DeliveryStatus.SENT
        rows, first, last = session.execute(
            select(func.count(), func.min(Delivery.first_tried_at), func.max(Delivery.sent_at)).where(sent)
        ).one()
        events = session.scalar(select(func.count()).select_from(Event))
        cohorts = session.scalar(select(func.count()).select_from(Cohort)) or 0
    app.close()
    faults.duplicates += max(counted - rows, 0)
    faults.lost += recipients - min(rows, counted) + abs(rows - (events or 0))
    if cohorts <= 100:
        raise SystemExit(f"only {cohorts} cohorts")
    rates.per_s.append(recipients / (last - first).total_seconds())
    rates.whole_per_s.append(recipients / run.seconds)
    rates.cpu_ms.append((run.cpu + used) / recipients * 1000)
    rates.database_cpu_ms.append(used / recipients * 1000)


def captured(faults: Faults) -> int:
    """Send 1,000 mails into files, check each, and return their mean size in octets."""
    with tempfile.TemporaryDirectory(prefix="outreach-captured-") as folder:
        kept = Path(folder) / "kept"
        kept.mkdir()
        kept.chmod(0o777)
        Path(folder).chmod(0o755)
        with parts.sink("-d", f"{kept}/m.") as sink:
            project = Path(folder) / "project"
            newsletter.make(project, CAPTURED, port=sink.port)
            parts.worker(project)
        found = received.check(project, sorted(kept.iterdir()))
    copies = Counter(found.recipients)
    faults.duplicates += sum(count - 1 for count in copies.values())
    faults.lost += CAPTURED - len(copies)
    return found.mean_size


def signatures_per_s() -> float:
    """Return how many RSA-2048 signatures two cores make a second, doing nothing else."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key, each = rsa.generate_private_key(65537, 2048), 1_500

    def sign(_: int) -> None:
        for _ in range(each):
            key.sign(b"x" * 900, padding.PKCS1v15(), hashes.SHA256())

    started = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(sign, range(2)))
    return 2 * each / (time.monotonic() - started)


def main() -> None:
    parts.only_two_cores()
    faults = Faults()
    size = captured(faults)
    print(f"{CAPTURED} messages of {size} octets on average, each parsed and checked")
    sqlite, postgres, signed, plain, source = Rates(), Rates(), Rates(), Rates(), list[float]()
    with ExitStack() as stack:
        server = stack.enter_context(parts.postgres())
        ways: list[tuple[str, Callable[[], None]]] = [
            ("smtp-source", lambda: source.append(parts.source_rate(N, size))),
            ("sqlite", lambda: send(N, sqlite, faults)),
            ("postgres", lambda: send(N, postgres, faults, server=server)),
        ]
        for turn in range(RUNS):
            for name, way in ways if turn % 2 else reversed(ways):
                way()
                rates = {"smtp-source": source, "sqlite": sqlite.per_s, "postgres": postgres.per_s}[name]
                print(f"{name} {rates[-1]:.0f}/s")
    for _ in range(min(RUNS, 2)):
        send(N, signed, faults, dkim=True)
    send(max(N // 10, 1_500), plain, faults, plain=True)  # at least, for a hundred cohorts
    print(
        json.dumps(
            {
                "message_bytes": size,
                "smtp_source_per_s": round(statistics.median(source)),
                "sqlite": sqlite.told(source),
                "postgres": postgres.told(source),
                "sqlite_dkim": {**signed.told(source), "signing_alone_per_s": round(signatures_per_s())},
                "sqlite_plain_path": plain.told(source),
                "duplicates": faults.duplicates,
                "lost": faults.lost,
            }
        )
    )


if __name__ == "__main__":
    main()
