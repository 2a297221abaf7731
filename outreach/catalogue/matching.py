"""Which services a mail shows to a cohort: those that serve its province and suit its sector, least shown first.

A cohort is cells of (province, section of NACE-BEL 2025); after merging it may hold several. The *fit* of a service is
the share of those cells that it serves. Only a service that still takes customers is a candidate. In a block an
enterprise stands once as long as another one fits. Among what fits equally, the enterprise that was shown to the
fewest recipients comes first, and of its services the one shown least; ties are broken by a hash, so that no alphabet
decides. Enterprises that always fit equally are therefore never further apart than the size of one cohort.

A cell whose province is unknown is served by who serves all Flemish provinces, and one whose sector is unknown is
suited by a service without sectors (it suits every sector).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from outreach.belgium.places import PROVINCES, place_of
from outreach.errors import Refusal
from outreach.models import Campaign, Cohort, Delivery, DeliveryStatus, Enterprise, Exposure, Service

Cell = tuple[str | None, str | None]

FLEMISH = frozenset(nis for nis, province in PROVINCES.items() if province.flemish)


class Fallback(StrEnum):
    """What to do when fewer services fit than a block asks for."""

    ANY_SECTOR = "any_sector"  # whatever serves the province; then whatever there is
    FEWER = "fewer"  # show only what fits
    REFUSE = "refuse"  # don't send


class FallbackUsed(StrEnum):
    """Why a service that does not fit was chosen after all; kept with the exposure."""

    ANY_SECTOR = "any_sector"
    ANY = "any"


class TooFewServices(Refusal):
    """Fewer services fit than a block with fallback `refuse` asks for."""


@dataclass(frozen=True)
class Candidate:
    """A service with everything that a mail shows of it; without `sectors_2025` it suits every sector.

    `siblings` are the ids of all services of its enterprise, withdrawn ones too: all count for what it was shown.
    """

    id: int
    slug: str
    name: str
    summary: str
    text: str
    category: str
    forms: tuple[str, ...]
    provinces: tuple[str, ...]
    sectors_2025: tuple[str, ...]
    enterprise_id: int
    enterprise_slug: str
    enterprise_name: str
    municipality: str
    picture: str | None
    picture_alt: str
    siblings: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` turns back into the same candidate."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**plain)

    def serves(self, province: str | None) -> bool:
        """Tell whether the service is offered in a province (NIS code)."""
        return province in self.provinces if province is not None else set(self.provinces) >= FLEMISH

    def suits(self, section: str | None) -> bool:
        """Tell whether the service suits a section of NACE-BEL 2025."""
        return not self.sectors_2025 or section in self.sectors_2025


@dataclass(frozen=True)
class Choice:
    """A service chosen for a block; `fit` is the share of the cohort's cells it serves."""

    candidate: Candidate
    fallback: str | None
    fit: float


def candidates(session: Session) -> list[Candidate]:
    """Return the services that may be shown: still taking customers, neither they nor their enterprise withdrawn."""
    query = (
        select(Service)
        .join(Service.enterprise)
        .where(Service.withdrawn_at.is_(None), Enterprise.withdrawn_at.is_(None), Service.taking_customers)
        .options(
            joinedload(Service.enterprise),
            selectinload(Service.forms),
            selectinload(Service.provinces),
            selectinload(Service.sectors),
        )
        .order_by(Service.id)
    )
    siblings: dict[int, list[int]] = defaultdict(list)
    for enterprise_id, service_id in session.execute(select(Service.enterprise_id, Service.id).order_by(Service.id)):
        siblings[enterprise_id].append(service_id)
    return [candidate_of(service, siblings[service.enterprise_id]) for service in session.scalars(query)]


def candidate_of(service: Service, siblings: Iterable[int] = ()) -> Candidate:
    """Return what a mail shows of a service."""
    enterprise = service.enterprise
    place = place_of(enterprise.postcode)
    return Candidate(
        id=service.id,
        slug=service.slug,
        name=service.name,
        summary=service.summary,
        text=service.text,
        category=service.category,
        forms=tuple(sorted(row.form.value for row in service.forms)),
        provinces=tuple(sorted(row.province_nis for row in service.provinces)),
        sectors_2025=tuple(sorted({row.section_2025 for row in service.sectors if row.section_2025})),
        enterprise_id=enterprise.id,
        enterprise_slug=enterprise.slug,
        enterprise_name=enterprise.name,
        municipality=place.municipality if place else "",
        picture=service.picture,
        picture_alt=service.picture_alt,
        siblings=tuple(siblings),
    )


# What was shown or is about to be: two campaigns that start together must not both favour the same enterprise.
_SHOWN = (
    DeliveryStatus.SENT,
    DeliveryStatus.UNCERTAIN,
    DeliveryStatus.SENDING,
    DeliveryStatus.PENDING,
    DeliveryStatus.DEFERRED,
)


