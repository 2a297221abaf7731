"""What campaigns led to: the funnel from audience to confirmed leads, and where the clicks came from.

Every figure is a sum over rows, so they agree with each other: audience = skipped + held_out + mailable;
mailable = sent + rejected + failed + uncertain + waiting + cancelled; raw hits = human + scanner = the sum over the
clicks; leads = new + confirmed + refused = the sum over the evidence. In the total of several campaigns a company is
counted once, and therefore no sum of the columns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from outreach.errors import NotFound
from outreach.models import (
    Campaign,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    Evidence,
    Lead,
    LeadStage,
    SkipReason,
)
from outreach.reports.clicks import ClickRow, clicks_of, merged

_CAME_BACK = (EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.ANSWERED, EventKind.UNSUBSCRIBED)
_DONE_BY_COMPANIES = ("complained", "answered", "unsubscribed", "hits", "leads")
_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)


@dataclass(frozen=True)
class Funnel:
    """Counts in the order of a campaign's life; mails and contacts, unless the name says companies or hits.

    None where a figure says what companies did, and too few companies were reached to hide any of them.
    """

    audience: int
    companies: int
    skipped: int
    held_out: int
    mailable: int
    sent: int
    rejected: int
    failed: int
    uncertain: int
    waiting: int
    cancelled: int
    companies_reached: int
    bounced_hard: int
    bounced_soft: int
    complained: int | None
    answered: int | None
    unsubscribed: int | None
    hits_human: int | None
    hits_scanner: int | None
    hits_raw: int | None
    leads: int | None
    leads_new: int | None
    leads_confirmed: int | None
    leads_refused: int | None


@dataclass(frozen=True)
class Figures:
    """A funnel with what stands behind its numbers; `simulated_*` says how many of them the demo made."""

    funnel: Funnel
    skipped: Mapping[str, int]
    failed: Mapping[str, int]
    leads_by_evidence: Mapping[str, int | None]
    clicks: tuple[ClickRow, ...]
    simulated_hits: int
    simulated_leads: int
    withheld: bool = False  # too few companies: what they did isn't told


@dataclass(frozen=True)
class CampaignReport:
    """One campaign; `simulated` if it went to the built-in inbox, or the demo made any of its hits or leads."""

    name: str
    title: str
    status: str
    simulated: bool
    send_at: datetime | None
    frozen_at: datetime | None
    finished_at: datetime | None
    figures: Figures


@dataclass(frozen=True)
class CampaignsReport:
    """Campaigns side by side, and together."""

    simulated: bool
    campaigns: tuple[CampaignReport, ...]
    total: Figures


def report(session: Session, names: Sequence[str], *, min_cohort: int) -> CampaignsReport:
    """Return the figures of the named campaigns, in their order, each once; NotFound lists what there is.

    No click row stands for fewer than `min_cohort` companies. Of a campaign that reached fewer nothing is told that
    companies did (clicks, opt-outs, leads), and no total from which it could be subtracted.
    """
    _one_moment(session)
    campaigns = _named(session, names)
    ids = [campaign.id for campaign in campaigns]
    statuses = _statuses(session, ids)
    companies = _companies(session, ids)
    clicks = clicks_of(session, ids, min_cohort=min_cohort)
    leads = _leads(session, ids)
    back = _came_back(session, ids)
    reports, small = [], list[int]()
    for campaign in campaigns:
        own = campaign.id
        figures = _figures(statuses[own], companies[own], back[own], leads[own], clicks.get(own, ()))
        few = _is_too_few(figures, min_cohort)
        small += [own] if few else []
        reports.append(_report(campaign, _withheld(figures) if few else figures))
    total = _figures(
        sum((statuses[each] for each in ids), Counter()),
        _companies_together(session, ids),
        sum((back[each] for each in ids), Counter()),
        sum((leads[each] for each in ids), Counter()),
        merged(row for each in ids for row in clicks.get(each, ())),
    )
    if _is_too_few(total, min_cohort) or (small and _companies_together(session, small)[1] < min_cohort):
        total = _withheld(total)
    return CampaignsReport(any(each.simulated for each in reports), tuple(reports), total)


def _is_too_few(figures: Figures, min_cohort: int) -> bool:
    """Tell whether somebody was reached or did something, and they are too few companies to hide who."""
    funnel = figures.funnel
    told = funnel.companies_reached or funnel.unsubscribed or funnel.hits_raw or funnel.leads
    return bool(told) and funnel.companies_reached < min_cohort


def _withheld(figures: Figures) -> Figures:
    derived = (each.name for each in fields(Funnel) if each.name.startswith(_DONE_BY_COMPANIES))
    nothing: dict[str, Any] = dict.fromkeys(derived)
    return replace(
        figures,
        funnel=replace(figures.funnel, **nothing),
        leads_by_evidence=dict.fromkeys(figures.leads_by_evidence),
        clicks=(),
        withheld=True,
    )


StatusCounts = Counter[tuple[DeliveryStatus, str | None]]
LeadCounts = Counter[tuple[Evidence, LeadStage, bool]]


def _one_moment(session: Session) -> None:
    """Make all queries see one state, so that the figures agree even while mails go out; SQLite always does."""
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _named(session: Session, names: Sequence[str]) -> list[Campaign]:
    wanted = list(dict.fromkeys(names))
    found = {row.name: row for row in session.scalars(select(Campaign).where(Campaign.name.in_(wanted)))}
    if missing := [name for name in wanted if name not in found]:
        known = list(session.scalars(select(Campaign.name).order_by(Campaign.id.desc()).limit(20)))
        there = f"there are: {', '.join(known)}" if known else "there are none yet: `outreach campaign new FILE`"
        raise NotFound(f"no campaign {', '.join(map(repr, missing))}; {there}")
    return [found[name] for name in wanted]


def _statuses(session: Session, ids: list[int]) -> dict[int, StatusCounts]:
    counts: dict[int, StatusCounts] = defaultdict(Counter)
    query = (
        select(Delivery.campaign_id, Delivery.status, Delivery.reason, func.count())
        .where(Delivery.campaign_id.in_(ids))
        .group_by(Delivery.campaign_id, Delivery.status, Delivery.reason)
    )
    for campaign_id, status, reason, count in session.execute(query):
        counts[campaign_id][status, reason] += count
    return counts


def _companies(session: Session, ids: list[int]) -> dict[int, tuple[int, int]]:
    """Return by campaign the distinct companies of the audience, and those that were mailed."""
    query = (
        select(Delivery.campaign_id, func.count(Delivery.company_id.distinct()), _reached())
        .where(Delivery.campaign_id.in_(ids))
        .group_by(Delivery.campaign_id)
    )
    counts = {campaign_id: (audience, reached) for campaign_id, audience, reached in session.execute(query)}
    return {campaign_id: counts.get(campaign_id, (0, 0)) for campaign_id in ids}


def _companies_together(session: Session, ids: list[int]) -> tuple[int, int]:
    query = select(func.count(Delivery.company_id.distinct()), _reached()).where(Delivery.campaign_id.in_(ids))
    audience, reached = session.execute(query).one()
    return audience, reached


def _reached() -> ColumnElement[int]:
    return func.count(Delivery.company_id.distinct()).filter(Delivery.status == DeliveryStatus.SENT)


def _came_back(session: Session, ids: list[int]) -> dict[int, Counter[str]]:
    """Return how many mails bounced (the gravest counts), were complained about, answered, or led to an opt-out."""
    told = (
        select(Delivery.campaign_id, Event.delivery_id, Event.kind, func.min(Event.klass))
        .join(Event, Event.delivery_id == Delivery.id)
        .where(
            Delivery.campaign_id.in_(ids),
            Event.kind.in_(_CAME_BACK),
        )
        .group_by(Delivery.campaign_id, Event.delivery_id, Event.kind)
    )
    counts: dict[int, Counter[str]] = {campaign_id: Counter() for campaign_id in ids}
    for campaign_id, _, kind, klass in session.execute(told):
        # In the order of the alphabet "hard" stands before "soft".
        name = f"bounced_{'hard' if klass == 'hard' else 'soft'}" if kind is EventKind.BOUNCED else kind.value
        counts[campaign_id][name] += 1
    return counts


def _leads(session: Session, ids: list[int]) -> dict[int, LeadCounts]:
    counts: dict[int, LeadCounts] = defaultdict(Counter)
    query = (
        select(Lead.campaign_id, Lead.evidence, Lead.stage, Lead.simulated, func.count())
        .where(Lead.campaign_id.in_(ids), Lead.stage != LeadStage.MERGED)
        .group_by(Lead.campaign_id, Lead.evidence, Lead.stage, Lead.simulated)
    )
    for campaign_id, evidence, stage, simulated, count in session.execute(query):
        if campaign_id is not None:
            counts[campaign_id][evidence, stage, simulated] += count
    return counts


def _figures(
    statuses: StatusCounts,
    companies: tuple[int, int],
    back: Counter[str],
    leads: LeadCounts,
    clicks: Sequence[ClickRow],
) -> Figures:
    return Figures(
        funnel=_funnel(statuses, companies, back, leads, clicks),
        skipped=_reasons(statuses, DeliveryStatus.SKIPPED, [reason.value for reason in SkipReason]),
        failed=_reasons(statuses, DeliveryStatus.FAILED, []),
        leads_by_evidence={
            evidence.value: sum(count for key, count in leads.items() if key[0] is evidence) for evidence in Evidence
        },
        clicks=tuple(clicks),
        simulated_hits=sum(row.simulated for row in clicks),
        simulated_leads=sum(count for (_, _, simulated), count in leads.items() if simulated),
    )


def _funnel(
    statuses: StatusCounts,
    companies: tuple[int, int],
    back: Counter[str],
    leads: LeadCounts,
    clicks: Sequence[ClickRow],
) -> Funnel:
    by_status: Counter[DeliveryStatus] = Counter()
    for (status, _), count in statuses.items():
        by_status[status] += count
    stages: Counter[LeadStage] = Counter()
    for (_, stage, _), count in leads.items():
        stages[stage] += count
    audience = by_status.total()
    skipped, held_out = by_status[DeliveryStatus.SKIPPED], by_status[DeliveryStatus.HELD_OUT]
    human, raw = sum(row.human for row in clicks), sum(row.raw for row in clicks)
    return Funnel(
        audience=audience,
        companies=companies[0],
        skipped=skipped,
        held_out=held_out,
        mailable=audience - skipped - held_out,
        sent=by_status[DeliveryStatus.SENT],
        rejected=by_status[DeliveryStatus.REJECTED],
        failed=by_status[DeliveryStatus.FAILED],
        uncertain=by_status[DeliveryStatus.UNCERTAIN],
        waiting=sum(by_status[status] for status in _WAITING),
        cancelled=by_status[DeliveryStatus.CANCELLED],
        companies_reached=companies[1],
        bounced_hard=back["bounced_hard"],
        bounced_soft=back["bounced_soft"],
        complained=back["complained"],
        answered=back["answered"],
        unsubscribed=back["unsubscribed"],
        hits_human=human,
        hits_scanner=raw - human,
        hits_raw=raw,
        leads=leads.total(),
        leads_new=stages[LeadStage.NEW],
        leads_confirmed=stages[LeadStage.CONFIRMED],
        leads_refused=stages[LeadStage.REFUSED],
    )


def _reasons(statuses: StatusCounts, status: DeliveryStatus, known: list[str]) -> dict[str, int]:
    """Return the counts of one status by reason: the known reasons always, others as they occur."""
    counts = dict.fromkeys(known, 0)
    for (each, reason), count in sorted(statuses.items(), key=lambda item: str(item[0][1])):
        if each is status:
            counts[reason or "unknown"] = counts.get(reason or "unknown", 0) + count
    return counts


def _report(campaign: Campaign, figures: Figures) -> CampaignReport:
    return CampaignReport(
        name=campaign.name,
        title=campaign.title,
        status=campaign.status.value,
        simulated=campaign.simulated or bool(figures.simulated_hits or figures.simulated_leads),
        send_at=campaign.send_at,
        frozen_at=campaign.frozen_at,
        finished_at=campaign.finished_at,
        figures=figures,
    )
