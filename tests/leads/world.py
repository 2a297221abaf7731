"""A small catalogue, some companies and campaigns that were sent, put straight into the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from outreach.audience.companies import name_key
from outreach.belgium.numbers import make_enterprise_number
from outreach.links import hash_address, new_code
from outreach.models import (
    AddressKind,
    Campaign,
    CampaignStatus,
    Cohort,
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    Enterprise,
    Exposure,
    Hit,
    HitKind,
    Link,
    Service,
    ServiceProvince,
    SkipReason,
)
from tests.conftest import NOW

Row = TypeVar("Row")


@dataclass
class World:
    """Makes rows; everything happens at NOW unless said otherwise."""

    session: Session
    key: bytes
    _made: int = 0

    def _next(self) -> int:
        self._made += 1
        return self._made

    def enterprise(self, name: str = "Atelier De Brug", email: str = "leads@debrug.example") -> Enterprise:
        n = self._next()
        row = Enterprise(
            enterprise_number=make_enterprise_number(4_100_000 + n), slug=f"e{n}", name=name, postcode="9000",
            province_nis="40000", email=email, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        return self._added(row)

    def service(self, enterprise: Enterprise, name: str = "Verpakken") -> Service:
        row = Service(
            enterprise_id=enterprise.id, slug=f"s{self._next()}", name=name, category="packaging", summary="Kort",
            text="", created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        self._added(row)
        self._added(ServiceProvince(service_id=row.id, province_nis="40000"))
        return row

    def company(self, name: str = "Bakkerij Jansen", *, province: str = "40000", section: str = "C") -> Company:
        number = make_enterprise_number(5_100_000 + self._next())
        row = Company(
            enterprise_number=number, name=name, name_key=name_key(name), province_nis=province, section_2025=section,
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        return self._added(row)

    def contact(self, company: Company, address: str) -> Contact:
        row = Contact(
            company_id=company.id, address=address, address_hash=hash_address(self.key, address),
            kind=AddressKind.PERSONAL, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        return self._added(row)

    def campaign(self, name: str, *, simulated: bool = False) -> Campaign:
        row = Campaign(
            name=name, title=name, segment="alle", template="newsletter", spec={}, status=CampaignStatus.SENT,
            created_by="test", created_at=NOW, frozen_at=NOW, simulated=simulated,
        )  # fmt: skip
        return self._added(row)

    def cohort(
        self, campaign: Campaign, services: Sequence[Service], province: str | None = "40000", section: str | None = "C"
    ) -> Cohort:
        number = self._next()
        row = Cohort(
            campaign_id=campaign.id, number=number, code=new_code(), cells=[[province, section]], province_nis=province,
            section_2025=section, company_count=0, contact_count=0,
        )  # fmt: skip
        self._added(row)
        for position, service in enumerate(services):
            values = {"block": "main", "position": position, "service_id": service.id, "at": NOW}
            self._added(Exposure(campaign_id=campaign.id, cohort_id=row.id, **values))
        return row

    def delivery(
        self,
        campaign: Campaign,
        contact: Contact,
        cohort: Cohort | None = None,
        status: DeliveryStatus = DeliveryStatus.SENT,
        at: datetime = NOW,
        reason: SkipReason | None = None,
    ) -> Delivery:
        row = Delivery(
            campaign_id=campaign.id, contact_id=contact.id, company_id=contact.company_id,
            cohort_id=cohort.id if cohort else None, address_hash=contact.address_hash, status=status,
            reason=reason.value if reason else None, sent_at=at if status is DeliveryStatus.SENT else None,
            status_at=at,
        )  # fmt: skip
        return self._added(row)

    def link(self, campaign: Campaign, cohort: Cohort | None, service: Service | None) -> Link:
        row = Link(
            code=new_code(), campaign_id=campaign.id, cohort_id=cohort.id if cohort else None, block="main",
            service_id=service.id if service else None, target="http://news.example/diensten/x",
        )  # fmt: skip
        return self._added(row)

    def hits(self, link: Link, human: int = 0, scanner: int = 0, simulated: bool = False) -> None:
        for kind, count in ((HitKind.HUMAN, human), (HitKind.SCANNER, scanner)):
            for _ in range(count):
                self._added(Hit(link_id=link.id, at=NOW, method="GET", kind=kind, simulated=simulated))

    def _added(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row
