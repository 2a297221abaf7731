"""The contact form: what was typed is kept, what is wrong stands beside it, and robots don't cost a person a lead."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from outreach.app import App
from outreach.audience import erasing, suppressing
from outreach.belgium.numbers import make_enterprise_number, make_establishment_number
from outreach.links import hash_address
from outreach.models import Attempt, Company, Evidence, Lead, LeadStage, OutboxMail, SuppressionReason
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
NUMBER = make_enterprise_number(19_990_077)


def filled(browser: TestClient, code: str = "", **changes: str) -> dict[str, str]:
    """Return the fields of the form as a browser would send them."""
    page = browser.get(PAGE, params={"c": code} if code else {}).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return {**hidden, "onderwerp": "", "postcode": "", **TYPED, **changes}


def mails(app: App, kind: str = "lead") -> list[OutboxMail]:
    with app.database.reading() as session:
        return list(session.scalars(select(OutboxMail).where(OutboxMail.kind == kind).order_by(OutboxMail.id)))


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
    (mail,) = mails(app)
    assert mail.recipient == "post@groenehand.example"


def test_without_a_code_there_is_a_lead_without_campaign(browser: TestClient, app: App) -> None:
    browser.post(PAGE, data=filled(browser, c="bcdfghjkmnpz"))
    assert leads(app)[0].evidence is Evidence.NONE


def test_errors_stand_beside_the_fields_and_what_was_typed_is_kept(browser: TestClient, app: App) -> None:
    wrong = {
        "enterprise_number": "0428.759.498",
        "postcode": "99",
        "email": "els@",
        "phone": "bel mij",
        "wanted_when": "gisteren",
        "message": " ",
    }
    answer = browser.post(PAGE, data=filled(browser, CODES[0], **wrong))
    assert answer.status_code == 422
    for name in wrong:
        assert f'id="{name}-fout"' in answer.text
        assert re.search(rf'id="{name}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{name}-fout', answer.text)
        assert f'<a href="#{name}">' in answer.text, "the list of faults leads to each field"
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
    assert len(mails(app)) == 1
    assert len(mails(app, "lead_copy")) == 1


def test_html_in_fields_stays_text(browser: TestClient) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    answer = browser.post(PAGE, data=filled(browser, company_name=evil, message=f"</textarea>{evil}", email="x"))
    assert "<script>alert" not in answer.text
    assert "</textarea><script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "49" not in re.findall(r'id="company_name"[^>]*', answer.text)[0]


def test_line_breaks_in_fields_reach_no_header(browser: TestClient, app: App) -> None:
    evil = "Els\r\nBcc: slachtoffer@elders.example\r\n\r\nHoi"
    form = filled(browser, person=evil, company_name=f"Peeters\nSubject: x {evil}", phone="09 123 45 67\r\n")
    assert browser.post(PAGE, data=form).status_code == 303
    (mail,) = mails(app)
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["bcc"] is None
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
    answer = browser.post(PAGE, data=filled(browser, onderwerp="https://spam.example"))
    assert answer.status_code == 422
    assert "robots" in answer.text
    assert 'spam.example"' not in answer.text, "sent again as it is shown, the form passes"
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
        assert session.scalars(select(Attempt)).all() == []
    kept = b"".join(file.read_bytes() for file in app.project.rglob("*") if file.is_file())
    assert b"testclient" not in kept
    clock.move(hours=1, seconds=1)
    assert browser.post(PAGE, data=filled(browser)).status_code == 303


def test_a_service_that_takes_no_customers_takes_no_form(browser: TestClient, app: App) -> None:
    assert browser.post("/diensten/verpakken", data=filled(browser)).status_code == 422
    assert browser.post("/diensten/vroeger", data=filled(browser)).status_code == 410
    assert leads(app) == []


def test_files_and_too_many_fields_are_refused(browser: TestClient, app: App) -> None:
    assert browser.post(PAGE, data=TYPED, files={"message": ("x.exe", b"MZ")}).status_code == 400
    assert browser.post(PAGE, data={str(number): "x" for number in range(100)}).status_code in (400, 422)
    assert leads(app) == []


# ---- The company: by its number, else by name and postcode.


def test_the_name_of_a_company_that_we_know_need_not_be_typed(browser: TestClient, app: App) -> None:
    with app.database.writing() as session:
        session.add(
            Company(
                name="Drukkerij Ann nv",
                name_key="drukkerij ann",
                enterprise_number=NUMBER,
                created_at=app.now(),
                updated_at=app.now(),
            )
        )
    assert browser.post(PAGE, data=filled(browser, enterprise_number=NUMBER, company_name="")).status_code == 303
    (lead,) = leads(app)
    assert lead.company_name == "Drukkerij Ann nv"
    assert lead.company_id is not None


def test_an_unknown_number_is_taken_and_the_name_is_asked(browser: TestClient, app: App) -> None:
    answer = browser.post(PAGE, data=filled(browser, enterprise_number=NUMBER, company_name=""))
    assert answer.status_code == 422
    assert 'id="company_name-fout"' in answer.text
    assert 'id="enterprise_number-fout"' not in answer.text
    assert browser.post(PAGE, data=filled(browser, enterprise_number=NUMBER)).status_code == 303


def test_who_does_not_know_the_number_gives_name_and_postcode(browser: TestClient, app: App) -> None:
    without = filled(browser, enterprise_number="")
    assert 'id="postcode-fout"' in browser.post(PAGE, data=without).text
    assert browser.post(PAGE, data={**without, "postcode": "B-9000"}).status_code == 303
    (lead,) = leads(app)
    assert (lead.postcode, lead.enterprise_number) == ("9000", None)
    assert "9000" in browser.get(app.links.lead(lead.id, lead.secret).removeprefix(app.links.base)).text


def test_name_and_postcode_find_the_company_that_has_no_number_yet(browser: TestClient, app: App) -> None:
    """The world's Ann nv lies in 9000; another Ann nv in Hasselt is another company."""
    with app.database.reading() as session:
        ann = session.scalars(select(Company).where(Company.name == "ann nv")).one()
    with app.database.writing() as session:
        session.get_one(Company, ann.id).name_key = "ann"
    form = filled(browser, enterprise_number="", company_name="ANN N.V.", postcode="9000")
    browser.post(PAGE, data=form)
    browser.post(PAGE, data={**form, "postcode": "3500", "email": "iemand@anders.example"})
    assert [lead.company_id for lead in leads(app)] == [ann.id, None]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("0428.759.498", "passen niet bij de rest"),
        ("428", "hier staan er 3"),
        (make_establishment_number(20_000_123), "vestiging"),
        ("geen idee", "hier staan er 0"),
    ],
)
def test_a_wrong_number_is_told_what_is_wrong_with_it(browser: TestClient, app: App, number: str, said: str) -> None:
    answer = browser.post(PAGE, data=filled(browser, enterprise_number=number))
    assert answer.status_code == 422
    assert said in re.findall(r'id="enterprise_number-fout">([^<]*)', answer.text)[0]
    assert leads(app) == []


