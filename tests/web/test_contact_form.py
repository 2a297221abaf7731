"""The contact form: what was typed is kept, what is wrong stands beside it, and robots don't cost a person a lead."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from outreach.app import App
from outreach.models import Attempt, Evidence, Lead, LeadStage, OutboxMail
from tests.conftest import Clock
from tests.web.conftest import CODES, World

TYPED = {
    "company_name": "Bakkerij Peeters",
    "enterprise_number": "BE 0428.759.497",
    "person": "Els Peeters",
    "email": "els@peeters.example",
    "phone": "0470 12 34 56",
    "message": "Graag een offerte.\nVoor 200 m² gazon.",
    "wanted_when": "Binnen een maand",
}
PAGE = "/diensten/groenonderhoud"


def filled(browser: TestClient, code: str = "", **changes: str) -> dict[str, str]:
    """Return the fields of the form as a browser would send them."""
    page = browser.get(PAGE, params={"c": code} if code else {}).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return {**hidden, "website": "", **TYPED, **changes}


def leads(app: App) -> list[Lead]:
    with app.database.reading() as session:
        return list(session.scalars(select(Lead).order_by(Lead.id)))


def test_the_form_becomes_a_lead_with_its_evidence_and_a_notice(browser: TestClient, app: App, world: World) -> None:
    answer = browser.post(PAGE, data=filled(browser, CODES[0]))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/bedankt")
    assert "De Groene Hand" in browser.get(answer.headers["location"]).text
    (lead,) = leads(app)
    assert (lead.company_name, lead.enterprise_number, lead.evidence) == (
        "Bakkerij Peeters",
        "0428759497",
        Evidence.CODE,
    )
    assert (lead.campaign_id, lead.service_id, lead.simulated) == (world.campaign_id, world.service_id, False)
    assert lead.message == TYPED["message"]
    with app.database.reading() as session:
        (mail,) = session.scalars(select(OutboxMail)).all()
    assert mail.recipient == "post@groenehand.example"


def test_without_a_code_there_is_a_lead_without_campaign(browser: TestClient, app: App) -> None:
    browser.post(PAGE, data=filled(browser, c="bcdfghjkmnpz"))
    assert leads(app)[0].evidence is Evidence.NONE


def test_errors_stand_beside_the_fields_and_what_was_typed_is_kept(browser: TestClient, app: App) -> None:
    wrong = {
        "company_name": "",
        "enterprise_number": "0428.759.498",
        "email": "els@",
        "phone": "bel mij",
        "message": " ",
    }
    answer = browser.post(PAGE, data=filled(browser, CODES[0], **wrong))
    assert answer.status_code == 422
    for name in wrong:
        assert f'id="{name}-fout"' in answer.text
        assert re.search(rf'id="{name}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{name}-fout', answer.text)
    assert 'value="Els Peeters"' in answer.text
    assert 'value="0428.759.498"' in answer.text
    assert f'name="c" value="{CODES[0]}"' in answer.text
    assert "<title>Fout:" in answer.text
    assert leads(app) == []


def test_sending_twice_makes_one_lead_and_one_notice(browser: TestClient, app: App) -> None:
    form = filled(browser, CODES[0])
    for _ in range(2):
        assert browser.post(PAGE, data=form).status_code == 303
    assert [lead.stage for lead in leads(app)] == [LeadStage.NEW, LeadStage.MERGED]
    with app.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutboxMail)) == 1


def test_html_in_fields_stays_text(browser: TestClient) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    answer = browser.post(PAGE, data=filled(browser, company_name=evil, message=f"</textarea>{evil}", email="x"))
    assert "<script>alert" not in answer.text
    assert "</textarea><script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "49" not in re.findall(r'id="company_name"[^>]*', answer.text)[0]


def test_line_breaks_in_fields_reach_no_header(browser: TestClient, app: App) -> None:
    evil = "Els\r\nBcc: slachtoffer@elders.example\r\n\r\nHoi"
    form = filled(browser, person=evil, company_name=f"Peeters\nSubject: x {evil}", wanted_when="a\r\nX-Evil: 1")
    assert browser.post(PAGE, data=form).status_code == 303
    with app.database.reading() as session:
        (mail,) = session.scalars(select(OutboxMail)).all()
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["bcc"] is None
    assert message["x-evil"] is None
    assert len(message.get_all("subject")) == 1
    assert mail.recipient == "post@groenehand.example"


def test_an_address_with_a_line_break_is_refused(browser: TestClient, app: App) -> None:
    for evil in (
        "els@peeters.example\r\nBcc: x@y.example",
        "els@peeters.example, x@y.example",
        "<els@peeters.example>",
    ):
        assert browser.post(PAGE, data=filled(browser, email=evil)).status_code == 422
    assert leads(app) == []


def test_the_honeypot_stops_a_robot_and_tells_a_person_why(browser: TestClient, app: App) -> None:
    answer = browser.post(PAGE, data=filled(browser, website="https://spam.example"))
    assert answer.status_code == 422
    assert "Website" in answer.text
    assert 'value="Els Peeters"' in answer.text
    assert leads(app) == []


def test_a_link_sent_faster_than_anybody_types_is_asked_for_again(browser: TestClient, app: App, clock: Clock) -> None:
    form = filled(browser, message="Koop nu https://spam.example")
    assert browser.post(PAGE, data=form).status_code == 422
    clock.move(seconds=5)
    assert browser.post(PAGE, data=form).status_code == 303


@pytest.mark.parametrize("stamp", ["", "1764000000", "1764000000.00", "x.y.z"])
def test_a_form_that_is_not_ours_or_too_old_keeps_what_was_typed(browser: TestClient, app: App, stamp: str) -> None:
    answer = browser.post(PAGE, data=filled(browser, stamp=stamp))
    assert answer.status_code == 422
    assert 'value="Els Peeters"' in answer.text
    fresh = re.search(r'name="stamp" value="([^"]*)"', answer.text)
    assert fresh is not None
    assert browser.post(PAGE, data=filled(browser, stamp=fresh[1])).status_code == 303


def test_too_many_forms_from_one_place_wait_an_hour_and_nobodys_address_is_stored(
    browser: TestClient, app: App, clock: Clock
) -> None:
    for number in range(10):
        assert browser.post(PAGE, data=filled(browser, message=f"Vraag {number}")).status_code == 303
    answer = browser.post(PAGE, data=filled(browser))
    assert answer.status_code == 429
    assert 'value="Els Peeters"' in answer.text
    with app.database.reading() as session:
        keys = {attempt.key for attempt in session.scalars(select(Attempt))}
    assert len(keys) == 1
    assert b"testclient" not in keys.pop()
    clock.move(hours=1, seconds=1)
    assert browser.post(PAGE, data=filled(browser)).status_code == 303


def test_a_service_that_takes_no_customers_takes_no_form(browser: TestClient, app: App) -> None:
    assert browser.post("/diensten/verpakken", data=filled(browser)).status_code == 422
    assert browser.post("/diensten/vroeger", data=filled(browser)).status_code == 404
    assert leads(app) == []


def test_files_and_too_many_fields_are_refused(browser: TestClient, app: App) -> None:
    assert browser.post(PAGE, data=TYPED, files={"message": ("x.exe", b"MZ")}).status_code == 400
    assert browser.post(PAGE, data={str(number): "x" for number in range(100)}).status_code in (400, 422)
    assert leads(app) == []
