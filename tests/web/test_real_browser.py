"""What a real browser sends when a link is pressed, and when it only looks ahead: the signs that verdicts rest on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from outreach.app import App
from outreach.models import Hit, HitKind
from tests.web.conftest import CODES, World

pytestmark = pytest.mark.chromium
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize("agent", [AGENT, None])
def test_a_click_in_a_real_browser_is_a_persons_unless_it_says_it_has_no_window(
    app: App, site: str, world: World, running_chromium: Browser, agent: str | None
) -> None:
    with running_chromium.new_context(user_agent=agent, locale="nl-BE") as browser:
        page = browser.new_page()
        page.goto(site)
        page.evaluate("code => { location.href = '/l/' + code }", CODES[0])
        page.wait_for_url("**/diensten/groenonderhoud?c=*")
    with app.database.reading() as session:
        (hit,) = session.scalars(select(Hit)).all()
    assert hit.signs == ""
    assert (hit.kind, hit.reasons) == ((HitKind.HUMAN, "") if agent else (HitKind.SCANNER, "crawler"))
    assert hit.source is not None
