"""Kills senders (SIGKILL) at random moments of a campaign; counts what went twice, what was lost, what is uncertain.

KILLS (100) × `kill -9` while a campaign goes to 20,000 recipients (with fewer kills: 200 a kill), first by one worker
on SQLite, then by three on PostgreSQL, which take their work from the queue. A sink writes down each recipient before
it answers. Who was killed is started again at once; after the last kill they finish the campaign.

`kills_in_flight`: kills that found mails of the dead worker under way (`sending`); `uncertain_max_per_kill`: how many
of them at most, and `connections` how many connections a worker had. `duplicates`: messages that the sink got again.
`lost`: rows that say `sent` and the sink has nothing, messages that the sink has and whose row says anything but `sent`
or `uncertain`, rows without an end, and recipients without a row. SEED makes the moments others. The last line is one
JSON object.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import newsletter
import parts
from sqlalchemy import func, select

from outreach.app import App, open_app
from outreach.models import Campaign, CampaignStatus, Contact, Delivery, DeliveryStatus, Worker

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("SEED", "2026"))
RECIPIENTS = 20_000 if KILLS >= 100 else 200 * KILLS
CONNECTIONS = 4
PATIENCE = 600.0
HERE = Path(__file__).parent
UNDER_WAY = (DeliveryStatus.SENDING, DeliveryStatus.UNCERTAIN)


@dataclass
class Told:
    """What the kills on one database did."""

    kills: int = 0
    kills_in_flight: int = 0
    connections: int = CONNECTIONS
    duplicates: int = 0
    lost: int = 0
    uncertain: int = 0
    uncertain_max_per_kill: int = 0


@dataclass
class Sink:
    """A running `recording_sink.py`."""

    port: int
    file: Path
    _counted: int = 0
    _read: int = 0

    def count(self) -> int:
        """Return how many messages it has taken."""
        with self.file.open("rb") as taken:
            taken.seek(self._read)
            new = taken.read()
        self._counted += new.count(b"\n")
        self._read += len(new)
        return self._counted

    def recipients(self) -> Counter[str]:
        return Counter(self.file.read_text().split())


@contextmanager
def recording(folder: Path, delay: float) -> Iterator[Sink]:
    file = folder / "taken"
    file.touch()
    command = [sys.executable, str(HERE / "recording_sink.py"), str(file), str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Sink(int(process.stdout.readline()), file)
    finally:
        process.kill()
        process.communicate()


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > until:
            raise SystemExit("it doesn't get on")
        time.sleep(0.01)


def start(project: Path, folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OUTREACH_PROJECT": str(project), "PYTHONPATH": str(HERE.parent)}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "outreach", "worker"], cwd=project, env=environment, stderr=log)


def numbers_of(app: App, process: subprocess.Popen[bytes]) -> set[int]:
    """Return the numbers that a process has as a sender."""
    name = f"{socket.gethostname()}:{process.pid}"
    with app.database.reading() as session:
        return set(session.scalars(select(Worker.id).where(Worker.name == name)))


def under_way(app: App, numbers: set[int]) -> int:
    """Return how many mails of dead senders were under way, recovered by another since or not."""
    with app.database.reading() as session:
        mine = select(func.count()).where(Delivery.worker_id.in_(numbers), Delivery.status.in_(UNDER_WAY))
        return session.scalar(mine) or 0


def kill_one(app: App, process: subprocess.Popen[bytes], told: Told) -> None:
    numbers = numbers_of(app, process)
    process.kill()
    process.wait()
    count = under_way(app, numbers | numbers_of(app, process))
    told.kills += 1
    told.kills_in_flight += bool(count)
    told.uncertain_max_per_kill = max(told.uncertain_max_per_kill, count)


def all_alive(running: Sequence[subprocess.Popen[bytes]]) -> bool:
    """SystemExit if a worker ended that nobody killed: the others would send on, and the figures mean nothing."""
    for process in running:
        if process.poll() is not None:
            raise SystemExit(f"a worker ended by itself, with {process.returncode}")
    return True


def is_sent(app: App) -> bool:
    with app.database.reading() as session:
        return session.scalars(select(Campaign.status)).one() is CampaignStatus.SENT


def run(workers: int, delay: float) -> Told:
    """Send a campaign by so many workers, killing one after the other."""
    told, chance = Told(), random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="outreach-kill-") as name, recording(Path(name), delay) as sink:
        folder = Path(name)
        project = folder / "project"
        newsletter.make(project, RECIPIENTS, port=sink.port, connections=CONNECTIONS)
        app = open_app(project)
        running = [start(project, folder) for _ in range(workers)]
        try:
            _kill(app, sink, running, chance, told, lambda: start(project, folder))
            wait_for(lambda: all_alive(running) and is_sent(app))
        finally:
            for process in running:
                process.kill()
                process.wait()
        _count(app, sink, told)
        app.close()
    return told


def _kill(
    app: App,
    sink: Sink,
    running: list[subprocess.Popen[bytes]],
    chance: random.Random,
    told: Told,
    again: Callable[[], subprocess.Popen[bytes]],
) -> None:
    while told.kills < KILLS:
        # Spread over what is still to be sent, so that the last kill finds some of it.
        count = sink.count()
        each = (RECIPIENTS - count) / (KILLS - told.kills + 1)
        aim = count + chance.uniform(0.02, 1.9) * each
        wait_for(lambda aim=aim: all_alive(running) and (sink.count() >= aim or is_sent(app)))  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.05))
        # Who is still starting sends nothing, so its death would show nothing.
        ready = [place for place, process in enumerate(running) if numbers_of(app, process)]
        if not ready:
            continue
        if is_sent(app):
            raise SystemExit("the campaign ended before the kills did")
        place = chance.choice(ready)
        kill_one(app, running[place], told)
        running[place] = again()
        if told.kills % 10 == 0:
            print(f"{told.kills} kills, {told.kills_in_flight} with mails under way", flush=True)


def _count(app: App, sink: Sink, told: Told) -> None:
    taken = sink.recipients()
    with app.database.reading() as session:
        query = select(Contact.address, Delivery.status).join(Contact, Contact.id == Delivery.contact_id)
        rows = {str(address): status for address, status in session.execute(query)}
    told.duplicates = sum(taken.values()) - len(taken)
    told.uncertain = sum(status is DeliveryStatus.UNCERTAIN for status in rows.values())
    told.lost = RECIPIENTS - len(rows)
    for address, status in rows.items():
        known = status in (DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN)
        told.lost += not known or (status is DeliveryStatus.SENT and address not in taken)
    told.lost += sum(address not in rows for address in taken)


def main() -> None:
    sqlite = run(workers=1, delay=0.01)
    print("sqlite", asdict(sqlite), flush=True)
    with parts.postgres() as server:
        os.environ["OUTREACH_DATABASE__URL"] = server.new_database()
        postgres = run(workers=3, delay=0.1)
    print(json.dumps({"sqlite": asdict(sqlite), "postgres": asdict(postgres)}))


if __name__ == "__main__":
    main()
