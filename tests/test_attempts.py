"""Counted attempts: what is tried at once counts as what is tried one by one."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from outreach import attempts
from outreach.app import open_app


@pytest.mark.postgres
def test_guesses_made_at_once_on_postgresql_get_no_further_than_one_by_one(
    postgres_url: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project)
    key, window = b"k" * 16, timedelta(minutes=15)
    counted: list[int] = []
    start = threading.Barrier(12)

    def guess() -> None:
        start.wait()
        with app.database.writing() as session:
            attempts.one_at_a_time(session, [key])
            counted.append(attempts.count(session, key, window=window, now=app.now()))
            attempts.record(session, key, now=app.now())

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    app.close()
    assert sorted(counted) == list(range(12))
