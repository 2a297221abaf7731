"""Three hosts, of which one is cut off while it sends: the other goes on, and nothing happens twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from certificates import make_authority
from clusters import cluster
from delivery.processes import ROOT, assert_accounted, campaign_status, ended, environment, make_campaign
from delivery.processes import wait_for as waiting
from namespaces import ADDRESS, NETWORK, Hosts, hosts
from relays import Relay
from sqlalchemy import func, select

from outreach import place
from outreach.app import App, open_app
from outreach.delivery import outbox
from outreach.keys import write_keys
from outreach.models import CampaignStatus, Delivery, Worker

pytestmark = [pytest.mark.postgres, pytest.mark.namespaces, pytest.mark.usefixtures("namespaces_allowed")]
CONNECTIONS = 2


def wait_for(true: Any) -> None:
    waiting(true, 120)


def joined(app: App, folder: Path) -> App:
    """Return the project as a second host has it."""
    shutil.copytree(app.project, folder)
    other = open_app(folder, clock=app.clock)
    keys = replace(other.keys, instance_id=place.join(other.database, other.keys.instance_id, app.now()))
    write_keys(folder, keys)
    return replace(other, keys=keys)


def work(on: Hosts, name: str, app: App, port: int, ca_file: Path) -> subprocess.Popen[str]:
    settings = {
        "database__url": f"postgresql://outreach@{ADDRESS}/postgres",
        "relay__host": ADDRESS,
        "relay__security": "tls",
        "relay__ca_file": ca_file,
        "relay__connections": CONNECTIONS,
        "sending__lease_seconds": 5,
    }
    command = [*on.within(name), sys.executable, str(ROOT / "cli.py"), "worker"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(app, port, **settings), cwd=app.project, stdout=pipe, stderr=pipe, text=True
    )


def held(app: App) -> dict[int, int]:
    """Return how many mails each living worker has in its hands."""
    with app.database.reading() as session:
        query = select(Worker.id, func.count(Delivery.id)).outerjoin(Delivery, Delivery.worker_id == Worker.id)
        return {worker: count for worker, count in session.execute(query.group_by(Worker.id))}  # noqa: C416


def test_a_host_cut_off_in_mid_send_holds_nobody_up_and_comes_back_by_itself(
    project: Path, tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path
) -> None:
    audience = 240
    authority = make_authority(tmp_path / "tls", address=ADDRESS)
    running: list[subprocess.Popen[str]] = []
    with (
        hosts("one", "two") as on,
        cluster(
            postgres_binaries, options=f"-c listen_addresses={ADDRESS}", within=on.within("db"), hosts=NETWORK
        ) as server,
    ):
        monkeypatch.setenv("OUTREACH_DATABASE__URL", server.url)
        app = open_app(project, clock=clock)
        make_campaign(app, clock, crowd=audience - 1)
        other = joined(app, tmp_path / "other")
        relay = Relay(host=ADDRESS, tls=authority.server(), delay=1.0)  # until both hosts are at it
        try:
            with on.inside("db"):
                relay.__enter__()
            one = work(on, "one", app, relay.port, authority.ca_file)
            running.append(one)
            wait_for(lambda: relay.received)
            first = set(held(app))
            two = work(on, "two", other, relay.port, authority.ca_file)
            running.append(two)
            wait_for(lambda: len(held(app)) == 2 and all(held(app).values()))

            relay.delay = 0.1
            on.pull("one")
            cut_at = time.monotonic()
            assert len(relay.received) < audience / 2
            wait_for(lambda: not first & set(held(app)))
            assert time.monotonic() - cut_at < 60
            counts = assert_accounted(app, relay, audience)
            assert counts["uncertain"] <= CONNECTIONS * 5
            assert counts["sent"] + counts["pending"] + counts["sending"] + counts["uncertain"] == audience
            wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)

            on.plug("one")
            two.send_signal(signal.SIGTERM)
            said = [ended(two)["err"]]
            with app.database.writing() as session:
                outbox.put(session, key="k", kind="t", recipient="back@b.example", message=b"x\r\n", now=app.now())
            wait_for(lambda: "back@b.example" in relay.recipients)
            # What it had taken and never sent it gives back, and the campaign is opened again for that.
            wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
            one.send_signal(signal.SIGTERM)
            said.append(ended(one)["err"])
        finally:
            relay.__exit__()
            for process in running:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
            other.close()
        relay.received = [one for one in relay.received if one.recipient != "back@b.example"]
        counts = assert_accounted(app, relay, audience)
        app.close()
    assert set(counts) <= {"sent", "uncertain"}, counts
    assert counts["uncertain"] <= CONNECTIONS * 5
    assert Counter(relay.recipients).most_common(1)[0][1] == 1
    assert not any("Traceback" in words for words in said), said
