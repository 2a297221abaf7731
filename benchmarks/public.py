"""How fast is `/l/<code>`, its hit durable before the answer, beside the least that FastAPI can do?

Bare = a FastAPI application with one `async` route that redirects, and nothing else. Both run in a uvicorn of their
own with the same settings, in turns of SECONDS (3), RUNS (7) each; the ratio is the median of the ratios of the turns.
What is measured is how many answers a server can give, so CONNECTIONS (256) ask at once, as after a large campaign:
with few, an answer that waits for the disk is measured against one that waits for nothing.

Then the server is killed (SIGKILL) KILLS (5) times in mid-load: every answered hit must be a row. The database is
SQLite with the project's own settings, or OUTREACH_DATABASE__URL. The last line is one JSON object.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from public_load import Counted, load
from sqlalchemy import select

from outreach.app import open_app
from outreach.links import new_code
from outreach.models import Campaign, CampaignStatus, Cohort, Hit, Link

RUNS = int(os.environ.get("RUNS", "7"))
SECONDS = float(os.environ.get("SECONDS", "3"))
KILLS = int(os.environ.get("KILLS", "5"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "256"))
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINKS = 400
HERE = Path(__file__).parent

BARE = """
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
site = FastAPI()
@site.get("/l/{code}")
async def follow(code: str):
    return RedirectResponse("https://elders.example/pagina", status_code=302)
"""
OURS = """
from outreach.app import open_app
from outreach.web.site import create_site
site = create_site(open_app())
"""
SERVE = """
import sys, socket, uvicorn
listener = socket.socket(fileno=int(sys.argv[1]))
uvicorn.Server(uvicorn.Config(site, log_level="warning", access_log=False)).run(sockets=[listener])
"""


@dataclass
class Server:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(code: str, project: Path) -> Iterator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        arguments = [sys.executable, "-c", code + SERVE, str(listener.fileno())]
        environment = os.environ | {"OUTREACH_PROJECT": str(project), "PYTHONPATH": str(HERE.parent)}
        process = subprocess.Popen(arguments, pass_fds=[listener.fileno()], env=environment, cwd=project)
        server = Server(listener.getsockname()[1], process)
    try:
        _wait_for(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_for(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(_request("zzzzzz", AGENT))
        if not line.recv(100).startswith(b"HTTP/1.1"):
            raise SystemExit("the server does not start")


def fill(project: Path) -> list[str]:
    """Make a campaign with links, and return their codes."""
    (project / "outreach.toml").write_text('[sender]\nname = "Federatie Voorbeeld"\n')
    app, now = open_app(project), datetime.now(UTC) - timedelta(days=1)
    codes = [new_code() for _ in range(LINKS)]
    with app.database.writing() as session:
        campaign = Campaign(
            name="bench", title="Bench", segment="x", template="x", spec={}, status=CampaignStatus.SENT,
            created_by="bench", created_at=now, simulated=False,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        cohort = Cohort(
            campaign_id=campaign.id, number=1, code=new_code(), cells=[], company_count=20, contact_count=20
        )
        session.add(cohort)
        session.flush()
        target = "https://elders.example/pagina"
        session.add_all(
            Link(code=code, campaign_id=campaign.id, cohort_id=cohort.id, block="b", target=target) for code in codes
        )
    app.close()
    return codes


def requests(codes: list[str], *, marked: bool = False) -> Iterator[tuple[int, bytes]]:
    """Yield numbered requests as a browser makes them; `marked` = the agent carries the number."""
    chance = random.Random(20261125)
    plain = {code: _request(code, AGENT) for code in codes}
    for number in itertools.count():
        code = chance.choice(codes)
        yield number, _request(code, f"{AGENT} {number}") if marked else plain[code]


def _request(code: str, agent: str) -> bytes:
    return (
        f"GET /l/{code} HTTP/1.1\r\nHost: news.example\r\nUser-Agent: {agent}\r\nAccept: text/html\r\n"
        "Accept-Language: nl-BE,nl;q=0.9\r\nAccept-Encoding: gzip, br\r\nConnection: keep-alive\r\n\r\n"
    ).encode()


def measured(server: Server, codes: list[str]) -> tuple[Counted, float]:
    """Return what was answered, and the server's processor time per answer in µs."""
    before = server.processor_seconds
    load(server.port, requests(codes), connections=CONNECTIONS, seconds=0.5, expected=b"HTTP/1.1 302")
    before = server.processor_seconds
    counted = load(server.port, requests(codes), connections=CONNECTIONS, seconds=SECONDS, expected=b"HTTP/1.1 302")
    if counted.wrong or not counted.answered:
        raise SystemExit(f"{counted.wrong} wrong answers, {len(counted.answered)} right ones")
    return counted, (server.processor_seconds - before) / len(counted.answered) * 1e6


def race(project: Path, codes: list[str]) -> tuple[list[float], list[float]]:
    """Let both run in turns; return their answers per second."""
    bare, ours = [], []
    with serving(BARE, project) as plain, serving(OURS, project) as site:
        for turn in range(RUNS):
            pair = [(plain, bare), (site, ours)]
            for server, rates in pair if turn % 2 else reversed(pair):
                counted, cost = measured(server, codes)
                rates.append(counted.per_second)
                name = "bare" if rates is bare else "ours"
                share = counted.processor_seconds / counted.seconds
                print(f"{name} {counted.per_second:6.0f}/s, {cost:4.0f} µs of processor each, client {share:.0%}")
    return bare, ours


def lost_hits(project: Path, codes: list[str]) -> int:
    """Kill the server in mid-load again and again; return how many answered hits are no row."""
    answered: set[str] = set()
    numbers = requests(codes, marked=True)
    for _ in range(KILLS):
        with serving(OURS, project) as site:
            counted = load(
                site.port, numbers, connections=CONNECTIONS, seconds=10, expected=b"HTTP/1.1 302",
                on_second=lambda now, site=site: site.process.kill() if now > 0.7 else None,
            )  # fmt: skip
            answered |= {f"{AGENT} {number}" for number in counted.answered}
            print(f"killed after {len(counted.answered)} answers")
    with serving(OURS, project):
        time.sleep(1)  # what stands in the file beside the database is brought in at the start
    app = open_app(project)
    with app.database.reading() as session:
        kept = set(session.scalars(select(Hit.agent)))
    app.close()
    return len(answered - kept)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="outreach-bench-") as name:
        project = Path(name)
        codes = fill(project)
        bare, ours = race(project, codes)
        lost = lost_hits(project, codes)
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    rates = {"redirect_per_s": round(statistics.median(ours)), "bare_per_s": round(statistics.median(bare))}
    print(json.dumps({**rates, "ratio": round(ratio, 3), "lost_hits": lost}))


if __name__ == "__main__":
    main()
