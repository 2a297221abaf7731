"""The words that people agree to: those of today in the settings, those of every day in the database, by SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from outreach.audience import bulk
from outreach.models import ConsentPurpose, ConsentText
from outreach.settings import Settings


@dataclass(frozen=True)
class Shown:
    """A text as a person sees it."""

    purpose: ConsentPurpose
    version: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.purpose}\n{self.version}\n{self.text}".encode()).hexdigest()


def newsletter(settings: Settings) -> Shown:
    """Return what whoever signs up agrees to."""
    ours = settings.subscribing
    return Shown(ConsentPurpose.NEWSLETTER, ours.text_version, _named(ours.text, settings))


def tracking(settings: Settings) -> Shown:
    """Return what whoever allows personal links agrees to."""
    ours = settings.subscribing
    return Shown(ConsentPurpose.TRACKING, ours.tracking_version, _named(ours.tracking_text, settings))


def keep(session: Session, shown: Shown, now: datetime) -> str:
    """Keep a text as evidence, once; return its digest."""
    insert = sqlite.insert if bulk.is_sqlite(session) else postgresql.insert
    row = {
        "digest": shown.digest,
        "purpose": shown.purpose,
        "version": shown.version,
        "text": shown.text,
        "first_shown_at": now,
    }
    session.execute(insert(ConsentText).values(row).on_conflict_do_nothing(index_elements=["digest"]))
    return shown.digest


def find(session: Session, digest: str | None) -> ConsentText | None:
    """Return a text that was once shown."""
    return session.get(ConsentText, digest) if digest else None


def is_kept(session: Session, digest: str, purpose: ConsentPurpose) -> bool:
    """Tell whether we once showed this text for this purpose: forms on other sites may show an earlier one."""
    known = select(ConsentText.digest).where(ConsentText.digest == digest, ConsentText.purpose == purpose)
    return session.scalar(known) is not None


def _named(text: str, settings: Settings) -> str:
    return text.replace("{sender}", settings.sender.name or settings.site.name)
