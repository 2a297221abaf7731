"""Addresses that no campaign may mail, by keyed hash: they outlive erasure, and no import lifts them.

An address has at most one live suppression. A graver reason closes the one before it and takes its place, so that the
confirmed opt-in that lifts an opt-out cannot lift a complaint, and an erased address is never stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table as SqlTable
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.belgium.calendar import BRUSSELS
from outreach.errors import Refusal
from outreach.models import Suppression, SuppressionReason

GRAVITY = {
    SuppressionReason.IMPORTED: 0,
    SuppressionReason.MANUAL: 0,
    SuppressionReason.UNSUBSCRIBED: 0,
    SuppressionReason.HARD_BOUNCE: 1,
    SuppressionReason.COMPLAINT: 2,
    SuppressionReason.ERASED: 3,
}
# Lifted by the person's own confirmed opt-in and by nothing else.
OPT_OUTS = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.IMPORTED, SuppressionReason.ERASED})
# Lifted by a person of the team with a reason, and by no opt-in.
GRAVE = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE})
SOURCE_LENGTH = 300
_TABLE: SqlTable = Suppression.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class Suppressing:
    """One address to suppress, as many at a time are."""

    address_hash: bytes
    source: str
    at: datetime


def live(session: Session, address_hash: bytes) -> Suppression | None:
    """Return the suppression in force, None if the address may be mailed as far as this goes."""
    return session.scalars(
        select(Suppression).where(Suppression.address_hash == address_hash, Suppression.lifted_at.is_(None))
    ).one_or_none()


def is_suppressed(session: Session, address_hash: bytes) -> bool:
    """Tell whether no campaign may mail the address."""
    return live(session, address_hash) is not None


def suppress(
    session: Session,
    address_hash: bytes,
    *,
    reason: SuppressionReason,
    source: str,
    actor: str,
    now: datetime,
    campaign_id: int | None = None,
) -> bool:
    """Suppress an address; return whether it was not suppressed before. Safe to repeat and to race."""
    replaced = _close_lighter(session, address_hash, reason, actor, now)
    row = {
        "address_hash": address_hash,
        "reason": reason,
        "source": source[:SOURCE_LENGTH],
        "at": now,
        "actor": actor,
        "campaign_id": campaign_id,
    }
    added = session.scalar(_insert_missing(session).values(row).returning(_TABLE.c.id)) is not None
    return added and not replaced


def suppress_many(
    session: Session, rows: Sequence[Suppressing], *, reason: SuppressionReason, actor: str
) -> tuple[int, int]:
    """Suppress many addresses of distinct hashes; return how many are new and how many were suppressed already."""
    known = {hash for hash, _ in reasons(session, [row.address_hash for row in rows])}
    new = [row for row in rows if row.address_hash not in known]
    values = [
        {
            "address_hash": row.address_hash,
            "reason": reason,
            "source": row.source[:SOURCE_LENGTH],
            "at": row.at,
            "actor": actor,
            "campaign_id": None,
        }
        for row in new
    ]
    if values:
        session.connection().execute(_insert_missing(session), values)
    return len(new), len(rows) - len(new)


def reasons(session: Session, hashes: Sequence[bytes]) -> Iterable[tuple[bytes, SuppressionReason]]:
    """Yield hash and reason of those of `hashes` that are suppressed."""
    columns = (Suppression.address_hash, Suppression.reason)
    live = Suppression.lifted_at.is_(None)
    for found in bulk.matching(session, columns, Suppression.address_hash, hashes, live):
        yield found[0], found[1]


def any_live(session: Session) -> bool:
    """Tell whether any address at all is suppressed."""
    return session.scalar(select(Suppression.id).where(Suppression.lifted_at.is_(None)).limit(1)) is not None


def lift(session: Session, address_hash: bytes, *, by: str, reason: str, now: datetime, opted_in: bool = False) -> bool:
    """Lift the suppression in force; return whether there was one.

    An opt-out is lifted by the person's own confirmed opt-in only (`opted_in`); a complaint or a dead address by a
    person with a reason.
    """
    if not reason.strip():
        raise Refusal("a suppression is lifted with a reason only: say why")
    found = live(session, address_hash)
    if found is None:
        return False
    since = f"suppressed since {found.at.astimezone(BRUSSELS):%Y-%m-%d} ({found.reason.value})"
    if found.reason in OPT_OUTS and not opted_in:
        raise Refusal(f"{since}: only the person's own opt-in lifts it")
    if opted_in and grave_reason(session, address_hash):
        raise Refusal(f"{since}: an opt-in does not lift that")
    closed = session.scalars(
        update(Suppression)
        .where(Suppression.id == found.id, Suppression.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by, lifted_reason=reason.strip()[:SOURCE_LENGTH])
        .returning(Suppression.id)
    )
    return closed.first() is not None


def grave_reason(session: Session, address_hash: bytes) -> SuppressionReason | None:
    """Return the complaint or dead address that holds, also under an erasure that took its place; None if neither.

    Else whoever complained, had himself erased and is signed up by mistake would be mailed again.
    """
    replaced = Suppression.lifted_reason == replaced_by(SuppressionReason.ERASED)
    holds = or_(Suppression.lifted_at.is_(None), replaced)
    rows = session.scalars(
        select(Suppression.reason).where(Suppression.address_hash == address_hash, Suppression.reason.in_(GRAVE), holds)
    )
    return max(rows, key=GRAVITY.__getitem__, default=None)


def replaced_by(reason: SuppressionReason) -> str:
    return f"replaced by {reason.value}"


def _close_lighter(session: Session, address_hash: bytes, reason: SuppressionReason, actor: str, now: datetime) -> bool:
    lighter = [kind for kind in SuppressionReason if GRAVITY[kind] < GRAVITY[reason]]
    if not lighter:
        return False
    closed = session.scalars(
        update(Suppression)
        .where(
            Suppression.address_hash == address_hash,
            Suppression.lifted_at.is_(None),
            Suppression.reason.in_(lighter),
        )
        .values(lifted_at=now, lifted_by=actor, lifted_reason=replaced_by(reason))
        .returning(Suppression.id)
    )
    return closed.first() is not None


def _insert_missing(session: Session) -> Any:
    """Return the insert of what has no live row yet; the partial unique index decides, so two cannot both win."""
    insert = sqlite.insert if bulk.is_sqlite(session) else postgresql.insert
    return insert(_TABLE).on_conflict_do_nothing(
        index_elements=[_TABLE.c.address_hash], index_where=_TABLE.c.lifted_at.is_(None)
    )
