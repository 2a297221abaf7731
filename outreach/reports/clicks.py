"""Clicks per province × sector × service, human and raw side by side; a link tells its cohort, and never a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import func, null, select
from sqlalchemy.orm import Session

from outreach.belgium.places import PROVINCES
from outreach.belgium.sectors import nace
from outreach.models import Cohort, Delivery, DeliveryStatus, Enterprise, Exposure, Hit, HitKind, Link, Service

# A campaign too small for cohorts: its links name the campaign only.
WHOLE = "hele campagne"
SEVERAL_PROVINCES, SEVERAL_SECTORS = "meerdere provincies", "meerdere sectoren"
UNKNOWN = "onbekend"
OTHER_LINKS = "andere links"
# Cohorts of which too few companies were reached in the end, in one row, whatever service was shown.
TOO_FEW, ALL_LINKS = "te weinig bedrijven", "alle links"


@dataclass(frozen=True)
class ClickRow:
    """Hits on the links of one service from one province and sector; `recipients` were sent a mail that showed it.

    `province_nis` and `section` are None where several cells were merged, or unknown: the label says which. `service`
    is None for links that are no service's. `simulated` counts the hits of `raw` that the demo made.
    """

    province_nis: str | None
    province: str
    section: str | None
    sector: str
    service_slug: str | None
    service: str
    enterprise: str
    recipients: int
    human: int
    raw: int
    simulated: int

    @property
    def place(self) -> tuple[str, str, str | None]:
        return self.province, self.sector, self.service_slug


def clicks_of(session: Session, campaign_ids: list[int], *, min_cohort: int) -> dict[int, list[ClickRow]]:
    """Return the rows of each campaign: one for every service that was shown, with or without hits.

    Cohorts of which fewer than `min_cohort` companies were reached share one row per campaign, without service; with
    them goes the next smallest, if they are too few together, so that subtracting the others gives no company away.
    """
    places = _places(session, campaign_ids)
    services = _services(session)
    sent = _sent(session, campaign_ids)
    cohortless = _cohortless(session, campaign_ids)
    hidden = {each: _too_few(session, each, each in cohortless, min_cohort) for each in campaign_ids}
    found: dict[int, list[ClickRow]] = {each: [] for each in campaign_ids}

    def blank(campaign_id: int, cohort_id: int | None, service_id: int | None) -> ClickRow:
        if cohort_id in hidden[campaign_id]:
            return _TOO_FEW_ROW
        place = places.get(cohort_id, _WHOLE_PLACE) if cohort_id else _WHOLE_PLACE
        return ClickRow(*place, *(services.get(service_id, _NO_SERVICE) if service_id else _NO_SERVICE), 0, 0, 0, 0)

    for campaign_id, together in hidden.items():
        if together:
            found[campaign_id].append(replace(_TOO_FEW_ROW, recipients=sum(sent.get(each, 0) for each in together)))
    for campaign_id, cohort_id, shown_id in _shown(session, campaign_ids):
        if cohort_id not in hidden[campaign_id]:
            linked = None if campaign_id in cohortless else cohort_id
            row = replace(blank(campaign_id, linked, shown_id), recipients=sent.get(cohort_id, 0))
            found[campaign_id].append(row)
    for campaign_id, linked_id, service_id, kind, simulated, count in _hits(session, campaign_ids):
        human, played = count if kind is HitKind.HUMAN else 0, count if simulated else 0
        row = replace(blank(campaign_id, linked_id, service_id), human=human, raw=count, simulated=played)
        found[campaign_id].append(row)
    return {campaign_id: merged(rows) for campaign_id, rows in found.items()}


def _too_few(session: Session, campaign_id: int, cohortless: bool, minimum: int) -> set[int | None]:
    """Return the cohorts to be shown as one, with None (links of the whole campaign) if that is all of them."""
    reached = func.count(Delivery.company_id.distinct())
    arrived = (Delivery.cohort_id == Cohort.id) & (Delivery.status == DeliveryStatus.SENT)
    query = select(Cohort.id, reached).join(Delivery, arrived, isouter=True).where(Cohort.campaign_id == campaign_id)
    companies = {row[0]: int(row[1]) for row in session.execute(query.group_by(Cohort.id))}

    def together(cohorts: Iterable[int]) -> int:
        sent = select(reached).where(Delivery.cohort_id.in_(cohorts), Delivery.status == DeliveryStatus.SENT)
        return session.scalar(sent) or 0

    if cohortless:
        return {None, *companies} if together(companies) < minimum else set()
    hidden = {cohort for cohort, count in companies.items() if count < minimum}
    others = sorted(companies.keys() - hidden, key=lambda cohort: (companies[cohort], cohort))
    if hidden and others and together(hidden) < minimum:
        hidden.add(others.pop(0))
    return {None, *hidden} if hidden and not others else {*hidden}


def merged(rows: Iterable[ClickRow]) -> list[ClickRow]:
    """Add up the rows of one place and service; the most human hits first."""
    together: dict[tuple[str, str, str | None], ClickRow] = {}
    for row in rows:
        old = together.get(row.place)
        together[row.place] = row if old is None else _sum(old, row)
    return sorted(together.values(), key=lambda row: (-row.human, -row.raw, row.province, row.sector, row.service))


def _sum(one: ClickRow, other: ClickRow) -> ClickRow:
    return replace(
        one,
        recipients=one.recipients + other.recipients,
        human=one.human + other.human,
        raw=one.raw + other.raw,
        simulated=one.simulated + other.simulated,
    )


Place = tuple[str | None, str, str | None, str]
_WHOLE_PLACE: Place = (None, WHOLE, None, WHOLE)
_NO_SERVICE: tuple[str | None, str, str] = (None, OTHER_LINKS, "")
_TOO_FEW_ROW = ClickRow(None, TOO_FEW, None, TOO_FEW, None, ALL_LINKS, "", 0, 0, 0, 0)


def _places(session: Session, campaign_ids: list[int]) -> dict[int, Place]:
    return {
        cohort.id: place_of_cells([(cell[0], cell[1]) for cell in cohort.cells])
        for cohort in session.scalars(select(Cohort).where(Cohort.campaign_id.in_(campaign_ids)))
    }


def place_of_cells(cells: Iterable[tuple[str | None, str | None]]) -> Place:
    """Return NIS code, province, section and sector of a cohort's cells, with a label in words where it is no one."""
    listed = list(cells)
    provinces, sections = {cell[0] for cell in listed}, {cell[1] for cell in listed}
    nis = next(iter(provinces)) if len(provinces) == 1 else None
    section = next(iter(sections)) if len(sections) == 1 else None
    province = SEVERAL_PROVINCES if len(provinces) > 1 else PROVINCES[nis].name_nl if nis in PROVINCES else UNKNOWN
    sector = SEVERAL_SECTORS if len(sections) > 1 else sector_name(section)
    return nis, province, section, sector


