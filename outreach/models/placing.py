"""Our companies beside the register: what people typed about them, and which numbers were proposed for the rest.

A company with an enterprise number takes its facts from the register; what lists say of it is kept in its `Placement`,
whole, and goes on being kept there as lists come in. A company without number gets proposals, which a person accepts or
rejects; nothing is ever linked by itself.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.audience import CompanyStatus
from outreach.models.columns import CodeText, PrimaryKey, Table, words


class Placement(Table):
    """What people typed about a company whose number was looked up in the register, and what the look-up gave.

    `found` tells whether the extract of `snapshot_date` holds the number, `ever_found` whether any did: a legal person
    that was there and no longer is has stopped, while a number that never was may be a natural person's.
    """

    __tablename__ = "placement"

    company_id: Mapped[int] = mapped_column(
        ForeignKey("company.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    snapshot_date: Mapped[date | None]
    found: Mapped[bool]
    ever_found: Mapped[bool]
    typed_legal_form: Mapped[str | None] = mapped_column(String(40))
    typed_legal_person: Mapped[bool | None]
    typed_legal_person_source: Mapped[str | None] = mapped_column(String(200))
    typed_postcode: Mapped[str | None] = mapped_column(String(12))
    typed_municipality_nis: Mapped[str | None] = mapped_column(String(5))
    typed_province_nis: Mapped[str | None] = mapped_column(String(5))
    typed_nace_2008: Mapped[str | None] = mapped_column(CodeText)
    typed_nace_2025: Mapped[str | None] = mapped_column(CodeText)
    typed_section_2008: Mapped[str | None] = mapped_column(String(1))
    typed_section_2025: Mapped[str | None] = mapped_column(String(1))
    typed_sector_rule: Mapped[str | None] = mapped_column(String(40))
    typed_status: Mapped[CompanyStatus] = mapped_column(words(CompanyStatus, "placement_typed_status"))
    typed_status_reason: Mapped[str | None] = mapped_column(String(200))


class CompanyAlias(Table):
    """A name and postcode under which lists knew a company, before a person said which company that is."""

    __tablename__ = "company_alias"

    name_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    postcode: Mapped[str] = mapped_column(String(12), primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id", ondelete="CASCADE"), index=True)


class ProposalState(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Proposal(Table):
    """An entry of the register that a company without number may be; `score` is the probability that it is (0 to 1).

    A pair is there once, so what was rejected is never proposed again. `company_name` stays when the company itself
    was merged into the one that had the number.
    """

    __tablename__ = "proposal"

    id: Mapped[PrimaryKey]
    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id", ondelete="SET NULL"))
    company_name: Mapped[str] = mapped_column(String(320))
    enterprise_number: Mapped[str] = mapped_column(String(10))
    entry_name: Mapped[str] = mapped_column(String(320))
    score: Mapped[float] = mapped_column(Float)
    certain: Mapped[bool]
    why: Mapped[str] = mapped_column(String(300))
    state: Mapped[ProposalState] = mapped_column(words(ProposalState, "proposal_state"), default=ProposalState.PROPOSED)
    proposed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (
        UniqueConstraint("company_id", "enterprise_number", name="uq_proposal_pair"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="ck_proposal_decided"),
        Index("ix_proposal_state", "state", "certain", "score"),
        Index(
            "uq_proposal_accepted",
            "company_id",
            unique=True,
            sqlite_where=text("state = 'accepted'"),
            postgresql_where=text("state = 'accepted'"),
        ),
    )
