"""The staff site: who gets in, what each role may do, and that no other site can do it in their name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from outreach import users
from outreach.app import App
from outreach.campaigns import life, reviewing
from outreach.models import Attempt, Campaign, CampaignStatus, Enterprise, Lead, LeadStage, Login, PauseKind, Service
from outreach.web.site import create_site
from tests import world as worlds
from tests.conftest import Clock
from tests.web.conftest import BROWSER, PASSWORD

pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture
def stranger(app: App) -> Iterator[TestClient]:
    with TestClient(create_site(app), base_url="http://news.example", follow_redirects=False) as client:
        client.headers["user-agent"] = BROWSER
        yield client


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def log_in(client: TestClient, name: str, password: str = PASSWORD, target: str = "") -> object:
    page = client.get("/staff/login", params={"next": target} if target else {})
    form = {"csrf": csrf_of(page.text), "email": f"{name}@federatie.example", "password": password}
    hidden = re.search(r'name="next" value="([^"]*)"', page.text)
    return client.post("/staff/login", data=form | {"next": hidden[1] if hidden else ""})


@pytest.fixture
def ann(stranger: TestClient) -> TestClient:
    assert log_in(stranger, "ann").status_code == 303  # type: ignore[attr-defined]
    return stranger


@pytest.fixture
def dan(stranger: TestClient) -> TestClient:
    assert log_in(stranger, "dan").status_code == 303  # type: ignore[attr-defined]
    return stranger


def press(client: TestClient, name: str, step: str, **fields: str) -> object:
    page = client.get(f"/staff/campaigns/{name}").text
    return client.post(f"/staff/campaigns/{name}/{step}", data=shown_by(page) | fields)


def shown_by(page: str) -> dict[str, str]:
    """Return the hidden fields that every button of a campaign's page carries."""
    return dict(re.findall(r'name="(csrf|seen)" value="([^"]*)"', page))


@pytest.fixture
def campaign(app: App) -> str:
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        return worlds.draft(app, session).name


def status(app: App, name: str) -> CampaignStatus:
    with app.database.reading() as session:
        return life.find(session, name).status


def test_a_stranger_is_led_to_the_login_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/staff/leads")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/login?next=/staff/leads")
    assert log_in(stranger, "ann", target="/staff/leads").headers["location"] == "/staff/leads"  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/staff//evil", "/\\evil", "/staff/../x"])
def test_a_login_leads_to_no_other_site(stranger: TestClient, target: str) -> None:
    assert log_in(stranger, "ann", target=target).headers["location"] == "/staff/campaigns"  # type: ignore[attr-defined]


def test_the_cookie_is_kept_from_scripts_and_other_sites(app: App, stranger: TestClient) -> None:
    cookie = log_in(stranger, "ann").headers["set-cookie"]  # type: ignore[attr-defined]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/staff" in cookie
    secret = stranger.cookies["outreach_login"]
    with app.database.reading() as session:
        login = session.scalars(select(Login)).one()
    assert secret.encode() not in login.secret_hash
    assert secret != login.csrf_token


def test_over_https_the_cookie_is_secure(project: object, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from outreach.links import Links

    site = app.settings.site.model_copy(update={"url": "https://news.example"})
    settings = app.settings.model_copy(update={"site": site})
    secure = replace(app, settings=settings, links=Links("https://news.example", app.links.key))
    with TestClient(create_site(secure), base_url="https://news.example", follow_redirects=False) as client:
        answer = log_in(client, "ann")
    assert "Secure" in answer.headers["set-cookie"]  # type: ignore[attr-defined]
    assert "strict-transport-security" in answer.headers  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "password"), [("ann", "iets heel anders"), ("niemand", PASSWORD), ("ann", "")])
def test_a_wrong_password_and_an_unknown_user_read_the_same(stranger: TestClient, name: str, password: str) -> None:
    answer = log_in(stranger, name, password)
    assert answer.status_code == 403  # type: ignore[attr-defined]
    assert "E-mailadres of wachtwoord klopt niet." in answer.text  # type: ignore[attr-defined]
    assert "outreach_login" not in stranger.cookies


