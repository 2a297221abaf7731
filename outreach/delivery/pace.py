"""How fast mail goes out: permits of each relay and each recipients' provider, shared by all who send.

They are kept in the database and taken a few at a time, at most some times a second, never for each message: what is
in the row is left for others, what was taken is this process's alone. So together they never send more than is
allowed, and a process that is killed wastes the few it had. What is not limited is only counted, once a second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.belgium.calendar import BRUSSELS
from outreach.delivery.buckets import REST_SECONDS, Bucket
from outreach.models import Pace, PaceOf, RelayDay
from outreach.relays import ProviderSettings, Relay

Key = tuple[PaceOf, str]

# Hungry for permits we ask this often; else the rows are looked at once a second, for what others found out.
HUNGRY_SECONDS, LOOK_SECONDS = 0.2, 1.0
_FIELDS = tuple(Bucket.__dataclass_fields__)


@dataclass
class Slice:
    """What this process has of a row: permits held, or none needed (`free`); `dry` = the day's ceiling is reached."""

    free: bool = False
    dry: bool = False
    held: int = 0
    wanted: int = 0  # asked for in vain since the last look
    used: int = 0  # given out since the last look
    untold: int = 0  # of these, what the row doesn't know of yet
    wait: float = 0.0  # until the next permit, as the row says


