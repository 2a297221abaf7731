"""The mails themselves, as they would go on the wire."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial

import pytest
import world
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.campaigns import life, mailing
from outreach.campaigns import recipients as recipients_of
from outreach.campaigns.mailing import Mailing
from outreach.campaigns.recipients import Recipient
from outreach.errors import NotFound, Refusal
from outreach.links import Links, Purpose
from outreach.models import Basis, Campaign, Cohort, Contact, Delivery, DeliveryStatus, LegalBasis, Link


def fill(app: App, session: Session, crowd: int = 3) -> world.Cast:
    world.add_catalogue(session, app.now())
    cast = world.add_cast(session, key=app.suppression_key, now=app.now())
    world.add_crowd(session, crowd, key=app.suppression_key, now=app.now())
    return cast


def loaded(app: App, session: Session, campaign: Campaign) -> tuple[Mailing, list[Recipient]]:
    pending = (Delivery.campaign_id == campaign.id, Delivery.status == DeliveryStatus.PENDING)
    ids = list(session.scalars(select(Delivery.id).where(*pending)))
    made = mailing.load(session, campaign.id, settings=app.settings, links=app.links)
    return made, recipients_of.recipients(session, ids)


def read(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)  # type: ignore[return-value]


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_nobody_gets_the_first_recipients_unsubscribe_link_or_values(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session)
        made, recipients = loaded(app, session, world.sending(app, session))
    messages = {recipient: read(made.message(recipient)) for recipient in [*recipients, *reversed(recipients)]}
    assert len(messages) == 4
    for recipient, message in messages.items():
        own = app.links.opt_out(recipient.delivery_id, recipient.address_hash)
        strangers = [(other.delivery_id, other.address_hash) for other in recipients if other != recipient]
        others = [link(*who) for who in strangers for link in (app.links.opt_out, app.links.preferences)]
        assert message["List-Unsubscribe"] == f"<{own}>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["To"] == recipient.address
        for part in (html_of(message), text_of(message)):
            assert own in part
            assert app.links.preferences(recipient.delivery_id, recipient.address_hash) in part
            assert not any(other in part for other in others)
            assert ("Beste Ann" in part) == (recipient.contact_id == cast.ann.id)


def test_all_of_a_cohort_get_the_same_content_and_links(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        made, recipients = loaded(app, session, world.sending(app, session))
        codes = {app.links.tracked(code) for code in session.scalars(select(Link.code))}
        cohort = session.scalars(select(Cohort)).one()
    bodies = set()
    for recipient in recipients:
        message = read(made.message(recipient))
        body = html_of(message).replace(app.links.opt_out(recipient.delivery_id, recipient.address_hash), "OUT")
        body = body.replace(app.links.preferences(recipient.delivery_id, recipient.address_hash), "CHOOSE")
        bodies.add(body.replace("Beste Ann", "Beste mevrouw, meneer"))
        found = set(re.findall(r'href="(http://news\.example/[^"]*)"', html_of(message)))
        assert {link for link in found if "/l/" in link} == codes
        assert app.links.newsletter(cohort.code) in found
    assert len(bodies) == 1


def test_the_mail_says_who_sends_and_why(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        made, (ann,) = loaded(app, session, world.sending(app, session))
    message = read(made.message(ann, app.now()))
    for part in (html_of(message), " ".join(text_of(message).split())):
        for said in (
            "Federatie Voorbeeld",
            "Voorbeeldstraat 1, 9000 Gent",
            app.settings.sender.enterprise_number,
            "toestemming",
            "2 maart 2026",
        ):
            assert said in part
    assert str(message["From"]) == "Federatie Voorbeeld <nieuws@federatie.example>"
    assert message["List-Id"] == "Federatie Voorbeeld <outreach.federatie.example>"
    assert message["Feedback-ID"] == "december-2026:newsletter:monthly:outreach"
    assert message["Precedence"] == "bulk"
    assert message["Auto-Submitted"] is None
    assert message["Date"].datetime == app.now()


def test_the_message_id_is_the_same_each_time_and_tells_nothing(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        made, recipients = loaded(app, session, world.sending(app, session))
    ids = [read(made.message(recipient))["Message-ID"] for recipient in recipients]
    assert ids == [read(made.message(recipient, app.now()))["Message-ID"] for recipient in recipients]
    assert len(set(ids)) == len(recipients)
    other = replace(made, campaign_id=made.campaign_id + 1)
    assert read(other.message(recipients[0]))["Message-ID"] not in ids


def test_mails_are_made_from_the_frozen_copy_alone(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        campaign = world.sending(app, session)
        before, (ann,) = loaded(app, session, campaign)
        expected = before.message(ann, app.now())
        shutil.rmtree(app.project / "templates")
        shutil.rmtree(app.project / "segments")
        sender = app.settings.sender.model_copy(update={"name": "Iemand anders"})
        settings = app.settings.model_copy(update={"sender": sender})
        session.execute(update(world.Service).values(name="Veranderd", text="Veranderd", summary="Veranderd"))
        after = mailing.load(session, campaign.id, settings=settings, links=app.links)
    assert after.message(ann, app.now()) == expected


def test_bounces_come_back_to_an_address_that_only_we_can_make(app: App) -> None:
    mail = app.settings.mail.model_copy(update={"bounce_domain": "bounce.federatie.example"})
    app = replace(app, settings=app.settings.model_copy(update={"mail": mail}))
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        made, (ann,) = loaded(app, session, world.sending(app, session))
    local, _, domain = made.envelope_from(ann.delivery_id).partition("@")
    assert domain == "bounce.federatie.example"
    assert len(made.envelope_from(10**18).partition("@")[0]) <= 64
    assert local == local.lower()
    token = local.removeprefix("bounces+").upper()
    with app.database.reading() as session:
        bound = partial(mailing.bounce_bound, session)
        assert app.links.read(Purpose.BOUNCE, token, bound) == ann.delivery_id
        assert app.links.read(Purpose.OPT_OUT, token, bound) is None
    assert app.links.read(Purpose.BOUNCE, token, lambda _: b"another audience with this number") is None


def test_without_a_bounce_domain_the_envelope_is_from_the_sender(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        made, (ann,) = loaded(app, session, world.sending(app, session))
    assert made.envelope_from(ann.delivery_id) == "nieuws@federatie.example"


@pytest.mark.parametrize(
    "name",
    [
        "Eve\r\nBcc: all@list.example",
        "<script>alert(1)</script>",
        "{{ sender.email }}",
        "Eve\u202egro.live",
        "=?utf-8?q?Eve?=",
    ],
)
def test_a_hostile_name_reaches_neither_header_nor_markup_nor_template(app: App, name: str) -> None:
    with app.database.writing() as session:
        cast = fill(app, session, crowd=0)
        cast.ann.first_name = name
        session.get_one(world.Company, cast.ann.company_id).name = name
        session.flush()
        made, (ann,) = loaded(app, session, world.sending(app, session))
    message = made.message(ann)
    head = message.split(b"\r\n\r\n")[0]
    assert b"Bcc" not in head
    assert b"<script" not in message
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))
    assert "\u202e" not in text_of(read(message))


def test_who_lost_the_legal_basis_or_the_address_is_no_recipient(both: App) -> None:
    app = both
    with app.database.writing() as session:
        cast = fill(app, session, crowd=2)
        campaign = world.sending(app, session)
        _, recipients = loaded(app, session, campaign)
        assert len(recipients) == 3
        session.execute(update(LegalBasis).where(LegalBasis.contact_id == cast.ann.id).values(withdrawn_at=app.now()))
        other = session.get_one(Contact, next(r.contact_id for r in recipients if r.contact_id != cast.ann.id))
        other.address = other.address_hash = None
        other.erased_at = app.now()
        session.flush()
        _, left = loaded(app, session, campaign)
    assert len(left) == 1


def test_the_reason_given_is_one_that_the_sender_may_rely_on(both: App) -> None:
    """A federation can't use a newer `customer` basis, so the mail names the consent."""
    app = both
    with app.database.writing() as session:
        cast = fill(app, session, crowd=0)
        session.add(
            LegalBasis(
                contact_id=cast.ann.id,
                basis=Basis.CUSTOMER,
                source="facturen",
                obtained_on=app.now().date(),
                actor="test",
                recorded_at=app.now(),
            )
        )
        session.flush()
        _, (ann,) = loaded(app, session, world.sending(app, session))
    assert ann.basis is Basis.CONSENT