def test_guessing_is_throttled_and_the_right_password_waits_too(stranger: TestClient, app: App, clock: Clock) -> None:
    for _ in range(5):
        assert log_in(stranger, "ann", "fout fout fout").status_code == 403  # type: ignore[attr-defined]
    assert log_in(stranger, "ann").status_code == 429  # type: ignore[attr-defined]
    assert log_in(stranger, "bob").status_code == 303  # type: ignore[attr-defined]
    with app.database.reading() as session:
        assert all(b"ann" not in attempt.key for attempt in session.scalars(select(Attempt)))
    clock.move(minutes=16)
    assert log_in(stranger, "ann").status_code == 303  # type: ignore[attr-defined]


def test_the_right_password_gets_in_however_many_wrong_ones_come_from_elsewhere(app: App) -> None:
    def browser(place: str) -> TestClient:
        return TestClient(
            create_site(app), base_url="http://news.example", follow_redirects=False, client=(place, 50000)
        )

    for number in range(25):
        with browser(f"192.0.2.{number}") as guesser:
            answers = [log_in(guesser, "ann", "fout fout fout").status_code for _ in range(5)]  # type: ignore[attr-defined]
    assert answers[0] == 403
    assert answers[-1] == 429, "beyond a hundred, each place has one try"
    with browser("198.51.100.7") as ann:
        assert log_in(ann, "ann").status_code == 303  # type: ignore[attr-defined]


def test_logging_in_often_counts_against_nobody(stranger: TestClient, app: App) -> None:
    for _ in range(22):
        assert log_in(stranger, "ann").status_code == 303  # type: ignore[attr-defined]
    with app.database.reading() as session:
        assert session.scalars(select(Attempt)).all() == []


def test_what_the_approver_never_saw_is_not_approved(ann: TestClient, app: App, campaign: str) -> None:
    press(ann, campaign, "submit")
    ann.cookies.clear()
    log_in(ann, "bob")
    seen = shown_by(ann.get(f"/staff/campaigns/{campaign}").text)
    sources = app.sources
    with app.database.writing() as session:
        found, by = life.find(session, campaign), "ann@federatie.example"
        spec = worlds.spec(title="Iets heel anders")
        life.edit(session, found, spec, sending=app.settings.sending, by=by, now=app.now())
        reviewing.submit(session, found, sources=sources, by=by, now=app.now())
    for fields in (seen, {"csrf": seen["csrf"]}):
        answer = ann.post(f"/staff/campaigns/{campaign}/approve", data=fields)
        assert answer.status_code == 409
        assert "is veranderd sinds u ze bekeek" in answer.text
        assert "<h1>Iets heel anders" in answer.text
    assert status(app, campaign) is CampaignStatus.IN_REVIEW
    assert press(ann, campaign, "approve").status_code == 303  # type: ignore[attr-defined]


def test_another_reason_to_wait_is_not_accepted_unseen(ann: TestClient, app: App) -> None:
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        found = worlds.scheduled(app, session)
        life.pause(session, found, by="scheduler", now=app.now(), reason="laat", kind=PauseKind.LATE)
        name = found.name
    seen = shown_by(ann.get(f"/staff/campaigns/{name}").text) | {"accept": "1"}
    with app.database.writing() as session:
        session.get_one(Campaign, found.id).pause_facts = {"audience": 9000}
    assert ann.post(f"/staff/campaigns/{name}/resume", data=seen).status_code == 409
    assert status(app, name) is CampaignStatus.PAUSED
    assert press(ann, name, "resume", accept="1").status_code == 303  # type: ignore[attr-defined]


def test_a_disabled_user_is_out_at_once(ann: TestClient, app: App) -> None:
    assert ann.get("/staff/campaigns").status_code == 200
    with app.database.writing() as session:
        users.disable(session, "ann@federatie.example", now=app.now())
    assert ann.get("/staff/campaigns").status_code == 303
    assert log_in(ann, "ann").status_code == 403  # type: ignore[attr-defined]


