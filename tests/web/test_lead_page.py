"""`/lead/<token>`: only the enterprise that was mailed sees a lead, and only a POST decides it."""

from __future__ import annotations

import secrets

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from outreach.app import App
from outreach.leads import cards, receiving
from outreach.leads.receiving import LeadForm
from outreach.links import Purpose
from outreach.models import Lead, LeadStage, OutboxMail
from tests.web.conftest import CODES, World


@pytest.fixture
def lead(app: App, world: World) -> int:
    form = LeadForm(
        service_id=world.service_id,
        company_name="Peeters <b>nv</b>",
        person="Els",
        email="els@peeters.example",
        message="Een\ntweede regel <script>",
    )
    with app.database.writing() as session:
        made = receiving.receive(
            session,
            form,
            code=CODES[0],
            links=app.links,
            settings=app.settings,
            now=app.now(),
            suppression_key=app.suppression_key,
        )
        return made.id


def path_of(app: App, lead_id: int) -> str:
    with app.database.reading() as session:
        return app.links.lead(lead_id, cards.secret(session, lead_id) or bytes(16)).removeprefix(app.links.base)


def stage(app: App, lead_id: int) -> LeadStage:
    with app.database.reading() as session:
        return session.get_one(Lead, lead_id).stage


def test_the_address_in_the_notice_opens_the_lead(browser: TestClient, app: App, lead: int) -> None:
    with app.database.reading() as session:
        mail = session.scalars(select(OutboxMail)).one()
    assert path_of(app, lead).encode() in mail.message.replace(b"=\r\n", b"")
    page = browser.get(path_of(app, lead))
    assert "Peeters &lt;b&gt;nv" in page.text
    assert "<script" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_or_head_of_a_lead_decides_nothing(browser: TestClient, app: App, lead: int, method: str) -> None:
    for query in ("", "?answer=confirm", "?answer=refuse"):
        assert browser.request(method, path_of(app, lead) + query).status_code == 200
    assert stage(app, lead) is LeadStage.NEW


@pytest.mark.parametrize(("answer", "then"), [("confirm", LeadStage.CONFIRMED), ("refuse", LeadStage.REFUSED)])
def test_a_post_decides_once(browser: TestClient, app: App, lead: int, answer: str, then: LeadStage) -> None:
    path = path_of(app, lead)
    first = browser.post(path, data={"answer": answer, "note": "We <b>bellen</b>"})
    assert (first.status_code, first.headers["location"]) == (303, path)
    assert "We &lt;b&gt;bellen" in browser.get(path).text
    other = "refuse" if answer == "confirm" else "confirm"
    assert browser.post(path, data={"answer": other}).status_code == 303
    assert stage(app, lead) is then
    assert "<button" not in browser.get(path).text


def test_a_post_without_an_answer_asks_for_one_and_keeps_the_note(browser: TestClient, app: App, lead: int) -> None:
    answer = browser.post(path_of(app, lead), data={"note": "wacht"})
    assert answer.status_code == 422
    assert "wacht</textarea>" in answer.text
    assert stage(app, lead) is LeadStage.NEW


def test_a_forged_token_shows_and_decides_nothing(browser: TestClient, app: App, lead: int) -> None:
    mac = path_of(app, lead).partition(".")[2]
    for path in (
        f"/lead/{lead}",
        f"/lead/{lead + 1}.{mac}",
        f"/lead/{app.links.token(Purpose.OPT_OUT, lead, bytes(16))}",
        "/lead/x",
    ):
        for answer in (browser.get(path), browser.post(path, data={"answer": "confirm"})):
            assert answer.status_code == 404
            assert "Peeters" not in answer.text
    assert stage(app, lead) is LeadStage.NEW


def test_a_lead_that_is_gone_is_told_so(browser: TestClient, app: App) -> None:
    assert browser.get(path_of(app, 999_999)).status_code == 404


def test_a_simulated_lead_says_so(browser: TestClient, app: App, lead: int) -> None:
    assert "Gesimuleerd" not in browser.get(path_of(app, lead)).text
    with app.database.writing() as session:
        session.get_one(Lead, lead).simulated = True
    assert "Gesimuleerd" in browser.get(path_of(app, lead)).text


def test_a_number_given_again_after_a_restore_opens_nothing_by_the_link_of_before(
    browser: TestClient, app: App, lead: int
) -> None:
    old_link = path_of(app, lead)
    with app.database.writing() as session:
        session.get_one(Lead, lead).secret = secrets.token_bytes(16)  # as another lead with this number has
    for answer in (browser.get(old_link), browser.post(old_link, data={"answer": "confirm"})):
        assert answer.status_code == 404
        assert "Peeters" not in answer.text
    assert browser.get(path_of(app, lead)).status_code == 200