# ---- The copy to the company, and why it bombs nobody.


def test_the_company_gets_a_confirmation_without_one_word_that_somebody_typed(
    browser: TestClient, app: App, clock: Clock
) -> None:
    form = filled(browser, message="KOOP NU https://spam.example", person="Spam Koning")
    clock.move(seconds=20)
    assert browser.post(PAGE, data=form).status_code == 303
    (mail,) = mails(app, "lead_copy")
    message = message_from_bytes(mail.message, policy=policy.default)
    assert mail.recipient == "els@peeters.example"
    assert message["auto-submitted"] == "auto-replied"
    for part in message.walk():
        if not part.is_multipart():
            said = part.get_content()
            assert "Groenonderhoud" in said
            assert "De Groene Hand" in said
            assert "Federatie Voorbeeld" in said
            for typed in ("KOOP", "spam", "Koning", "Bakkerij Peeters"):
                assert typed not in said


def test_nobody_is_bombed_with_confirmations(browser: TestClient, app: App, clock: Clock) -> None:
    for number in range(6):
        assert browser.post(PAGE, data=filled(browser, message=f"Vraag {number}")).status_code == 303
        assert browser.post(PAGE, data=filled(browser, email="ELS@PEETERS.example")).status_code == 303
        clock.move(hours=2)
    assert len(mails(app, "lead_copy")) == 2
    clock.move(days=1)
    browser.post(PAGE, data=filled(browser, message="Een dag later"))
    assert len(mails(app, "lead_copy")) == 3