def test_a_login_ends_after_twelve_hours_or_by_logging_out(ann: TestClient, app: App, clock: Clock) -> None:
    old = ann.cookies["outreach_login"]
    page = ann.get("/staff/campaigns").text
    assert ann.post("/staff/logout", data={"csrf": csrf_of(page)}).status_code == 303
    ann.cookies.set("outreach_login", old, domain="news.example", path="/staff")
    assert ann.get("/staff/campaigns").status_code == 303
    ann.cookies.clear()
    log_in(ann, "ann")
    clock.move(hours=12, seconds=1)
    assert ann.get("/staff/campaigns").status_code == 303


@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_a_post_without_the_csrf_token_is_refused(ann: TestClient, app: App, campaign: str, token: str | None) -> None:
    data = {} if token is None else {"csrf": token}
    for path in (f"/staff/campaigns/{campaign}/cancel", "/staff/logout", "/staff/language", "/staff/leads/1/confirm"):
        assert ann.post(path, data=data).status_code == 403
    assert status(app, campaign) is CampaignStatus.DRAFT


def test_a_post_from_another_site_is_refused_even_with_the_token(ann: TestClient, app: App, campaign: str) -> None:
    token = csrf_of(ann.get("/staff/campaigns").text)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        answer = ann.post(f"/staff/campaigns/{campaign}/cancel", data={"csrf": token}, headers=headers)
        assert answer.status_code == 403
    assert status(app, campaign) is CampaignStatus.DRAFT


def test_another_site_cannot_log_a_browser_in(stranger: TestClient, app: App) -> None:
    form = {"email": "ann@federatie.example", "password": PASSWORD, "next": ""}
    assert stranger.post("/staff/login", data=form).status_code == 403
    token = csrf_of(stranger.get("/staff/login").text)
    with TestClient(create_site(app), follow_redirects=False) as other:
        assert other.post("/staff/login", data=form | {"csrf": token}).status_code == 403


def test_a_get_of_a_step_changes_nothing(ann: TestClient, app: App, campaign: str) -> None:
    for step in ("submit", "approve", "cancel"):
        assert ann.get(f"/staff/campaigns/{campaign}/{step}").status_code in (404, 405)
        assert ann.head(f"/staff/campaigns/{campaign}/{step}").status_code in (404, 405)
    assert status(app, campaign) is CampaignStatus.DRAFT


def test_a_campaign_goes_from_draft_to_scheduled_by_two_people(ann: TestClient, app: App, campaign: str) -> None:
    page = ann.get(f"/staff/campaigns/{campaign}").text
    assert "Niets staat verzending in de weg." in page
    assert press(ann, campaign, "submit").status_code == 303  # type: ignore[attr-defined]
    refused = press(ann, campaign, "approve")
    assert refused.status_code == 409  # type: ignore[attr-defined]
    assert "iemand anders keurt ze goed" in refused.text  # type: ignore[attr-defined]
    assert "een collega keurt ze goed" in ann.get(f"/staff/campaigns/{campaign}").text
    ann.cookies.clear()
    log_in(ann, "bob")
    assert press(ann, campaign, "approve").status_code == 303  # type: ignore[attr-defined]
    assert press(ann, campaign, "schedule").status_code == 303  # type: ignore[attr-defined]
    assert status(app, campaign) is CampaignStatus.SCHEDULED
    page = ann.get(f"/staff/campaigns/{campaign}").text
    assert "bob@federatie.example" in page
    assert "Pauzeer" in page
    assert press(ann, campaign, "pause").status_code == 303  # type: ignore[attr-defined]
    assert press(ann, campaign, "resume").status_code == 303  # type: ignore[attr-defined]
    assert press(ann, campaign, "cancel").status_code == 303  # type: ignore[attr-defined]
    assert status(app, campaign) is CampaignStatus.CANCELLED


