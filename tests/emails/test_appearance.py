"""What a browser makes of the mails: contrast, size of touch targets, no sideways scrolling on a small phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from outreach.emails import templates
from outreach.emails.rendering import render

pytestmark = pytest.mark.chromium

LOOK = """() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => rgb(c).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0.99) return getComputedStyle(e).backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [], small = [], low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(style.color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) pale.push([walker.currentNode.data.trim(), style.color, ground(e)]);
    if (parseFloat(style.fontSize) < 14) small.push(walker.currentNode.data.trim());
  }
  for (const a of document.querySelectorAll("a")) {
    const alone = a.parentElement.textContent.trim() === a.textContent.trim();
    const inText = getComputedStyle(a).display === "inline" && !alone;
    if (!inText && !a.querySelector("img") && a.getBoundingClientRect().height < 44) low.push(a.textContent.trim());
  }
  return {pale, small, low, width: document.documentElement.scrollWidth};
}"""


@pytest.mark.parametrize("name", ["invitation", "letter", "monthly", "spotlight", "story"])
@pytest.mark.parametrize("width", [360, 640])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mail_can_be_read_and_touched_by_everybody(
    running_chromium: Browser, folder, model, ann, name, width, scheme
):
    long = replace(model.blocks[0].spotlights[0], service="Elektromontageonderaannemingswerkzaamheden op maat")
    model = replace(model, blocks=(*model.blocks, replace(model.blocks[0], spotlights=(long,))))
    page = running_chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.route("https://**", lambda route: route.abort())
    page.set_content(render(templates.load(folder, name), model, ann).html)
    seen = page.evaluate(LOOK)
    page.close()
    assert seen["pale"] == []
    assert seen["small"] == []
    assert seen["low"] == []
    assert seen["width"] <= width
