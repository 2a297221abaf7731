"""One live suppression per address, whoever races; and who may lift it."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from outreach.app import App
from outreach.audience import suppressing
from outreach.errors import Refusal
from outreach.models import Suppression, SuppressionReason

BOB = b"bob" + bytes(13)


def suppress(app: App, reason: SuppressionReason = SuppressionReason.UNSUBSCRIBED) -> bool:
    with app.database.writing() as session:
        return suppressing.suppress(session, BOB, reason=reason, source="test", actor="test", now=app.now())


def test_suppressing_twice_leaves_one_live_row(both: App) -> None:
    assert [suppress(both), suppress(both)] == [True, False]
    with both.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Suppression)) == 1


def test_two_at_the_same_time_leave_one_live_row_and_one_winner(both: App) -> None:
    results: list[bool] = []
    start = threading.Barrier(4)

    def race() -> None:
        start.wait()
        results.append(suppress(both))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]


def test_a_graver_reason_takes_the_place_of_a_lighter_one_and_not_the_other_way(both: App) -> None:
    suppress(both, SuppressionReason.UNSUBSCRIBED)
    assert suppress(both, SuppressionReason.COMPLAINT) is False
    assert suppress(both, SuppressionReason.HARD_BOUNCE) is False
    with both.database.reading() as session:
        live = suppressing.live(session, BOB)
        assert live is not None
        assert live.reason is SuppressionReason.COMPLAINT
        lifted = session.scalars(select(Suppression).where(Suppression.lifted_at.is_not(None))).one()
        assert lifted.lifted_reason == "replaced by complaint"


@pytest.mark.parametrize(
    "reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.IMPORTED, SuppressionReason.ERASED]
)
def test_only_the_persons_own_opt_in_lifts_an_opt_out(app: App, reason: SuppressionReason) -> None:
    suppress(app, reason)
    with app.database.writing() as session:
        with pytest.raises(Refusal, match="opt-in"):
            suppressing.lift(session, BOB, by="staff", reason="a good one", now=app.now())
        assert suppressing.lift(session, BOB, by="Bob", reason="confirmed", now=app.now(), opted_in=True)
        assert not suppressing.is_suppressed(session, BOB)


@pytest.mark.parametrize("reason", [SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE])
def test_a_complaint_and_a_dead_address_are_lifted_by_a_person_with_a_reason_only(
    app: App, reason: SuppressionReason
) -> None:
    suppress(app, reason)
    with app.database.writing() as session:
        with pytest.raises(Refusal, match="does not lift"):
            suppressing.lift(session, BOB, by="Bob", reason="confirmed", now=app.now(), opted_in=True)
        with pytest.raises(Refusal, match="say why"):
            suppressing.lift(session, BOB, by="staff", reason=" ", now=app.now())
        assert suppressing.lift(session, BOB, by="staff", reason="mailbox was full", now=app.now())
        assert not suppressing.lift(session, BOB, by="staff", reason="again", now=app.now())


@pytest.mark.parametrize("opted_out", ["before", "after"])
@pytest.mark.parametrize(
    "graver", [SuppressionReason.MANUAL, SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT]
)
def test_lifting_a_complaint_a_dead_address_or_our_own_decision_never_lifts_the_persons_opt_out(
    both: App, graver: SuppressionReason, opted_out: str
) -> None:
    order = [SuppressionReason.UNSUBSCRIBED, graver]
    for reason in order if opted_out == "before" else reversed(order):
        suppress(both, reason)
    suppress(both)  # the button pressed twice
    with both.database.writing() as session:
        try:
            suppressing.lift(session, BOB, by="cli", reason="the mailbox works again", now=both.now())
        except Refusal:
            assert graver is SuppressionReason.MANUAL
    with both.database.writing() as session:
        live = suppressing.live(session, BOB)
        assert live is not None
        assert live.reason is SuppressionReason.UNSUBSCRIBED
        with pytest.raises(Refusal, match="own opt-in"):
            suppressing.lift(session, BOB, by="cli", reason="again", now=both.now())
    with both.database.writing() as session:
        assert suppressing.lift(session, BOB, by="bob", reason="confirmed", now=both.now(), opted_in=True)
        suppressing.suppress(
            session, BOB, reason=SuppressionReason.COMPLAINT, source="test", actor="test", now=both.now()
        )
        suppressing.lift(session, BOB, by="cli", reason="a mistake", now=both.now())
        assert not suppressing.is_suppressed(session, BOB)


def test_an_imported_opt_out_counts_under_a_dead_address_too(both: App) -> None:
    suppress(both, SuppressionReason.HARD_BOUNCE)
    with both.database.writing() as session:
        rows = [suppressing.Suppressing(BOB, "mailchimp.csv", both.now())]
        assert suppressing.suppress_many(session, rows, reason=SuppressionReason.IMPORTED, actor="test") == (0, 1)
        suppressing.lift(session, BOB, by="cli", reason="works again", now=both.now())
        live = suppressing.live(session, BOB)
    assert live is not None
    assert live.reason is SuppressionReason.IMPORTED
