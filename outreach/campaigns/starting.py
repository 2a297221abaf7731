"""The start of a campaign: its audience is frozen as rows and cut into cohorts, each with its services and links.

All of it in one transaction, which begins by moving the campaign from `scheduled` to `sending`: of several processes
one gets past that row. What a person must decide first pauses the campaign instead, with no row written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Integer, String, case, column, func, insert, literal, select, update, values
from sqlalchemy.orm import Session

from outreach.audience.eligibility import policy_of
from outreach.campaigns import canaries, cohorts, editions, life, selection
from outreach.campaigns.cohorts import Group
from outreach.campaigns.content import Content, Target, choose_all, with_codes
from outreach.campaigns.frozen import Frozen
from outreach.catalogue import matching
from outreach.errors import Refusal
from outreach.links import Links, new_code
from outreach.models import (
    Approval,
    Campaign,
    CampaignChange,
    CampaignStatus,
    Cohort,
    Delivery,
    DeliveryStatus,
    Exposure,
    Installation,
    Link,
    PauseKind,
)
from outreach.relays import OTHER
from outreach.settings import Settings

SYSTEM = "scheduler"


@dataclass(frozen=True)
class Started:
    """The audience is frozen: rows in all, those to be mailed, and the cohorts they form."""

    campaign_id: int
    audience: int
    mailable: int
    cohorts: int


@dataclass(frozen=True)
class Paused:
    """The campaign waits for a person."""

    campaign_id: int
    kind: PauseKind
    reason: str
    facts: dict[str, int] | None = None


class _Obstacle(Exception):
    """What a person must decide before the campaign may start."""

    def __init__(self, kind: PauseKind, reason: str, facts: dict[str, int] | None = None) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.facts = kind, reason, facts


def due(session: Session, now: datetime) -> list[int]:
    """Return the ids of the campaigns whose time has come, the longest waiting first."""
    query = select(Campaign.id).where(Campaign.status == CampaignStatus.SCHEDULED, Campaign.send_at <= now)
    return list(session.scalars(query.order_by(Campaign.send_at, Campaign.id)))


def is_ours(session: Session, instance_id: str) -> bool:
    """Tell whether this database belongs to this project folder; a restored or copied one doesn't."""
    return session.scalar(select(Installation.instance_id)) == instance_id


def pause_foreign(session: Session, instance_id: str, now: datetime) -> list[int]:
    """Pause every campaign under way in a database that isn't ours; return their ids.

    A campaign that was being sent when the copy was made may have gone out since: nobody can tell from the copy.
    """
    if is_ours(session, instance_id):
        return []
    under_way = session.scalars(select(Campaign).where(Campaign.status == CampaignStatus.SENDING)).all()
    for campaign in under_way:
        life.pause(session, campaign, by=SYSTEM, now=now, reason=_FOREIGN, kind=PauseKind.OTHER_DATABASE)
    return [campaign.id for campaign in under_way]


def simulated_under_way(session: Session) -> list[Campaign]:
    """Return the campaigns being sent that were begun with the built-in inbox."""
    under_way = select(Campaign).where(Campaign.status == CampaignStatus.SENDING, Campaign.simulated.is_(True))
    return list(session.scalars(under_way))


def pause_simulated(session: Session, now: datetime) -> None:
    """Pause every simulated campaign under way: what was begun with the built-in inbox goes to nobody else."""
    for campaign in simulated_under_way(session):
        life.pause(session, campaign, by=SYSTEM, now=now, reason=_simulated(campaign))


def _simulated(campaign: Campaign) -> str:
    return (
        "it is a simulation: it was begun with `outreach up --inbox`, and only that goes on with it; "
        f"to send it for real: `outreach campaign copy {campaign.name} NEW-NAME`"
    )


def start(
    session: Session,
    campaign_id: int,
    *,
    settings: Settings,
    links: Links,
    now: datetime,
    instance_id: str,
    simulated: bool = False,
) -> Started | Paused | None:
    """Freeze the audience of a campaign that is due; None if another process did, or it isn't due.

    `simulated` says that its mails go to the built-in inbox: it is marked so for good.
    """
    claimed = session.connection().execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == CampaignStatus.SCHEDULED, Campaign.send_at <= now)
        .values(status=CampaignStatus.SENDING, frozen_at=now)
    )
    if claimed.rowcount != 1:
        return None
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    try:
        # A savepoint: an obstacle takes every row back, and the pause is written in the same transaction.
        with session.begin_nested():
            _tell_real(campaign, simulated)
            session.flush()
            return _freeze(session, campaign, settings, links, now, instance_id)
    except _Obstacle as obstacle:
        return _paused(session, campaign_id, obstacle, now)


def _tell_real(campaign: Campaign, simulated: bool) -> None:
    if campaign.simulated and not simulated:
        raise _Obstacle(PauseKind.PERSON, _simulated(campaign))
    campaign.simulated = simulated