def test_the_page_in_the_browser_says_nothing_about_anybody(app: App) -> None:
    with app.database.writing() as session:
        cast = fill(app, session)
        campaign = world.sending(app, session)
        made, recipients = loaded(app, session, campaign)
        cohort = session.scalars(select(Cohort)).one()
        page = mailing.browser_view(session, cohort.code, links=app.links)
        assert mailing.browser_view(session, "nosuchcode", links=app.links) is None
    assert page is not None
    assert "/u/" not in page
    assert "Ann" not in page
    assert cast.ann.address not in page
    mail = html_of(read(made.message(recipients[0])))
    assert set(re.findall(r"/l/\w+", mail)) == set(re.findall(r"/l/\w+", page))


def test_a_campaign_without_an_approval_has_nothing_to_send(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        campaign = world.draft(app, session)
        with pytest.raises(NotFound, match="no approval in force"):
            mailing.load(session, campaign.id, settings=app.settings, links=app.links)


def test_an_address_no_relay_takes_is_a_refusal_of_that_mail_only(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        made, (ann,) = loaded(app, session, world.sending(app, session))
    with pytest.raises(Refusal):
        made.message(ann._replace(address='"a b"@x.example'))


def test_pictures_are_served_under_their_digest_and_survive_a_later_edit(app: App) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"1" * 40
    (app.project / "pictures").mkdir()
    (app.project / "pictures" / "x.png").write_bytes(png)
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        session.execute(update(world.Service).values(picture="pictures/x.png", picture_alt="Een ploeg"))
        campaign = world.sending(app, session)
        (app.project / "pictures" / "x.png").unlink()
        made, (ann,) = loaded(app, session, campaign)
        approval = life.live_approval(session, campaign.id)
        assert approval is not None
        digest = approval.frozen["pictures"]["pictures/x.png"]["digest"]
        kept = mailing_picture(session, digest)
    assert kept == png
    assert f"http://news.example/media/{digest}.png" in html_of(read(made.message(ann)))


def mailing_picture(session: Session, digest: str) -> bytes:
    from outreach.campaigns import pictures

    found = pictures.find(session, digest)
    assert found is not None
    return found.data


def test_a_tracked_link_of_one_key_is_no_token_of_another() -> None:
    ours, theirs = Links("http://a.example", b"1" * 32), Links("http://a.example", b"2" * 32)
    bound = b"2026-12-01".ljust(16)
    assert ours.read(Purpose.BOUNCE, ours.token(Purpose.BOUNCE, 5, bound), lambda _: bound) == 5
    assert theirs.read(Purpose.BOUNCE, ours.token(Purpose.BOUNCE, 5, bound), lambda _: bound) is None
    token = ours.addressed_token(Purpose.OPT_OUT, 5, bound)
    assert ours.read_addressed(Purpose.OPT_OUT, token.upper()) == (5, bound)
    assert theirs.read_addressed(Purpose.OPT_OUT, token) is None


def test_the_date_is_that_of_the_sending(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session, crowd=0)
        made, (ann,) = loaded(app, session, world.sending(app, session))
    later = app.now() + timedelta(days=2)
    assert read(made.message(ann, later))["Date"].datetime == later


def test_the_quick_message_is_the_one_rendered_for_the_recipient_alone(app: App) -> None:
    with app.database.writing() as session:
        fill(app, session)
        made, recipients = loaded(app, session, world.sending(app, session))
    for recipient in recipients:
        quick, plain = (read(way(recipient, app.now())) for way in (made.message, made.plain_message))
        assert not quick.defects
        assert made.stencils.of(recipient.cohort_id, made.models[recipient.cohort_id or 0], made.attachments)
        assert (text_of(quick), html_of(quick)) == (text_of(plain), html_of(plain))
        heads = [[item for item in one.items() if item[0] != "Content-Type"] for one in (quick, plain)]
        assert heads[0] == heads[1]
