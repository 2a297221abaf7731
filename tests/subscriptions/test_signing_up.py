"""Signing up: nothing counts until the mailbox confirms it by a POST, and nobody learns who is a reader."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import uvicorn
import world
from axe_playwright_python.sync_playwright import Axe
from conftest import Ran
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from relays import free_port
from sqlalchemy import func, select
from subscriptions.conftest import HIDDEN, Story, hidden

from outreach import jobs
from outreach.app import App
from outreach.audience import erasing, suppressing
from outreach.links import Purpose, hash_address
from outreach.models import (
    Company,
    Confirmation,
    ConsentText,
    Contact,
    ContactTopic,
    Frequency,
    LegalBasis,
    OutboxMail,
    Suppression,
    SuppressionReason,
)
from outreach.subscriptions import asking, confirming, texts
from outreach.subscriptions.asking import Ours, SignUp
from outreach.subscriptions.confirming import State
from outreach.web.site import create_site

ANN = "ann@ann.example"
THANKS = "/nieuwsbrief/verstuurd"


def count(app: App, table: type) -> int:
    with app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def suppress(app: App, address: str, reason: SuppressionReason) -> None:
    with app.database.writing() as session:
        hash = hash_address(app.suppression_key, address)
        suppressing.suppress(session, hash, reason=reason, source="test", actor="test", now=app.now())


def is_suppressed(app: App, address: str = ANN) -> bool:
    with app.database.reading() as session:
        return suppressing.is_suppressed(session, hash_address(app.suppression_key, address))


def ours(app: App) -> Ours:
    return Ours(app.settings, app.links, app.suppression_key)


def test_a_reader_signs_up_confirms_and_the_evidence_says_what_when_and_where(story: Story) -> None:
    asked = story.clock.at
    answer = story.sign_up(first_name="Ann", topic=["diensten"], frequency="quarterly")
    assert (answer.status_code, answer.headers["location"]) == (303, THANKS)
    assert count(story.app, Contact) == 0, "a contact before the mailbox confirmed"
    mail = story.mail()
    assert (mail.to, mail.subject) == (ANN, "Bevestig uw inschrijving")
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["List-Unsubscribe"] is None
    story.clock.move(hours=3)
    done = story.press(mail.link("bevestig/"))
    assert "U bent ingeschreven" in done.text
    with story.app.database.reading() as session:
        contact = session.scalars(select(Contact)).one()
        basis = session.scalars(select(LegalBasis)).one()
        text = session.get_one(ConsentText, basis.text_hash)
        topics = {row.topic: row.follows for row in session.scalars(select(ContactTopic))}
        company = session.scalars(select(Company)).one()
    assert (contact.address, contact.first_name, contact.frequency) == (ANN, "Ann", Frequency.QUARTERLY)
    assert (company.name, company.postcode, company.province_nis) == ("Ann Voorbeeld nv", "9000", "40000")
    assert (basis.basis, basis.source, basis.text_version) == ("consent", "inschrijving op onze website", "2026-11")
    assert basis.asked_at == asked + timedelta(seconds=20)
    assert basis.confirmed_at == basis.asked_at + timedelta(hours=3)
    assert text.text == texts.newsletter(story.app.settings).text
    assert "Federatie Voorbeeld" in text.text
    assert topics == {"diensten": True, "bezoekdagen": False, "verhalen": False}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_opens_the_link_confirms_nothing(story: Story, method: str) -> None:
    story.sign_up()
    path = story.mail().link("bevestig/")
    for agent in ("Mozilla/5.0", "Barracuda Sentinel (EE)", ""):
        for _ in range(2):
            assert story.web.request(method, path, headers={"user-agent": agent}).status_code == 200
    assert count(story.app, Contact) == 0
    assert "U bent ingeschreven" in story.press(path).text, "SafeLinks looked first, and the person's click is broken"


def test_confirming_twice_is_one_contact_with_one_evidence(story: Story) -> None:
    story.sign_up()
    path = story.mail().link("bevestig/")
    for _ in range(3):
        assert "U bent ingeschreven" in story.web.post(path).text
    assert "Bevestigd" in story.web.get(path).text
    assert (count(story.app, Contact), count(story.app, LegalBasis)) == (1, 1)


def test_two_clicks_at_once_confirm_once(story: Story) -> None:
    story.sign_up()
    path = story.mail().link("bevestig/")
    id = int(path.rpartition("/")[2].partition(".")[0])
    start, states = threading.Barrier(4), []

    def click() -> None:
        start.wait()
        with story.app.database.writing() as session:
            states.append(confirming.confirm(session, id, story.app.settings, story.app.now()).state)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert states == [State.DONE] * 4
    assert (count(story.app, Contact), count(story.app, LegalBasis)) == (1, 1)


def test_a_link_works_for_its_days_and_no_longer(story: Story) -> None:
    story.sign_up()
    path = story.mail().link("bevestig/")
    story.clock.move(days=3, seconds=1)
    assert story.web.get(path).status_code == 410
    assert story.web.post(path).status_code == 410
    assert count(story.app, Contact) == 0


def test_nobody_confirms_in_another_s_name_by_forging_a_link(story: Story) -> None:
    story.sign_up()
    token = story.mail().link("bevestig/").rpartition("/")[2]
    id, _, mac = token.partition(".")
    other = story.app.links.token(Purpose.PERSONAL, int(id), hash_address(story.app.suppression_key, ANN))
    for forged in (f"{int(id) + 1}.{mac}", f"{id}.", id, f"{id}.{mac[:-1]}", other, "x" * 300, "%00"):
        assert story.web.post(f"/bevestig/{forged}").status_code in (404, 410)
    assert count(story.app, Contact) == 0


def known(story: Story, address: str) -> dict[str, Callable[[], None]]:
    """Return the ways in which we may know an address."""
    app = story.app

    def erased() -> None:
        with app.database.writing() as session:
            erasing.erase(session, address, key=app.suppression_key, actor="test", now=app.now())

    return {
        "unknown": lambda: None,
        "subscribed": lambda: story.subscribed(address) and None,
        "unsubscribed": lambda: suppress(app, address, SuppressionReason.UNSUBSCRIBED),
        "complained": lambda: suppress(app, address, SuppressionReason.COMPLAINT),
        "dead": lambda: suppress(app, address, SuppressionReason.HARD_BOUNCE),
        "erased": erased,
    }


def test_the_page_never_tells_whether_an_address_is_known(story: Story) -> None:
    """The answer to a form is the same to the byte; the mail tells, to whom the address belongs."""
    subjects, answers = {}, set()
    for number, name in enumerate(known(story, ANN)):
        address = f"lezer{number}@ann.example"
        known(story, address)[name]()
        story.clock.move(minutes=61)
        story.mails()
        asked = story.sign_up(address)
        page = story.web.get(asked.headers["location"])
        answers.add((asked.status_code, asked.headers["location"], asked.text, page.text))
        subjects[name] = story.mail().subject
    assert len(answers) == 1
    assert subjects == {
        "unknown": "Bevestig uw inschrijving",
        "subscribed": "U bent al ingeschreven",
        "unsubscribed": "Bevestig uw inschrijving",
        "complained": "We kunnen dit adres niet inschrijven",
        "dead": "We kunnen dit adres niet inschrijven",
        "erased": "Bevestig uw inschrijving",
    }


@pytest.mark.parametrize(
    "reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.ERASED, SuppressionReason.IMPORTED]
)
def test_a_confirmed_opt_in_of_the_person_lifts_the_own_opt_out(story: Story, reason: SuppressionReason) -> None:
    suppress(story.app, ANN, reason)
    story.subscribed()
    assert not is_suppressed(story.app)
    with story.app.database.reading() as session:
        row = session.scalars(select(Suppression)).one()
        assert (row.lifted_by, row.lifted_reason) == ("recipient", "opt-in confirmed on 2026-11-24")


@pytest.mark.parametrize("grave", [SuppressionReason.COMPLAINT, SuppressionReason.HARD_BOUNCE])
@pytest.mark.parametrize("erased", [False, True])
def test_no_opt_in_lifts_a_complaint_or_a_dead_address_not_even_after_an_erasure(
    story: Story, grave: SuppressionReason, erased: bool
) -> None:
    story.sign_up()
    path = story.mail().link("bevestig/")
    suppress(story.app, ANN, grave)  # between the question and the click
    if erased:
        suppress(story.app, ANN, SuppressionReason.ERASED)
    page = story.press(path)
    assert "mogen nog niet mailen" in page.text
    assert is_suppressed(story.app)
    story.sign_up()
    assert story.mail().subject == "We kunnen dit adres niet inschrijven"
    story.sign_up()
    assert story.mails() == [], "told twice within a month"


def test_an_address_cannot_be_bombed(story: Story) -> None:
    """Three mails a day to one address, from however many places and at however many companies."""
    for number in range(8):
        story.web.headers["x-forwarded-for"] = f"10.0.0.{number}"
        assert story.sign_up(ANN.upper() if number % 2 else ANN, company_name=f"Bedrijf {number}").status_code == 303
    assert len(story.mails()) == 3
    story.clock.move(days=1)
    story.sign_up()
    assert len(story.mails()) == 1


def test_many_forms_at_once_are_no_way_around_the_limit(both: App) -> None:
    with both.database.writing() as session:
        text = texts.keep(session, texts.newsletter(both.settings), both.now())
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait()
        with both.database.writing() as session:
            asking.sign_up(session, SignUp(ANN, "test", text, company_name="A"), ours(both), both.now())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 1 <= count(both, OutboxMail) <= 3


def test_one_place_and_all_places_together_have_a_limit_an_hour(story: Story) -> None:
    codes = [story.sign_up(f"lezer{number}@ann.example").status_code for number in range(12)]
    assert codes == [303] * 10 + [429] * 2
    story.clock.move(hours=1)
    few = story.app.settings.subscribing.model_copy(update={"per_hour": 1})
    object.__setattr__(story.app, "settings", story.app.settings.model_copy(update={"subscribing": few}))
    assert [story.sign_up(f"ander{number}@ann.example").status_code for number in range(2)] == [303, 429]


def test_what_nobody_confirms_is_erased_with_the_mail_about_it(story: Story) -> None:
    story.sign_up(first_name="Ann")
    story.mails()
    story.clock.move(days=7)
    jobs.forget_due(story.app)
    assert count(story.app, Confirmation) == 1
    story.clock.move(seconds=1)
    jobs.forget_due(story.app)
    with story.app.database.reading() as session:
        assert session.scalars(select(Confirmation)).all() == []
        (mail,) = session.scalars(select(OutboxMail))
    assert (mail.message, mail.recipient, mail.address_hash) == (b"", "erased@erased.invalid", None)


def test_a_link_to_an_erased_question_is_never_another_s(story: Story) -> None:
    """SQLite gives the number of a deleted last row to the next one, unless told not to."""
    story.sign_up("carl@ann.example")
    old = story.mail().link("bevestig/")
    story.clock.move(days=8)
    jobs.forget_due(story.app)
    story.sign_up()
    assert story.web.post(old).status_code == 404
    assert count(story.app, Contact) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "geen adres"),
        ("email", ""),
        ("email", "é@ann.example"),
        ("company_name", ""),
        ("enterprise_number", "1999.000.151"),
        ("postcode", "0001"),
        ("website", "https://robot.example"),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_typed_is_lost(story: Story, field: str, value: str) -> None:
    page = story.sign_up(first_name="Ann & <b>", **{field: value})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text or field == "website"
    assert "Ann &amp; &lt;b&gt;" in page.text
    assert story.mails() == []


def test_a_form_without_number_and_postcode_is_asked_for_one(story: Story) -> None:
    assert story.sign_up(postcode="").status_code == 422
    assert story.sign_up(postcode="", enterprise_number="1999.000.150").status_code == 303


def test_a_company_that_is_known_is_joined_and_left_as_it_is(story: Story) -> None:
    with story.app.database.writing() as session:
        company = world.add_company(session, story.app.now(), name="Echte Naam nv")
        number = company.enterprise_number
    contact = story.subscribed(company_name="Iets anders", enterprise_number=number, postcode="3500")
    with story.app.database.reading() as session:
        company = session.scalars(select(Company)).one()
    assert (contact.company_id, company.name, company.postcode) == (company.id, "Echte Naam nv", "9000")


def test_a_campaign_that_led_here_stands_in_the_evidence(story: Story) -> None:
    with story.app.database.writing() as session:
        world.add_catalogue(session, story.app.now())
        world.add_crowd(session, 3, key=story.app.suppression_key, now=story.app.now())
        world.sending(story.app, session)
        from outreach.models import Link

        code = session.scalars(select(Link.code).limit(1)).one()
    page = story.web.get("/nieuwsbrief", params={"c": code})
    form = {**hidden(page), "email": ANN, "company_name": "Ann", "postcode": "9000"}
    assert form["c"] == code
    story.clock.move(seconds=9)
    assert story.web.post("/nieuwsbrief", data=form).status_code == 303
    (mail,) = [mail for mail in story.mails() if mail.to == ANN]
    story.web.post(mail.link("bevestig/"))
    with story.app.database.reading() as session:
        source = session.scalars(select(LegalBasis.source).join(Contact).where(Contact.address == ANN)).one()
    assert source == "inschrijving op onze website, na nieuwsbrief december-2026"


FOREIGN = {"email": ANN, "company_name": "Ann", "postcode": "9000"}


def trusting(story: Story, *origins: str) -> None:
    ours = story.app.settings.subscribing.model_copy(update={"embed_origins": list(origins)})
    object.__setattr__(story.app, "settings", story.app.settings.model_copy(update={"subscribing": ours}))


def test_a_form_on_a_trusted_site_signs_up_with_that_site_as_source(story: Story) -> None:
    trusting(story, "https://www.partner.example")
    text = texts.newsletter(story.app.settings).digest
    answer = story.web.post(
        "/nieuwsbrief", data={**FOREIGN, "text": text}, headers={"origin": "https://www.partner.example"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, THANKS)
    story.web.post(story.mail().link("bevestig/"))
    with story.app.database.reading() as session:
        assert session.scalars(select(LegalBasis.source)).one() == "inschrijving via www.partner.example"


@pytest.mark.parametrize("headers", [{"origin": "https://elders.example"}, {"origin": "null"}, {}])
def test_a_form_on_any_other_site_lands_here_filled_in_with_one_more_press(
    story: Story, headers: dict[str, str]
) -> None:
    trusting(story, "https://www.partner.example")
    page = story.web.post("/nieuwsbrief", data=FOREIGN, headers=headers)
    assert page.status_code == 200
    assert f'value="{ANN}"' in page.text
    assert story.mails() == []
    story.clock.move(seconds=5)
    again = story.web.post(
        "/nieuwsbrief", data={**FOREIGN, **hidden(page), "text": texts.newsletter(story.app.settings).digest}
    )
    assert again.status_code == 303
    assert len(story.mails()) == 1


def test_consent_to_a_text_that_we_never_showed_counts_as_none(story: Story) -> None:
    page = story.sign_up(text="0" * 64)
    assert page.status_code == 200
    assert "is gewijzigd" in page.text
    assert story.mails() == []


def test_only_the_sites_of_the_settings_may_frame_the_form(story: Story) -> None:
    closed = story.web.get("/nieuwsbrief/ingebed")
    assert "frame-ancestors 'none'" in closed.headers["content-security-policy"]
    assert closed.headers["x-frame-options"] == "DENY"
    trusting(story, "https://www.partner.example")
    page = story.web.get("/nieuwsbrief/ingebed", headers={"referer": "https://www.partner.example/"})
    assert "frame-ancestors https://www.partner.example" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers
    assert 'target="_top"' in page.text
    story.clock.move(seconds=9)
    assert story.web.post("/nieuwsbrief", data={**hidden(page), **FOREIGN}).status_code == 303
    story.web.post(story.mail().link("bevestig/"))
    with story.app.database.reading() as session:
        assert session.scalars(select(LegalBasis.source)).one() == "inschrijving via www.partner.example"
    assert "frame-ancestors 'none'" in story.web.get("/nieuwsbrief").headers["content-security-policy"]


WORDS = st.text(max_size=300)
NAMES = (*FOREIGN, "enterprise_number", "first_name", "frequency", "text", "via", "c", "stamp", "website")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries(dict.fromkeys(NAMES, WORDS)), st.lists(WORDS, max_size=5))
@example({"email": "a@b.example\r\nBcc: bob@bob.example", "company_name": "\x00", "postcode": "9000"}, ["\ud800"])
@example({"email": "=?utf-8?q?a?=@b.example", "company_name": "{{ 7*7 }}", "postcode": "9000", "stamp": "１.x"}, [])
def test_no_input_breaks_the_form(story: Story, fields: dict[str, str], topics: list[str]) -> None:
    own = hidden(story.web.get("/nieuwsbrief"))
    story.clock.move(hours=2)
    safe = lambda text: text.encode("utf-8", "replace").decode()  # noqa: E731
    ours = {**own, "website": ""}
    names = {"company_name": fields["company_name"][:200] or "Ann", "first_name": fields.get("first_name", "")[:60]}
    for form in (fields, {**fields, **ours}, {**FOREIGN, **names, **ours}):
        data = {name: safe(value) for name, value in form.items()}
        answer = story.web.post("/nieuwsbrief", data={**data, "topic": [safe(topic) for topic in topics]})
        assert answer.status_code in (200, 303, 422), answer.text
    for mail in story.mails():
        assert mail.message["Bcc"] is None
        assert not mail.message.defects


def test_the_form_that_the_command_prints_signs_up_from_a_trusted_site(cli: Callable[..., Ran], app: App) -> None:
    file = app.project / "outreach.toml"
    file.write_text(file.read_text() + '\n[subscribing]\nembed_origins = ["https://www.partner.example"]\n')
    printed = cli("site", "embed")
    assert (printed.code, printed.err) == (0, "")
    assert "<script" not in printed.out
    with app.database.reading() as session:
        text = session.scalars(select(ConsentText)).one()
    assert dict(HIDDEN.findall(printed.out)) == {"text": text.digest}
    assert text.text in printed.out
    assert 'action="http://news.example/nieuwsbrief"' in printed.out
    assert 'src="http://news.example/nieuwsbrief/ingebed"' in cli("site", "embed", "--frame").out


def test_the_team_sees_the_evidence_and_where_each_choice_came_from(story: Story, cli: Callable[..., Ran]) -> None:
    story.subscribed(frequency="quarterly")
    shown = cli("contact", "show", ANN)
    assert shown.code == 0
    evidence = ("inschrijving op onze website", "text 2026-11", "Ik wil de nieuwsbrief")
    for said in (*evidence, "frequency: quarterly", "confirmed opt-in", "one mail a quarter"):
        assert said in shown.out, said


@pytest.mark.chromium
@pytest.mark.parametrize("path", ["/nieuwsbrief", "/voorkeuren", "/nieuwsbrief/ingebed"])
def test_no_person_sees_the_field_that_catches_robots(app: App, running_chromium: Browser, path: str) -> None:
    server = uvicorn.Server(uvicorn.Config(create_site(app), port=(port := free_port()), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with running_chromium.new_page(viewport={"width": 360, "height": 700}) as page:
            page.goto(f"http://127.0.0.1:{port}{path}")
            box = page.locator("#website").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] < 0
            assert page.evaluate("document.documentElement.scrollWidth") == 360
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") != "website"
            assert Axe().run(page).response["violations"] == []
    finally:
        server.should_exit = True
        thread.join()
