"""The freeze: who is in, who isn't and why, in which cohort, and what pauses it."""

from __future__ import annotations

import world
from sqlalchemy import select

from outreach.app import App
from outreach.models import CampaignStatus, Delivery, DeliveryStatus


def test_only_ann_is_mailed_and_the_others_have_their_reason(both: App) -> None:
    app = both
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        cast = world.add_cast(session, key=app.suppression_key, now=app.now())
        campaign = world.sending(app, session)
        rows = {row.contact_id: row for row in session.scalars(select(Delivery))}
    assert campaign.status is CampaignStatus.SENDING
    assert rows[cast.ann.id].status is DeliveryStatus.PENDING
    assert rows[cast.bob.id].reason == "suppressed"
    assert rows[cast.cleo.id].reason == "suppressed"
    assert rows[cast.dan.id].reason == "no_legal_basis"
    assert campaign.frozen_count == 4
