"""Who is sending, and who is dead."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from delivery.conftest import make_campaign
from sqlalchemy import insert, select, text, update

from outreach.app import App
from outreach.campaigns import life, progress
from outreach.delivery import claiming, presence
from outreach.delivery.claiming import Result
from outreach.delivery.presence import AnotherSender, bury_dead, present
from outreach.models import Campaign, CampaignStatus, Delivery, Worker

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


def test_a_mail_that_a_worker_given_up_for_dead_brings_back_opens_the_finished_campaign_again(
    both: App, clock: Any
) -> None:
    campaign = make_campaign(both, clock, crowd=2)
    waiting = select(Delivery.id).where(Delivery.status == "pending").order_by(Delivery.id)
    with both.database.writing() as session:
        first, second, *others = session.scalars(waiting)
        mine = update(Delivery).where(Delivery.id.in_((first, second))).values(status="uncertain", worker_id=7)
        session.execute(mine)
        session.execute(update(Delivery).where(Delivery.id.in_(others)).values(status="sent"))
        assert progress.finish_if_done(session, campaign.id, both.now())
    with both.database.writing() as session:
        assert claiming.record(session, Delivery, 7, first, Result("sent"), both.now())
        assert session.scalars(select(Campaign.status)).one() is CampaignStatus.SENT
        assert claiming.record(session, Delivery, 7, second, Result("pending"), both.now())
    with both.database.writing() as session:
        assert session.execute(select(Campaign.status, Campaign.finished_at)).one() == (CampaignStatus.SENDING, None)
        assert list(session.scalars(waiting)) == [second]
        assert not progress.finish_if_done(session, campaign.id, both.now())


def test_a_mail_brought_back_to_a_cancelled_campaign_is_cancelled(both: App, clock: Any) -> None:
    campaign = make_campaign(both, clock, crowd=0)
    with both.database.writing() as session:
        only = session.scalars(select(Delivery.id).where(Delivery.status == "pending")).one()
        session.execute(update(Delivery).where(Delivery.id == only).values(status="sending", worker_id=7))
        life.cancel(session, session.get_one(Campaign, campaign.id), by="ann", now=both.now())
        assert claiming.record(session, Delivery, 7, only, Result("pending"), both.now())
    with both.database.reading() as session:
        assert session.scalars(select(Delivery.status).where(Delivery.id == only)).one() == "cancelled"
