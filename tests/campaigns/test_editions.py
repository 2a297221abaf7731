"""The newsletters that anybody may read: of no cohort, of nobody, and only what the team put there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import world
from conftest import Ran
from sqlalchemy import select

from outreach.app import App
from outreach.campaigns import editions
from outreach.errors import Refusal
from outreach.models import Campaign, CampaignStatus, Cohort, Link


def sent(app: App, **changes: object) -> str:
    """Send a campaign to a crowd in two provinces; return its name."""
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        campaign = world.sending(app, session, **changes)
        campaign.status = CampaignStatus.SENT
        return campaign.name


def test_only_a_campaign_whose_file_says_so_can_be_read_by_everybody(both: App) -> None:
    name = sent(both)
    with both.database.reading() as session:
        assert editions.listed(session) == []
        assert editions.read(session, name, links=both.links) is None


def test_the_public_version_names_no_person_no_group_and_no_link_of_a_group(both: App) -> None:
    name = sent(both, archive=True)
    with both.database.reading() as session:
        html = editions.read(session, name, links=both.links)
        assert html is not None
        of_groups = set(session.scalars(select(Link.code).where(Link.cohort_id.is_not(None))))
        rows = session.execute(select(Link.code, Link.cohort_id, Link.campaign_id).where(Link.cohort_id.is_(None)))
        public = {row.code: row for row in rows}
        cohorts = set(session.scalars(select(Cohort.code)))
    codes = set(re.findall(r"/l/([a-z0-9]+)", html))
    assert codes
    assert codes <= public.keys()
    assert not codes & of_groups
    for code in cohorts:
        assert code not in html
    for secret in ("/u/", "/voorkeuren/", "Ann", "ann@", "past bij uw sector", "uw provincie", "Oost-Vlaanderen"):
        assert secret not in html, secret


def test_it_shows_as_many_services_as_the_mail_though_nobodys_province_can_be_met(app: App) -> None:
    block = [{"block": "buurt", "title": "Bij u in de buurt", "count": 2, "fallback": "fewer"}]
    name = sent(app, archive=True, spotlights=block)
    with app.database.reading() as session:
        html = editions.read(session, name, links=app.links) or ""
        found = session.scalars(select(Link.service_id).where(Link.cohort_id.is_(None), Link.service_id.is_not(None)))
        assert len(set(found)) == 2
    assert len(set(re.findall(r"/l/([a-z0-9]+)", html))) >= 2


def test_what_is_not_sent_or_is_a_simulation_is_in_no_archive(app: App) -> None:
    name = sent(app, archive=True)
    for status, simulated, shown in (
        (CampaignStatus.SENDING, False, 0),
        (CampaignStatus.CANCELLED, False, 0),
        (CampaignStatus.SENT, True, 0),
        (CampaignStatus.SENT, False, 1),
    ):
        with app.database.writing() as session:
            campaign = session.scalars(select(Campaign).where(Campaign.name == name)).one()
            campaign.status, campaign.simulated = status, simulated
        with app.database.reading() as session:
            assert len(editions.listed(session)) == shown
            assert (editions.read(session, name, links=app.links) is not None) == bool(shown)


def test_a_newsletter_is_published_later_withdrawn_and_published_again_under_its_id(app: App) -> None:
    name = sent(app)
    with app.database.writing() as session:
        assert editions.publish(session, name, links=app.links, now=app.now())
        assert not editions.publish(session, name, links=app.links, now=app.now())
        (card,) = editions.listed(session)
        assert editions.withdraw(session, name, now=app.now())
        assert not editions.withdraw(session, name, now=app.now())
        assert editions.listed(session) == []
        assert editions.publish(session, name, links=app.links, now=app.now())
        assert editions.listed(session) == [card]


def test_a_draft_can_not_be_published(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        draft = world.draft(app, session)
        with pytest.raises(Refusal, match="only what was sent"):
            editions.publish(session, draft.name, links=app.links, now=app.now())


def test_the_commands_list_publish_and_withdraw(app: App, cli: Callable[..., Ran]) -> None:
    name = sent(app)
    assert "none yet" in cli("archive", "list").out
    assert app.links.edition(name) in cli("archive", "publish", name).out
    assert name in cli("archive", "list", "--json").out
    assert "no longer" in cli("archive", "withdraw", name).out
    assert cli("archive", "publish", "nergens").code == 1