@dataclass
class Permits:
    """The permits of one process; not for more than one thread at a time."""

    relays: Mapping[str, Relay]
    providers: Mapping[str, ProviderSettings]
    _slices: dict[Key, Slice] = field(default_factory=dict)
    _slowdowns: dict[Key, str] = field(default_factory=dict)
    _overrun: set[str] = field(default_factory=set)  # providers
    _looked_at: float = float("-inf")
    _day: date | None = None

    @classmethod
    def of(cls, relays: Sequence[Relay], providers: Mapping[str, ProviderSettings]) -> Permits:
        return cls({relay.name: relay for relay in relays}, providers)

    def grant(self, kind: PaceOf, name: str, wanted: int, *, exempt: bool = False) -> int:
        """Return how many of the wanted messages may go now; `exempt` mail may also past the day's ceiling."""
        part = self._slices.setdefault((kind, name), Slice())
        granted = wanted if part.free or (exempt and part.dry) else min(part.held, wanted)
        if part.free or (exempt and part.dry):
            part.untold += granted
        else:
            part.held -= granted
        part.used += granted
        part.wanted = max(part.wanted, wanted - granted)
        return granted

    def give_back(self, kind: PaceOf, name: str, unused: int) -> None:
        """Take permits back of which nothing came."""
        part = self._slices.setdefault((kind, name), Slice())
        part.used -= unused
        if part.free:
            part.untold -= unused
        else:
            part.held += unused

    def wait(self, kind: PaceOf, name: str) -> float:
        """Return how many seconds until more may go, as far as is known."""
        return self._slices.setdefault((kind, name), Slice()).wait

    def is_dry(self, name: str) -> bool:
        """Tell whether a relay has had all that it may have today."""
        return self._slices.setdefault((PaceOf.RELAY, name), Slice()).dry

    def slow(self, kind: PaceOf, name: str, reply: str) -> None:
        """Halve the rate, for everybody, at the next look; give nothing out until then."""
        part = self._slices.setdefault((kind, name), Slice())
        part.free = False
        self._slowdowns[kind, name] = reply
        if kind is PaceOf.PROVIDER:
            self._overrun.add(name)

    def overrun(self) -> set[str]:
        """Return the providers that said so since this was asked last: what is claimed for them goes back."""
        found, self._overrun = self._overrun, set()
        return found

    def is_due(self) -> bool:
        """Tell whether to look at the rows."""
        hungry = self._slowdowns or any(part.wanted and not part.dry for part in self._slices.values())
        return time.monotonic() - self._looked_at >= (HUNGRY_SECONDS if hungry else LOOK_SECONDS)

    def look(self, session: Session, now: datetime) -> None:
        """Tell the rows what was used, learn what is allowed, and take what is wanted."""
        self._looked_at = time.monotonic()
        rows, at, day = buckets(session), pulse(session), today(now)
        for key in self._known():
            self._slices.setdefault(key, Slice())
        # Always in one order, so that two processes never wait for each other.
        for key, part in sorted(self._slices.items()):
            if day != self._day and key[0] is PaceOf.RELAY:
                part.held = 0  # yesterday's
            if part.untold or part.used or part.wanted or part.held or key in self._slowdowns:
                self._turn(session, key, at, day)
            else:
                bucket, left = rows.get(key, Bucket()).at(at, self.rate(key)), self._left_today(session, key, day)
                self._learn(key, bucket, left)
            part.wanted = part.used = part.untold = 0
        self._slowdowns.clear()
        self._day = day

    def finish(self, session: Session, now: datetime) -> None:
        """Give everything back that was not used."""
        for part in self._slices.values():
            part.wanted = part.used = 0
        self.look(session, now)

    def rate(self, key: Key) -> float:
        return set_rate(key, self.relays, self.providers)

    def _known(self) -> list[Key]:
        return [(PaceOf.RELAY, name) for name in self.relays] + [(PaceOf.PROVIDER, name) for name in self.providers]

    def _learn(self, key: Key, bucket: Bucket, left: int | None) -> None:
        part, rate = self._slices[key], self.rate(key)
        part.free = bucket.limit(rate) is None and left is None
        part.dry = left is not None and left <= 0 and part.held == 0
        part.wait = bucket.seconds_until_next(rate)

    def _turn(self, session: Session, key: Key, at: float, day: date) -> None:
        """Lock the row, and settle with it."""
        part, rate = self._slices[key], self.rate(key)
        bucket = _locked(session, key).at(at, rate).used(part.untold, rate)
        if reply := self._slowdowns.get(key):
            # A relay's rest has a row of its own.
            bucket = bucket.slowed(at, rate, reply, REST_SECONDS if key[0] is PaceOf.PROVIDER else 0.0)
        left = self._left_today(session, key, day)
        taken, bucket = self._taken(key, bucket, None if left is None else left - part.untold)
        part.held += taken
        granted = part.untold + taken
        if granted and key[0] is PaceOf.RELAY:
            _count(session, key[1], day, granted, self._ceiling(session, key[1], day))
        _write(session, key, bucket)
        self._learn(key, bucket, None if left is None else left - granted)

    def _taken(self, key: Key, bucket: Bucket, left: int | None) -> tuple[int, Bucket]:
        """Take what is wanted, and a little ahead; leave to others what nobody here asked for lately."""
        part, rate = self._slices[key], self.rate(key)
        if bucket.limit(rate) is None and left is None:
            return -part.held, bucket.used(-part.held, rate)
        ask = max(part.wanted, 2 * part.used) - part.held
        if left is not None:
            ask = min(ask, left)
        if ask > 0:
            return bucket.take(ask, rate)
        return (0, bucket) if part.wanted or part.used else (-part.held, bucket.used(-part.held, rate))

    def _left_today(self, session: Session, key: Key, day: date) -> int | None:
        if key[0] is not PaceOf.RELAY or (ceiling := self._ceiling(session, key[1], day)) is None:
            return None
        return max(ceiling - granted_on(session, key[1], day), 0)

    def _ceiling(self, session: Session, name: str, day: date) -> int | None:
        relay = self.relays.get(name)
        return None if relay is None else ceiling_on(session, relay, day)


def today(now: datetime) -> date:
    """Return the day by which ceilings are counted: Brussels', of 23 hours or 25 when the clock is changed."""
    return now.astimezone(BRUSSELS).date()


def pulse(session: Session) -> float:
    """Return the seconds by which buckets fill: on PostgreSQL by its clock, which is one for all hosts."""
    if session.get_bind().dialect.name == "sqlite":
        return time.time()
    return float(session.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)


