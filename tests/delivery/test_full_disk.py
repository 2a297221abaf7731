"""A disk that is full while mails are sent: said in words, nothing lost, and on it goes once there is room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import lacking, make_project
from delivery.processes import assert_accounted, campaign_status, ended, make_campaign, sink, spawn
from delivery.processes import wait_for as waiting

from outreach.app import App, open_app
from outreach.models import CampaignStatus

SIZE = 24 << 20


def wait_for(true: Any) -> None:
    waiting(true, 120)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        lacking("mount, or the right to mount a small disk,")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def app(small_disk: Path, clock: Any) -> Iterator[App]:
    app = open_app(make_project(small_disk / "project"), clock=clock)
    yield app
    app.close()


def fill(disk: Path) -> Path:
    """Leave no octet free."""
    file = disk / "full"
    with file.open("wb", buffering=0) as filling:
        try:
            while filling.write(bytes(4096)):
                pass
        except OSError:
            return file
    raise AssertionError("the disk has no end")


def test_a_full_disk_is_said_loses_nothing_and_sending_goes_on_when_there_is_room(
    app: App, small_disk: Path, clock: Any
) -> None:
    make_campaign(app, clock, crowd=299)
    with sink(delay=0.02) as relay:
        worker = spawn(app, relay.port, "worker", relay__connections=2)
        try:
            wait_for(lambda: len(relay.received) >= 30)
            full = fill(small_disk)
            stood = -1
            while stood != len(relay.received):  # until it can write no more
                stood = len(relay.received)
                time.sleep(2)
            counts = assert_accounted(app, relay, 300)
            assert 0 < counts["sending"] <= 2 * 2
            assert campaign_status(app) is CampaignStatus.SENDING
            full.unlink()
            wait_for(lambda: campaign_status(app) is CampaignStatus.SENT)
            worker.terminate()
            said = ended(worker)["err"]
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()
    counts = assert_accounted(app, relay, 300)
    assert set(counts) <= {"sent", "uncertain"}, counts
    assert counts["uncertain"] <= 2 * 2
    assert "database or disk is full" in said
    assert "Traceback" not in said


def test_a_disk_that_is_full_from_the_start_is_a_fault_with_words(app: App, small_disk: Path, clock: Any) -> None:
    make_campaign(app, clock, crowd=5)
    with sink() as relay:
        full = fill(small_disk)
        refused = ended(spawn(app, relay.port, "worker", "--once"), code=1)
        assert "full" in refused["err"] or "No space left" in refused["err"], refused
        assert "Traceback" not in refused["err"]
        assert not relay.received
        full.unlink()
        ended(spawn(app, relay.port))
    assert assert_accounted(app, relay, 6) == {"sent": 6}
