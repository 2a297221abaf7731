"""Leads (a company got in contact with an enterprise) and collaborations."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import PrimaryKey, Table, words


class LeadStage(StrEnum):
    NEW = "new"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    MERGED = "merged"


class Channel(StrEnum):
    """How the company got in contact."""

    FORM = "form"
    REPLY = "reply"
    CALL = "call"
    FAIR = "fair"
    IMPORT = "import"


class Evidence(StrEnum):
    """What ties a lead to a campaign, strongest first."""

    CODE = "code"  # the link's code was carried to the form
    ANSWER = "answer"  # a mail of the campaign was answered
    DECLARED = "declared"  # the company or the enterprise says so
    SHOWN = "shown"  # the company was shown this service within the window
    NONE = "none"


class Lead(Table):
    """A regular company got in contact with an enterprise. `campaign_id` comes from the evidence, never by hand."""

    __tablename__ = "lead"

    id: Mapped[PrimaryKey]
    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)
    company_name: Mapped[str] = mapped_column(String(320))
    enterprise_number: Mapped[str | None] = mapped_column(String(10))  # of the company, as given
    postcode: Mapped[str | None] = mapped_column(String(12))  # of the company, where it gave no number
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    channel: Mapped[Channel] = mapped_column(words(Channel, "lead_channel"))
    evidence: Mapped[Evidence] = mapped_column(words(Evidence, "lead_evidence"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("link.id", ondelete="SET NULL"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id", ondelete="SET NULL"), index=True)
    stage: Mapped[LeadStage] = mapped_column(words(LeadStage, "lead_stage"), default=LeadStage.NEW)
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("lead.id"))
    person: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    address_hash: Mapped[bytes | None] = mapped_column(index=True)  # of `email`, for whichever spelling
    phone: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(Text, default="")
    wanted_when: Mapped[str | None] = mapped_column(String(100))
    happened_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decision_note: Mapped[str | None] = mapped_column(Text)
    notified_at: Mapped[datetime | None]  # when the enterprise was told; without it no reminder goes
    reminders: Mapped[int] = mapped_column(default=0)
    import_key: Mapped[bytes | None] = mapped_column(unique=True)  # digest of the row it was imported from
    simulated: Mapped[bool] = mapped_column(default=False)
    # The enterprise's link is bound to it: after a database was put back another lead may get this one's number.
    secret: Mapped[bytes] = mapped_column(default=lambda: secrets.token_bytes(16))

    __table_args__ = (
        CheckConstraint("(stage = 'merged') = (merged_into IS NOT NULL)", name="ck_lead_merged"),
        Index("ix_lead_enterprise", "enterprise_id", "stage"),
    )


class CollaborationKind(StrEnum):
    CUSTOMER = "customer"
    SUPPLIER = "supplier"


class Collaboration(Table):
    """A company is customer or supplier of an enterprise, from a year to a year (open while `to_year` is None)."""

    __tablename__ = "collaboration"

    id: Mapped[PrimaryKey]
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    kind: Mapped[CollaborationKind] = mapped_column(words(CollaborationKind, "collaboration_kind"))
    from_year: Mapped[int]
    to_year: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(300))
    recorded_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("to_year IS NULL OR to_year >= from_year", name="ck_collaboration_years"),
        Index("uq_collaboration", "company_id", "enterprise_id", "kind", "from_year", unique=True),
    )
