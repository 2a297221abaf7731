"""The pages that companies see."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from outreach.app import App
from tests.web.conftest import CODES, World

PAGES = ("/", "/diensten", "/diensten/groenonderhoud", "/bedrijven/de-groene-hand", "/privacy", "/toegankelijkheid")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_dutch_complete_and_protected(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert '<html lang="nl">' in answer.text
    assert answer.text.count("<h1") == 1
    assert 'href="#inhoud"' in answer.text
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", PAGES)
def test_head_answers_as_get_does(browser: TestClient, path: str) -> None:
    assert browser.head(path).status_code == 200


def test_texts_of_enterprises_are_escaped(browser: TestClient) -> None:
    assert "<script>alert" not in browser.get("/diensten/groenonderhoud").text
    assert "Pakwerk &lt;b&gt;&amp;&lt;/b&gt; Co" in browser.get("/diensten").text


def test_the_catalogue_is_searched_by_word_category_and_province(browser: TestClient) -> None:
    assert "1 dienst gevonden" in browser.get("/diensten", params={"zoek": "GROEN gent"}).text
    assert "Verpakken" in browser.get("/diensten", params={"categorie": "packaging"}).text
    assert "Groenonderhoud</a>" not in browser.get("/diensten", params={"provincie": "70000"}).text
    nothing = browser.get("/diensten", params={"zoek": "\0<b>niets</b>", "categorie": "'", "provincie": "x"})
    assert "Niets gevonden" in nothing.text
    assert "<b>niets" not in nothing.text


def test_a_withdrawn_service_is_not_shown(browser: TestClient) -> None:
    assert "Vroeger" not in browser.get("/diensten").text
    answer = browser.get("/diensten/vroeger")
    assert answer.status_code == 410
    assert "/diensten?categorie=wood" in answer.text, "who followed an old mail is led to the same kind of work"


def test_a_service_says_how_it_is_had_in_the_words_of_the_mails(browser: TestClient) -> None:
    assert "<dt>Zo kan het</dt><dd>bij u ter plaatse</dd>" in browser.get("/diensten/groenonderhoud").text
    assert "<dt>Zo kan het</dt><dd>in overleg</dd>" in browser.get("/diensten/verpakken").text


def test_a_service_that_takes_no_customers_has_no_form(browser: TestClient) -> None:
    page = browser.get("/diensten/verpakken").text
    assert "geen nieuwe klanten" in page
    assert "<form" not in page
    assert "Neemt nu geen nieuwe klanten aan" in browser.get("/diensten").text


@pytest.mark.parametrize("path", ["/nergens", "/diensten/nergens", "/bedrijven/0203201340", "/n/zzzzzzzzzzzx", "/l/x"])
def test_an_unknown_address_gets_a_page_that_helps(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "/diensten" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/%2e%2e%2fpages.py",
        "/static/..%2f..%2fsettings.py",
        "/media/../../outreach.toml",
        "/media/" + "a" * 64 + ".png",
        "/beeld/..%2f..%2foutreach.toml",
        "/beeld/%2fetc%2fpasswd",
        "/diensten/%00",
        "/l/%00",
        "/n/%00",
        "/u/%00",
        "/lead/%ff",
    ],
)
def test_no_address_reaches_a_file(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_a_picture_outside_the_project_folder_is_not_served(browser: TestClient, app: App, world: World) -> None:
    from outreach.models import Service

    assert browser.get("/beeld/groenonderhoud").headers["content-type"] == "image/png"
    for name in ("../secret.png", "/etc/passwd", "outreach.toml", ".state/keys.json"):
        with app.database.writing() as session:
            session.get_one(Service, world.service_id).picture = name
        assert browser.get("/beeld/groenonderhoud").status_code == 404


def test_a_sent_picture_is_served_under_its_digest_for_ever(browser: TestClient, app: App) -> None:
    from outreach.models import Picture

    digest = "ab" * 32
    with app.database.writing() as session:
        session.add(Picture(digest=digest, media_type="image/png", data=b"\x89PNG", created_at=app.now()))
    answer = browser.get(f"/media/{digest}.png")
    assert answer.content == b"\x89PNG"
    assert "immutable" in answer.headers["cache-control"]


def test_robots_are_kept_off_personal_pages(browser: TestClient) -> None:
    text = browser.get("/robots.txt").text
    for path in ("/u/", "/lead/", "/l/", "/n/", "/staff"):
        assert f"Disallow: {path}" in text


def test_the_site_says_that_it_is_well(browser: TestClient) -> None:
    assert browser.get("/healthz").text == "ok\n"


def test_a_body_beyond_the_limit_is_refused(browser: TestClient) -> None:
    body = {"message": "x" * 70_000}
    assert browser.post("/diensten/groenonderhoud", data=body).status_code == 413

    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(80):
            yield b"x" * 1024

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = browser.post("/diensten/groenonderhoud", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert "Dat is te veel" in answer.text


def test_a_defect_of_ours_shows_a_page_and_no_traceback(
    app: App, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outreach.web.public import services
    from outreach.web.site import create_site

    monkeypatch.setattr(services, "per_category", lambda found: 1 / 0)
    with TestClient(create_site(app), raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert answer.status_code == 500
    assert "Hier ging iets mis" in answer.text
    assert "ZeroDivision" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_code_is_carried_from_service_to_enterprise(browser: TestClient) -> None:
    page = browser.get("/diensten/groenonderhoud", params={"c": CODES[0]}).text
    assert f'name="c" value="{CODES[0]}"' in page
    assert f"/bedrijven/de-groene-hand?c={CODES[0]}" in page
    assert 'value="&#34;' not in browser.get("/diensten/groenonderhoud", params={"c": '"><script>'}).text
