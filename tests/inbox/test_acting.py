"""What came back does what it should to the address, the campaign and the delivery, and no more."""

from __future__ import annotations

import pytest
from inbox import post
from inbox.conftest import Office
from sqlalchemy import update

from outreach import jobs
from outreach.audience import cards, erasing
from outreach.campaigns import life
from outreach.inbox import counting
from outreach.models import (
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryStatus,
    Event,
    EventKind,
    InboxState,
    OutboxMail,
    PauseKind,
    SuppressionReason,
)

DAYS = ("2026-12-01 10:00", "2027-01-12 10:00", "2027-02-16 10:00", "2027-03-16 10:00")


def send_next(office: Office, number: int) -> None:
    office.send(f"nummer-{number}", DAYS[number])


def in_a_row(office: Office, name: str) -> int:
    """Count the campaigns that came back soft from somebody."""
    hash = office.contact(name).address_hash
    assert hash is not None
    with office.app.database.reading() as session:
        return counting.in_a_row(session, hash, office.app.settings.inbox, office.app.now())


def test_a_full_mailbox_counts_over_campaigns_and_suppresses_at_the_third_in_a_row(both_offices: Office) -> None:
    office = both_offices
    for number in range(3):
        if number:
            send_next(office, number)
        assert office.suppression("ann") is None
        office.take_in(post.bounce(office.mail_to("ann"), post.FULL))
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.HARD_BOUNCE
    assert "3 campaigns in a row" in suppression.source
    assert office.suppressed() == 1


def test_one_campaign_that_is_told_of_often_counts_once(office: Office) -> None:
    mail = office.mail_to("ann")
    office.take_in(
        *(post.bounce(mail, words) for words in (post.FULL, "452 4.2.2 over quota", post.FULL) for _ in "ab")
    )
    assert office.suppression("ann") is None


def test_a_soft_bounce_is_forgiven_by_a_mail_that_arrives(office: Office) -> None:
    for number in range(4):
        if number:
            send_next(office, number)
        if number != 2:  # in February nothing came back
            office.take_in(post.bounce(office.mail_to("ann"), post.FULL))
    assert office.suppression("ann") is None, "three, and not in a row"
    assert in_a_row(office, "ann") == 1


def test_a_soft_bounce_or_a_reputation_reject_blocks_no_address_for_good(office: Office) -> None:
    """Neither however often: a full mailbox may be emptied, and policy is about us and no part of what is counted."""
    office.take_in(post.bounce(office.mail_to("ann"), post.POLICY))
    office.take_in(post.bounce(office.mail_to("info"), post.FULL))
    assert office.suppressed() == 0
    assert (in_a_row(office, "ann"), in_a_row(office, office.mail_to("info").recipient)) == (0, 1)
    assert {event.klass for event in office.events(EventKind.BOUNCED)} == {"soft"}


@pytest.mark.parametrize(
    "said", ["550 5.7.1 blocked using a block list", "554 5.3.4 message too big", "550 5.6.0 content refused", "5.0.0"]
)
def test_not_every_5xx_means_that_an_address_is_dead(office: Office, said: str) -> None:
    office.take_in(post.bounce(office.mail_to("ann"), said))
    assert office.suppression("ann") is None


def test_a_delay_is_told_and_counts_for_nothing(office: Office) -> None:
    delayed = post.bounce(office.mail_to("ann"), "452 4.2.2 mailbox full, will retry", action="delayed")
    office.take_in(delayed, delayed.replace(b"report.", b"again."))
    told = [event for event in office.events(EventKind.DEFERRED) if event.reason == "delayed"]
    assert len(told) == 1
    assert in_a_row(office, "ann") == 0
    assert office.suppressed() == 0
    assert office.events(EventKind.BOUNCED) == []


def put_on_its_way(office: Office) -> None:
    """Make the campaign one that is being sent still, with two mails to go."""
    with office.app.database.writing() as session:
        session.execute(update(Campaign).values(status=CampaignStatus.SENDING, finished_at=None))


