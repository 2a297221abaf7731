"""A copied project folder, or an older database file put back, mails nobody until a person adopts it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from delivery.conftest import make_campaign, with_relay
from relays import Relay
from sqlalchemy import select

from outreach import jobs, place
from outreach.app import App, open_app
from outreach.commands import outreach
from outreach.models import Campaign, CampaignStatus


def send(project: Path, clock: Any, port: int) -> jobs.Done:
    app = open_app(project, clock=clock)
    try:
        return jobs.run_due(with_relay(app, port=port))
    finally:
        app.close()


def status(project: Path) -> CampaignStatus:
    app = open_app(project)
    with app.database.reading() as session:
        found = session.scalars(select(Campaign.status)).one()
    app.close()
    return found


def adopt(project: Path) -> None:
    done = CliRunner().invoke(outreach, ["--project", str(project), "db", "adopt", "--yes"])
    assert done.exit_code == 0, done.output


def test_a_copied_folder_sends_nothing_until_it_is_adopted(app: App, clock: Any, tmp_path: Path) -> None:
    make_campaign(app, clock)
    app.close()
    copy = tmp_path / "copy"
    shutil.copytree(app.project, copy)
    with Relay() as relay:
        done = send(copy, clock, relay.port)
        assert not relay.received
        assert "outreach db adopt" in (done.sending.trouble or "")
        assert status(copy) is CampaignStatus.PAUSED
        assert send(app.project, clock, relay.port).sending.sent == 9
        adopt(copy)
        assert not send(copy, clock, relay.port).sending.trouble
        assert len(relay.received) == 9


def test_an_older_database_file_put_back_sends_nothing(app: App, clock: Any, tmp_path: Path) -> None:
    make_campaign(app, clock)
    app.close()
    shutil.copy(app.project / "outreach.db", tmp_path / "old.db")
    with Relay() as relay:
        assert send(app.project, clock, relay.port).sending.sent == 9
        for file in app.project.glob("outreach.db*"):
            file.unlink()
        shutil.copy(tmp_path / "old.db", app.project / "outreach.db")
        assert "outreach db adopt" in (send(app.project, clock, relay.port).sending.trouble or "")
        assert len(relay.received) == 9
    assert status(app.project) is CampaignStatus.PAUSED


def test_a_folder_that_stays_where_it_is_needs_no_adopting(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    with Relay() as relay:
        for _ in range(3):
            assert not send(app.project, clock, relay.port).sending.trouble
    assert place.fits(app.database)


@pytest.mark.parametrize("crash_at", [1, 2])
def test_a_crash_while_the_token_is_drawn_anew_leaves_a_pair_that_fits(
    app: App, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    real: Callable[..., None] = place.write_private
    written: list[str] = []

    def crashing(file: Path, text: str) -> None:
        written.append(text)
        if len(written) == crash_at and crash_at == 2:
            raise KeyboardInterrupt
        real(file, text)
        if len(written) == crash_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(place, "write_private", crashing)
    with pytest.raises(KeyboardInterrupt):
        place.draw(app.database)
    assert len(json.loads(written[0])["tokens"]) == 2
    assert place.fits(app.database)
