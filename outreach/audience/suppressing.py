"""Addresses that no campaign may mail, by keyed hash: they outlive erasure, and no import lifts them.

An address has at most one live suppression. A graver reason closes the one before it and takes its place, so that the
confirmed opt-in that lifts an opt-out cannot lift a complaint, and an erased address is never stored again. An opt-out
that is closed so, or comes while a graver one is in force, stands again once that one is lifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table as SqlTable
from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.belgium.calendar import BRUSSELS
from outreach.errors import Refusal
from outreach.models import Suppression, SuppressionReason

GRAVITY = {
    SuppressionReason.MANUAL: 0,
    SuppressionReason.IMPORTED: 1,
    SuppressionReason.UNSUBSCRIBED: 1,
    SuppressionReason.HARD_BOUNCE: 2,
    SuppressionReason.COMPLAINT: 3,
    SuppressionReason.ERASED: 4,
}
# Lifted by the person's own confirmed opt-in and by nothing else.
OPT_OUTS = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.IMPORTED, SuppressionReason.ERASED})
# Lifted by a person of the team with a reason, and by no opt-in.
GRAVE = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE})
SOURCE_LENGTH = 300
_REPLACED = "replaced by "
_IS_SET_ASIDE = and_(
    Suppression.reason.in_(OPT_OUTS),
    Suppression.lifted_at.is_not(None),
    Suppression.lifted_reason.startswith(_REPLACED),
)
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
    if not added and reason in OPT_OUTS:
        _put_under(session, row, now)
    return added and not replaced


def _put_under(session: Session, row: dict[str, Any], now: datetime) -> None:
    """Write down an opt-out that comes while a graver suppression is in force, once."""
    graver = live(session, row["address_hash"])
    if graver is None or graver.reason in OPT_OUTS or _set_aside(session, row["address_hash"]) is not None:
        return
    closed = {"lifted_at": now, "lifted_by": row["actor"], "lifted_reason": replaced_by(graver.reason)}
    session.add(Suppression(**row, **closed))
    session.flush()


def opt_outs_set_aside(session: Session) -> Sequence[Suppression]:
    """Return the opt-outs that stand under a graver suppression in force, oldest first."""
    graver = select(Suppression.address_hash).where(
        Suppression.lifted_at.is_(None), Suppression.reason.not_in(OPT_OUTS)
    )
    query = select(Suppression).where(_IS_SET_ASIDE, Suppression.address_hash.in_(graver))
    return session.scalars(query.order_by(Suppression.at, Suppression.id)).all()


def _set_aside(session: Session, address_hash: bytes) -> Suppression | None:
    """Return the latest opt-out that a graver suppression took the place of."""
    query = select(Suppression).where(Suppression.address_hash == address_hash, _IS_SET_ASIDE)
    return session.scalars(query.order_by(Suppression.at.desc(), Suppression.id.desc()).limit(1)).first()


def suppress_many(
    session: Session, rows: Sequence[Suppressing], *, reason: SuppressionReason, actor: str
) -> tuple[int, int]:
    """Suppress many addresses of distinct hashes; return how many are new and how many were suppressed already."""
    known = dict(reasons(session, [row.address_hash for row in rows]))
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
    for row in rows:
        if known.get(row.address_hash, reason) not in OPT_OUTS:
            suppress(session, row.address_hash, reason=reason, source=row.source, actor=actor, now=row.at)
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
    person with a reason, and an opt-out that stood under it is then in force again.
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
    if closed.first() is None:
        return False
    session.flush()
    session.expire(found)
    if opted_in:
        _end_set_aside(session, address_hash, by, reason)
    elif (opt_out := _set_aside(session, address_hash)) is not None:
        opt_out.lifted_at = opt_out.lifted_by = opt_out.lifted_reason = None
        session.flush()
    return True


def _end_set_aside(session: Session, address_hash: bytes, by: str, reason: str) -> None:
    """Let no opt-out of before stand again: the person's own opt-in lifted them all."""
    while (opt_out := _set_aside(session, address_hash)) is not None:
        opt_out.lifted_by, opt_out.lifted_reason = by, f"opted in: {reason.strip()}"[:SOURCE_LENGTH]
        session.flush()


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
    return f"{_REPLACED}{reason.value}"


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
