"""Every fault that docs/faults.md names has its test; two that belong to no one part have it here."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path

import world
from conftest import ROOT
from sqlalchemy import select

from outreach.app import App
from outreach.campaigns import mailing
from outreach.campaigns import recipients as recipients_of
from outreach.models import Contact, Delivery, DeliveryStatus


def test_every_fault_has_its_test() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "faults.md").read_text()))
    written: set[str] = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        written |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.M))
    assert named - written == set()
    assert len(named) > 30


def test_no_pixel_is_added(app: App) -> None:
    """Every picture of a mail is a service's own, as large as a person sees it; none has a recipient in its address."""
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        campaign = world.sending(app, session)
        pending = select(Delivery.id).where(
            Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.PENDING
        )
        made = mailing.load(session, campaign.id, settings=app.settings, links=app.links)
        recipients = recipients_of.recipients(session, list(session.scalars(pending)))
    pictures = set()
    for recipient in recipients:
        part = message_from_bytes(made.message(recipient), policy=policy.default).get_body(("html",))  # type: ignore[attr-defined]
        html = part.get_content()
        pictures.add(tuple(re.findall(r'(?:<img[^>]*\ssrc|background)="([^"]*)"', html)))
        assert not re.search(r'<img[^>]*\s(?:width|height)="[01]"', html)
        assert not re.search(r"url\(", html)
    assert len(recipients) > 1
    assert len(pictures) == 1, "the pictures of a mail differ between recipients of one cohort"


def test_excluding_someone_from_one_campaign_does_not_remove_them_from_another(app: App, project: Path) -> None:
    world.add_segment(project, "no-offices", "not:\n  kind: role\n")
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        cast = world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        cast.ann.kind = "role"
        session.flush()
        first = world.sending(app, session, name="eerste", segment="no-offices")
        second = world.sending(app, session, name="tweede")

        def mailed(campaign_id: int) -> set[int]:
            rows = select(Delivery.contact_id).join(Contact).where(Delivery.campaign_id == campaign_id)
            return set(session.scalars(rows.where(Delivery.status == DeliveryStatus.PENDING)))

        assert cast.ann.id not in mailed(first.id)
        assert cast.ann.id in mailed(second.id)
