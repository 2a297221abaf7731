"""Proposals: which entry a company without number may be, until a person accepts or rejects it.

Nothing is linked by itself, however certain. A rejected pair stays and is never proposed again; an accepted one gives
the company its number and its facts, or, if another row has that number, makes the two rows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from outreach.audience import bulk, merging
from outreach.belgium.numbers import format_enterprise_number
from outreach.errors import NotFound, Refusal
from outreach.models import Company, Proposal, ProposalState, RegisterEntry
from outreach.register import entries, matching, placing
from outreach.register.matching import Candidate, Progress

_WHY_LENGTH = 300


@dataclass(frozen=True)
class Proposed:
    """How many companies have no number, and how many proposals wait: `certain` and `doubtful` companies."""

    companies: int
    new: int
    certain: int
    doubtful: int
    without: int
    rejected: int


@dataclass(frozen=True)
class Row:
    """A proposal with what a person compares."""

    id: int
    company_id: int
    company: str
    postcode: str | None
    legal_form: str | None
    domains: str
    enterprise_number: str
    entry: str
    other_names: str
    entry_postcode: str | None
    municipality: str | None
    entry_form: str | None
    score: float
    certain: bool
    why: str


def propose(session: Session, *, now: datetime, progress: Progress = lambda rows: None) -> Proposed:
    """Look for the entries of all companies without number, and keep what is found; Refusal without a register."""
    entries.source(session)
    found = matching.candidates(session, progress=progress)
    rejected = _rejected(session)
    fresh = [one for one in found if (one.company_id, one.enterprise_number) not in rejected]
    known = set(session.execute(_open(Proposal.company_id, Proposal.enterprise_number)).all())
    session.execute(delete(Proposal).where(Proposal.state == ProposalState.PROPOSED))
    rows = [_row(one, now) for one in fresh]
    if rows:
        session.execute(insert(Proposal), rows)
    new = sum((one.company_id, one.enterprise_number) not in known for one in fresh)
    return _counted(session, new)


def waiting(session: Session) -> Proposed:
    """Return the counts of the proposals that wait."""
    return _counted(session, 0)


def listed(session: Session, *, certain: bool | None = None, limit: int | None = None, offset: int = 0) -> list[Row]:
    """Return the proposals that wait, the certain ones first, then company by company by their likeliest."""
    best = (
        select(Proposal.company_id, func.max(Proposal.score).label("best"))
        .where(Proposal.state == ProposalState.PROPOSED)
        .group_by(Proposal.company_id)
        .subquery()
    )
    query = (
        select(Proposal, Company, RegisterEntry)
        .join(Company, Company.id == Proposal.company_id)
        .join(RegisterEntry, RegisterEntry.enterprise_number == Proposal.enterprise_number)
        .join(best, best.c.company_id == Proposal.company_id)
        .where(Proposal.state == ProposalState.PROPOSED, Company.enterprise_number.is_(None))
        .order_by(Proposal.certain.desc(), best.c.best.desc(), Proposal.company_id, Proposal.score.desc(), Proposal.id)
    )
    if certain is not None:
        query = query.where(Proposal.certain.is_(certain))
    found = session.execute(query.limit(limit).offset(offset)).all()
    domains = matching.domains_of(session, [company.id for _, company, _ in found])
    return [
        Row(
            proposal.id, company.id, company.name, company.postcode, company.legal_form,
            ", ".join(domains.get(company.id, ())), proposal.enterprise_number, entry.name,
            "; ".join(filter(None, (entry.name_nl, entry.name_fr, *(entry.commercial_names or "").split("\n")[:3]))),
            entry.postcode, entry.municipality, entry.juridical_form_cac or entry.juridical_form,
            proposal.score, proposal.certain, proposal.why,
        )
        for proposal, company, entry in found
    ]  # fmt: skip


def accept(session: Session, proposal_id: int, *, by: str, now: datetime) -> int:
    """Link a company to the entry, by a person's word; return the id of the company that has the number now.

    Refusal if it was decided on before, or the company got a number meanwhile.
    """
    bulk.hold(session)
    proposal = _take(session, proposal_id, ProposalState.ACCEPTED, by, now)
    company = session.get(Company, proposal.company_id) if proposal.company_id is not None else None
    if company is None or company.enterprise_number is not None:
        raise Refusal(
            f"proposal {proposal_id}: the company has a number already, or is gone: `outreach register match`"
        )
    number, old = proposal.enterprise_number, company.id
    holder = session.scalars(select(Company).where(Company.enterprise_number == number)).first()
    if holder is None:
        company.enterprise_number = number
        company.updated_at = now
        session.flush()
        kept = company.id
    else:
        kept = holder.id
    session.execute(
        delete(Proposal).where(Proposal.company_id == old, Proposal.state == ProposalState.PROPOSED),
        execution_options={"synchronize_session": False},
    )
    if holder is not None:
        merging.merge(session, company, holder, now=now)
    placing.apply(session, now=now, ids=[kept])
    return kept


def reject(session: Session, proposal_id: int, *, by: str, now: datetime) -> None:
    """Remember that a company isn't the entry; Refusal if it was decided on before."""
    _take(session, proposal_id, ProposalState.REJECTED, by, now)


