"""The archive as visitors and feed readers see it, of a campaign that was really made, approved and started."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree as Tree

from fastapi.testclient import TestClient

from outreach.app import App
from outreach.campaigns import editions
from outreach.models import CampaignStatus
from outreach.web.site import create_site
from tests import world as worlds

ATOM = "{http://www.w3.org/2005/Atom}"


def test_a_newsletter_for_everybody_is_listed_shown_and_fed(app: App) -> None:
    with app.database.writing() as session:
        worlds.add_catalogue(session, app.now())
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_crowd(session, 3, key=app.suppression_key, now=app.now())
        campaign = worlds.sending(app, session, archive=True, title="Groen & <zuinig>", preheader="Drie diensten.")
        campaign.status = CampaignStatus.SENT
        name = campaign.name
    with TestClient(create_site(app), base_url="http://news.example") as browser:
        listed = browser.get("/nieuwsbrieven").text
        assert f'href="/nieuwsbrieven/{name}"' in listed
        assert "Groen &amp; &lt;zuinig&gt;" in listed
        page = browser.get(f"/nieuwsbrieven/{name}")
        assert page.status_code == 200
        assert "sandbox" in page.headers["content-security-policy"]
        assert "x-robots-tag" not in page.headers
        pictures = set(re.findall(r'<(?:img|link)[^>]*(?:src|href)="http://news\.example(/[^"]+)"', page.text))
        for picture in {"/favicon.ico", *pictures}:
            policy = browser.get(picture).headers["cross-origin-resource-policy"]
            assert policy == "cross-origin", f"{picture} is blocked in the sandbox and in every webmail"
        assert page.headers["link"] == f'<http://news.example/nieuwsbrieven/{name}>; rel="canonical"'
        assert browser.get(f"/nieuwsbrieven/{name}", headers={"if-none-match": page.headers["etag"]}).status_code == 304
        feed = Tree.fromstring(browser.get("/nieuwsbrieven.atom").content)
        (entry,) = feed.findall(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}title") == "Groen & <zuinig>"
        assert entry.findtext(f"{ATOM}summary") == "Drie diensten."
        before = entry.findtext(f"{ATOM}id") or ""
        assert before.startswith("urn:uuid:")
        assert f"http://news.example/nieuwsbrieven/{name}" in browser.get("/sitemap.xml").text
        with app.database.writing() as session:
            editions.withdraw(session, name, now=app.now())
        assert browser.get(f"/nieuwsbrieven/{name}").status_code == 404
        assert name not in browser.get("/nieuwsbrieven.atom").text
        with app.database.writing() as session:
            editions.publish(session, name, links=app.links, now=app.now() + timedelta(days=1))
        (entry,) = Tree.fromstring(browser.get("/nieuwsbrieven.atom").content).findall(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}id") == before, "a reader must not show it twice"
