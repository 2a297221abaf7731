from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.errors import NotFound
from outreach.leads import receiving
from outreach.leads.receiving import LeadForm
from outreach.models import Channel, DeliveryStatus, Event, EventKind, SkipReason
from outreach.reports.campaigns import CampaignsReport, Figures, report
from tests.conftest import NOW
from tests.leads.world import World


@contextmanager
def world(app: App) -> Iterator[World]:
    with app.database.writing() as session:
        yield World(session, app.suppression_key)


def lead(app: App, session: Session, service_id: int, company: str, code: str | None, simulated: bool = False) -> int:
    row = receiving.receive(
        session,
        LeadForm(company, service_id=service_id, email=f"{company}@x.example"),
        code=code,
        channel=Channel.FORM,
        links=app.links,
        settings=app.settings,
        now=NOW + timedelta(hours=2),
        simulated=simulated,
        suppression_key=app.suppression_key,
    )
    return row.id


def fill(app: App) -> None:
    """Two campaigns to overlapping companies, in every status, with hits and leads."""
    with world(app) as w:
        first, second = w.service(w.enterprise()), w.service(w.enterprise("Het Anker"), "Groen")
        companies = [w.company(f"Bedrijf {n}") for n in range(6)]
        contacts = [w.contact(company, f"p{n}@b.example") for n, company in enumerate(companies)]
        contacts.append(w.contact(companies[0], "tweede@b.example"))
        herfst, winter = w.campaign("herfst"), w.campaign("winter")
        cohort = w.cohort(herfst, [first, second])
        mixed = w.cohort(herfst, [first], province=None, section=None)
        mixed.cells = [["40000", "C"], ["10000", "F"]]
        statuses = [
            DeliveryStatus.SENT, DeliveryStatus.SENT, DeliveryStatus.REJECTED, DeliveryStatus.FAILED,
            DeliveryStatus.UNCERTAIN, DeliveryStatus.DEFERRED, DeliveryStatus.SENT,
        ]  # fmt: skip
        deliveries = [
            w.delivery(herfst, contact, mixed if n == 1 else cohort, status)
            for n, (contact, status) in enumerate(zip(contacts, statuses, strict=True))
        ]
        for n, (status, reason) in enumerate(
            [
                (DeliveryStatus.SKIPPED, SkipReason.SUPPRESSED), (DeliveryStatus.SKIPPED, SkipReason.SUPPRESSED),
                (DeliveryStatus.SKIPPED, SkipReason.NO_LEGAL_BASIS), (DeliveryStatus.CANCELLED, None),
                (DeliveryStatus.HELD_OUT, None),
            ]
        ):  # fmt: skip
            w.delivery(herfst, w.contact(companies[5], f"q{n}@b.example"), None, status, reason=reason)
        other = w.cohort(winter, [second])
        w.delivery(winter, contacts[0], other)
        w.delivery(winter, contacts[3], other)
        for kind in (EventKind.UNSUBSCRIBED, EventKind.UNSUBSCRIBED, EventKind.BOUNCED):
            w.session.add(Event(delivery_id=deliveries[0].id, kind=kind, at=NOW))
        link = w.link(herfst, cohort, first)
        w.hits(link, human=3, scanner=5)
        w.hits(w.link(herfst, mixed, first), human=1)
        w.hits(w.link(herfst, cohort, None), scanner=2)
        w.hits(w.link(winter, other, second), human=2)
        confirmed = lead(app, w.session, first.id, "een", link.code)
        refused = lead(app, w.session, first.id, "twee", link.code)
        lead(app, w.session, first.id, "twee", None)
        lead(app, w.session, second.id, "drie", link.code)
        lead(app, w.session, second.id, "vier", None)
        receiving.confirm(w.session, confirmed, by="x", now=NOW)
        receiving.refuse(w.session, refused, by="x", now=NOW)


def reported(app: App, *names: str, min_cohort: int = 1) -> CampaignsReport:
    """Report with every cohort on its own, unless told."""
    with app.database.reading() as session:
        return report(session, names, min_cohort=min_cohort)


def assert_sums_hold(figures: Figures) -> None:
    funnel = figures.funnel
    assert funnel.audience == funnel.skipped + funnel.held_out + funnel.mailable
    ends = (funnel.sent, funnel.rejected, funnel.failed, funnel.uncertain, funnel.waiting, funnel.cancelled)
    assert funnel.mailable == sum(ends)
    assert funnel.skipped == sum(figures.skipped.values())
    assert funnel.failed == sum(figures.failed.values())
    assert funnel.hits_raw == funnel.hits_human + funnel.hits_scanner == sum(row.raw for row in figures.clicks)
    assert funnel.hits_human == sum(row.human for row in figures.clicks)
    assert funnel.leads == funnel.leads_new + funnel.leads_confirmed + funnel.leads_refused
    assert funnel.leads == sum(figures.leads_by_evidence.values())
    assert funnel.companies_reached <= funnel.companies