def find_pair(session: Session, company_id: int, number: str) -> Proposal:
    """Return the proposal of a company and a number; NotFound."""
    found = session.scalars(
        select(Proposal).where(Proposal.company_id == company_id, Proposal.enterprise_number == number)
    ).first()
    if found is None:
        raise NotFound(
            f"{format_enterprise_number(number)} isn't proposed for company {company_id}: "
            "`outreach register match` says what is"
        )
    return found


def _take(session: Session, proposal_id: int, state: ProposalState, by: str, now: datetime) -> Proposal:
    """Decide on a proposal that waits: the row count tells who was first."""
    result = session.execute(
        update(Proposal)
        .where(Proposal.id == proposal_id, Proposal.state == ProposalState.PROPOSED)
        .values(state=state, decided_at=now, decided_by=by[:200]),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(result, CursorResult)
    proposal = session.get(Proposal, proposal_id, populate_existing=True)
    if proposal is None:
        raise NotFound(f"no proposal {proposal_id} any more: `outreach register match` lists what waits")
    if result.rowcount != 1:
        raise Refusal(f"proposal {proposal_id} was {proposal.state.value} already, by {proposal.decided_by}")
    return proposal


def _rejected(session: Session) -> set[tuple[int, str]]:
    query = select(Proposal.company_id, Proposal.enterprise_number).where(Proposal.state == ProposalState.REJECTED)
    return {(company_id, number) for company_id, number in session.execute(query) if company_id is not None}


def _open(*columns: object) -> Select[int, str]:
    return select(*columns).where(Proposal.state == ProposalState.PROPOSED)  # type: ignore[call-overload,no-any-return]


def _row(one: Candidate, now: datetime) -> dict[str, object]:
    return {
        "company_id": one.company_id,
        "company_name": one.company_name,
        "enterprise_number": one.enterprise_number,
        "entry_name": one.entry_name,
        "score": one.score,
        "certain": one.certain,
        "why": one.why[:_WHY_LENGTH],
        "state": ProposalState.PROPOSED,
        "proposed_at": now,
    }


def _counted(session: Session, new: int) -> Proposed:
    numberless = int(
        session.scalar(select(func.count()).select_from(Company).where(Company.enterprise_number.is_(None))) or 0
    )
    companies = func.count(Proposal.company_id.distinct())
    state = Proposal.state == ProposalState.PROPOSED
    certain = int(session.scalar(select(companies).where(state, Proposal.certain)) or 0)
    every = int(session.scalar(select(companies).where(state)) or 0)
    rejected = int(
        session.scalar(select(func.count()).select_from(Proposal).where(Proposal.state == ProposalState.REJECTED)) or 0
    )
    return Proposed(numberless, new, certain, every - certain, numberless - every, rejected)


def decide_all(
    session: Session, decisions: Sequence[tuple[int, str, bool]], *, by: str, now: datetime
) -> tuple[int, int]:
    """Accept or reject pairs of company and number, all or none; return how many of each.

    Accepting one entry for a company leaves its others without a say; a pair decided so before is no mistake.
    """
    accepted = rejected = 0
    for company_id, number, yes in decisions:
        proposal = find_pair(session, company_id, number)
        wanted = ProposalState.ACCEPTED if yes else ProposalState.REJECTED
        if proposal.state is wanted:
            continue
        (accept if yes else reject)(session, proposal.id, by=by, now=now)
        accepted, rejected = accepted + yes, rejected + (not yes)
    return accepted, rejected
