"""What the delivery tests share: certificates of our own, and a project that sends to a relay of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import world
from certificates import Authority, make_authority

from outreach.app import App
from outreach.models import Campaign
from outreach.settings import RelaySettings


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls") / "ours")


def with_relay(app: App, **relay: object) -> App:
    """Return the app with other settings of the relay."""
    settings = app.settings.model_copy(update={"relay": RelaySettings.model_validate({"timeout": 20, **relay})})
    return replace(app, settings=settings)


@pytest.fixture
def campaign(both: App, clock: Callable[[], datetime]) -> Campaign:
    """A campaign whose audience is frozen: the cast and eight others; Ann and the eight are to be mailed."""
    return make_campaign(both, clock)


def make_campaign(app: App, clock: object, crowd: int = 8, **changes: object) -> Campaign:
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, crowd, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
        campaign = world.sending(app, session, **changes)
    assert campaign.send_at is not None
    clock.at = campaign.send_at + timedelta(seconds=30)  # type: ignore[attr-defined]
    return campaign
