"""Campaigns that invite, that tell a story with pictures, and that show two services of one name."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import world
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import checking, mailing, previewing
from outreach.campaigns import recipients as recipients_of
from outreach.campaigns.recipients import Recipient
from outreach.models import Campaign, Delivery, DeliveryStatus, Enterprise, Link
from outreach.web.site import create_site

EVENT = {
    "starts_at": "2027-01-14 13:30",
    "ends_at": "2027-01-14 16:00",
    "place": "Atelier De Vlechterij",
    "address": "Voorbeeldstraat 40, 8800 Roeselare",
    "host": "De Vlechterij; maatwerkbedrijf",
    "register_at": "https://federatie.example/inschrijven?bezoek=1&via=mail",
    "register_by": "2027-01-07",
    "programme": ["13.30 uur: koffie", "14 uur: rondleiding"],
}
INVITATION: dict[str, Any] = {"template": "invitation", "event": EVENT, "spotlights": []}


def fill(app: App, session: Session) -> None:
    world.add_catalogue(session, app.now())
    world.add_cast(session, key=app.suppression_key, now=app.now())
    world.add_crowd(session, 3, key=app.suppression_key, now=app.now())


def sent(app: App, session: Session, campaign: Campaign) -> list[tuple[Recipient, EmailMessage]]:
    pending = (Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.PENDING)
    made = mailing.load(session, campaign.id, settings=app.settings, links=app.links)
    found = recipients_of.recipients(session, list(session.scalars(select(Delivery.id).where(*pending))))
    return [(one, message_from_bytes(made.message(one), policy=policy.default)) for one in found]  # type: ignore[misc]


def said(checked: checking.Checked) -> str:
    return "\n".join(map(str, checked.reasons))


def examine(app: App, session: Session, **changes: Any) -> checking.Checked:
    world.add_segment(app.project)
    return checking.examine(session, world.spec(**changes), sources=app.sources, now=app.now())


def test_an_invitation_carries_one_calendar_entry_beside_both_parts(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        mails = sent(app, session, world.sending(app, session, **INVITATION))
    entries = set()
    for _, message in mails:
        assert message.get_content_type() == "multipart/mixed"
        alternative, entry = message.iter_parts()
        assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "text/html"]
        assert entry.get_content_type() == "text/calendar"
        assert entry["Content-Type"].params["method"] == "PUBLISH"
        assert entry["Content-Type"].params["charset"] == "utf-8"
        assert entry.get_filename() == "december-2026.ics"
        assert not any(part.defects for part in message.walk())
        entries.add(entry.get_payload(decode=True))
    assert len(mails) == 4
    assert len(entries) == 1, "the entry says nothing of who gets it"
    (data,) = entries
    assert b"UID:december-2026@federatie.example\r\n" in data
    assert b"DTSTART;TZID=Europe/Brussels:20270114T133000\r\n" in data
    assert b"ATTENDEE" not in data


def test_a_mail_without_an_event_has_no_attachment(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        mails = sent(app, session, world.sending(app, session))
    assert {message.get_content_type() for _, message in mails} == {"multipart/alternative"}


def test_the_links_of_an_event_are_counted_per_group(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.sending(app, session, **INVITATION)
        targets = dict(session.execute(select(Link.target, Link.block).where(Link.campaign_id == campaign.id)).all())
        _, message = sent(app, session, campaign)[0]
    assert targets[EVENT["register_at"]] == "event"
    assert targets["http://news.example/agenda/december-2026.ics"] == "event"
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "federatie.example/inschrijven" not in html
    assert "Schrijf u in voor dit bezoek" in html


def test_registering_by_mail_goes_to_the_address_with_the_subject_filled_in(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        event = {**EVENT, "register_at": "bezoek@vlechterij.example"}
        campaign = world.draft(app, session, **{**INVITATION, "event": event})
        shown = previewing.preview(session, campaign, sources=app.sources, now=app.now()).rendered
    assert 'href="mailto:bezoek@vlechterij.example?subject=Inschrijving%3A%20Werk%20dat%20past"' in shown.html
    assert "Schrijf u in per e-mail:\nbezoek@vlechterij.example\n" in shown.text


def test_both_parts_say_when_where_and_with_whom(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.draft(app, session, **INVITATION)
        shown = previewing.preview(session, campaign, sources=app.sources, now=app.now()).rendered
    for fact in (
        *("donderdag 14 januari 2027", "van 13.30 tot 16.00 uur", EVENT["place"], EVENT["address"], EVENT["host"]),
        *("tot en met donderdag 7 januari 2027", "14 uur: rondleiding"),
    ):
        assert str(fact) in shown.html
        assert str(fact) in shown.text


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"ends_at": "2027-01-14 13:30"}, "is not after starts_at"),
        ({"ends_at": "2027-03-14 13:30"}, "lasts more than 14 days"),
        ({"register_by": "2027-01-15"}, "lies after the event begins"),
        ({"starts_at": "2027-03-28 02:30", "ends_at": "2027-03-28 05:00"}, "does not exist in Brussels"),
        ({"register_at": "http://federatie.example"}, "must be an e-mail address, or a web address"),
        ({"register_at": "https://"}, "must be a whole address"),
        ({"place": ""}, "must not be empty"),
    ],
)
def test_an_event_that_can_not_be_is_refused(changes: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ValidationError, match=refusal):
        world.spec(**{**INVITATION, "event": {**EVENT, **changes}})


def test_a_visit_day_before_the_mail_goes_is_refused(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        assert said(examine(app, session, **INVITATION)) == ""
        over = examine(app, session, **INVITATION, send_at="2027-01-14 13:30")
        assert "the event begins at" in said(over)
        closed = examine(app, session, **INVITATION, send_at="2027-01-08 09:00")
        assert "register_by 2027-01-07 is past when the mail goes" in said(closed)
        on_the_last_day = examine(app, session, **INVITATION, send_at="2027-01-07 17:00")
        assert said(on_the_last_day) == ""


def test_a_template_and_a_campaign_that_do_not_fit_are_refused(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        assert "template invitation needs `event:`" in said(examine(app, session, template="invitation"))
        story = said(examine(app, session, template="story"))
        assert all(f"needs `{name}:`" in story for name in ("body", "pictures", "quote"))
        assert "template monthly doesn't show `event`" in said(examine(app, session, event=EVENT))


def test_the_calendar_entry_is_on_the_site_from_approval_on(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        world.draft(app, session, name="klad", **INVITATION)
        world.approved(app, session, **INVITATION)
        world.approved(app, session, name="zonder")
    with TestClient(create_site(app), base_url="http://news.example") as browser:
        answer = browser.get("/agenda/december-2026.ics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/calendar; charset=utf-8")
        assert answer.content.startswith(b"BEGIN:VCALENDAR\r\n")
        assert browser.head("/agenda/december-2026.ics").status_code == 200
        for name in ("klad", "zonder", "nergens", "..%2fx"):
            assert browser.get(f"/agenda/{name}.ics").status_code == 404, name


def test_a_story_shows_its_pictures_with_their_words(app: App) -> None:
    (app.project / "pictures").mkdir(exist_ok=True)
    Image.new("RGB", (60, 30), "red").save(app.project / "pictures" / "ploeg.png")
    pictures = [{"file": "pictures/ploeg.png", "alt": "De ploeg aan tafel", "caption": "Elke dag zes mensen."}]
    story = {"template": "story", "body": "## Klein begonnen\n\nMet één palet.", "pictures": pictures}
    story["quote"] = {"text": "Ze blijven.", "name": "Jo Voorbeeld", "role": "drukker"}
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.draft(app, session, **story)
        shown = previewing.preview(session, campaign, sources=app.sources, now=app.now())
        missing = examine(app, session, **{**story, "pictures": [{**pictures[0], "file": "pictures/weg.png"}]})
    assert [picture.suffix for picture in shown.pictures] == [".png"]
    assert 'alt="De ploeg aan tafel"' in shown.rendered.html
    for text in (shown.rendered.html, shown.rendered.text):
        assert all(
            words in text for words in ("Elke dag zes mensen.", "“Ze blijven.”", "Jo Voorbeeld", "Klein begonnen")
        )
    assert "pictures/weg.png: cannot be read" in said(missing)


def test_two_services_of_one_name_are_told_apart(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        first, second = session.scalars(select(Enterprise).order_by(Enterprise.id).limit(2))
        for number, enterprise in enumerate((first, second)):
            world.add_service(session, enterprise, f"groen-{number}", app.now()).name = "Groenonderhoud"
        session.flush()
        services = ["groen-0", "groen-1", "dienst-3-1"]
        campaign = world.draft(app, session, spotlights=[{"block": "a", "services": services}])
        shown = previewing.preview(session, campaign, sources=app.sources, now=app.now()).rendered
    for part in (shown.html, shown.text):
        assert "Meer over Groenonderhoud bij Maatwerk 1 vzw" in part
        assert "Meer over Groenonderhoud bij Maatwerk 2 vzw" in part
        assert "Meer over Dienst 3 1" in part
        assert "Meer over Dienst 3 1 bij" not in part
