"""The notice of a lead in a real browser, on a phone and a desktop, light and dark."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from outreach.app import App
from outreach.belgium.numbers import format_enterprise_number, make_enterprise_number
from outreach.leads import receiving
from outreach.leads.receiving import LeadForm
from outreach.models import OutboxMail
from tests.conftest import NOW
from tests.leads.world import World

DIGITS = make_enterprise_number(19_980_126)
NUMBER, EMAIL = format_enterprise_number(DIGITS), "sofie.vandorzo@bakkerij-dorzo.example"
PHONE = "+32 9 000 00 00"
# How many lines a text takes: the rectangles of a range over it that differ in height on the page.
LINES = """(text) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.textContent.indexOf(text);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + text.length);
    return new Set([...range.getClientRects()].map((one) => Math.round(one.top))).size;
  }
  return 0;
}"""


def notice(app: App) -> str:
    """Return the HTML of the mail that tells an enterprise of a lead."""
    with app.database.writing() as session:
        w = World(session, app.suppression_key)
        service = w.service(w.enterprise())
        form = LeadForm("Bakkerij Dorzo", service.id, enterprise_number=DIGITS, email=EMAIL, phone=PHONE)
        receiving.receive(
            session, form, code=None, links=app.links, settings=app.settings, now=NOW,
            suppression_key=app.suppression_key,
        )  # fmt: skip
        message = message_from_bytes(session.scalars(select(OutboxMail.message)).one(), policy=policy.default)
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_number_or_address_of_a_notice_is_broken(
    app: App, running_chromium: Browser, width: int, scheme: str
) -> None:
    html = notice(app)
    screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with running_chromium.new_page(**screen) as page:  # type: ignore[arg-type]
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for text in (NUMBER, EMAIL, PHONE):
            assert page.evaluate(LINES, text) == 1, text
        label, value = page.locator(".label").first.bounding_box(), page.locator(".value").first.bounding_box()
        assert label is not None
        assert value is not None
        assert (value["y"] > label["y"]) == (width == 360)
