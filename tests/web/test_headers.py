"""What every answer carries, on every route there is: a new page is in these tests without being named."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as Tree

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from outreach.app import App
from outreach.web.guard import PUBLIC, PUBLIC_FOLDERS, is_public
from outreach.web.site import PUBLIC as MODULES
from outreach.web.site import STAFF, create_site
from tests.web.conftest import CODES, World

ROUTES = sorted(
    {(prefix + route.path, method) for prefix, modules in (("", MODULES), ("/staff", STAFF)) for module in modules
     for route in module.router.routes if isinstance(route, APIRoute) for method in route.methods}
)  # fmt: skip
KNOWN = ("/", "/diensten", "/diensten/groenonderhoud", "/bedrijven/de-groene-hand", "/nieuwsbrieven", "/privacy",
         "/toegankelijkheid")  # fmt: skip


def addresses(path: str) -> Iterator[str]:
    """Yield a known and an unknown address of a route."""
    for value in ("groenonderhoud", "onbekend"):
        yield re.sub(r"\{[^}]+\}", value, path)


def assert_protected(path: str, headers: dict[str, str]) -> None:
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; "), path
    assert "base-uri 'none'" in policy
    assert "frame-ancestors " in policy
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy or "sandbox " in policy, "only a mail in its sandbox has styles of its own"
    assert "script-src" not in policy or path.startswith("/staff"), "no public page has a script"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")


@pytest.mark.parametrize(("path", "method"), ROUTES, ids=lambda value: str(value))
def test_every_route_protects_its_answers(browser: TestClient, path: str, method: str) -> None:
    for address in addresses(path):
        answer = browser.request(method, address)
        assert answer.status_code < 500
        assert_protected(address, dict(answer.headers))
        assert "set-cookie" not in answer.headers or path.startswith("/staff"), "visitors get no cookie"
        if answer.status_code >= 400 or not is_public(address):
            assert answer.headers["cache-control"].startswith(("no-store", "public")), address
            assert "noindex" in answer.headers["x-robots-tag"] or address == "/healthz", address


@pytest.mark.parametrize(
    ("path", "method"), [pair for pair in ROUTES if pair[1] == "GET"], ids=lambda value: str(value)
)
def test_what_is_not_named_as_public_is_never_compressed(browser: TestClient, path: str, method: str) -> None:
    for address in addresses(path):
        answer = browser.get(address, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers or is_public(address), address


def test_public_addresses_are_as_short_a_list_as_can_be() -> None:
    for personal in ("/u/x", "/lead/x", "/l/x", "/n/x", "/staff", "/staff/login", "/voorkeuren/x", "/iets-nieuws"):
        assert not is_public(personal), personal
    assert all(folder.startswith("/") and folder.endswith("/") for folder in PUBLIC_FOLDERS)
    assert "/" in PUBLIC


def test_an_error_of_ours_and_a_method_that_is_not_there_are_protected_too(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outreach.web.public import services

    monkeypatch.setattr(services, "per_category", lambda found: 1 / 0)
    with TestClient(create_site(app), raise_server_exceptions=False) as client:
        for method, path, status in (("GET", "/", 500), ("DELETE", "/diensten", 405), ("TRACE", "/privacy", 405)):
            answer = client.request(method, path)
            assert answer.status_code == status
            assert_protected(path, dict(answer.headers))
            assert answer.headers["cache-control"] == "no-store"
            assert 'lang="nl"' in answer.text
        assert "GET" in client.delete("/diensten").headers["allow"]


def test_a_database_that_is_away_is_told_with_503_and_a_time_to_come_back(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from outreach.web.public import services

    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    monkeypatch.setattr(services, "search", lambda *_, **__: away())
    answer = browser.get("/diensten")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "zo terug" in answer.text
    assert "SELECT" not in answer.text


def test_https_is_asked_for_where_the_site_has_it(app: App, world: World) -> None:
    secure = app.settings.site.model_copy(update={"url": "https://news.example"})
    object.__setattr__(app, "settings", app.settings.model_copy(update={"site": secure}))
    with TestClient(create_site(app)) as client:
        assert client.get("/").headers["strict-transport-security"] == "max-age=31536000"


# ---- What browsers keep.


@pytest.mark.parametrize("path", ["/", "/diensten", "/bedrijven/de-groene-hand", "/privacy", "/nieuwsbrieven",
                                  "/nieuwsbrieven.atom", "/sitemap.xml"])  # fmt: skip
def test_what_has_not_changed_is_not_sent_again(browser: TestClient, path: str) -> None:
    first = browser.get(path, headers={"accept-encoding": "identity"})
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, no-cache"
    for asked in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        again = browser.get(path, headers={"if-none-match": asked})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert_protected(path, dict(again.headers))
    assert browser.get(path, headers={"if-none-match": '"anders"'}).status_code == 200


def test_text_is_compressed_and_says_the_same(browser: TestClient) -> None:
    with browser.stream("GET", "/diensten", headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
    plain = browser.get("/diensten", headers={"accept-encoding": "identity"}).content
    assert gzip.decompress(raw) == plain
    assert len(raw) < len(plain) / 2


def test_files_of_our_own_are_kept_for_ever_under_an_address_that_changes_with_them(browser: TestClient) -> None:
    page = browser.get("/").text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(files) >= 3
    for file in files:
        answer = browser.get(file)
        assert "immutable" in answer.headers["cache-control"], file
        assert browser.get(file, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert "immutable" not in browser.get("/static/site.css").headers["cache-control"]


def test_pictures_come_in_modern_formats_and_several_widths(browser: TestClient) -> None:
    page = browser.get("/diensten/groenonderhoud").text
    sources = re.findall(r'<source type="(image/\w+)" srcset="([^"]+)"', page)
    assert [kind for kind, _ in sources] == ["image/avif", "image/webp"]
    assert re.search(r'<img class="figure"[^>]* alt="Een tuin" width="64" height="36"', page)
    for kind, widths in sources:
        for part in widths.split(", "):
            answer = browser.get(part.split(" ")[0])
            assert answer.headers["content-type"] == kind
            assert "immutable" in answer.headers["cache-control"]
    address = sources[0][1].split(" ")[0]
    assert browser.get(address.replace("-64.", "-65.")).status_code == 404
    older = re.sub(r"/[0-9a-f]{16}-", "/" + "0" * 16 + "-", address)
    assert browser.get(older).headers["cache-control"] == "public, max-age=3600"


# ---- What search engines see.


def test_search_engines_see_the_catalogue_and_no_personal_page(browser: TestClient, app: App, world: World) -> None:
    for path in KNOWN:
        answer = browser.get(path, params={"c": CODES[0]} if "/bedrijven/" in path else {})
        assert "x-robots-tag" not in answer.headers, path
        assert f'<link rel="canonical" href="http://news.example{path}">' in answer.text
        assert f'property="og:url" content="http://news.example{path}"' in answer.text
    personal = (app.links.opt_out(world.ann, bytes(16)), app.links.lead(1, bytes(16)), "http://news.example/diensten/groenonderhoud/bedankt",
                "http://news.example/diensten?zoek=groen", "http://news.example/staff/login")  # fmt: skip
    for address in personal:
        answer = browser.get(address.removeprefix("http://news.example"))
        assert "noindex" in answer.headers["x-robots-tag"], address
        assert 'rel="canonical"' not in answer.text


def test_the_sitemap_names_what_is_there_and_nothing_else(browser: TestClient) -> None:
    answer = browser.get("/sitemap.xml")
    places = [each.text or "" for each in Tree.fromstring(answer.content).findall(".//{*}loc")]
    assert "http://news.example/diensten/groenonderhoud" in places
    assert "http://news.example/diensten/vroeger" not in places
    assert len(places) == len(set(places))
    for place in places:
        page = browser.get(place.removeprefix("http://news.example"))
        assert page.status_code == 200, place
        assert "x-robots-tag" not in page.headers, place
    assert "Sitemap: http://news.example/sitemap.xml" in browser.get("/robots.txt").text


def test_structured_data_says_what_the_page_says_and_opens_no_script(browser: TestClient, app: App) -> None:
    found = {}
    for path in KNOWN:
        for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', browser.get(path).text, re.S):
            assert "<" not in block
            facts = json.loads(block)
            found[facts["@type"]] = facts
        assert "<script>" not in browser.get(path).text
    assert found["Service"]["name"] == "Groenonderhoud"
    assert found["Service"]["provider"]["name"] == "De Groene Hand"
    assert found["Organization"]["address"]["addressLocality"] == "Gent"
    assert "post@groenehand.example" not in json.dumps(found), "where leads go is shown to nobody"
    assert {"WebSite", "Service", "Organization", "BreadcrumbList"} <= found.keys()
    assert "\\u003cb\\u003e" in browser.get("/bedrijven/pakwerk").text


# ---- What every page is made of.


class _Look(HTMLParser):
    """Looks at tags as they stand in the file, before any browser mends them."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "hr", "source", "col", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.faults: list[str] = []
        self.headings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        values = dict(attrs)
        if len(names) != len(set(names)):
            self.faults.append(f"an attribute twice: {self.get_starttag_text()}")
        self.faults += [f"{name} in {tag}" for name in names if name == "style" or name.startswith("on")]
        if values.get("href", "x") in ("", "#") or (values.get("href") or "").lower().startswith("javascript:"):
            self.faults.append(f"href: {self.get_starttag_text()}")
        if tag == "script" and values.get("type") != "application/ld+json":
            self.faults.append("a script")
        if "id" in values:
            self.ids.append(values["id"] or "")
        self.headings += tag == "h1"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else at {self.getpos()}")


