"""A message is believed by our token or Message-ID and by nothing else."""

from __future__ import annotations

import re

import pytest
from inbox import post
from inbox.conftest import Office

from outreach.links import Purpose
from outreach.models import EventKind, InboxState, SuppressionReason, Via


def test_a_bounce_to_our_address_suppresses_whom_the_mail_went_to(both_offices: Office) -> None:
    office = both_offices
    (card,) = office.take_in(post.bounce(office.mail_to("ann")))
    assert (card.state, card.kind, card.via) == (InboxState.UNDERSTOOD, "bounce", Via.TOKEN)
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.HARD_BOUNCE
    assert "unknown_user" in suppression.source
    (event,) = office.events(EventKind.BOUNCED)
    assert (event.klass, event.reason, event.delivery_id) == ("hard", "unknown_user", office.delivery("ann").id)
    assert "…@" in event.detail
    assert "ann@" not in event.detail
    assert office.suppressed() == 1


def test_the_case_of_the_token_may_change_on_the_way(office: Office) -> None:
    mail = office.mail_to("ann")
    (card,) = office.take_in(post.bounce(mail, to=mail.sender.upper(), returned="Subject: nothing\n"))
    assert card.via is Via.TOKEN


def test_without_a_token_the_message_id_is_made_again_and_compared(office: Office) -> None:
    (card,) = office.take_in(post.bounce(office.mail_to("ann"), to="postmaster@terug.example"))
    assert card.via is Via.MESSAGE_ID
    assert office.suppression("ann") is not None


def forged_bounces(office: Office) -> dict[str, bytes]:
    ann, other = office.mail_to("ann"), office.mail_to("info")
    token = ann.sender.partition("+")[2].partition("@")[0]
    flipped = token[:-1] + ("a" if token[-1] != "a" else "b")
    delivery = office.delivery("ann").id
    wrong_purpose = office.app.links.token(Purpose.CONFIRM, delivery, b"")
    someones = re.sub(r"Message-ID: <.", "Message-ID: <z", post.head_of(ann)).replace("/u/", "/x/")
    nowhere = "bounces@terug.example"
    return {
        "no token at all": post.bounce(ann, to=nowhere, returned="Subject: nothing\n"),
        "a token that was made up": post.bounce(ann, to=f"bounces+{flipped}@terug.example", returned="Subject: x\n"),
        "a token of another purpose": post.bounce(ann, to=f"bounces+{wrong_purpose}@terug.example", returned="X: y\n"),
        "a Message-ID that was made up": post.bounce(ann, to=nowhere, returned=someones),
        "an opt-out link that was made up": post.bounce(
            ann, to=nowhere, returned=re.sub(r"/u/(\d+\.)..", r"/u/\g<1>zz", someones.replace("/x/", "/u/"))
        ),
        "one's token with another's Message-ID": post.bounce(ann, returned=post.head_of(other)),
    }


@pytest.mark.parametrize(
    "how",
    [
        "no token at all",
        "a token that was made up",
        "a token of another purpose",
        "a Message-ID that was made up",
        "an opt-out link that was made up",
        "one's token with another's Message-ID",
    ],
)
def test_a_forged_bounce_suppresses_nobody(office: Office, how: str) -> None:
    (card,) = office.take_in(forged_bounces(office)[how])
    assert office.suppressed() == 0
    assert office.events(EventKind.BOUNCED) == []
    assert card.state is InboxState.WAITING, "what isn't believed is shown to a person"
    assert card.note.startswith("not believed")
    assert card.body


def test_a_forged_complaint_or_opt_out_suppresses_nobody(office: Office) -> None:
    ann = office.mail_to("ann")
    complaint = post.complaint(ann).replace(b"Message-ID: <", b"Message-ID: <z").replace(b"/u/", b"/x/")
    opt_out = post.answer(ann, "Gelieve mij uit te schrijven.\n", threaded=False, to="info@antwoord.example")
    cards = office.take_in(complaint, opt_out)
    assert [card.state for card in cards] == [InboxState.WAITING] * 2
    assert office.suppressed() == 0


def test_a_right_token_with_another_address_inside_counts_as_soft_and_never_against_that_other(office: Office) -> None:
    """Ann's mail is passed on to a dead mailbox: hers works, and Bob's address in it is nobody's business."""
    other = office.mail_to("info").recipient
    (card,) = office.take_in(post.bounce(office.mail_to("ann"), address=other))
    assert card.state is InboxState.UNDERSTOOD
    assert office.suppressed() == 0
    (event,) = office.events(EventKind.BOUNCED)
    assert (event.klass, event.delivery_id) == ("soft", office.delivery("ann").id)
    assert "another address" in event.detail


def test_a_token_of_one_campaign_says_nothing_of_another(office: Office) -> None:
    first = office.mail_to("ann")
    office.clock.move(days=40)
    office.send("januari-2027", "2027-01-12 10:00")
    first_delivery = first.sender.partition("+")[2].split(".")[0]
    second_delivery = str(office.delivery("ann").id)
    swapped = first.sender.replace(f"+{first_delivery}.", f"+{second_delivery}.")
    (card,) = office.take_in(post.bounce(first, to=swapped, returned="Subject: x\n"))
    assert card.state is InboxState.WAITING
    assert office.suppressed() == 0


def test_an_old_bounce_that_is_sent_again_changes_nothing(office: Office) -> None:
    """A person lifted the suppression, since the mailbox works again; then somebody sends the old bounce once more."""
    from outreach.audience import suppressing

    raw = post.bounce(office.mail_to("ann"))
    office.take_in(raw)
    hash = office.contact("ann").address_hash
    assert hash is not None
    with office.app.database.writing() as session:
        suppressing.lift(session, hash, by="test", reason="phoned: works again", now=office.app.now())
    same, reworded = office.take_in(raw, raw.replace(b"report.", b"again."))
    assert office.suppression("ann") is None
    assert same.id != reworded.id
    assert "told before" in reworded.note
    office.clock.move(days=60)
    (late,) = office.take_in(post.bounce(office.mail_to("info")))
    assert late.state is InboxState.WAITING
    assert "old one" in late.note
    assert office.suppressed() == 0


def test_a_bounce_of_a_mail_that_never_left_is_not_believed(office: Office) -> None:
    bob = office.delivery("bob")
    assert bob.attempts == 0
    links, frozen = office.app.links, office.campaign().frozen_at
    assert frozen is not None
    token = links.token(Purpose.BOUNCE, bob.id, frozen.isoformat().encode())
    (card,) = office.take_in(
        post.bounce(office.mail_to("ann"), to=f"bounces+{token}@terug.example", address="bob@bob.example", returned="")
    )
    assert card.state is InboxState.WAITING
    assert "ever left" in card.note


def test_a_complaint_with_every_address_blacked_out_is_believed_by_our_link_in_its_headers(office: Office) -> None:
    (card,) = office.take_in(post.complaint(office.mail_to("ann"), redacted=True))
    assert (card.kind, card.via) == ("complaint", Via.LINK)
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.COMPLAINT
