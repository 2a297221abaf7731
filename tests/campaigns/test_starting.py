"""The freeze: who is in, who isn't and why, in which cohort, what each is shown, and what waits for a person."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import world
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience.suppressing import suppress
from outreach.campaigns import checking, life, previewing, progress, starting
from outreach.catalogue.matching import exposures_so_far
from outreach.models import (
    Basis,
    Campaign,
    CampaignStatus,
    Cohort,
    Contact,
    Delivery,
    DeliveryStatus,
    Enterprise,
    Exposure,
    Installation,
    Link,
    PauseKind,
    Service,
    SuppressionReason,
)
from outreach.settings import FrequencySettings


def fill(app: App, session: Session, crowd: int = 5) -> world.Cast:
    world.add_catalogue(session, app.now())
    cast = world.add_cast(session, key=app.suppression_key, now=app.now())
    world.add_crowd(session, crowd, key=app.suppression_key, now=app.now())
    return cast


def deliveries(session: Session, campaign: Campaign) -> dict[int, Delivery]:
    query = select(Delivery).where(Delivery.campaign_id == campaign.id)
    return {row.contact_id: row for row in session.scalars(query)}


def test_only_ann_is_mailed_and_the_others_have_their_reason(both: App) -> None:
    app = both
    with app.database.writing() as session:
        cast = fill(app, session, crowd=0)
        campaign = world.sending(app, session)
        rows = deliveries(session, campaign)
    assert campaign.status is CampaignStatus.SENDING
    assert rows[cast.ann.id].status is DeliveryStatus.PENDING
    assert {name: rows[getattr(cast, name).id].reason for name in ("ann", "bob", "cleo", "dan")} == {
        "ann": None,
        "bob": "suppressed",
        "cleo": "suppressed",
        "dan": "no_legal_basis",
    }
    assert campaign.frozen_count == 4


def test_the_number_shown_is_the_number_sent(both: App) -> None:
    app = both
    with app.database.writing() as session:
        cast = fill(app, session)
        twin = world.add_company(session, app.now())
        world.add_contact(session, twin, cast.ann.address or "", key=app.suppression_key, now=app.now())
        draft = world.draft(app, session, name="shown")
        checked = checking.examine(session, draft, sources=app.sources, now=app.now())
        campaign = world.sending(app, session)
        found = progress.status(session, campaign, app.now())
    assert checked.audience is not None
    assert checked.audience.contacts == found.audience == 10
    assert checked.audience.mailable == found.counts["pending"] == 6
    assert checked.audience.by_reason == found.reasons["skipped"]
    assert checked.cohorts == len({row.cohort_id for row in deliveries(session, campaign).values() if row.cohort_id})
    assert found.holds


def test_an_accountants_mailbox_at_forty_companies_gets_one_copy(both: App) -> None:
    app = both
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        made = []
        for number in range(40):
            company = world.add_company(session, app.now())
            basis = Basis.CONSENT if number == 17 else Basis.ROLE_ADDRESS
            contact = world.add_contact(
                session, company, "Kantoor@boekhouder.example", key=app.suppression_key, now=app.now(), basis=basis
            )
            contact.kind = world.AddressKind.ROLE
            made.append(contact)
        session.flush()
        campaign = world.sending(app, session)
        rows = deliveries(session, campaign)
    assert [contact_id for contact_id, row in rows.items() if row.status is DeliveryStatus.PENDING] == [made[17].id]
    assert Counter(row.reason for row in rows.values()) == {None: 1, "duplicate_address": 39}


def test_of_equal_evidence_the_oldest_contact_gets_the_copy(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        companies = [world.add_company(session, app.now()) for _ in range(3)]
        made = [
            world.add_contact(session, company, "info@samen.example", key=app.suppression_key, now=app.now())
            for company in companies
        ]
        campaign = world.sending(app, session)
        rows = deliveries(session, campaign)
    assert rows[made[0].id].status is DeliveryStatus.PENDING


def test_a_refused_twin_does_not_take_the_copy_from_who_may_be_mailed(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        key, now = app.suppression_key, app.now()
        first = world.add_contact(
            session, world.add_company(session, now), "info@samen.example", key=key, now=now, basis=None
        )
        second = world.add_contact(session, world.add_company(session, now), "info@samen.example", key=key, now=now)
        rows = deliveries(session, world.sending(app, session))
    assert rows[first.id].reason == "no_legal_basis"
    assert rows[second.id].status is DeliveryStatus.PENDING


def test_two_processes_start_a_campaign_once(both: App) -> None:
    app = both
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.scheduled(app, session)
    results: list[Any] = []
    together = threading.Barrier(4)

    def press() -> None:
        together.wait()
        with app.database.writing() as session:
            results.append(world.start(app, session, session.get_one(Campaign, campaign.id)))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NoneType", "NoneType", "Started"]
    with app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 9


def test_only_what_is_scheduled_and_due_starts(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.scheduled(app, session)
        world.approved(app, session, name="only-approved")
        at = campaign.send_at
        assert at is not None
        assert starting.due(session, at - timedelta(seconds=1)) == []
        assert starting.due(session, at) == [campaign.id]
        assert world.start(app, session, campaign, after=timedelta(seconds=-1)) is None
        assert campaign.status is CampaignStatus.SCHEDULED


def test_campaigns_due_at_the_same_moment_all_start(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        made = [world.scheduled(app, session, name=f"tegelijk-{number}") for number in range(3)]
        assert made[0].send_at is not None
        assert starting.due(session, made[0].send_at) == [campaign.id for campaign in made]


def test_a_campaign_that_is_late_waits_for_a_person(both: App) -> None:
    app = both
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.scheduled(app, session)
        late = timedelta(hours=2, seconds=1)
        paused = world.start(app, session, campaign, after=late)
        session.refresh(campaign)
        assert isinstance(paused, starting.Paused)
        assert (campaign.status, campaign.pause_kind, campaign.frozen_at) == (
            CampaignStatus.PAUSED,
            PauseKind.LATE,
            None,
        )
        assert deliveries(session, campaign) == {}
        assert campaign.send_at is not None
        now = campaign.send_at + late
        with pytest.raises(life.Refusal, match="--accept"):
            life.resume(session, campaign, by="x", now=now)
        life.resume(session, campaign, by="x", now=now, accept=True)
        assert isinstance(world.start(app, session, campaign, after=late), starting.Started)


def test_a_campaign_just_within_the_limit_starts(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.scheduled(app, session)
        assert isinstance(world.start(app, session, campaign, after=timedelta(hours=2)), starting.Started)


def test_a_restored_or_cloned_database_mails_nobody(both: App) -> None:
    app = both
    with app.database.writing() as session:
        fill(app, session)
        under_way = world.sending(app, session, name="under-way")
        campaign = world.scheduled(app, session)
        session.execute(update(Installation).values(instance_id="another"))
        paused = world.start(app, session, campaign)
        assert isinstance(paused, starting.Paused)
        assert paused.kind is PauseKind.OTHER_DATABASE
        assert "outreach db adopt" in paused.reason
        assert deliveries(session, campaign) == {}
        assert starting.pause_foreign(session, app.keys.instance_id, app.now()) == [under_way.id]
        session.refresh(under_way)
        assert under_way.status is CampaignStatus.PAUSED
        session.execute(update(Installation).values(instance_id=app.keys.instance_id))
        assert starting.pause_foreign(session, app.keys.instance_id, app.now()) == []


@pytest.mark.parametrize(("more", "starts"), [(2, True), (3, False)])
def test_an_audience_over_a_fifth_off_the_approved_one_waits_for_a_person(both: App, more: int, starts: bool) -> None:
    app = both
    with app.database.writing() as session:
        fill(app, session, crowd=6)
        campaign = world.scheduled(app, session)
        world.add_crowd(session, more, key=app.suppression_key, now=app.now(), province="10000")
        for contact in session.scalars(select(Contact).order_by(Contact.id.desc()).limit(more)):
            contact.bases[0].withdrawn_at = app.now()
        session.flush()
        result = world.start(app, session, campaign)
        session.refresh(campaign)
        assert isinstance(result, starting.Started if starts else starting.Paused)
        if starts:
            return
        assert campaign.pause_reason == "its audience is 13 contacts now and was 10 when approved: over 20% off"
        assert campaign.frozen_at is None
        assert deliveries(session, campaign) == {}
        life.resume(session, campaign, by="x", now=app.now(), accept=True)
        assert isinstance(world.start(app, session, campaign), starting.Started)


def test_an_audience_that_shrank_waits_too(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=6)
        campaign = world.scheduled(app, session)
        world.add_segment(app.project, "everyone", "tag: niemand\n")  # the approved rule counts, not the file
        assert isinstance(world.start(app, session, campaign), starting.Started)
        other = world.scheduled(app, session, name="other", segment=world.add_segment(app.project, "tagless"))
    with app.database.writing() as session:
        assert other.send_at is not None
        session.execute(update(life.Approval).where(life.Approval.campaign_id == other.id).values(audience_count=20))
        result = world.start(app, session, session.get_one(Campaign, other.id))
        assert isinstance(result, starting.Paused)
        assert result.facts == {"audience": 10, "mailable": 7}


def test_many_who_could_not_be_mailed_at_approval_and_now_can_wait_for_a_person(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session, crowd=2)
        crowd = world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        for contact in crowd:
            contact.bases[0].withdrawn_at = app.now()
        session.flush()
        campaign = world.scheduled(app, session)
        for contact in crowd:
            contact.bases[0].withdrawn_at = None
        session.flush()
        result = world.start(app, session, campaign)
        assert isinstance(result, starting.Paused)
        assert "6 contacts would be mailed now, and 3 when it was approved" in result.reason
        assert cast.ann.address


def test_opt_outs_since_approval_shrink_the_mails_and_stop_nothing(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session, crowd=1)
        campaign = world.scheduled(app, session)
        assert cast.ann.address_hash is not None
        suppress(
            session,
            cast.ann.address_hash,
            reason=SuppressionReason.UNSUBSCRIBED,
            source="page",
            actor="ann",
            now=app.now(),
        )
        assert isinstance(world.start(app, session, campaign), starting.Started)
        assert deliveries(session, campaign)[cast.ann.id].reason == "suppressed"


@pytest.mark.parametrize("how", ["service", "enterprise", "taking"])
def test_services_withdrawn_since_approval_are_left_out(app: App, how: str) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.scheduled(app, session, spotlights=[{"block": "all", "count": 6}])
        gone = session.scalars(select(Service).where(Service.slug.like("dienst-1-%"))).all()
        if how == "service":
            gone[0].withdrawn_at = gone[1].withdrawn_at = app.now()
        elif how == "taking":
            gone[0].taking_customers = gone[1].taking_customers = False
        else:
            session.get_one(Enterprise, gone[0].enterprise_id).withdrawn_at = app.now()
        session.flush()
        assert isinstance(world.start(app, session, campaign), starting.Started)
        shown = set(session.scalars(select(Exposure.service_id)))
    assert len(shown) == 4
    assert shown.isdisjoint({service.id for service in gone})


def test_too_few_services_left_with_fallback_refuse_waits_for_a_person(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        spotlights = [{"block": "all", "count": 6, "fallback": "refuse"}]
        campaign = world.scheduled(app, session, spotlights=spotlights)
        session.scalars(select(Service).limit(1)).one().withdrawn_at = app.now()
        session.flush()
        paused = world.start(app, session, campaign)
        assert isinstance(paused, starting.Paused)
        assert paused.kind is PauseKind.CONTENT
        assert deliveries(session, campaign) == {}
        assert session.scalars(select(Cohort)).all() == []


def provinces(app: App, session: Session, sizes: dict[tuple[str, str], int]) -> None:
    for (province, section), size in sizes.items():
        world.add_crowd(session, size, key=app.suppression_key, now=app.now(), province=province, section=section)


def test_every_mail_is_in_one_cohort_of_its_own_cell_and_shares_its_links(both: App) -> None:
    app = both
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        provinces(app, session, {("40000", "C"): 3, ("40000", "F"): 1, ("40000", "G"): 1, ("10000", "C"): 2})
        campaign = world.sending(app, session)
        cohorts = session.scalars(select(Cohort).order_by(Cohort.number)).all()
        rows = deliveries(session, campaign).values()
        links = session.scalars(select(Link)).all()
    assert [(c.province_nis, c.section_2025, c.company_count, c.contact_count) for c in cohorts] == [
        ("10000", "C", 2, 2),
        ("40000", "C", 4, 4),
        ("40000", None, 2, 2),
    ]
    mailed = [row for row in rows if row.status is DeliveryStatus.PENDING]
    for row in mailed:
        cohort = next(cohort for cohort in cohorts if cohort.id == row.cohort_id)
        assert [row.province_nis, row.section_2025] in cohort.cells
    assert all(row.cohort_id is None for row in rows if row.status is DeliveryStatus.SKIPPED)
    assert Counter(link.cohort_id for link in links) == {cohort.id: 3 for cohort in cohorts}
    assert len({link.code for link in links}) == len(links)


def test_where_even_the_whole_is_too_small_links_carry_the_campaign_only(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        campaign = world.sending(app, session)
        links = session.scalars(select(Link)).all()
        cohort = session.scalars(select(Cohort)).one()
    assert cohort.company_count == 1
    assert {link.cohort_id for link in links} == {None}
    assert {link.campaign_id for link in links} == {campaign.id}


def test_the_province_is_that_of_the_contacts_establishment_else_of_the_seat(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        company = world.add_company(session, app.now(), province="10000")
        gent = world.add_establishment(session, company, "40000")
        key, now = app.suppression_key, app.now()
        there = world.add_contact(session, company, "gent@b.example", key=key, now=now, establishment_id=gent.id)
        seat = world.add_contact(session, company, "info@b.example", key=key, now=now)
        rows = deliveries(session, world.sending(app, session))
    assert (rows[there.id].province_nis, rows[seat.id].province_nis) == ("40000", "10000")


def test_links_lead_where_the_author_wrote_and_to_our_own_service_pages(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        world.sending(app, session)
        links = session.scalars(select(Link).order_by(Link.id)).all()
    targets = {link.target for link in links}
    assert "https://federatie.example/over?a=1&b=2#x" in targets
    assert all(link.target.startswith("http://news.example/diensten/dienst-") for link in links if link.service_id)


def test_enterprises_with_equal_fit_get_equal_exposure_over_time(app: App) -> None:
    app = replace(app, settings=app.settings.model_copy(update={"frequency": FrequencySettings(max=0)}))
    with app.database.writing() as session:
        world.add_catalogue(session, app.now(), enterprises=4, services=1)
        provinces(app, session, {(province, section): 2 for province in world.FLEMISH for section in "ACFG"})
        for number in range(3):
            campaign = world.scheduled(app, session, name=f"ronde-{number}", spotlights=[{"block": "a", "count": 1}])
            world.start(app, session, campaign)
            session.execute(
                update(Delivery)
                .where(Delivery.campaign_id == campaign.id)
                .values(status=DeliveryStatus.SENT, sent_at=app.now())
            )
            shown = exposures_so_far(session)
            assert max(shown.values()) - min(shown.values()) <= 2
        assert sum(shown.values()) == 3 * 40


def test_what_was_previewed_is_what_is_sent(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session)
        provinces(app, session, {("10000", "F"): 3})
        campaign = world.scheduled(app, session)
        sources = app.sources
        before = previewing.preview(session, campaign, sources=sources, now=app.now(), contact_id=cast.ann.id)
        world.start(app, session, campaign)
        session.refresh(campaign)
        after = previewing.preview(session, campaign, sources=sources, now=app.now(), contact_id=cast.ann.id)
    assert before.rendered == after.rendered
    assert before.cells == after.cells


def test_the_frequency_cap_is_counted_for_the_time_of_sending(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session, crowd=0)
        for name in ("een", "twee"):
            campaign = world.sending(app, session, name=name)
            session.execute(
                update(Delivery)
                .where(Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.PENDING)
                .values(status=DeliveryStatus.SENT, sent_at=campaign.frozen_at, status_at=campaign.frozen_at)
            )
        soon = world.draft(app, session, name="soon", send_at="2026-12-02 10:00")
        later = world.draft(app, session, name="later", send_at="2027-01-15 10:00")
        sources = app.sources
        capped, free = (checking.examine(session, c, sources=sources, now=app.now()) for c in (soon, later))
        assert "none of the 4 contacts of the segment may be mailed" in str(capped.reasons[0])
        assert free.reasons == ()
        assert free.audience is not None
        assert free.audience.mailable == 1
        assert cast.ann.address


def test_a_campaign_does_not_touch_the_audience_of_another(app: App) -> None:
    """Excluding someone from campaign A removes them from B."""
    with app.database.writing() as session:
        cast = fill(app, session)
        first = world.sending(app, session, name="first")
        second = world.sending(app, session, name="second")
        life.cancel(session, first, by="x", now=app.now())
        row = deliveries(session, second)[cast.ann.id]
        assert row.status is DeliveryStatus.PENDING
        assert deliveries(session, first)[cast.ann.id].status is DeliveryStatus.CANCELLED
