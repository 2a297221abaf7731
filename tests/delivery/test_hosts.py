"""Many workers on one PostgreSQL: the queue hands out work, the rows say what is true."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from delivery.conftest import make_campaign
from delivery.test_processes import assert_accounted, campaign_status, ended, sink, spawn, wait_for
from sqlalchemy import text

from outreach.app import App, open_app
from outreach.models import CampaignStatus

pytestmark = pytest.mark.postgres


@pytest.fixture
def app(project: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> Iterator[App]:
    """The project, open on PostgreSQL."""
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    yield app
    app.close()


def waiting_jobs(app: App) -> Counter[str]:
    with app.database.reading() as session:
        return Counter(session.scalars(text("SELECT queueing_lock FROM procrastinate.procrastinate_jobs")))


def test_workers_share_a_campaign_by_the_queue_and_leave_it_empty(app: App, clock: Any) -> None:
    make_campaign(app, clock, crowd=399)
    with sink(delay=0.02) as relay:
        workers = [spawn(app, relay.port, "worker") for _ in range(3)]
        wait_for(lambda: campaign_status(app) is CampaignStatus.SENT, 60)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        said = [ended(worker)["err"] for worker in workers]
    assert assert_accounted(app, relay, 400) == {"sent": 400}
    assert not any("Traceback" in one for one in said), said
    assert waiting_jobs(app) <= Counter({"send 1": 1})
    print(said, relay.connections)