def exposures_so_far(session: Session, *, since: datetime | None = None) -> dict[int, int]:
    """Return by service id to how many recipients each service was shown, or is about to be; `since` a moment if given.

    What was refused, failed, cancelled or held out was not shown.
    """
    shown = (
        select(Delivery.cohort_id, func.count().label("recipients"))
        .where(Delivery.status.in_(_SHOWN), Delivery.cohort_id.is_not(None))
        .group_by(Delivery.cohort_id)
    )
    if since is not None:
        shown = shown.where(Delivery.status_at >= since)
    per_cohort = shown.subquery()
    query = (
        select(Exposure.service_id, func.sum(per_cohort.c.recipients))
        .join(per_cohort, per_cohort.c.cohort_id == Exposure.cohort_id)
        .where(Exposure.campaign_id.not_in(select(Campaign.id).where(Campaign.simulated.is_(True))))
        .group_by(Exposure.service_id)
    )
    return {service_id: int(count) for service_id, count in session.execute(query)}


def cells_of(cohort: Cohort) -> list[Cell]:
    """Return the cells of a cohort as `choose` takes them."""
    return [(cell[0], cell[1]) for cell in cohort.cells]


def choose(
    candidates: Iterable[Candidate],
    *,
    count: int,
    exposure: Mapping[int, int],
    fallback: Fallback,
    province: str | None = None,
    section: str | None = None,
    cells: Sequence[Cell] | None = None,
    categories: Collection[str] = (),
    exclude: AbstractSet[int] = frozenset(),
    seed: str = "",
) -> list[Choice]:
    """Choose `count` services for one block of one cohort, best first; pure, and the same for the same arguments.

    `cells` is the cohort; without it, the one cell of `province` and `section`. `exposure` is by service id: recipients
    shown so far, to which the caller adds the cohort's size before it chooses for the next one. `exclude` holds the
    services that the mail shows already. Raises `TooFewServices` under `Fallback.REFUSE`.
    """
    everything = list(candidates)
    cohort = list(cells) if cells else [(province, section)]
    offered = [c for c in everything if c.id not in exclude and (not categories or c.category in categories)]
    fits = {c.id: sum(c.serves(p) and c.suits(s) for p, s in cohort) / len(cohort) for c in offered}
    near = {c.id: sum(c.serves(p) for p, _ in cohort) / len(cohort) for c in offered}
    block = _Block(everything, exposure, seed, count)
    block.fill([c for c in offered if fits[c.id]], fits, None, fits)
    if len(block.choices) < count and fallback is Fallback.ANY_SECTOR:
        block.fill([c for c in offered if near[c.id] and not fits[c.id]], near, FallbackUsed.ANY_SECTOR, fits)
        block.fill([c for c in offered if not near[c.id]], {}, FallbackUsed.ANY, fits)
    if len(block.choices) < count and fallback is Fallback.REFUSE:
        raise TooFewServices(_too_few(cohort, count, len(block.choices), categories))
    return block.choices


class _Block:
    """Services chosen so far for a block."""

    def __init__(self, candidates: Iterable[Candidate], exposure: Mapping[int, int], seed: str, count: int) -> None:
        self.choices: list[Choice] = []
        self._count = count
        self._seed = seed
        self._service = exposure
        self._chosen: Counter[int] = Counter()
        services: dict[int, set[int]] = defaultdict(set)
        for candidate in candidates:
            services[candidate.enterprise_id] |= {candidate.id, *candidate.siblings}
        self._enterprise = {each: sum(exposure.get(id, 0) for id in ids) for each, ids in services.items()}

    def fill(
        self,
        offered: list[Candidate],
        rank: Mapping[int, float],
        used: FallbackUsed | None,
        fits: Mapping[int, float],
    ) -> None:
        """Take from `offered` until the block is full; the highest `rank` first."""
        ordered = sorted(offered, key=lambda c: self._order(c, rank))
        while ordered and len(self.choices) < self._count:
            # min() keeps the order among equals: sorting once is enough, only the enterprise's turn changes.
            best = min(ordered, key=lambda c: self._chosen[c.enterprise_id])
            ordered.remove(best)
            self._chosen[best.enterprise_id] += 1
            self.choices.append(Choice(best, used.value if used else None, fits[best.id]))

    def _order(self, c: Candidate, rank: Mapping[int, float]) -> tuple[float, int, bytes, int, bytes]:
        return (
            -rank.get(c.id, 0.0),
            self._enterprise[c.enterprise_id],
            self._hash(f"enterprise:{c.enterprise_id}"),
            self._service.get(c.id, 0),
            self._hash(f"service:{c.id}"),
        )

    def _hash(self, what: str) -> bytes:
        return hashlib.sha256(f"{self._seed}:{what}".encode()).digest()


def _too_few(cells: Sequence[Cell], count: int, found: int, categories: Collection[str]) -> str:
    named = ", ".join(f"{PROVINCES[p].name_nl if p in PROVINCES else p or 'any'}/{s or 'any'}" for p, s in cells[:3])
    more = f" and {len(cells) - 3} more" if len(cells) > 3 else ""
    which = f" of {', '.join(sorted(categories))}" if categories else ""
    return (
        f"province/sector {named}{more}: {count} services{which} asked, {found} fit; "
        "ask for fewer, set fallback to any_sector or fewer, or add services to the catalogue"
    )
