"""What the team does with a campaign beside its main way: try it, change it, copy it, and settle what stands still."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from outreach.app import App
from outreach.campaigns import life
from outreach.models import Campaign, CampaignStatus, Delivery, DeliveryStatus, OutboxMail
from tests import world as worlds
from tests.web.test_staff import ann, campaign, csrf_of, dan, press, shown_by, status, stranger

__all__ = ["ann", "campaign", "dan", "stranger"]
pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture
def begun(app: App) -> str:
    """A campaign that is being sent."""
    with app.database.writing() as session:
        worlds.add_cast(session, key=app.suppression_key, now=app.now())
        worlds.add_catalogue(session, app.now())
        return worlds.sending(app, session).name


def became(app: App, state: DeliveryStatus, reason: str | None = None) -> None:
    """Let every mail that waits have become so."""
    with app.database.writing() as session:
        session.execute(
            update(Delivery).where(Delivery.status == DeliveryStatus.PENDING).values(status=state, reason=reason)
        )


def states(app: App) -> set[tuple[DeliveryStatus, str | None]]:
    with app.database.reading() as session:
        rows = session.execute(select(Delivery.status, Delivery.reason))
        return {(state, reason) for state, reason in rows if state is not DeliveryStatus.SKIPPED}


def test_a_test_mail_goes_to_whoever_is_named_and_to_nobody_else(ann: TestClient, app: App, campaign: str) -> None:
    page = ann.get(f"/staff/campaigns/{campaign}").text
    assert 'value="ann@federatie.example"' in page, "one's own address is filled in"
    answer = press(ann, campaign, "test", value="chef@federatie.example")
    assert answer.status_code == 303  # type: ignore[attr-defined]
    assert "De testmail staat klaar" in ann.get(answer.headers["location"]).text  # type: ignore[attr-defined]
    with app.database.reading() as session:
        mail = session.scalars(select(OutboxMail)).one()
    assert mail.recipient == "chef@federatie.example"
    message = message_from_bytes(mail.message, policy=policy.default)
    assert str(message["Subject"]).startswith("[TEST] ")
    assert message["To"] == "chef@federatie.example"


@pytest.mark.parametrize("to", ["", "geen adres", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"])
def test_a_test_mail_to_no_single_address_is_refused(ann: TestClient, app: App, campaign: str, to: str) -> None:
    answer = press(ann, campaign, "test", value=to)
    assert answer.status_code == 409  # type: ignore[attr-defined]
    with app.database.reading() as session:
        assert session.scalars(select(OutboxMail)).all() == []


def test_mails_of_unknown_fate_are_settled_and_never_go_again(ann: TestClient, app: App, begun: str) -> None:
    became(app, DeliveryStatus.UNCERTAIN)
    page = ann.get(f"/staff/campaigns/{begun}").text
    assert "Ze zijn aangekomen" in page
    assert press(ann, begun, "settle-sent").status_code == 303  # type: ignore[attr-defined]
    assert states(app) == {(DeliveryStatus.SENT, None)}
    assert "Ze zijn aangekomen" not in ann.get(f"/staff/campaigns/{begun}").text


def test_what_a_person_gave_up_is_not_offered_again(ann: TestClient, app: App, begun: str) -> None:
    became(app, DeliveryStatus.UNCERTAIN)
    assert press(ann, begun, "give-up").status_code == 303  # type: ignore[attr-defined]
    assert states(app) == {(DeliveryStatus.FAILED, "given_up")}
    assert "Probeer opnieuw" not in ann.get(f"/staff/campaigns/{begun}").text


def test_mails_that_certainly_failed_are_tried_again(ann: TestClient, app: App, begun: str) -> None:
    became(app, DeliveryStatus.FAILED, "expired")
    assert "1 mail mislukte" in ann.get(f"/staff/campaigns/{begun}").text
    assert press(ann, begun, "retry").status_code == 303  # type: ignore[attr-defined]
    assert states(app) == {(DeliveryStatus.PENDING, None)}


def test_a_copy_is_a_draft_under_another_name_without_a_time(ann: TestClient, app: App, begun: str) -> None:
    page = ann.get(f"/staff/campaigns/{begun}").text
    offered = re.search(r'id="copy" name="value" value="([^"]+)"', page)
    assert offered is not None
    answer = press(ann, begun, "copy", value=offered[1])
    assert answer.headers["location"] == f"/staff/campaigns/{offered[1]}"  # type: ignore[attr-defined]
    with app.database.reading() as session:
        made = life.find(session, offered[1])
        assert (made.status, made.send_at, made.created_by) == (CampaignStatus.DRAFT, None, "ann@federatie.example")
        assert life.free_name(session, begun) != offered[1]
    assert press(ann, begun, "copy", value=offered[1]).status_code == 409  # type: ignore[attr-defined]
    assert press(ann, begun, "copy", value="../x").status_code == 409  # type: ignore[attr-defined]


def text_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return found[1].replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")


def test_a_campaign_is_changed_in_the_browser_and_needs_approval_anew(ann: TestClient, app: App, campaign: str) -> None:
    assert press(ann, campaign, "submit").status_code == 303  # type: ignore[attr-defined]
    page = ann.get(f"/staff/campaigns/{campaign}/edit").text
    text = re.sub(r"(?m)^title: .*$", "title: Iets anders", text_of(page))
    answer = ann.post(f"/staff/campaigns/{campaign}/edit", data=shown_by(page) | {"text": text})
    assert answer.status_code == 303, answer.text
    assert status(app, campaign) is CampaignStatus.DRAFT
    with app.database.reading() as session:
        assert life.find(session, campaign).title == "Iets anders"
    # What somebody else wrote meanwhile isn't overwritten, and what was typed isn't lost.
    late = ann.post(f"/staff/campaigns/{campaign}/edit", data=shown_by(page) | {"text": text + "closing: Later\n"})
    assert late.status_code == 422
    assert "closing: Later" in late.text
    wrong = ann.post(f"/staff/campaigns/{campaign}/edit", data=shown_by(page) | {"text": "name: x\ntilte: y"})
    assert wrong.status_code == 422
    assert "campagne.yaml:2" in wrong.text


def test_a_campaign_that_is_being_sent_is_not_changed(ann: TestClient, app: App, begun: str) -> None:
    assert f"/staff/campaigns/{begun}/edit" not in ann.get(f"/staff/campaigns/{begun}").text
    page = ann.get(f"/staff/campaigns/{begun}/edit").text
    answer = ann.post(f"/staff/campaigns/{begun}/edit", data=shown_by(page) | {"text": text_of(page)})
    assert answer.status_code == 422


STEPS = ("test", "settle-sent", "give-up", "retry", "copy", "edit")


@pytest.mark.parametrize("step", STEPS)
def test_no_analyst_no_other_site_and_no_get_takes_these_steps(
    ann: TestClient, app: App, campaign: str, step: str
) -> None:
    address = f"/staff/campaigns/{campaign}/{step}"
    assert ann.post(address, data={"value": "x@y.example"}).status_code == 403, "without the token of the page"
    sent = {**shown_by(ann.get(f"/staff/campaigns/{campaign}").text), "value": "x@y.example", "text": "name: x"}
    assert ann.post(address, data=sent, headers={"origin": "https://evil.example"}).status_code == 403
    assert ann.get(address).status_code == (200 if step == "edit" else 405)
    with app.database.reading() as session:
        assert len(session.scalars(select(Campaign)).all()) == 1
        assert session.scalars(select(OutboxMail)).all() == []


@pytest.mark.parametrize("step", STEPS)
def test_an_analyst_takes_none_of_these_steps(dan: TestClient, campaign: str, step: str) -> None:
    page = dan.get(f"/staff/campaigns/{campaign}").text
    assert f"/{step}" not in page
    sent = {"csrf": csrf_of(page), "value": "x@y.example", "text": "name: x"}
    assert dan.post(f"/staff/campaigns/{campaign}/{step}", data=sent).status_code == 403
