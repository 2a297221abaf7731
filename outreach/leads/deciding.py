"""The enterprise's answer: a new lead is confirmed or refused once, by a conditional UPDATE."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from outreach.emails.model import clean
from outreach.errors import NotFound, Refusal
from outreach.models import Lead, LeadStage

NOTE_LENGTH = 2000


def confirm(session: Session, lead_id: int, *, by: str, note: str | None = None, now: datetime) -> bool:
    """Confirm that there was a contact; return False if it was confirmed before, refuse a lead decided otherwise."""
    return _decide(session, lead_id, LeadStage.CONFIRMED, by, note, now)


def refuse(session: Session, lead_id: int, *, by: str, note: str | None = None, now: datetime) -> bool:
    """Say that there was no contact; return False if it was refused before, refuse a lead decided otherwise."""
    return _decide(session, lead_id, LeadStage.REFUSED, by, note, now)


def _decide(session: Session, lead_id: int, stage: LeadStage, by: str, note: str | None, now: datetime) -> bool:
    text = clean(note or "").strip()
    if len(text) > NOTE_LENGTH:
        raise Refusal(f"the note has {len(text)} characters; at most {NOTE_LENGTH}")
    result = session.execute(
        update(Lead)
        .where(Lead.id == lead_id, Lead.stage == LeadStage.NEW)
        .values(stage=stage, decided_at=now, decided_by=by[:200], decision_note=text or None)
        .execution_options(synchronize_session="fetch")
    )
    assert isinstance(result, CursorResult)
    if result.rowcount == 1:
        return True
    lead = session.get(Lead, lead_id, populate_existing=True)
    if lead is None:
        raise NotFound(f"{lead_id} is no lead: `outreach lead list` shows them all")
    if lead.stage is stage:
        return False
    if lead.stage is LeadStage.MERGED:
        raise Refusal(f"lead {lead_id} was merged into lead {lead.merged_into}: decide on that one")
    when = f" by {lead.decided_by} at {lead.decided_at:%Y-%m-%d %H:%M} UTC" if lead.decided_at else ""
    raise Refusal(f"lead {lead_id} is {lead.stage.value}{when}: only a new lead can be {stage.value}")
