"""What a person asks and chooses: opt-ins that wait for confirmation, the texts agreed to, and each choice made."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.audience import Frequency
from outreach.models.columns import PrimaryKey, Table, words


class ConsentPurpose(StrEnum):
    """What a consent is for; one never implies the other."""

    NEWSLETTER = "newsletter"
    TRACKING = "tracking"


class ConsentText(Table):
    """A text that people agreed to, kept word for word under its SHA-256: evidence outlives the settings."""

    __tablename__ = "consent_text"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[ConsentPurpose] = mapped_column(words(ConsentPurpose, "consent_purpose"))
    version: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text)
    first_shown_at: Mapped[datetime]


class ConfirmationKind(StrEnum):
    """What is asked of a mailbox: to sign up, to take over another's address, to come in a colleague's place.

    `link` is the person's own page, by a link that is believed for a day.
    """

    SIGN_UP = "sign_up"
    MOVE = "move"
    COLLEAGUE = "colleague"
    LINK = "link"


class Confirmation(Table):
    """Something that was asked in an address's name and counts only once it is confirmed from that mailbox.

    Who asked is unknown until then, so nothing of it is a contact yet, and it is erased after a few days.
    """

    __tablename__ = "confirmation"

    id: Mapped[PrimaryKey]
    kind: Mapped[ConfirmationKind] = mapped_column(words(ConfirmationKind, "confirmation_kind"))
    address: Mapped[str] = mapped_column(String(320))
    address_hash: Mapped[bytes]
    asked_on: Mapped[date]
    number: Mapped[int]  # the how-manieth mail of the day to this address
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    company_name: Mapped[str | None] = mapped_column(String(320))
    enterprise_number: Mapped[str | None] = mapped_column(String(10))
    postcode: Mapped[str | None] = mapped_column(String(12))
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    frequency: Mapped[Frequency | None] = mapped_column(words(Frequency, "confirmation_frequency"))
    text_hash: Mapped[str | None] = mapped_column(ForeignKey("consent_text.digest"))
    source: Mapped[str] = mapped_column(String(300))
    from_hash: Mapped[bytes | None] = mapped_column(index=True)  # of the address that is left or proposes
    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id", ondelete="CASCADE"))

    __table_args__ = (
        # Nobody's mailbox is flooded, however many forms arrive at once: the day's numbers run out.
        UniqueConstraint("address_hash", "asked_on", "number", name="uq_confirmation_number"),
        CheckConstraint("kind IN ('sign_up', 'link') OR from_hash IS NOT NULL", name="ck_confirmation_from_hash"),
        # A signed link names the id: that of an erased row must never become somebody else's.
        {"sqlite_autoincrement": True},
    )


class PreferenceChange(Table):
    """One choice that a contact made about itself: what, since when, and how it came to us."""

    __tablename__ = "preference_change"

    id: Mapped[PrimaryKey]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(80))
    value: Mapped[str] = mapped_column(String(300))
    via: Mapped[str] = mapped_column(String(100))
    text_hash: Mapped[str | None] = mapped_column(ForeignKey("consent_text.digest"))