def test_pressing_twice_is_refused_with_what_can_be_done(ann: TestClient, app: App, campaign: str) -> None:
    token = csrf_of(ann.get(f"/staff/campaigns/{campaign}").text)
    assert ann.post(f"/staff/campaigns/{campaign}/cancel", data={"csrf": token}).status_code == 303
    again = ann.post(f"/staff/campaigns/{campaign}/cancel", data={"csrf": token})
    assert again.status_code == 409
    assert "Dat ging niet" in again.text


def test_a_campaign_written_in_the_browser_is_a_draft_or_says_what_is_wrong_by_line(ann: TestClient, app: App) -> None:
    worlds.add_segment(app.project)
    page = ann.get("/staff/new-campaign").text
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    text, token = found[1], csrf_of(page)
    wrong = text.replace("title: Groen", "tilte: </textarea><script>")
    answer = ann.post("/staff/new-campaign", data={"csrf": token, "text": wrong})
    assert answer.status_code == 422
    assert "campagne.yaml:2" in answer.text
    assert "did you mean" in answer.text
    assert "<script>" not in answer.text
    answer = ann.post("/staff/new-campaign", data={"csrf": token, "text": text})
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/campaigns/groen-in-de-lente")
    assert ann.get(answer.headers["location"]).status_code == 200
    assert ann.post("/staff/new-campaign", data={"csrf": token, "text": text}).status_code == 422


def test_an_analyst_writes_no_campaign(dan: TestClient) -> None:
    assert dan.get("/staff/new-campaign").status_code == 403
    token = csrf_of(dan.get("/staff/campaigns").text)
    assert dan.post("/staff/new-campaign", data={"csrf": token, "text": "name: x"}).status_code == 403


def test_an_analyst_sees_campaigns_and_changes_none(dan: TestClient, app: App, campaign: str) -> None:
    page = dan.get(f"/staff/campaigns/{campaign}").text
    assert "/submit" not in page
    token = csrf_of(page)
    for step in ("submit", "approve", "schedule", "pause", "resume", "cancel"):
        assert dan.post(f"/staff/campaigns/{campaign}/{step}", data={"csrf": token}).status_code == 403
    assert status(app, campaign) is CampaignStatus.DRAFT


def test_what_must_not_be_sent_is_listed_with_every_reason(ann: TestClient, app: App) -> None:
    with app.database.writing() as session:
        worlds.draft(app, session, name="leeg", send_at=None)
    page = ann.get("/staff/campaigns/leeg").text
    assert "om dit niet te verzenden" in page
    assert "er is nog geen verzendtijd" in page
    assert "site.url http://news.example werkt zonder TLS" in page
    answer = press(ann, "leeg", "submit")
    assert answer.status_code == 409  # type: ignore[attr-defined]


def test_the_preview_runs_nothing_and_reaches_nobody(ann: TestClient, campaign: str) -> None:
    page = ann.get(f"/staff/campaigns/{campaign}").text
    frame = re.search(r"<iframe[^>]*>", page)
    assert frame is not None
    assert "allow-scripts" not in frame[0]
    assert "allow-same-origin" not in frame[0]
    mail = ann.get(f"/staff/campaigns/{campaign}/mail.html")
    policy = mail.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert 'class="frame phone"' in ann.get(f"/staff/campaigns/{campaign}?width=phone").text


def test_the_preview_of_a_draft_shows_pictures_that_no_address_serves_yet(ann: TestClient, app: App) -> None:
    from PIL import Image

    (app.project / "pictures").mkdir()
    Image.new("RGB", (60, 30), "#0c3c47").save(app.project / "pictures" / "x.png")
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        for service in worlds.add_catalogue(session, app.now()):
            service.picture, service.picture_alt = "pictures/x.png", "Iets"
        name = worlds.draft(app, session).name
    mail = ann.get(f"/staff/campaigns/{name}/mail.html")
    assert 'src="data:image/png;base64,' in mail.text
    assert "/media/" not in mail.text


