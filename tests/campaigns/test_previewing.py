"""Previews: for any contact or cohort, before and after the freeze, and counting nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import world
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import previewing
from outreach.campaigns.previewing import Preview
from outreach.errors import NotFound
from outreach.links import NO_ADDRESS, NOBODY
from outreach.models import Campaign, Cohort, Delivery, Link


@pytest.fixture
def session(both: App) -> Iterator[Session]:
    with both.database.writing() as session:
        catalogue = world.add_catalogue(session, both.now(), enterprises=1, services=1)
        enterprise = catalogue[0].enterprise
        world.add_service(session, enterprise, "alleen-limburg", both.now(), provinces=("70000",))
        world.add_service(session, enterprise, "alleen-gent", both.now(), provinces=("40000",))
        world.add_crowd(session, 3, key=both.suppression_key, now=both.now(), province="70000")
        world.add_crowd(session, 2, key=both.suppression_key, now=both.now(), province="40000")
        yield session


def preview(app: App, session: Session, campaign: Campaign, **whom: int) -> Preview:
    return previewing.preview(session, campaign, sources=app.sources, now=app.now(), **whom)


FEWER = [{"block": "a", "count": 2, "fallback": "fewer"}]


def test_a_contact_sees_what_the_cohort_it_would_fall_in_gets(both: App, session: Session) -> None:
    campaign = world.draft(both, session, spotlights=FEWER)
    company = world.add_company(session, both.now(), province="70000")
    contact = world.add_contact(session, company, "an@l.example", key=both.suppression_key, now=both.now())
    shown = preview(both, session, campaign, contact_id=contact.id)
    assert shown.cells == (("70000", "C"),)
    assert "Alleen limburg" in shown.rendered.html
    assert "Alleen gent" not in shown.rendered.html
    assert shown.refusal is None


def test_a_contact_of_a_cell_that_nobody_is_mailed_in_sees_a_mail_too(both: App, session: Session) -> None:
    campaign = world.draft(both, session, spotlights=FEWER)
    company = world.add_company(session, both.now(), province="30000")
    contact = world.add_contact(session, company, "x@w.example", key=both.suppression_key, now=both.now(), basis=None)
    shown = preview(both, session, campaign, contact_id=contact.id)
    assert shown.refusal == "no_legal_basis"
    assert "Dienst 1 1" in shown.rendered.html


def test_cohorts_are_numbered_as_the_freeze_numbers_them(both: App, session: Session) -> None:
    campaign = world.scheduled(both, session, spotlights=FEWER)
    before = [preview(both, session, campaign, cohort=number).rendered for number in (1, 2)]
    world.start(both, session, campaign)
    session.refresh(campaign)
    assert [preview(both, session, campaign, cohort=number).rendered for number in (1, 2)] == before
    assert session.scalar(select(func.count()).select_from(Cohort)) == 2
    largest = preview(both, session, campaign)
    assert largest.cells == (("70000", "C"),)


def test_a_preview_carries_no_tracked_link_and_no_live_opt_out(both: App, session: Session) -> None:
    campaign = world.sending(both, session)
    row = session.scalars(select(Delivery).limit(1)).one()
    html = preview(both, session, campaign, contact_id=row.contact_id).rendered.html
    assert session.scalar(select(func.count()).select_from(Link))
    assert "/l/" not in html
    assert both.links.opt_out(row.id, row.address_hash or b"") not in html
    assert both.links.opt_out(NOBODY, NO_ADDRESS) in html


def test_an_approved_campaign_is_previewed_as_it_was_approved(both: App, session: Session) -> None:
    campaign = world.approved(both, session)
    before = preview(both, session, campaign).rendered
    body = both.templates / "monthly" / "body.txt"
    body.write_text(body.read_text() + "\nANDERS\n")
    assert preview(both, session, campaign).rendered == before


def test_a_contact_that_is_not_there_is_a_refusal(both: App, session: Session) -> None:
    with pytest.raises(NotFound, match="no contact with id 999"):
        preview(both, session, world.draft(both, session), contact_id=999)


def test_a_cohort_that_is_not_there_is_a_refusal_also_after_the_freeze(both: App, session: Session) -> None:
    campaign = world.sending(both, session)
    with pytest.raises(NotFound, match="has no cohort 7"):
        preview(both, session, campaign, cohort=7)
