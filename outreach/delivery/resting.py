"""When a relay gets a rest: after a 421, while it can't be reached, and until settings that it refuses are mended.

The row is shared by all processes and survives a restart; the first message that goes through deletes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.delivery.replies import Reply, Verdict, relay_pause
from outreach.models import RelayRest
from outreach.relays import Relay

CONFIGURATION_REST = timedelta(minutes=5)
LONGEST_REST = timedelta(minutes=15)


def find(session: Session, relay: Relay, now: datetime) -> RelayRest | None:
    """Return the rest that the relay has now; one further ahead than any rest is long was told by a wrong clock."""
    rest = session.get(RelayRest, relay.name, populate_existing=True)
    return rest if rest is not None and now < rest.until <= now + LONGEST_REST else None


def begin(session: Session, relay: Relay, reply: Reply, now: datetime) -> RelayRest:
    """Give the relay a rest, longer each time it fails again; during a rest, return that."""
    configuration = reply.verdict is Verdict.STOP
    words = {"reply": str(reply), "configuration": configuration}
    # Two connections, or two hosts, find out at once: one of them makes the row.
    new = {"relay": relay.name, "failures": 0, "since": now, "until": now, **words}
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    made = (sqlite.insert if on_sqlite else postgresql.insert)(RelayRest).values(new)
    session.execute(made.on_conflict_do_nothing(index_elements=["relay"]))
    rest = session.get_one(RelayRest, relay.name, with_for_update=True, populate_existing=True)
    if now < rest.until <= now + LONGEST_REST and rest.configuration >= configuration:
        return rest
    rest.reply, rest.configuration, rest.failures = str(reply), configuration, rest.failures + 1
    rest.until = now + (CONFIGURATION_REST if configuration else relay_pause(rest.failures))
    session.flush()
    return rest


def end(session: Session, relay: Relay) -> bool:
    """Forget the rest: the relay took a message, or a person says that it may be tried again."""
    return session.connection().execute(delete(RelayRest).where(RelayRest.relay == relay.name)).rowcount > 0


def everything(session: Session) -> dict[str, RelayRest]:
    """Return the latest rest of each relay that has not taken a message since."""
    return {rest.relay: rest for rest in session.scalars(select(RelayRest))}
