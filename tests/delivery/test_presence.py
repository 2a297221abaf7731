"""Who is sending, and who is dead."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from outreach.app import App
from outreach.delivery import presence
from outreach.delivery.presence import AnotherSender, bury_dead, present
from outreach.models import Worker

LEASE = timedelta(seconds=60)


def workers(app: App) -> list[int]:
    with app.database.reading() as session:
        return list(session.scalars(select(Worker.id).order_by(Worker.id)))


def buried(app: App, me: presence.Presence, lease: timedelta = LEASE) -> list[int]:
    with app.database.writing() as session:
        bury_dead(session, me, lease)
    return workers(app)


def test_a_second_sender_on_sqlite_is_told_who_is_there(app: App) -> None:
    with present(app.database, now=app.now, lease=LEASE):
        with pytest.raises(AnotherSender, match="process "), present(app.database, now=app.now, lease=LEASE):
            pass
        assert len(workers(app)) == 1
    assert not workers(app)
    with present(app.database, now=app.now, lease=LEASE):
        pass


def test_the_lock_belongs_to_the_database_whatever_path_leads_to_it(app: App) -> None:
    from outreach.database import open_database

    link = app.project / "other"
    link.symlink_to(app.project)
    again = open_database("sqlite:///outreach.db", link)
    assert presence.sender_lock(again) == presence.sender_lock(app.database)
    again.close()


def test_a_lock_ends_with_its_process_however_it_ends(app: App) -> None:
    file = presence.sender_lock(app.database)
    code = (
        "import sys, time; from pathlib import Path; from outreach.delivery import presence\n"
        f"with presence.locked(Path({str(file)!r}), 'sends'): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(AnotherSender, match=str(holder.pid)), presence.locked(file, "sends"):
        pass
    holder.kill()
    holder.communicate()
    with presence.locked(file, "sends"):
        pass


def test_on_sqlite_whoever_was_there_before_is_dead(app: App) -> None:
    with app.database.writing() as session:
        session.execute(insert(Worker).values(id=7, name="x", started_at=app.now(), heartbeat_at=app.now()))
    with present(app.database, now=app.now, lease=LEASE) as me:
        assert me.worker_id == 8  # a number is never used twice
        assert buried(app, me) == [8]


@pytest.mark.parametrize("both", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_on_postgresql_a_living_worker_is_left_alone_and_a_free_lock_means_dead(both: App) -> None:
    with (
        present(both.database, now=both.now, lease=LEASE) as one,
        present(both.database, now=both.now, lease=LEASE) as two,
    ):
        with both.database.writing() as session:
            beat = text("INSERT INTO worker VALUES (1000, 'dead', now(), now()) RETURNING id")
            assert session.scalar(beat) == 1000
        assert buried(both, two) == sorted([one.worker_id, two.worker_id])
        with both.database.writing() as session:
            session.execute(text("UPDATE worker SET heartbeat_at = heartbeat_at - interval '61 seconds'"))
        assert buried(both, two) == [two.worker_id]
    assert not workers(both)


def test_a_worker_whose_row_is_gone_learns_that_it_was_given_up(both: App) -> None:
    with present(both.database, now=both.now, lease=timedelta(seconds=0.4)) as me:
        with both.database.writing() as session:
            session.delete(session.get_one(Worker, me.worker_id))
        assert me.lost.wait(5)