def crowd_of(office: Office) -> list[post.Received]:
    return [mail for mail in office.sent if mail.recipient.startswith("info")]


def test_5_7_x_from_many_domains_pauses_the_campaign_and_blames_no_address(office: Office) -> None:
    put_on_its_way(office)
    bounces = [post.bounce(mail, post.POLICY) for mail in crowd_of(office)]
    office.take_in(*bounces[:4])
    assert office.campaign().status is CampaignStatus.SENDING, "four strange servers stop nothing"
    office.take_in(bounces[4])
    campaign = office.campaign()
    assert (campaign.status, campaign.pause_kind) == (CampaignStatus.PAUSED, PauseKind.POLICY)
    assert campaign.pause_reason is not None
    assert "5 domains" in campaign.pause_reason
    assert "poor reputation" in campaign.pause_reason
    assert office.suppressed() == 0


def test_what_came_before_a_person_resumed_is_not_held_against_the_campaign(office: Office) -> None:
    put_on_its_way(office)
    bounces = [post.bounce(mail, post.POLICY) for mail in crowd_of(office)]
    office.take_in(*bounces[:5])
    office.clock.move(minutes=5)
    with office.app.database.writing() as session:
        life.resume(session, session.get_one(Campaign, office.campaign().id), by="test", now=office.app.now())
    office.take_in(*bounces[5:])
    assert office.campaign().status is CampaignStatus.SENDING


def test_one_strange_server_stops_nothing_however_many_mails_it_turns_away(office: Office) -> None:
    put_on_its_way(office)
    with office.app.database.writing() as session:
        for mail in crowd_of(office):
            contact = office.contact(mail.recipient)
            session.get_one(type(contact), contact.id).address_domain = "zelfde.example"
    office.take_in(*(post.bounce(mail, post.POLICY) for mail in crowd_of(office)))
    assert office.campaign().status is CampaignStatus.SENDING


def test_a_complaint_suppresses_at_once(office: Office) -> None:
    (card,) = office.take_in(post.complaint(office.mail_to("ann")))
    assert card.state is InboxState.UNDERSTOOD
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.COMPLAINT
    assert [event.kind for event in office.events(EventKind.COMPLAINED)] == [EventKind.COMPLAINED]


@pytest.mark.parametrize("what", ["bounce", "answer", "absence"])
def test_what_comes_back_settles_an_uncertain_mail(office: Office, what: str) -> None:
    mail = office.mail_to("ann")
    with office.app.database.writing() as session:
        mine = Delivery.id == office.delivery("ann").id
        session.execute(update(Delivery).where(mine).values(status=DeliveryStatus.UNCERTAIN, sent_at=None))
    writing = {"bounce": post.bounce, "answer": post.answer, "absence": post.absence}
    office.take_in(writing[what](mail))
    delivery = office.delivery("ann")
    assert delivery.status is DeliveryStatus.SENT
    assert delivery.sent_at is not None
    assert len(office.events(EventKind.SETTLED)) == 1


def test_what_came_back_while_the_mail_was_on_its_way_settles_it_afterwards(office: Office) -> None:
    mine = Delivery.id == office.delivery("ann").id
    with office.app.database.writing() as session:
        session.execute(update(Delivery).where(mine).values(status=DeliveryStatus.SENDING))
    office.take_in(post.bounce(office.mail_to("ann"), post.FULL))
    assert office.delivery("ann").status is DeliveryStatus.SENDING
    with office.app.database.writing() as session:
        session.execute(update(Delivery).where(mine).values(status=DeliveryStatus.UNCERTAIN))
    jobs.read_inbox(office.app)
    assert office.delivery("ann").status is DeliveryStatus.SENT


def reject(office: Office, name: str, said: str, *, taken_since: bool = True) -> None:
    """Make a delivery one that the relay refused while the campaign was sent."""
    delivery = office.delivery(name)
    at = office.app.now()
    with office.app.database.writing() as session:
        refused = {"status": DeliveryStatus.REJECTED, "reason": said[4:9], "status_at": at, "sent_at": None}
        session.execute(update(Delivery).where(Delivery.id == delivery.id).values(refused))
        session.add(Event(delivery_id=delivery.id, kind=EventKind.REJECTED, at=at, detail=f"{said[4:9]}: rcpt: {said}"))
        if taken_since:
            another = office.delivery(crowd_of(office)[0].recipient).id
            session.execute(update(Delivery).where(Delivery.id == another).values(sent_at=office.clock.move(seconds=1)))


