"""Deliveries (a mail's whole life), what happened to them, who is sending, and the other mail in the outbox."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import PrimaryKey, Table, words


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    HELD_OUT = "held_out"
    SKIPPED = "skipped"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


class SkipReason(StrEnum):
    """Why a contact of the segment is not mailed; checked in this order."""

    INVALID_ADDRESS = "invalid_address"
    SUPPRESSED = "suppressed"
    COMPANY_CLOSED = "company_closed"
    NOT_REGULAR = "not_regular"
    NO_LEGAL_BASIS = "no_legal_basis"
    TOPIC_LEFT = "topic_left"
    FREQUENCY_CAP = "frequency_cap"
    CHOSEN_FREQUENCY = "chosen_frequency"
    DUPLICATE_ADDRESS = "duplicate_address"


class EventKind(StrEnum):
    """The words of django-anymail."""

    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    FAILED = "failed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    AUTORESPONDED = "autoresponded"
    UNCERTAIN = "uncertain"
    SETTLED = "settled"
    DELIVERED = "delivered"
    ANSWERED = "answered"


# An index is used only by a query that says the same, word for word.
CAME_BACK = "kind IN ('bounced', 'complained')"


class Worker(Table):
    """A process that sends. Its rows are free to others once `heartbeat_at` is older than the lease."""

    __tablename__ = "worker"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]

    # Never the number of an earlier worker again: what that one left behind would look like ours.
    __table_args__ = ({"sqlite_autoincrement": True},)


class RelayRest(Table):
    """Why and until when nothing is sent over a relay; no row means that it works."""

    __tablename__ = "relay_rest"

    relay: Mapped[str] = mapped_column(String(300), primary_key=True)  # host:port
    reply: Mapped[str] = mapped_column(Text)
    configuration: Mapped[bool]  # our settings are wrong: waiting alone doesn't mend it
    failures: Mapped[int]
    since: Mapped[datetime]
    until: Mapped[datetime]


class Delivery(Table):
    """One row per (campaign, contact), refused ones too; statuses as in docs/architecture.md section 4."""

    __tablename__ = "delivery"

    id: Mapped[PrimaryKey]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohort.id"))
    # The cell as it was at the freeze: province of the contact's establishment, else of the seat; section of 2025.
    province_nis: Mapped[str | None] = mapped_column(String(5))
    section_2025: Mapped[str | None] = mapped_column(String(1))
    # Whose servers take the mail, as the address's domain says.
    provider: Mapped[str] = mapped_column(String(30), default="other", server_default="other")
    address_hash: Mapped[bytes | None]
    status: Mapped[DeliveryStatus] = mapped_column(words(DeliveryStatus, "delivery_status"))
    reason: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    retry_at: Mapped[datetime | None]
    worker_id: Mapped[int | None]
    reply: Mapped[str | None] = mapped_column(Text)  # the relay's words, address masked
    first_tried_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    status_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("campaign_id", "contact_id", name="uq_delivery_contact"),
        Index(
            "uq_delivery_address",
            "campaign_id",
            "address_hash",
            unique=True,
            sqlite_where=text("status <> 'skipped'"),
            postgresql_where=text("status <> 'skipped'"),
        ),
        # Claims ask for one provider's rows at a time, so that those of a slow one are never in the way.
        Index("ix_delivery_campaign_status", "campaign_id", "status", "retry_at", "provider"),
        # The frequency cap and "not mailed within" look an address or contact up by what was sent, newest first.
        Index("ix_delivery_contact_status", "contact_id", "status", "sent_at"),
        Index("ix_delivery_address_status", "address_hash", "status", "sent_at", "status_at", "campaign_id"),
        # "Nobody at the company was mailed within", and what a company was shown before it got in contact.
        Index("ix_delivery_company_status", "company_id", "status", "sent_at", "status_at", "campaign_id"),
        Index("ix_delivery_cohort", "cohort_id"),
        Index(
            "ix_delivery_worker",
            "worker_id",
            sqlite_where=text("worker_id IS NOT NULL"),
            postgresql_where=text("worker_id IS NOT NULL"),
        ),
    )


class Event(Table):
    """Something that happened to a delivery.

    `klass` and `reason` are words of `outreach.inbox.kinds`: what came back says them, and what the relay refused is
    judged by the same table. Of one delivery each such thing happens once, however often it is told.
    """

    __tablename__ = "event"

    id: Mapped[PrimaryKey]
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(words(EventKind, "event_kind"))
    at: Mapped[datetime]
    detail: Mapped[str] = mapped_column(Text, default="")
    klass: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(24))
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox_message.id", ondelete="SET NULL"))

    __table_args__ = (
        Index("ix_event_delivery", "delivery_id", "kind"),
        Index(
            "uq_event_told",
            "delivery_id",
            "kind",
            "klass",
            "reason",
            unique=True,
            sqlite_where=text("kind IN ('bounced', 'complained', 'autoresponded', 'delivered', 'answered')"),
            postgresql_where=text("kind IN ('bounced', 'complained', 'autoresponded', 'delivered', 'answered')"),
        ),
        # What the relay refused and nobody judged yet.
        Index(
            "ix_event_unjudged",
            "delivery_id",
            sqlite_where=text("kind = 'rejected' AND klass IS NULL"),
            postgresql_where=text("kind = 'rejected' AND klass IS NULL"),
        ),
        # What came back afterwards is rare; the many events of sending never touch this index.
        Index("ix_event_came_back", "delivery_id", sqlite_where=text(CAME_BACK), postgresql_where=text(CAME_BACK)),
    )


class OutboxStatus(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class OutboxMail(Table):
    """A mail that is no campaign: acknowledgement, notice of a lead, test mail. `key` makes asking twice send once."""

    __tablename__ = "outbox"

    id: Mapped[PrimaryKey]
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(320))
    address_hash: Mapped[bytes | None] = mapped_column(index=True)  # None where nobody had the key at hand
    message: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[OutboxStatus] = mapped_column(words(OutboxStatus, "outbox_status"), default=OutboxStatus.PENDING)
    reason: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    worker_id: Mapped[int | None]
    reply: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    first_tried_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    status_at: Mapped[datetime]

    __table_args__ = (Index("ix_outbox_status", "status", "retry_at"),)