def set_rate(key: Key, relays: Mapping[str, Relay], providers: Mapping[str, ProviderSettings]) -> float:
    """Return the messages a second that are set for a relay or a provider; 0 = no limit."""
    kind, name = key
    if kind is PaceOf.RELAY:
        return relays[name].settings.per_second if name in relays else 0.0
    return providers[name].per_minute / 60 if name in providers else 0.0


def ceiling_on(session: Session, relay: Relay, day: date) -> int | None:
    """Return how many messages a relay may have on a day; None = no ceiling."""
    limits = [relay.settings.per_day] if relay.settings.per_day else []
    if (warm := _warmup(session, relay, day)) is not None:
        limits.append(warm)
    return min(limits, default=None)


def _warmup(session: Session, relay: Relay, day: date) -> int | None:
    """Return the ceiling of the warm-up; it grows by days that were used, since a pause makes no relay better known."""
    found = relay.settings
    if not found.warmup_start:
        return None
    used = select(func.count()).where(
        RelayDay.relay == relay.name, RelayDay.day < day, RelayDay.granted * 2 >= RelayDay.ceiling
    )
    ceiling = float(found.warmup_start)
    for _ in range(session.scalar(used) or 0):
        ceiling *= found.warmup_growth
        if ceiling >= found.warmup_until:
            return None
    return int(ceiling) if ceiling < found.warmup_until else None


def granted_on(session: Session, relay: str, day: date) -> int:
    """Return how many messages a relay was given on a day."""
    found = session.scalar(select(RelayDay.granted).where(RelayDay.relay == relay, RelayDay.day == day))
    return found or 0


def is_used_up(session: Session, relay: Relay, now: datetime) -> bool:
    """Tell whether a relay has had all that it may have today."""
    ceiling = ceiling_on(session, relay, today(now))
    return ceiling is not None and granted_on(session, relay.name, today(now)) >= ceiling


def next_day(now: datetime) -> datetime:
    """Return when ceilings begin anew: midnight in Brussels."""
    tomorrow = today(now) + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=BRUSSELS).astimezone(now.tzinfo)


def buckets(session: Session) -> dict[Key, Bucket]:
    """Return all rows as they were last written."""
    return {(row.kind, row.name): _bucket(row) for row in session.scalars(select(Pace))}


def recover(session: Session, kind: PaceOf, name: str) -> bool:
    """Forget that something was slowed down: a person says that it may go at its rate again."""
    full = {"share": 1.0, "base": None, "slowed_at": None, "reply": None, "level": 0.0}
    slowed = update(Pace).where(Pace.kind == kind, Pace.name == name, Pace.slowed_at.is_not(None))
    return session.connection().execute(slowed.values(full)).rowcount > 0


def _bucket(row: Pace) -> Bucket:
    return Bucket(**{name: getattr(row, name) for name in _FIELDS})


def _locked(session: Session, key: Key) -> Bucket:
    kind, name = key
    query = select(Pace).where(Pace.kind == kind, Pace.name == name).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        on_sqlite = session.get_bind().dialect.name == "sqlite"
        new = (sqlite.insert if on_sqlite else postgresql.insert)(Pace).values(kind=kind, name=name, **asdict(Bucket()))
        session.execute(new.on_conflict_do_nothing(index_elements=["kind", "name"]))
        row = session.scalars(query).one()
    return _bucket(row)


def _write(session: Session, key: Key, bucket: Bucket) -> None:
    session.connection().execute(update(Pace).where(Pace.kind == key[0], Pace.name == key[1]).values(**asdict(bucket)))


def _count(session: Session, relay: str, day: date, granted: int, ceiling: int | None) -> None:
    """Add to a relay's day; its row in `pace` is locked, so nobody else does now."""
    row = session.get(RelayDay, (relay, day), populate_existing=True)
    if row is None:
        session.add(RelayDay(relay=relay, day=day, granted=max(granted, 0), ceiling=ceiling))
    else:
        row.granted, row.ceiling = max(row.granted + granted, 0), ceiling
    session.flush()
