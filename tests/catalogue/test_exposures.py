from __future__ import annotations

from datetime import timedelta

from outreach.app import App
from outreach.catalogue.matching import exposures_so_far
from outreach.models import DeliveryStatus
from tests.conftest import NOW
from tests.leads.world import World


def test_a_service_was_shown_to_those_whose_mail_went_or_is_on_its_way(both: App) -> None:
    with both.database.writing() as session:
        w = World(session, both.suppression_key)
        first, second = w.service(w.enterprise()), w.service(w.enterprise("Ander"))
        campaign, company = w.campaign("herfst"), w.company()
        cohort, other = w.cohort(campaign, [first, second]), w.cohort(campaign, [second])
        for status in DeliveryStatus:
            w.delivery(campaign, w.contact(company, f"{status}@x.example"), cohort, status)
        w.delivery(campaign, w.contact(company, "ann@x.example"), other, at=NOW - timedelta(days=400))
        assert exposures_so_far(session) == {first.id: 5, second.id: 6}
        assert exposures_so_far(session, since=NOW - timedelta(days=365)) == {first.id: 5, second.id: 5}
