"""A campaign's mail, marked as a test, to anybody: by the outbox, since it is no part of the campaign's audience."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from outreach.campaigns import previewing
from outreach.campaigns.sources import Sources
from outreach.delivery import outbox
from outreach.models import Campaign


def send(
    session: Session,
    campaign: Campaign,
    *,
    to: Sequence[str],
    sources: Sources,
    now: datetime,
    contact_id: int | None = None,
    cohort: int | None = None,
) -> None:
    """Put a test mail for each address in the outbox, as a contact or a cohort would get it."""
    for number, address in enumerate(to):
        message = previewing.sample_message(
            session, campaign, sources=sources, now=now, to=address, contact_id=contact_id, cohort=cohort
        )
        key = f"test:{campaign.id}:{now.timestamp():.6f}:{number}"
        outbox.put(session, key=key, kind="test", recipient=address, message=message, now=now)