def _freeze(
    session: Session, campaign: Campaign, settings: Settings, links: Links, now: datetime, instance_id: str
) -> Started:
    if not is_ours(session, instance_id):
        raise _Obstacle(PauseKind.OTHER_DATABASE, _FOREIGN)
    _refuse_late(campaign, settings, now)
    approval = life.live_approval(session, campaign.id)
    if approval is None:
        raise _Obstacle(PauseKind.CONTENT, "it has no approval in force")
    frozen = Frozen.from_json(approval.frozen)
    audience, mailable = _insert_audience(session, campaign, frozen, settings, now)
    _refuse_other_audience(campaign, approval, audience, mailable, settings.sending.audience_tolerance)
    count = _make_cohorts(session, campaign, frozen, settings, links, now)
    first = canaries.choose(session, campaign.id, mailable, frozen.spec, settings.limits)
    if frozen.spec.archive:
        editions.make(session, campaign, frozen, links=links, now=now)
    campaign.frozen_count = audience
    told = f"{audience} contacts, {mailable} to be mailed, {count} cohort{'' if count == 1 else 's'}"
    session.add(_change(campaign, now, f"{told}; {first} go first" if first else told))
    session.flush()
    return Started(campaign.id, audience, mailable, count)


_FOREIGN = (
    "this database was restored or copied, or its folder moved, so what was due may have gone out already elsewhere; "
    "if it is the one that sends from now on, run `outreach db adopt`, look at each campaign, and resume it"
)


def _refuse_late(campaign: Campaign, settings: Settings, now: datetime) -> None:
    assert campaign.send_at is not None  # start() claims campaigns whose time has come
    since = max(campaign.send_at, campaign.resumed_at or campaign.send_at)
    limit = timedelta(minutes=settings.sending.max_lateness_minutes)
    if now - since > limit:
        late = f"{(now - since).total_seconds() / 3600:.1f} hours late"
        reason = f"it was due at {life.shown_time(campaign.send_at)} and would start {late}"
        raise _Obstacle(PauseKind.LATE, f"{reason} (sending.max_lateness_minutes is {limit.total_seconds() / 60:.0f})")


def _insert_audience(
    session: Session, campaign: Campaign, frozen: Frozen, settings: Settings, now: datetime
) -> tuple[int, int]:
    """Write a row per contact of the segment, refused ones too; return how many in all and to be mailed."""
    # The sender that was approved decides which legal bases count, whatever the settings say today.
    sender = settings.sender.model_copy(update={"type": frozen.sender.type})
    policy = policy_of(settings.model_copy(update={"sender": sender}), campaign.topic, now, campaign.id)
    rows = selection.audience(frozen.segment, policy)
    status = Delivery.status.type
    chosen = select(
        literal(campaign.id),
        rows.c.contact_id,
        rows.c.company_id,
        rows.c.province_nis,
        rows.c.section_2025,
        _provider(rows.c.address_domain, settings),
        rows.c.address_hash,
        case(
            (rows.c.reason.is_(None), literal(DeliveryStatus.PENDING, status)),
            else_=literal(DeliveryStatus.SKIPPED, status),
        ),
        rows.c.reason,
        literal(0),
        literal(now, Delivery.status_at.type),
    )
    # In the order of three of its indexes: each page of them is written once, and none is looked for by chance.
    chosen = chosen.order_by(rows.c.contact_id)
    cell = "campaign_id contact_id company_id province_nis section_2025 provider"
    names = f"{cell} address_hash status reason attempts status_at".split()
    session.connection().execute(insert(Delivery).from_select(names, chosen, include_defaults=False))
    pending = case((Delivery.status == DeliveryStatus.PENDING, 1), else_=0)
    counts = select(func.count(), func.coalesce(func.sum(pending), 0)).where(Delivery.campaign_id == campaign.id)
    contacts, mailable = session.execute(counts).one()
    return int(contacts), int(mailable)


def _provider(domain: ColumnElement[str | None], settings: Settings) -> ColumnElement[str]:
    """Return whose servers take the mail to an address at a domain, as `[providers]` lists them."""
    listed = {name: one.domains for name, one in settings.providers.items() if one.domains}
    if not listed:
        return literal(OTHER)
    return case(*((domain.in_(domains), literal(name)) for name, domains in listed.items()), else_=literal(OTHER))


def _refuse_other_audience(
    campaign: Campaign, approval: Approval, audience: int, mailable: int, tolerance: float
) -> None:
    accepted = campaign.accepted_counts or {}
    approved = accepted.get("audience", approval.audience_count)
    facts = {"audience": audience, "mailable": mailable}
    if abs(audience - approved) > tolerance * approved:
        reason = f"its audience is {audience} contacts now and was {approved} when approved"
        raise _Obstacle(PauseKind.AUDIENCE, f"{reason}: over {tolerance:.0%} off", facts)
    approved_mails = accepted.get("mailable", approval.mailable_count)
    # Fewer mails than approved is opt-outs being obeyed; more is people nobody decided to mail.
    if approved_mails is not None and mailable - approved_mails > tolerance * approved_mails:
        reason = f"{mailable} contacts would be mailed now, and {approved_mails} when it was approved"
        raise _Obstacle(PauseKind.AUDIENCE, f"{reason}: over {tolerance:.0%} more", facts)


