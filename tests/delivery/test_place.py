"""A copied project folder, or an older database file put back, mails nobody until a person adopts it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from delivery.conftest import make_campaign, with_relay
from relays import Relay
from sqlalchemy import make_url, select

from outreach import jobs, place
from outreach.app import App, open_app
from outreach.commands import outreach
from outreach.models import Campaign, CampaignStatus, PauseKind
from outreach.place import Standing


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


def command(project: Path, *arguments: str) -> str:
    done = CliRunner().invoke(outreach, ["--project", str(project), *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def adopt(project: Path) -> None:
    command(project, "db", "adopt", "--yes")


def ours(app: App) -> bool:
    return place.standing(app.database, app.keys.instance_id) is Standing.OURS


def on_server(url: str, *statements: str) -> str:
    """Run statements about the database of `url` beside it; return the URL of its copy."""
    found = make_url(url)
    name = str(found.database)
    copy = f"{name}_copy"
    server = found.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.format(name=name, copy=copy).encode())
    return found.set(database=copy).render_as_string(hide_password=False)


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
    assert ours(app)


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4])
def test_a_crash_while_the_token_is_drawn_anew_leaves_a_pair_that_fits(
    app: App, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    real: Callable[..., None] = place.write_private
    written: list[str] = []

    def crashing(file: Path, text: str) -> None:
        written.append(text)
        if len(written) == crash_at:
            raise KeyboardInterrupt
        real(file, text)

    monkeypatch.setattr(place, "write_private", crashing)
    with pytest.raises(KeyboardInterrupt):
        place.draw(app.database, app.now())
    assert len(json.loads(written[0])["tokens"]) == 2
    assert ours(app)
    monkeypatch.setattr(place, "write_private", real)
    assert place.draw(app.database, app.now())
    assert ours(app)


def test_a_file_backup_put_back_over_the_same_folder_sends_nothing_again(app: App, clock: Any, tmp_path: Path) -> None:
    make_campaign(app, clock)
    app.close()
    shutil.copytree(app.project, tmp_path / "nightly")
    with Relay() as relay:
        assert send(app.project, clock, relay.port).sending.sent == 9
        for file in app.project.glob("outreach.db*"):
            file.unlink()
        shutil.copytree(tmp_path / "nightly", app.project, dirs_exist_ok=True)  # place.json and its folder's inode too
        assert "outreach db adopt" in (send(app.project, clock, relay.port).sending.trouble or "")
        assert len(relay.received) == 9
    assert status(app.project) is CampaignStatus.PAUSED


def test_a_restored_database_that_is_adopted_sends_nothing_until_each_campaign_is_resumed(
    app: App, clock: Any, tmp_path: Path
) -> None:
    make_campaign(app, clock)
    saved = str(tmp_path / "before.backup")
    command(app.project, "db", "backup", saved)
    app.close()
    with Relay() as relay:
        assert send(app.project, clock, relay.port).sending.sent == 9
        command(app.project, "db", "restore", saved, "--replace")
        said = json.loads(command(app.project, "db", "adopt", "--yes", "--json"))
        assert (said["adopted"], said["paused"]) == (True, ["december-2026"])
        done = send(app.project, clock, relay.port)
        assert not done.sending.trouble
        assert len(relay.received) == 9
        assert status(app.project) is CampaignStatus.PAUSED
        restored = open_app(app.project)
        with restored.database.reading() as session:
            campaign = session.scalars(select(Campaign)).one()
        restored.close()
        assert campaign.pause_kind is PauseKind.OTHER_DATABASE
        assert "may have gone out already" in (campaign.pause_reason or "")


@pytest.mark.postgres
def test_a_copied_postgresql_database_sends_nothing_until_it_is_adopted(
    project: Path, clock: Any, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    make_campaign(app, clock)
    app.close()
    copied = on_server(postgres_url, 'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    with Relay() as relay:
        assert send(project, clock, relay.port).sending.sent == 9
        monkeypatch.setenv("OUTREACH_DATABASE__URL", copied)
        assert "outreach db adopt" in (send(copy, clock, relay.port).sending.trouble or "")
        assert status(copy) is CampaignStatus.PAUSED
        adopt(copy)
        assert not send(copy, clock, relay.port).sending.trouble
        monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
        assert not send(project, clock, relay.port).sending.trouble
        monkeypatch.setenv("OUTREACH_DATABASE__URL", copied)  # the folder that stayed where it is, and names the copy
        assert "outreach db adopt" in (send(project, clock, relay.port).sending.trouble or "")
        assert len(relay.received) == 9


@pytest.mark.postgres
@pytest.mark.parametrize("into", ["new", "same"])
def test_a_postgresql_dump_put_back_by_hand_sends_nothing_again(
    project: Path, clock: Any, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, into: str
) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    make_campaign(app, clock)
    app.close()
    dump = tmp_path / "dump"
    subprocess.run(["pg_dump", "-Fc", f"--file={dump}", postgres_url], check=True, timeout=60)
    with Relay() as relay:
        assert send(project, clock, relay.port).sending.sent == 9
        if into == "new":
            on_server(postgres_url, 'DROP DATABASE "{name}"', 'CREATE DATABASE "{name}"')
        subprocess.run(
            ["pg_restore", "--clean", "--if-exists", f"--dbname={postgres_url}", dump], check=True, timeout=60
        )
        assert "outreach db adopt" in (send(project, clock, relay.port).sending.trouble or "")
        assert status(project) is CampaignStatus.PAUSED
        assert len(relay.received) == 9


@pytest.mark.postgres
def test_a_second_host_joins_once_and_then_both_send_from_one_postgresql(
    project: Path, clock: Any, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    make_campaign(app, clock)
    app.close()
    second = tmp_path / "second"
    shutil.copytree(project, second)
    with Relay() as relay:
        assert "outreach db join" in (send(second, clock, relay.port).sending.trouble or "")
        assert status(project) is CampaignStatus.SENDING  # a stranger stops nobody
        command(second, "db", "join")
        assert send(second, clock, relay.port).sending.sent == 9
        assert not send(project, clock, relay.port).sending.trouble
        adopt_again = json.loads(command(project, "db", "adopt", "--yes", "--json"))
        assert adopt_again["adopted"] is False
        refused = CliRunner().invoke(outreach, ["--project", str(second), "db", "join"])
        assert "already" in str(refused.exception)


@pytest.mark.postgres
def test_a_host_that_only_looked_on_knows_an_older_postgresql_database_too(
    project: Path, clock: Any, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    make_campaign(app, clock)
    app.close()
    second = tmp_path / "second"
    shutil.copytree(project, second)
    command(second, "db", "join")
    dump = tmp_path / "dump"
    subprocess.run(["pg_dump", "-Fc", f"--file={dump}", postgres_url], check=True, timeout=60)
    with Relay() as relay:
        assert send(project, clock, relay.port).sending.sent == 9
        assert send(second, clock, relay.port).sending.sent == 0
        subprocess.run(
            ["pg_restore", "--clean", "--if-exists", f"--dbname={postgres_url}", dump], check=True, timeout=60
        )
        assert "outreach db adopt" in (send(second, clock, relay.port).sending.trouble or "")
        assert len(relay.received) == 9


def test_after_a_long_silence_a_campaign_waits_and_after_a_short_one_it_goes_on(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    with Relay(lambda stage, talk: "451 4.7.1 later" if stage == "rcpt" else None) as relay:
        assert send(app.project, clock, relay.port).sending.deferred == 9
    with Relay() as relay:
        clock.at += timedelta(minutes=70)  # killed, and started again
        assert send(app.project, clock, relay.port).sending.sent == 9


def test_a_campaign_of_which_nothing_was_heard_for_hours_waits_for_a_person(app: App, clock: Any) -> None:
    make_campaign(app, clock)
    with Relay() as relay:
        clock.at += timedelta(hours=26)  # a whole machine, put back as it was yesterday
        send(app.project, clock, relay.port)
        assert not relay.received
    with app.database.reading() as session:
        campaign = session.scalars(select(Campaign)).one()
    assert (campaign.status, campaign.pause_kind) == (CampaignStatus.PAUSED, PauseKind.LATE)
    assert "nothing was sent" in (campaign.pause_reason or "")