def test_all_addresses_together_get_so_many_confirmations_an_hour(
    browser: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = app.settings.leads.model_copy(update={"copies_per_hour": 3})
    object.__setattr__(app, "settings", app.settings.model_copy(update={"leads": few}))
    for number in range(5):
        form = filled(
            browser, email=f"info@firma{number}.example", company_name=f"Firma {number}", enterprise_number=""
        )
        assert browser.post(PAGE, data={**form, "postcode": "9000"}).status_code == 303
    assert len(leads(app)) == 5
    assert len(mails(app, "lead_copy")) == 3


@pytest.mark.parametrize(
    ("reason", "copies"),
    [
        (SuppressionReason.UNSUBSCRIBED, 1),
        (SuppressionReason.COMPLAINT, 0),
        (SuppressionReason.HARD_BOUNCE, 0),
        (SuppressionReason.ERASED, 0),
    ],
)
def test_who_complained_or_was_erased_gets_no_confirmation(
    browser: TestClient, app: App, reason: SuppressionReason, copies: int
) -> None:
    with app.database.writing() as session:
        hashed = hash_address(app.suppression_key, TYPED["email"])
        suppressing.suppress(session, hashed, reason=reason, source="test", actor="test", now=app.now())
    assert browser.post(PAGE, data=filled(browser)).status_code == 303
    assert len(mails(app, "lead_copy")) == copies


def test_erasing_the_person_empties_the_confirmation_too(browser: TestClient, app: App) -> None:
    browser.post(PAGE, data=filled(browser))
    with app.database.writing() as session:
        erasing.erase(session, TYPED["email"], key=app.suppression_key, actor="test", now=app.now())
    (mail,) = mails(app, "lead_copy")
    assert mail.message == b""
    assert "els" not in mail.recipient


# ---- Whatever is typed.

_TEXT = st.text(max_size=300) | st.sampled_from(
    ["<script>alert(1)</script>", "{{ 7*7 }}", "\r\nBcc: x@y.example", "\x00", "'\"><img src=x>", "\u202e", "\ud800"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from([*TYPED, "postcode", "onderwerp", "stamp", "c", "x"]), _TEXT))
def test_whatever_is_typed_is_answered_and_comes_back_escaped(browser: TestClient, fields: dict[str, str]) -> None:
    sendable = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
    answer = browser.post(PAGE, data={**TYPED, **sendable})
    assert answer.status_code in (303, 422, 429)
    if answer.status_code != 303:
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "{{" not in answer.text.replace("{{ 7*7 }}", "")
        assert answer.text.count("<form") == 1
        assert answer.text.count("</textarea>") == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.dictionaries(st.sampled_from(["zoek", "categorie", "provincie", "sector", "pagina", "c"]), _TEXT))
def test_whatever_is_searched_is_answered_and_comes_back_escaped(browser: TestClient, asked: dict[str, str]) -> None:
    sendable = {name: value.encode("utf-8", "replace").decode() for name, value in asked.items()}
    for path in ("/diensten", PAGE, "/bedrijven/de-groene-hand"):
        answer = browser.get(path, params=sendable)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
