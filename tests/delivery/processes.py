"""Real processes that send, and what must hold of the rows that they leave: for all tests that start some."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from delivery.conftest import make_campaign as frozen_campaign
from relays import Relay
from sqlalchemy import select

from outreach.app import App
from outreach.models import Campaign, CampaignStatus, Contact, Delivery

ROOT = Path(__file__).parent.parent.parent


def keep_real_time(clock: Any) -> None:
    """Set the tests' clock to that of the machine, the only one that real processes have."""
    clock.at = datetime.now(UTC).replace(microsecond=0)


def in_seconds(clock: Any, seconds: float) -> str:
    """Return the time of a campaign that falls due so many seconds after what the clock shows."""
    return (clock() + timedelta(seconds=seconds)).isoformat()


def make_campaign(app: App, clock: Any, crowd: int = 8) -> Campaign:
    """Freeze an audience a moment ago by the machine's clock, whatever the day on which the tests run."""
    keep_real_time(clock)
    clock.move(minutes=-2)
    return frozen_campaign(app, clock, crowd, send_at=in_seconds(clock, 60))


def environment(app: App, port: int, **settings: object) -> dict[str, str]:
    given = {f"OUTREACH_{name}".upper(): str(value) for name, value in settings.items()}
    path = {"PYTHONPATH": str(ROOT), "OUTREACH_PROJECT": str(app.project), "OUTREACH_RELAY__PORT": str(port)}
    return {**os.environ, **path, **given}


def spawn(app: App, port: int, *arguments: str, **settings: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "cli.py"), *(arguments or ("worker", "--until-idle", "--json"))]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(app, port, **settings), cwd=app.project, stdout=pipe, stderr=pipe, text=True
    )


def ended(process: subprocess.Popen[str], code: int | None = 0, seconds: float = 60) -> dict[str, Any]:
    out, err = process.communicate(timeout=seconds)
    assert code is None or process.returncode == code, (process.returncode, out, err)
    return json.loads(out) if out.startswith("{") else {"out": out, "err": err}


def wait_for(true: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.005)


def by_address(app: App) -> dict[str, str]:
    """Return the status of each row that wasn't skipped."""
    with app.database.reading() as session:
        query = select(Contact.address, Delivery.status).join(Contact, Contact.id == Delivery.contact_id)
        return {str(address): status.value for address, status in session.execute(query) if status != "skipped"}


def campaign_status(app: App) -> CampaignStatus:
    with app.database.reading() as session:
        return session.scalars(select(Campaign.status)).one()


def assert_accounted(app: App, relay: Relay, audience: int) -> Counter[str]:
    """Check what must hold at any moment, also just after a kill."""
    taken = list(relay.recipients)
    assert len(taken) == len(set(taken)), "a mail went out twice"
    found = by_address(app)
    assert len(found) == audience
    assert {address for address, status in found.items() if status == "sent"} <= set(taken)
    assert {found[address] for address in taken} <= {"sent", "sending", "uncertain"}
    return Counter(found.values())


@contextmanager
def sink(**options: Any) -> Iterator[Relay]:
    with Relay(**options) as relay:
        yield relay