def test_a_campaign_that_is_sent_shows_numbers_that_add_up(ann: TestClient, app: App, clock: Clock) -> None:
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        campaign = worlds.sending(app, session)
        name, clock.at = campaign.name, campaign.send_at + timedelta(minutes=1)
    log_in(ann, "ann")
    page = ann.get(f"/staff/campaigns/{name}").text
    assert 'data-live="/staff/campaigns/' in page
    live = ann.get(f"/staff/campaigns/{name}/status").text
    assert "wacht" in live
    assert "<html" not in live
    assert "geen rechtsgrond" in page
    assert "Wat het opleverde" in page


def test_the_language_is_switched_and_kept(ann: TestClient) -> None:
    page = ann.get("/staff/campaigns").text
    assert '<html lang="nl">' in page
    form = {"csrf": csrf_of(page), "language": "en", "next": "/staff/leads"}
    assert ann.post("/staff/language", data=form).headers["location"] == "/staff/leads"
    page = ann.get("/staff/leads").text
    assert '<html lang="en">' in page
    assert "<h1>Leads</h1>" in page
    assert ann.post("/staff/language", data=form | {"language": "xx"}).status_code == 400


@pytest.fixture
def lead(app: App) -> int:
    with app.database.writing() as session:
        worlds.add_catalogue(session, app.now())
        session.flush()
        service = session.scalars(select(Service)).first()
        assert service is not None
        made = Lead(
            company_name="<i>Peeters</i>", enterprise_id=service.enterprise_id, service_id=service.id, channel="form",
            evidence="none", happened_at=app.now(), created_at=app.now(), created_by="company", message="Hoi",
            email="els@peeters.example", simulated=True, stage=LeadStage.NEW,
        )  # fmt: skip
        session.add(made)
        session.flush()
        return made.id


def test_leads_are_listed_filtered_and_decided(ann: TestClient, app: App, lead: int) -> None:
    listing = ann.get("/staff/leads", params={"stage": "new", "campaign": "' OR 1=1"}).text
    assert "&lt;i&gt;Peeters" in listing
    assert "esimuleerd" in listing
    assert "Peeters" not in ann.get("/staff/leads", params={"stage": "refused"}).text
    page = ann.get(f"/staff/leads/{lead}").text
    assert "Gesimuleerd" in page
    answer = ann.post(f"/staff/leads/{lead}/confirm", data={"csrf": csrf_of(page), "note": "belde zelf"})
    assert answer.status_code == 303
    with app.database.reading() as session:
        row = session.get_one(Lead, lead)
        assert (row.stage, row.decided_by, row.decision_note) == (
            LeadStage.CONFIRMED,
            "ann@federatie.example",
            "belde zelf",
        )
    assert ann.post(f"/staff/leads/{lead}/refuse", data={"csrf": csrf_of(page)}).status_code == 409


def test_an_analyst_decides_no_lead(dan: TestClient, app: App, lead: int) -> None:
    page = dan.get(f"/staff/leads/{lead}").text
    assert dan.post(f"/staff/leads/{lead}/confirm", data={"csrf": csrf_of(page)}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/staff/leads/999", "/staff/leads/99999999999999999999999", "/staff/leads/x", "/staff/campaigns/%00"]
)
def test_what_is_not_there_is_a_page_and_no_traceback(ann: TestClient, path: str) -> None:
    answer = ann.get(path)
    assert answer.status_code == 404
    assert "bestaat niet" in answer.text


def test_simulated_data_says_so_on_every_page_that_shows_it(ann: TestClient, app: App) -> None:
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        session.get_one(Campaign, worlds.draft(app, session).id).simulated = True
    for path in ("/staff/campaigns", "/staff/campaigns/december-2026"):
        assert "esimuleerd" in ann.get(path).text
    assert "Verzonden met het proefpostvak: er vertrok niets van deze machine." in ann.get(path).text
    assert "demo" not in ann.get(path).text  # it had no part in this one


def test_staff_pages_are_kept_by_no_cache_and_no_search_engine(ann: TestClient) -> None:
    answer = ann.get("/staff/campaigns")
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_enterprise_of_the_catalogue_is_not_asked_for_here(app: App) -> None:
    with app.database.reading() as session:
        assert session.scalars(select(Enterprise)).first() is None