def _make_cohorts(
    session: Session, campaign: Campaign, frozen: Frozen, settings: Settings, links: Links, now: datetime
) -> int:
    """Cut those who will be mailed into cohorts, and give each its services and links; return how many cohorts."""
    pending = (Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.PENDING)
    mailed = select(Delivery.company_id, Delivery.province_nis, Delivery.section_2025).where(*pending)
    minimum = settings.tracking.min_cohort
    sizes = cohorts.planned(session, mailed, minimum)
    made = {group: _cohort(campaign, number, group, size) for number, (group, size) in enumerate(sizes.items(), 1)}
    session.add_all(made.values())
    session.flush()
    _assign(session, campaign.id, made)
    _show(session, frozen, made, minimum, links, now)
    return len(made)


def _cohort(campaign: Campaign, number: int, group: Group, contact_count: int) -> Cohort:
    return Cohort(
        campaign_id=campaign.id,
        number=number,
        code=new_code(),
        cells=[list(cell) for cell in group.cells],
        province_nis=group.province,
        section_2025=group.section,
        company_count=group.companies,
        contact_count=contact_count,
    )


def _assign(session: Session, campaign_id: int, made: dict[Group, Cohort]) -> None:
    """Give every pending delivery its cohort, in one statement over the few hundred cells."""
    cells = [(province or "", section or "", c.id) for group, c in made.items() for province, section in group.cells]
    if not cells:
        return
    columns = (column("province", String), column("section", String), column("cohort_id", Integer))
    cell = values(*columns, name="cell").data(cells).cte("cell")
    session.connection().execute(
        update(Delivery)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.status == DeliveryStatus.PENDING,
            func.coalesce(Delivery.province_nis, "") == cell.c.province,
            func.coalesce(Delivery.section_2025, "") == cell.c.section,
        )
        .values(cohort_id=cell.c.cohort_id)
    )


def _show(
    session: Session, frozen: Frozen, made: dict[Group, Cohort], minimum: int, links: Links, now: datetime
) -> None:
    """Choose the services of each cohort, and write down what it is shown and where its links lead."""
    sizes = {group: cohort.contact_count for group, cohort in made.items()}
    try:
        chosen = choose_all(frozen, sizes, matching.exposures_so_far(session), withdrawn(session, frozen))
    except Refusal as refusal:
        raise _Obstacle(PauseKind.CONTENT, str(refusal)) from refusal
    for group, cohort in made.items():
        # Where even the whole audience is too few to hide in, a link says which campaign and nothing more.
        linked = cohort.id if group.companies >= minimum else None
        content = _with_links(session, frozen, chosen[group], cohort, linked, links)
        _record_exposures(session, content, cohort, now)
        cohort.content = content.to_json()
    session.flush()


def withdrawn(session: Session, frozen: Frozen) -> set[int]:
    """Return the ids of the services that were withdrawn, or take no customers any more, since approval."""
    return {candidate.id for candidate in frozen.candidates} - {c.id for c in matching.candidates(session)}


def _with_links(
    session: Session, frozen: Frozen, content: Content, cohort: Cohort, cohort_id: int | None, links: Links
) -> Content:
    def code_for(target: Target) -> str:
        code = new_code()
        session.add(
            Link(
                code=code,
                campaign_id=cohort.campaign_id,
                cohort_id=cohort_id,
                block=target.block,
                service_id=target.service_id,
                target=target.address,
            )
        )
        return code

    return with_codes(frozen, content, links, code_for)


def _record_exposures(session: Session, content: Content, cohort: Cohort, now: datetime) -> None:
    session.add_all(
        Exposure(
            campaign_id=cohort.campaign_id,
            cohort_id=cohort.id,
            block=block.name,
            position=position,
            service_id=spotlight.service_id,
            fallback=spotlight.fallback,
            at=now,
        )
        for block in content.blocks
        for position, spotlight in enumerate(block.spotlights, 1)
    )


def _paused(session: Session, campaign_id: int, obstacle: _Obstacle, now: datetime) -> Paused:
    session.connection().execute(
        update(Campaign).where(Campaign.id == campaign_id).values(frozen_at=None, frozen_count=None)
    )
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    reason, kind, facts = obstacle.reason, obstacle.kind, obstacle.facts
    life.pause(session, campaign, by=SYSTEM, now=now, reason=reason, kind=kind, facts=facts)
    return Paused(campaign_id, kind, reason, facts)


def _change(campaign: Campaign, now: datetime, detail: str) -> CampaignChange:
    return CampaignChange(campaign_id=campaign.id, at=now, actor=SYSTEM, action="started", detail=detail)