def sector_name(section: str | None) -> str:
    """Return the letter of a section of NACE-BEL 2025 with its Dutch label."""
    entry = nace(2025, section) if section else None
    return f"{section} {entry.label_nl}" if entry else UNKNOWN


def _services(session: Session) -> dict[int, tuple[str | None, str, str]]:
    query = select(Service.id, Service.slug, Service.name, Enterprise.name).join(Service.enterprise)
    return {service_id: (slug, name, enterprise) for service_id, slug, name, enterprise in session.execute(query)}


def _shown(session: Session, campaign_ids: list[int]) -> list[tuple[int, int, int | None]]:
    """Return campaign, cohort and service; None as the service stands for the mail's other links."""
    services = select(Exposure.campaign_id, Exposure.cohort_id, Exposure.service_id).where(
        Exposure.campaign_id.in_(campaign_ids)
    )
    others = select(Link.campaign_id, Link.cohort_id, null()).where(
        Link.campaign_id.in_(campaign_ids), Link.service_id.is_(None), Link.cohort_id.is_not(None)
    )
    rows = [*session.execute(services), *session.execute(others.distinct())]
    return [(row[0], row[1], row[2]) for row in rows]


def _sent(session: Session, campaign_ids: list[int]) -> dict[int | None, int]:
    """Count the mails sent by cohort."""
    query = (
        select(Delivery.cohort_id, func.count())
        .where(
            Delivery.campaign_id.in_(campaign_ids),
            Delivery.status == DeliveryStatus.SENT,
            Delivery.cohort_id.is_not(None),
        )
        .group_by(Delivery.cohort_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _cohortless(session: Session, campaign_ids: list[int]) -> set[int]:
    """Return the campaigns whose links name no cohort, since even the whole audience was too small."""
    query = select(Link.campaign_id, func.count(Link.cohort_id)).where(Link.campaign_id.in_(campaign_ids))
    return {campaign_id for campaign_id, cohorts in session.execute(query.group_by(Link.campaign_id)) if not cohorts}


def _hits(session: Session, campaign_ids: list[int]) -> list[tuple[int, int | None, int | None, HitKind, bool, int]]:
    """Return campaign, cohort, service, kind, whether simulated, and how many hits."""
    query = (
        select(Link.campaign_id, Link.cohort_id, Link.service_id, Hit.kind, Hit.simulated, func.count())
        .join(Hit, Hit.link_id == Link.id)
        .where(Link.campaign_id.in_(campaign_ids))
        .group_by(Link.campaign_id, Link.cohort_id, Link.service_id, Hit.kind, Hit.simulated)
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in session.execute(query)]
