"""A campaign's life: what the team wrote, what was approved, and what each cohort was shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.models.columns import PrimaryKey, Table, words


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


class PauseKind(StrEnum):
    """What a campaign waits for; a person who resumes it accepts that."""

    PERSON = "person"
    LATE = "late"
    AUDIENCE = "audience"
    OTHER_DATABASE = "other_database"
    CONTENT = "content"
    POLICY = "policy"


class Campaign(Table):
    """One newsletter to one segment. `spec` is the campaign file as read; the columns beside it are copies for SQL."""

    __tablename__ = "campaign"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    segment: Mapped[str] = mapped_column(String(80))
    template: Mapped[str] = mapped_column(String(80))
    topic: Mapped[str | None] = mapped_column(String(60))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[CampaignStatus] = mapped_column(
        words(CampaignStatus, "campaign_status"), default=CampaignStatus.DRAFT, index=True
    )
    send_at: Mapped[datetime | None]
    pause_kind: Mapped[PauseKind | None] = mapped_column(words(PauseKind, "pause_kind"))
    pause_reason: Mapped[str | None] = mapped_column(Text)
    pause_facts: Mapped[dict[str, int] | None] = mapped_column(JSON)  # the counts that a person is asked about
    accepted_counts: Mapped[dict[str, int] | None] = mapped_column(JSON)  # those counts, once a person took them
    resumed_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    submitted_by: Mapped[str | None] = mapped_column(String(200))
    submitted_at: Mapped[datetime | None]
    submitted_digests: Mapped[dict[str, str] | None] = mapped_column(JSON)  # of each part, as checked at submission
    scheduled_by: Mapped[str | None] = mapped_column(String(200))
    scheduled_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]  # when the audience was frozen
    frozen_count: Mapped[int | None]  # its deliveries then; their statuses always add up to it
    finished_at: Mapped[datetime | None]
    simulated: Mapped[bool] = mapped_column(default=False)  # sent with the built-in inbox; every page says so

    approvals: Mapped[list[Approval]] = relationship(back_populates="campaign")
    changes: Mapped[list[CampaignChange]] = relationship(back_populates="campaign")


class Approval(Table):
    """The copy that was approved: template with its parts, texts, pictures, sender, segment rule, time, services."""

    __tablename__ = "approval"

    id: Mapped[PrimaryKey]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    frozen: Mapped[dict[str, Any]] = mapped_column(JSON)
    audience_count: Mapped[int]
    mailable_count: Mapped[int | None]
    approved_by: Mapped[str] = mapped_column(String(200))
    approved_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
    voided_reason: Mapped[str | None] = mapped_column(Text)

    campaign: Mapped[Campaign] = relationship(back_populates="approvals")

    __table_args__ = (
        Index(
            "uq_approval_live",
            "campaign_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
    )


class CampaignChange(Table):
    """What was done to a campaign, by whom and when."""

    __tablename__ = "campaign_change"

    id: Mapped[PrimaryKey]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(Text, default="")

    campaign: Mapped[Campaign] = relationship(back_populates="changes")


class Picture(Table):
    """A picture as it was approved, served under its digest so that a later edit changes no sent mail."""

    __tablename__ = "picture"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(40))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Cohort(Table):
    """Recipients of one campaign that share province and sector; None where cells were merged.

    Where even the whole audience is under `tracking.min_cohort` companies, its links name the campaign and no cohort.
    """

    __tablename__ = "cohort"

    id: Mapped[PrimaryKey]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(16), unique=True)  # opens the newsletter in the browser
    cells: Mapped[list[list[str | None]]] = mapped_column(JSON)  # [[province_nis, section_2025], …]
    province_nis: Mapped[str | None] = mapped_column(String(5))
    section_2025: Mapped[str | None] = mapped_column(String(1))
    company_count: Mapped[int]
    contact_count: Mapped[int]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # blocks and links of this cohort's mail

    __table_args__ = (UniqueConstraint("campaign_id", "number"),)


class Edition(Table):
    """The version of a campaign that anybody may read; its links name the campaign and no cohort."""

    __tablename__ = "edition"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)  # names it in the feed, whatever its address becomes
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    published_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Exposure(Table):
    """A service shown to a cohort, in a block at a place; joined to deliveries through the cohort."""

    __tablename__ = "exposure"

    id: Mapped[PrimaryKey]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohort.id", ondelete="CASCADE"))
    block: Mapped[str] = mapped_column(String(40))
    position: Mapped[int]
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"))
    fallback: Mapped[str | None] = mapped_column(String(40))  # which stated fallback chose it, if any
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cohort_id", "service_id"),
        UniqueConstraint("cohort_id", "block", "position"),
        Index("ix_exposure_service", "service_id", "cohort_id"),
    )


class Link(Table):
    """An address that a campaign contains; `/l/<code>` redirects there and nowhere else."""

    __tablename__ = "link"

    id: Mapped[PrimaryKey]
    code: Mapped[str] = mapped_column(String(16), unique=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohort.id", ondelete="CASCADE"))
    block: Mapped[str] = mapped_column(String(40))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    target: Mapped[str] = mapped_column(Text)


class HitKind(StrEnum):
    HUMAN = "human"
    SCANNER = "scanner"


class Hit(Table):
    """A request for a link: never an IP address, and kept whatever it was.

    What was seen (`method`, `agent`, `signs`, `source`) never changes; the verdict (`kind`, `reasons`) does, whenever
    the rules or the hits around it say otherwise.
    """

    __tablename__ = "hit"

    id: Mapped[PrimaryKey]
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    method: Mapped[str] = mapped_column(String(8))
    agent: Mapped[str] = mapped_column(String(300), default="")
    signs: Mapped[str] = mapped_column(String(60), default="")
    # 16 bits of a hash under a salt that only the web process knew, for an hour: see outreach/web/sources.py.
    source: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[HitKind] = mapped_column(words(HitKind, "hit_kind"))
    reasons: Mapped[str] = mapped_column(String(300), default="")
    rules: Mapped[int | None] = mapped_column(Integer)  # version of the rules that judged it among its neighbours
    simulated: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("ix_hit_at", "at", "id"),
        Index("ix_hit_unjudged", "at", sqlite_where=text("rules IS NULL"), postgresql_where=text("rules IS NULL")),
    )
