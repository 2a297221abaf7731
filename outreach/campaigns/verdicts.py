"""The verdicts on hits: found by reading the hits in the order of their time, written where they changed.

A hit's first verdict is what it shows of itself. Once a minute those not yet judged among their neighbours are, with
the neighbours: their verdicts may change. All of it can be done again at any time, with the rules of that day, and
gives the same: nothing that was seen is ever thrown away. Memory holds the hits of a quarter of an hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select, tuple_, update
from sqlalchemy.orm import Session

from outreach.campaigns import sweeps, visitors
from outreach.campaigns.sweeps import Group, Judge
from outreach.models import Cohort, Delivery, DeliveryStatus, Hit, HitKind, Link

PAGE = 5_000
MOST_GROUPS = 10_000
REACH = timedelta(seconds=sweeps.REACH)
_SENT = (DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN)


@dataclass
class Classified:
    """Hits that were judged, how many verdicts changed, the classes and how often each reason was found."""

    hits: int = 0
    changed: int = 0
    human: int = 0
    scanner: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Verdict:
    """What a hit is taken for from now on."""

    id: int
    kind: HitKind
    reasons: str


@dataclass(slots=True, eq=False)
class _Read(sweeps.Hit):
    """A hit with the verdict it has in the database."""

    moment: datetime
    known: tuple[HitKind, str, int | None]


def unjudged_since(session: Session) -> datetime | None:
    """Return when the first hit was that nobody judged among its neighbours; None if there is none."""
    return session.scalar(select(func.min(Hit.at)).where(Hit.rules.is_(None)))


class Reading:
    """One pass over the hits: all of them, or those since a moment with the neighbours that they may change."""

    def __init__(self, since: datetime | None = None) -> None:
        self.done = Classified()
        self._judged_from = since - REACH if since else None
        self._after: tuple[datetime, int] | None = (since - 2 * REACH, 0) if since else None
        self._groups: dict[Hashable, Group] = {}
        self._judge = Judge(lambda key: self._groups[key])

    def step(self, session: Session) -> tuple[list[Verdict], bool]:
        """Read a page; return the verdicts that changed, and whether there is more."""
        rows = session.execute(self._page()).all()
        self._learn(session, {_group_of(row) for row in rows})
        final = [hit for row in rows for hit in self._judge.see(_seen(row))]
        if rows:
            self._after = rows[-1].at, rows[-1].id
        more = len(rows) == PAGE
        if not more:
            final += self._judge.rest()
        return [verdict for hit in final if isinstance(hit, _Read) and (verdict := self._verdict(hit))], more

    def _page(self) -> Any:
        query = select(
            Hit.id, Hit.at, Hit.link_id, Hit.method, Hit.agent, Hit.signs, Hit.source, Hit.simulated, Hit.kind,
            Hit.reasons, Hit.rules, Link.cohort_id, Link.campaign_id,
        ).join(Link)  # fmt: skip
        if self._after is not None:
            at, id = self._after
            moment = bindparam("at", at, type_=Hit.at.type)
            query = query.where(tuple_(Hit.at, Hit.id) > tuple_(moment, id))
        return query.order_by(Hit.at, Hit.id).limit(PAGE)

    def _verdict(self, hit: _Read) -> Verdict | None:
        """Count a hit; return its verdict if it isn't the one it has."""
        if self._judged_from is not None and hit.moment < self._judged_from:
            return None
        found = tuple(reason for reason in visitors.Reason if reason in hit.reasons)
        kind, reasons = visitors.kind_of(found), ",".join(found)
        self.done.hits += 1
        self.done.human += kind is HitKind.HUMAN
        self.done.scanner += kind is HitKind.SCANNER
        self.done.reasons.update(found)
        if hit.known == (kind, reasons, visitors.RULES):
            return None
        self.done.changed += hit.known[:2] != (kind, reasons)
        return Verdict(hit.id, kind, reasons)

    def _learn(self, session: Session, keys: set[Hashable]) -> None:
        if len(self._groups) > MOST_GROUPS:
            self._groups.clear()
            keys |= {hit.group for hit in self._judge.open}
        for key in keys - self._groups.keys():
            self._groups[key] = _group(session, key)


def write(session: Session, verdicts: list[Verdict]) -> None:
    """Write verdicts down, with the version of the rules."""
    if not verdicts:
        return
    statement = (
        update(Hit)
        .where(Hit.id == bindparam("hit"))
        .values(kind=bindparam("as_kind"), reasons=bindparam("why"), rules=visitors.RULES)
    )
    rows = [{"hit": verdict.id, "as_kind": verdict.kind, "why": verdict.reasons} for verdict in verdicts]
    session.connection().execute(statement, rows)


def _seen(row: Row[Any]) -> _Read:
    return _Read(
        id=row.id, at=row.at.timestamp(), group=_group_of(row), link=row.link_id, method=row.method, agent=row.agent,
        signs=row.signs, source=row.source, simulated=row.simulated, reasons=set(), moment=row.at,
        known=(row.kind, row.reasons, row.rules),
    )  # fmt: skip


def _group_of(row: Row[Any]) -> tuple[int, int | None]:
    return row.campaign_id, row.cohort_id


def _group(session: Session, key: Any) -> Group:
    """Return a group's facts; without a cohort, where the whole audience was too small for one, the campaign's."""
    campaign_id, cohort_id = key
    ours = Delivery.campaign_id == campaign_id if cohort_id is None else Delivery.cohort_id == cohort_id
    moments = select(func.min(Delivery.sent_at), func.max(Delivery.sent_at)).where(ours, Delivery.status.in_(_SENT))
    first, last = session.execute(moments).one()
    theirs = Link.campaign_id == campaign_id, Link.cohort_id == cohort_id
    links = session.scalar(select(func.count()).select_from(Link).where(*theirs)) or 0
    if cohort_id is None:
        mails = session.scalar(select(func.count()).select_from(Cohort).where(Cohort.campaign_id == campaign_id)) or 1
        links //= mails
    return Group(links, first.timestamp() if first else None, last.timestamp() if last else None)
