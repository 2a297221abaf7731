"""What real messages contain works on the real site, over real HTTP: links, opting out, the browser version."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

import httpx2
import pytest
from sqlalchemy import select

from outreach.app import App
from outreach.campaigns import mailing
from outreach.campaigns import recipients as recipients_of
from outreach.models import Delivery, DeliveryStatus, Hit, Suppression
from tests import world as worlds
from tests.web.conftest import BROWSER


@pytest.fixture
def mails(app: App, site: str) -> list[EmailMessage]:
    """The messages of a campaign to a small crowd, as they would go on the wire."""
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        campaign = worlds.sending(app, session)
        made = mailing.load(session, campaign.id, settings=app.settings, links=app.links)
        pending = session.scalars(select(Delivery.id).where(Delivery.status == DeliveryStatus.PENDING)).all()
        recipients = recipients_of.recipients(session, pending)
    return [message_from_bytes(made.message(one), policy=policy.default) for one in recipients]  # type: ignore[misc]


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_the_one_click_address_of_a_real_message_opts_out_that_recipient_only(
    app: App, mails: list[EmailMessage]
) -> None:
    address = str(mails[0]["List-Unsubscribe"]).strip("<>")
    assert address != str(mails[1]["List-Unsubscribe"]).strip("<>")
    assert httpx2.get(address).status_code == 200
    assert httpx2.head(address).status_code == 200
    with app.database.reading() as session:
        before = set(session.scalars(select(Suppression.address_hash)))
    answer = httpx2.post(address, files={"List-Unsubscribe": (None, "One-Click")}, headers={"User-Agent": ""})
    assert answer.status_code == 200
    with app.database.reading() as session:
        after = set(session.scalars(select(Suppression.address_hash)))
        name = str(mails[0]["To"]).split("@")[0].strip("<")
        hashes = {row.address_hash for row in session.scalars(select(Delivery)) if row.address_hash in after - before}
    assert len(hashes) == 1, name


def test_every_tracked_link_of_a_real_message_leads_where_the_author_said(app: App, mails: list[EmailMessage]) -> None:
    links = set(re.findall(r'href="(http://127[^"]+/l/\w+)"', html_of(mails[0])))
    assert len(links) >= 3
    targets = {httpx2.get(link, headers={"User-Agent": BROWSER}).headers["location"] for link in links}
    assert "https://federatie.example/over?a=1&b=2#x" in targets
    services = [target for target in targets if "/diensten/" in target]
    assert services
    for target in services:
        page = httpx2.get(target)
        assert page.status_code == 200
        code = target.partition("?c=")[2]
        assert f'name="c" value="{code}"' in page.text
    with app.database.reading() as session:
        assert len(session.scalars(select(Hit)).all()) == len(links)


def test_the_newsletter_in_the_browser_holds_nothing_of_a_person(app: App, mails: list[EmailMessage]) -> None:
    found = re.search(r'href="([^"]+/n/\w+)"', html_of(mails[0]))
    assert found is not None
    page = httpx2.get(found[1])
    assert page.status_code == 200
    assert "/u/" not in page.text
    assert "/voorkeuren/" not in page.text
    assert "@bedrijf" not in page.text
    for name in ("Ann", "Bob", "Cleo", "Dan"):
        assert f"Beste {name}" not in page.text
    policy_text = page.headers["content-security-policy"]
    assert "sandbox" in policy_text
    assert "script-src" not in policy_text
    assert "noindex" in page.headers["x-robots-tag"]


def test_a_preview_or_test_mails_opt_out_opts_nobody_out(app: App, site: str) -> None:
    from outreach.links import NO_ADDRESS, NOBODY

    assert httpx2.post(app.links.opt_out(NOBODY, NO_ADDRESS), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with app.database.reading() as session:
        assert session.scalars(select(Suppression)).all() == []
