"""How much faster do more workers send, on one PostgreSQL? One to four (WORKERS), started by the real command.

N (4,000) recipients for each count of workers, to two relays: `near` is Postfix's smtp-sink, which answers at once, so
that the processors are the limit; `slow` takes DELAY (0.1) seconds over each message, as a relay does that is far away
or scans, so that waiting is the limit. A worker has 4 connections. Counted is from the moment that all workers have
begun until the last mail. Everything is on one machine: say how many cores it has. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import newsletter
import parts
from kill import all_alive, is_sent, recording, start, wait_for
from sqlalchemy import func, select

from outreach.app import App, open_app
from outreach.models import Delivery, DeliveryStatus, Worker

N = int(os.environ.get("N", "4000"))
WORKERS = int(os.environ.get("WORKERS", "4"))
DELAY = float(os.environ.get("DELAY", "0.1"))


def present(app: App) -> int:
    with app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Worker)) or 0


def rate(server: parts.Postgres, workers: int, delay: float) -> float:
    """Return how many mails a second so many workers send."""
    os.environ["OUTREACH_DATABASE__URL"] = server.new_database()
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="outreach-workers-") as name, ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(recording(folder, delay) if delay else parts.sink()).port
        project = folder / "project"
        newsletter.make(project, N, port=port, connections=4)
        app = open_app(project)
        stack.callback(app.close)
        try:
            running += [start(project, folder) for _ in range(workers)]
            wait_for(lambda: all_alive(running) and (present(app) >= workers or is_sent(app)))
            began = datetime.now(UTC)
            wait_for(lambda: all_alive(running) and is_sent(app))
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
        with app.database.reading() as session:
            sent = (Delivery.status == DeliveryStatus.SENT, Delivery.sent_at >= began)
            count, last = session.execute(select(func.count(), func.max(Delivery.sent_at)).where(*sent)).one()
    if count < N / 4:
        raise SystemExit(f"{workers} workers were all there only when most was sent: take more recipients (N)")
    return float(count / (last - began).total_seconds())


def main() -> None:
    told: dict[str, dict[str, int]] = {"near": {}, "slow": {}}
    with parts.postgres() as server:
        for workers in range(1, WORKERS + 1):
            for relay, delay in (("near", 0.0), ("slow", DELAY)):
                told[relay][str(workers)] = round(rate(server, workers, delay))
                print(f"{workers} workers, {relay} relay: {told[relay][str(workers)]}/s", flush=True)
    print(json.dumps({"cores": os.cpu_count(), "recipients": N, "connections": 4, "delay_s": DELAY, **told}))


if __name__ == "__main__":
    main()
