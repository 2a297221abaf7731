"""`/l/<code>`: every hit is kept, none is believed blindly, and nobody is led anywhere the campaign doesn't say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from outreach import jobs
from outreach.app import App
from outreach.campaigns import hits
from outreach.models import Campaign, Cohort, Delivery, Hit, HitKind, Link
from outreach.models.columns import Table
from outreach.web import hit_book
from outreach.web.site import create_site
from outreach.web.sources import Sources
from tests.conftest import NOW, Clock
from tests.web.conftest import BROWSER, CODES, HEADERS, World


def kept(app: App) -> list[Hit]:
    with app.database.reading() as session:
        return list(session.scalars(select(Hit).order_by(Hit.id)))


def test_a_link_leads_to_the_address_of_its_campaign_unchanged(browser: TestClient) -> None:
    answer = browser.get(f"/l/{CODES[1]}")
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://elders.example/pagina?x=1&y=%C3%A9#deel"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_link_to_a_service_carries_its_code_to_the_form(browser: TestClient) -> None:
    assert (
        browser.get(f"/l/{CODES[0]}").headers["location"] == f"http://news.example/diensten/groenonderhoud?c={CODES[0]}"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/l/https://evil.example",
        "/l//evil.example",
        "/l/%2F%2Fevil.example",
        f"/l/{CODES[0]}%0d%0aLocation:%20https://evil.example",
        "/l/" + "b" * 12,
        f"/l/{CODES[4]}",  # its target is javascript:
    ],
)
def test_open_redirect_is_impossible(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "Deze link kennen we niet" in answer.text or "bestaat niet" in answer.text


def test_a_parameter_cannot_change_the_target(browser: TestClient) -> None:
    answer = browser.get(f"/l/{CODES[2]}", params={"url": "https://evil.example", "target": "x"})
    assert answer.headers["location"] == "https://elders.example/twee"


def test_a_click_of_a_person_is_a_human_hit_without_address(browser: TestClient, app: App) -> None:
    browser.get(f"/l/{CODES[0]}", headers={"x-forwarded-for": "203.0.113.9"})
    (hit,) = kept(app)
    assert (hit.method, hit.kind, hit.reasons, hit.simulated) == ("GET", HitKind.HUMAN, "", False)
    with app.database.reading() as session:
        assert "203.0.113" not in str(session.execute(text("SELECT * FROM hit")).all())


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        ("HEAD", {}, "head"),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}, "prefetch"),
        ("GET", {"Purpose": "prefetch"}, "prefetch"),
        ("GET", {"User-Agent": ""}, "no_agent"),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; BingPreview/1.0b)"}, "crawler"),
        ("GET", {"User-Agent": "curl/8.5"}, "crawler"),
    ],
)
def test_what_shows_itself_as_a_scanner_is_kept_as_one(
    browser: TestClient, app: App, method: str, headers: dict[str, str], reason: str
) -> None:
    assert browser.request(method, f"/l/{CODES[0]}", headers=headers).status_code == 302
    (hit,) = kept(app)
    assert (hit.kind, hit.reasons) == (HitKind.SCANNER, reason)


def test_a_hit_before_anybody_can_have_read_the_mail_is_a_scanners(browser: TestClient, app: App, clock: Clock) -> None:
    with app.database.writing() as session:
        for delivery in session.scalars(select(Delivery)):
            delivery.sent_at = clock.at - timedelta(seconds=1)
    browser.get(f"/l/{CODES[0]}")
    clock.move(seconds=60)
    browser.get(f"/l/{CODES[0]}")
    jobs.judge_hits(app)
    assert [hit.reasons for hit in kept(app)] == ["seconds_after_sending", ""]


def test_a_burst_over_the_links_of_a_mail_is_a_scanner_in_disguise(browser: TestClient, app: App, clock: Clock) -> None:
    with app.database.writing() as session:
        session.scalars(select(Link).where(Link.code == CODES[4])).one().target = "https://elders.example/vijf"
    browser.get(f"/l/{CODES[0]}")
    clock.move(seconds=300)
    for code in CODES[1:]:
        browser.get(f"/l/{code}")
        clock.move(seconds=0.2)
    jobs.judge_hits(app)
    assert [hit.kind for hit in kept(app)] == [HitKind.HUMAN, *[HitKind.SCANNER] * 4]
    assert {hit.reasons for hit in kept(app)} == {"", "many_links_at_once,beside_a_scanner"}


def test_only_a_program_on_this_machine_can_say_that_it_is_simulated_and_only_in_a_simulated_campaign(
    app: App, world: World
) -> None:
    def hit_from(host: str, **headers: str) -> bool:
        with TestClient(create_site(app), client=(host, 1234), follow_redirects=False) as client:
            client.get(f"/l/{CODES[0]}", headers={"X-Outreach-Simulated": "1", "User-Agent": BROWSER, **headers})
        return kept(app)[-1].simulated

    assert not hit_from("127.0.0.1")
    with app.database.writing() as session:
        session.get_one(Campaign, world.campaign_id).simulated = True
    assert hit_from("127.0.0.1")
    assert hit_from("::1")
    assert not hit_from("203.0.113.9")
    assert not hit_from("127.0.0.1", **{"X-Forwarded-For": "203.0.113.9"})


def test_a_busy_database_neither_holds_up_a_visitor_nor_loses_the_hit(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hit_book, "PATIENCE_SECONDS", 0.05)
    client = TestClient(create_site(app), follow_redirects=False, headers=HEADERS)
    with app.database.writing() as session:
        session.execute(text("UPDATE campaign SET title = title"))
        assert client.get(f"/l/{CODES[2]}").status_code == 302
        assert client.get(f"/l/{CODES[2]}").status_code == 302
    assert kept(app) == []
    assert hit_book.catch_up(app) == 2
    assert hit_book.catch_up(app) == 0
    assert [hit.kind for hit in kept(app)] == [HitKind.HUMAN, HitKind.HUMAN]


def test_a_torn_line_does_not_hold_up_the_hits_behind_it(app: App, world: World) -> None:
    file = hit_book.file_of(app.project)
    good = hits.Request(CODES[0], "GET", BROWSER, app.now())
    hit_book.put_aside(file, [good])
    file.write_text('{"code": "bcd\n' + file.read_text())
    assert hit_book.catch_up(app) == 1
    assert len(kept(app)) == 1


def test_hits_set_aside_are_written_down_when_the_site_starts(app: App, world: World) -> None:
    hit_book.put_aside(hit_book.file_of(app.project), [hits.Request(CODES[0], "GET", BROWSER, app.now())])
    with TestClient(create_site(app)):
        for _ in range(100):
            if kept(app):
                break
            import time

            time.sleep(0.02)
    assert len(kept(app)) == 1


@pytest.fixture
def cohortless(app: App, world: World) -> None:
    with app.database.writing() as session:
        for link in session.scalars(select(Link)):
            link.cohort_id = None


def test_a_link_that_names_only_the_campaign_works_too(browser: TestClient, app: App, cohortless: None) -> None:
    assert browser.get(f"/l/{CODES[0]}").status_code == 302
    assert kept(app)[0].kind is HitKind.HUMAN


def test_an_address_of_others_gets_no_parameter() -> None:
    base = "https://news.example"
    assert hits.carrying("https://news.example.evil.example/diensten/x", "ccc", base).endswith("/diensten/x")
    assert hits.carrying("https://news.example/diensten/x?a=1#b", "ccc", base).endswith("x?a=1&c=ccc#b")
    assert hits.carrying("https://news.example/privacy", "ccc", base) == "https://news.example/privacy"


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("https://elders.example/a?x=1&y=2#deel", "https://elders.example/a?x=1&y=2#deel"),
        ("https://elders.example/%C3%A9%20b", "https://elders.example/%C3%A9%20b"),
        ("https://elders.example/é b", "https://elders.example/%C3%A9%20b"),
        ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
        ("https://elders.example/{{ naam }}?q=[a]", "https://elders.example/%7B%7B%20naam%20%7D%7D?q=[a]"),
        ("https://elders.example/a\r\nX-Evil: 1", "https://elders.example/aX-Evil:%201"),
        (
            "https://elders.example/?naar=https://x.example/?a=b%26c",
            "https://elders.example/?naar=https://x.example/?a=b%26c",
        ),
    ],
)
def test_addresses_with_ampersands_umlauts_spaces_and_encoded_parts_do_not_break(
    browser: TestClient, app: App, address: str, location: str
) -> None:
    with app.database.writing() as session:
        session.scalars(select(Link).where(Link.code == CODES[2])).one().target = address
    assert browser.get(f"/l/{CODES[2]}").headers["location"] == location


def test_a_link_changes_nothing_but_the_record_of_hits(browser: TestClient, app: App) -> None:
    def everything() -> dict[str, list[tuple[object, ...]]]:
        with app.database.reading() as session:
            return {
                table.name: [tuple(row) for row in session.execute(table.select())]
                for table in Table.metadata.sorted_tables
                if table.name != "hit"
            }

    before = everything()
    for method in ("GET", "HEAD"):
        browser.request(method, f"/l/{CODES[0]}")
    assert everything() == before
    assert [hit.method for hit in kept(app)] == ["GET", "HEAD"]
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert browser.request(method, f"/l/{CODES[0]}").status_code == 405
    assert len(kept(app)) == 2


def test_a_link_that_is_gone_leads_nowhere_at_once(browser: TestClient, app: App) -> None:
    """Nothing is remembered between two requests, in no process."""
    assert browser.get(f"/l/{CODES[2]}").status_code == 302
    with app.database.writing() as session:
        session.scalars(select(Link).where(Link.code == CODES[2])).one().target = "https://elders.example/nieuw"
    assert browser.get(f"/l/{CODES[2]}").headers["location"] == "https://elders.example/nieuw"
    with app.database.writing() as session:
        session.delete(session.scalars(select(Link).where(Link.code == CODES[2])).one())
    assert browser.get(f"/l/{CODES[2]}").status_code == 404


def test_what_one_place_did_is_seen_together_for_an_hour_and_the_place_is_not_kept() -> None:
    sources = Sources()
    first = [sources.number(f"203.0.113.{place}", NOW) for place in range(200)]
    assert [sources.number(f"203.0.113.{place}", NOW + timedelta(minutes=59)) for place in range(200)] == first
    assert all(0 <= number < 65_536 for number in first)
    later = [sources.number(f"203.0.113.{place}", NOW + timedelta(hours=1)) for place in range(200)]
    assert sum(one == other for one, other in zip(first, later, strict=True)) < 5
    assert Sources().number("203.0.113.1", NOW) != first[1] or Sources().number("203.0.113.2", NOW) != first[2]


def test_the_world_is_as_the_tests_think(app: App, world: World) -> None:
    with app.database.reading() as session:
        assert session.scalars(select(Cohort)).one().contact_count == 2