def test_the_numbers_of_a_campaign_agree_with_each_other(both: App) -> None:
    fill(both)
    (campaign,) = reported(both, "herfst").campaigns
    figures = campaign.figures
    assert_sums_hold(figures)
    funnel = figures.funnel
    assert (funnel.audience, funnel.skipped, funnel.held_out, funnel.mailable) == (12, 3, 1, 8)
    assert (funnel.sent, funnel.rejected, funnel.failed, funnel.uncertain) == (3, 1, 1, 1)
    assert (funnel.waiting, funnel.cancelled, funnel.unsubscribed) == (1, 1, 1)
    assert (funnel.companies, funnel.companies_reached) == (6, 2)
    assert (figures.skipped["suppressed"], figures.skipped["no_legal_basis"]) == (2, 1)
    assert figures.skipped["frequency_cap"] == 0
    assert (funnel.hits_human, funnel.hits_raw) == (4, 11)
    assert (funnel.leads, funnel.leads_new, funnel.leads_confirmed, funnel.leads_refused) == (3, 1, 1, 1)
    assert figures.leads_by_evidence == {"code": 3, "answer": 0, "declared": 0, "shown": 0, "none": 0}
    assert not campaign.simulated


def test_clicks_stand_per_province_sector_and_service_with_human_and_raw_side_by_side(both: App) -> None:
    fill(both)
    rows = {row.place: row for row in reported(both, "herfst").campaigns[0].figures.clicks}
    industry = "C Industrie"
    place = next(place for place in rows if place[0] == "Oost-Vlaanderen" and place[1].startswith("C "))
    assert place[1].split(" ")[0] == industry.split(" ")[0]
    own = [row for row in rows.values() if row.province == "Oost-Vlaanderen"]
    assert {(row.service, row.recipients, row.human, row.raw) for row in own} == {
        ("Verpakken", 2, 3, 8),
        ("Groen", 2, 0, 0),
        ("andere links", 2, 0, 2),
    }
    (several,) = [row for row in rows.values() if row.province == "meerdere provincies"]
    assert (several.sector, several.province_nis, several.recipients, several.human) == (
        "meerdere sectoren",
        None,
        1,
        1,
    )


def test_a_company_in_two_campaigns_is_counted_once_in_the_total(both: App) -> None:
    fill(both)
    both_of_them = reported(both, "herfst", "winter", "herfst")
    assert [campaign.name for campaign in both_of_them.campaigns] == ["herfst", "winter"]
    herfst, winter = (campaign.figures.funnel for campaign in both_of_them.campaigns)
    total = both_of_them.total
    assert_sums_hold(total)
    assert (herfst.companies_reached, winter.companies_reached, total.funnel.companies_reached) == (2, 2, 3)
    assert total.funnel.companies == 6
    for name in ("audience", "skipped", "mailable", "sent", "hits_human", "hits_raw", "leads", "leads_confirmed"):
        assert getattr(total.funnel, name) == getattr(herfst, name) + getattr(winter, name)


def test_a_campaign_of_which_nothing_was_sent_has_zeros(both: App) -> None:
    with world(both) as w:
        w.campaign("leeg")
    figures = reported(both, "leeg").total
    assert_sums_hold(figures)
    assert set(vars(figures.funnel).values()) == {0}


def test_links_of_an_audience_too_small_for_cohorts_name_the_campaign_only(both: App) -> None:
    with world(both) as w:
        service, campaign = w.service(w.enterprise()), w.campaign("klein")
        cohort = w.cohort(campaign, [service])
        w.delivery(campaign, w.contact(w.company(), "ann@x.example"), cohort)
        w.hits(w.link(campaign, None, service), human=1)
    (row,) = reported(both, "klein").total.clicks
    assert (row.province, row.sector, row.recipients, row.human) == ("hele campagne", "hele campagne", 1, 1)


def test_what_the_demo_made_is_labelled(both: App) -> None:
    with world(both) as w:
        service, campaign = w.service(w.enterprise()), w.campaign("echt")
        w.campaign("demo", simulated=True)
        link = w.link(campaign, w.cohort(campaign, [service]), service)
    assert not reported(both, "echt").simulated
    assert reported(both, "echt", "demo").simulated
    with world(both) as w:
        w.hits(w.session.merge(link), human=1, simulated=True)
        lead(both, w.session, link.service_id or 0, "een", link.code, simulated=True)
    figures = reported(both, "echt")
    assert figures.campaigns[0].simulated
    assert (figures.total.simulated_hits, figures.total.simulated_leads) == (1, 1)


def test_an_unknown_campaign_is_refused_with_those_that_there_are(app: App) -> None:
    with pytest.raises(NotFound, match="there are none yet"):
        reported(app, "niets")
    with world(app) as w:
        w.campaign("herfst")
    with pytest.raises(NotFound, match=r"'niets'; there are: herfst"):
        reported(app, "herfst", "niets")


def test_the_figures_are_of_one_moment_while_mails_go_out(both: App) -> None:
    fill(both)
    with both.database.reading() as session:
        before = report(session, ["winter"], min_cohort=2)
        with world(both) as w:
            campaign = w.campaign("nieuw")
            w.delivery(campaign, w.contact(w.company("Laat"), "laat@b.example"))
        with pytest.raises(NotFound):
            report(session, ["nieuw"], min_cohort=2)
        assert report(session, ["winter"], min_cohort=2) == before