def test_rejects_at_smtp_time_are_counted(office: Office) -> None:
    put_on_its_way(office)
    reject(office, "ann", "550 5.1.1 …@ann.example: no such user")
    jobs.read_inbox(office.app)
    suppression = office.suppression("ann")
    assert suppression is not None
    assert "refused: unknown_user" in suppression.source
    (event,) = office.events(EventKind.REJECTED)
    assert (event.klass, event.reason) == ("hard", "unknown_user")


def test_rejects_that_the_engine_may_still_take_back_are_not_judged(office: Office) -> None:
    put_on_its_way(office)
    office.clock.move(seconds=10)
    reject(office, "ann", "550 5.1.1 …@ann.example: no such user", taken_since=False)
    jobs.read_inbox(office.app)
    assert office.suppressed() == 0
    assert office.events(EventKind.REJECTED)[0].klass is None


def test_a_reject_for_policy_blames_no_address(office: Office) -> None:
    reject(office, "ann", "550 5.7.1 rejected for policy reasons")
    jobs.read_inbox(office.app)
    assert office.suppressed() == 0
    assert office.events(EventKind.REJECTED)[0].klass == "soft"


def test_what_came_back_is_shown_on_the_contact_with_its_evidence(office: Office) -> None:
    office.take_in(post.bounce(office.mail_to("ann")))
    with office.app.database.reading() as session:
        card = cards.show(session, office.contact("ann").id)
    bounced = [event for mail in card.deliveries for event in mail.events if event.kind == "bounced"]
    assert [(event.klass, event.reason) for event in bounced] == [("hard", "unknown_user")]
    assert "5.1.1" in bounced[0].detail
    assert card.suppressed


def test_unmatched_bounces_do_not_vanish(office: Office) -> None:
    """They wait for a person with their text, and can be settled or tried again."""
    (card,) = office.take_in(post.bounce(office.mail_to("ann"), to="info@terug.example", returned="Subject: x\n"))
    assert card.state is InboxState.WAITING
    assert card.body is not None
    assert "User unknown" in card.body


def test_the_address_of_an_erased_person_is_not_suppressed_anew(office: Office) -> None:
    mail = office.mail_to("ann")
    with office.app.database.writing() as session:
        erasing.erase(session, "ann@ann.example", key=office.app.suppression_key, actor="test", now=office.app.now())
    before = office.suppressed()
    (card,) = office.take_in(post.bounce(mail))
    assert card.state is InboxState.UNDERSTOOD
    assert office.suppressed() == before == 1


def test_vacation_replies_do_not_count_as_bounces(office: Office) -> None:
    (card,) = office.take_in(post.absence(office.mail_to("ann")))
    assert card.state is InboxState.UNDERSTOOD
    assert office.events(EventKind.BOUNCED) == []
    assert [event.klass for event in office.events(EventKind.AUTORESPONDED)] == ["autoreply"]
    assert office.suppressed() == 0


def test_asking_in_words_opts_out_and_is_acknowledged_once(office: Office) -> None:
    mail = office.mail_to("ann")
    words = "Dag,\n\nGelieve mij uit te schrijven van deze nieuwsbrief.\n\nAnn\n"
    cards = office.take_in(post.answer(mail, words), post.answer(mail, words))
    assert [card.kind for card in cards] == ["opt_out"] * 2
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.UNSUBSCRIBED
    assert len(office.events(EventKind.UNSUBSCRIBED)) == 1
    with office.app.database.reading() as session:
        sent = session.query(OutboxMail).filter(OutboxMail.kind == "opt_out").all()
    assert [mail.recipient for mail in sent] == ["ann@ann.example"]