@pytest.mark.parametrize(
    "path", [*KNOWN, "/diensten?zoek=niets", "/diensten/verpakken", "/nergens", "/bedrijven/pakwerk"]
)
def test_pages_are_well_formed_and_need_no_script(browser: TestClient, path: str) -> None:
    text = browser.get(path).text
    look = _Look()
    look.feed(text)
    assert look.faults == []
    assert look.open == []
    assert look.headings == 1
    assert len(look.ids) == len(set(look.ids))
    assert text.startswith("<!doctype html>\n")
    for target in re.findall(r'(?:aria-describedby|aria-labelledby|for)="([^"]+)"', text):
        assert set(target.split()) <= set(look.ids), target
    for name in re.findall(r'href="#([^"]+)"', text):
        assert name in look.ids


# ---- The archive and its feed.


def test_the_feed_is_atom_and_found_from_every_page(browser: TestClient) -> None:
    assert 'type="application/atom+xml" href="/nieuwsbrieven.atom"' in browser.get("/").text
    answer = browser.get("/nieuwsbrieven.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = Tree.fromstring(answer.content)
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed"
    for name in ("id", "title", "updated", "author"):
        assert feed.find(f"{{*}}{name}") is not None
    assert "nog geen nieuwsbrief" in browser.get("/nieuwsbrieven").text
    assert browser.get("/nieuwsbrieven/nergens").status_code == 404
