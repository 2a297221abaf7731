"""When a relay gets a rest: after a 421, while it can't be reached, and until settings that it refuses are mended.

The row is shared by all processes and survives a restart; the first message that goes through deletes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from outreach.delivery.replies import Reply, Verdict, relay_pause
from outreach.models import RelayRest
from outreach.settings import RelaySettings

CONFIGURATION_REST = timedelta(minutes=5)
LONGEST_REST = timedelta(minutes=15)


def name_of(relay: RelaySettings) -> str:
    """Return the name under which a relay's rest is kept."""
    return f"{relay.host}:{relay.port}"


def find(session: Session, relay: RelaySettings, now: datetime) -> RelayRest | None:
    """Return the rest that the relay has now; one further ahead than any rest is long was told by a wrong clock."""
    rest = session.get(RelayRest, name_of(relay))
    return rest if rest is not None and now < rest.until <= now + LONGEST_REST else None


def begin(session: Session, relay: RelaySettings, reply: Reply, now: datetime) -> RelayRest:
    """Give the relay a rest, longer each time it fails again; during a rest, return that."""
    rest = session.get(RelayRest, name_of(relay), with_for_update=True)
    configuration = reply.verdict is Verdict.STOP
    if rest is not None and now < rest.until <= now + LONGEST_REST and rest.configuration >= configuration:
        return rest
    failures = 1 if rest is None else rest.failures + 1
    pause = CONFIGURATION_REST if configuration else relay_pause(failures)
    since = now if rest is None else rest.since
    found = RelayRest(relay=name_of(relay), reply=str(reply), configuration=configuration, failures=failures)
    found.since, found.until = since, now + pause
    return session.merge(found)


def end(session: Session, relay: RelaySettings) -> None:
    """Forget the rest: the relay took a message, or a person started the sender anew."""
    session.execute(delete(RelayRest).where(RelayRest.relay == name_of(relay)))
