"""An answer of a company is a lead: threaded, handed to the right enterprise, and no way in for anything else."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage

import pytest
from conftest import Ran
from inbox import post
from inbox.conftest import Office
from sqlalchemy import select

from outreach import jobs
from outreach.audience import cards, erasing
from outreach.errors import Refusal
from outreach.inbox import listing, settling
from outreach.inbox.listing import MessageCard
from outreach.intake import ours_of
from outreach.models import (
    Channel,
    Contact,
    EventKind,
    Evidence,
    Exposure,
    InboxMessage,
    InboxState,
    Lead,
    OutboxMail,
    Service,
    Via,
)
from outreach.reports.campaigns import report


def leads(office: Office) -> list[Lead]:
    with office.app.database.reading() as session:
        return list(session.scalars(select(Lead).order_by(Lead.id)))


def outbox(office: Office, kind: str) -> list[EmailMessage]:
    with office.app.database.reading() as session:
        rows = session.scalars(select(OutboxMail).where(OutboxMail.kind == kind).order_by(OutboxMail.id)).all()
    return [email.message_from_bytes(row.message, policy=email.policy.default) for row in rows]  # type: ignore[misc]


def shown(office: Office) -> list[str]:
    """Return the slugs of the services that Ann's mail showed."""
    with office.app.database.reading() as session:
        cohort = office.delivery("ann").cohort_id
        of_cohort = select(Service.slug).join(Exposure, Exposure.service_id == Service.id)
        return sorted(session.scalars(of_cohort.where(Exposure.cohort_id == cohort)))


def assign(office: Office, card: MessageCard, slug: str) -> Lead:
    with office.app.database.writing() as session:
        wanted = {"service": slug, "enterprise": None, "by": "test", "now": office.app.now()}
        return settling.assign(session, card.id, ours=ours_of(office.app), **wanted)


def only_one_service(office: Office) -> None:
    """Let the mails have shown one service alone."""
    with office.app.database.writing() as session:
        kept = session.scalars(select(Service.id).where(Service.slug == shown(office)[0])).one()
        for exposure in session.scalars(select(Exposure).where(Exposure.service_id != kept)):
            session.delete(exposure)


def test_the_reply_to_of_a_mail_says_its_campaign_and_no_person(office: Office) -> None:
    addresses = {post.headers_of(mail)["Reply-To"] for mail in office.sent}
    assert len(addresses) == 1, "everybody of a cohort has the same"
    address = addresses.pop().rpartition("<")[2].strip(">")
    local, _, domain = address.partition("@")
    assert domain == "antwoord.example"
    assert local.startswith("antwoord+")
    assert len(local) <= 64


def test_a_mail_with_one_service_names_it_in_its_reply_to(office: Office) -> None:
    block = [{"block": "nearby", "title": "Eén dienst", "count": 1}]
    office.clock.move(days=40)
    mails = office.send("januari-2027", "2027-01-12 10:00", spotlights=block)
    (card,) = office.take_in(post.answer(mails[0], threaded=False))
    (lead,) = leads(office)
    assert card.via is Via.REPLY
    assert lead.service_id is not None
    assert lead.campaign_id == office.campaign("januari-2027").id


def test_an_answer_is_a_lead_of_the_company_that_was_mailed(office: Office) -> None:
    only_one_service(office)
    (card,) = office.take_in(post.answer(office.mail_to("ann")))
    assert (card.kind, card.state, card.via) == ("answer", InboxState.UNDERSTOOD, Via.MESSAGE_ID)
    (lead,) = leads(office)
    assert (lead.channel, lead.evidence, lead.campaign_id) == (Channel.REPLY, Evidence.ANSWER, office.campaign().id)
    assert lead.company_name == "Ann Voorbeeld nv"
    assert lead.email == "ann@ann.example"
    assert "500 dozen" in lead.message
    (notice,) = outbox(office, "lead")
    body = notice.get_body(("plain",))
    assert body is not None
    assert "500 dozen" in body.get_content()
    assert str(notice["Reply-To"]).endswith("<ann@ann.example>")
    assert card.lead_id == lead.id
    assert len(office.events(EventKind.ANSWERED)) == 1


def test_the_team_is_asked_where_a_newsletter_showed_services_of_several(office: Office) -> None:
    (card,) = office.take_in(post.answer(office.mail_to("ann")))
    assert card.state is InboxState.WAITING
    assert leads(office) == []
    with office.app.database.reading() as session:
        assert sorted(offer.slug for offer in listing.offers(session, card)) == shown(office)
    lead = assign(office, card, shown(office)[1])
    assert (lead.evidence, lead.campaign_id) == (Evidence.ANSWER, office.campaign().id)
    assert len(outbox(office, "lead")) == 1
    with pytest.raises(Refusal, match="only one that waits"):
        assign(office, card, shown(office)[0])
    assert len(leads(office)) == 1


def test_a_colleague_who_answers_speaks_for_the_same_company(office: Office) -> None:
    only_one_service(office)
    office.take_in(post.answer(office.mail_to("ann"), sender="Jan Peeters <aankoop@ann.example>"))
    (lead,) = leads(office)
    assert lead.company_name == "Ann Voorbeeld nv"
    assert lead.email == "aankoop@ann.example"


def test_whoever_got_the_mail_passed_on_speaks_for_himself(office: Office) -> None:
    only_one_service(office)
    office.take_in(post.answer(office.mail_to("ann"), sender="Piet <piet@elders.example>"))
    (lead,) = leads(office)
    assert lead.company_id is None
    assert lead.company_name == "elders.example"


@pytest.mark.parametrize("domain", ["gmail.com", "orange.be", "hotmail.fr"])
def test_who_shares_no_more_than_a_free_mail_provider_speaks_for_himself(office: Office, domain: str) -> None:
    only_one_service(office)
    with office.app.database.writing() as session:
        ann = session.get_one(Contact, office.contact("ann").id)
        ann.address_domain = domain
    office.take_in(post.answer(office.mail_to("ann"), sender=f"Piet <piet.voorbeeld@{domain}>"))
    (lead,) = leads(office)
    assert lead.company_id is None


def test_a_forged_from_proves_nothing(office: Office) -> None:
    """Neither token nor Message-ID: that From names somebody whom we mailed raises no evidence and makes no lead."""
    only_one_service(office)
    forged = post.answer(office.mail_to("ann"), threaded=False, to="nieuws@federatie.example")
    (card,) = office.take_in(forged)
    assert (card.state, card.via) == (InboxState.WAITING, None)
    assert leads(office) == []
    lead = assign(office, card, shown(office)[0])
    assert lead.evidence is not Evidence.ANSWER
    assert lead.evidence is Evidence.SHOWN, "what is known without the mail: the company was shown this service"


def test_an_answer_is_taken_once(office: Office) -> None:
    only_one_service(office)
    raw = post.answer(office.mail_to("ann"))
    office.take_in(raw, raw, b"Received: by another way\r\n" + raw)
    assert len(leads(office)) == 1


def test_headers_and_markup_of_a_stranger_do_no_harm(office: Office) -> None:
    only_one_service(office)
    html = '<p>Dag</p><script>alert(1)</script><img src="https://spion.example/x.png"><a href="javascript:x()">k</a>'
    raw = post.answer(
        office.mail_to("ann"),
        html=html,
        subject="Re: =?utf-8?q?dag=0D=0ABcc=3A_slachtoffer=40elders.example?=",
    )
    office.take_in(raw)
    (lead,) = leads(office)
    (notice,) = outbox(office, "lead")
    assert notice["Bcc"] is None
    assert "Bcc" not in str(notice["Subject"])
    page = notice.get_body(("html",))
    assert page is not None
    assert "<script" not in page.get_content()
    assert "spion.example" not in page.get_content()
    assert "<" not in lead.message


def test_the_readers_own_links_in_a_quote_go_to_nobody(office: Office) -> None:
    only_one_service(office)
    mail = office.mail_to("ann")
    link = post.headers_of(mail)["List-Unsubscribe"].strip("<>")
    office.take_in(post.answer(mail, f"Graag een offerte. Uw mail zei: uitschrijven kan op {link} toch?\n"))
    (lead,) = leads(office)
    assert "/u/" not in lead.message
    for notice in outbox(office, "lead"):
        assert link.encode() not in notice.as_bytes()


def test_attachments_are_not_passed_on(office: Office) -> None:
    only_one_service(office)
    original = post.headers_of(office.mail_to("ann"))
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "ann@ann.example", original["Reply-To"], "Re: plan"
    letter["In-Reply-To"] = original["Message-ID"]
    letter["Message-ID"] = "<met-bijlage@ann.example>"
    letter.set_content("In bijlage ons plan.\n")
    letter.add_attachment(b"MZ\x90\x00", maintype="application", subtype="octet-stream", filename="plan.exe")
    office.take_in(letter.as_bytes())
    (notice,) = outbox(office, "lead")
    assert b"plan.exe" not in notice.as_bytes()
    assert not list(notice.iter_attachments())
    with office.app.database.reading() as session:
        assert session.scalars(select(InboxMessage.raw)).all() == [None]


def test_an_answer_is_acknowledged_once_if_configured(office: Office) -> None:
    only_one_service(office)
    inbox = office.app.settings.inbox.model_copy(update={"acknowledge": True})
    settings = office.app.settings.model_copy(update={"inbox": inbox})
    office.app = replace(office.app, settings=settings)
    mail = office.mail_to("ann")
    office.take_in(post.answer(mail), post.answer(mail, "Nog iets: ook etiketten graag.\n"))
    (sent,) = outbox(office, "answer")
    assert sent["To"] == "ann@ann.example"
    assert sent["Auto-Submitted"] == "auto-replied"
    assert str(sent["In-Reply-To"]).startswith("<antwoord.")
    assert "500 dozen" not in sent.get_content()


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ("Precedence: bulk\n", None),
        ("Auto-Submitted: auto-generated\n", None),
        ("List-Id: <lijst.example>\n", None),
        ("Return-Path: <>\n", None),
        ("", "no-reply@ann.example"),
    ],
)
def test_a_machine_is_never_acknowledged(office: Office, headers: str, sender: str | None) -> None:
    only_one_service(office)
    inbox = office.app.settings.inbox.model_copy(update={"acknowledge": True})
    settings = office.app.settings.model_copy(update={"inbox": inbox})
    office.app = replace(office.app, settings=settings)
    office.take_in(post.answer(office.mail_to("ann"), headers=headers, sender=sender))
    assert outbox(office, "answer") == []


def test_the_text_of_an_answer_is_erased_after_its_days(office: Office) -> None:
    only_one_service(office)
    office.take_in(post.answer(office.mail_to("ann")))
    office.clock.move(days=179)
    assert jobs.forget_answers(office.app) == 0
    office.clock.move(days=2)
    assert jobs.forget_answers(office.app) == 2
    (lead,) = leads(office)
    assert lead.message == ""
    assert (lead.evidence, lead.company_name) == (Evidence.ANSWER, "Ann Voorbeeld nv")
    with office.app.database.reading() as session:
        message = session.scalars(select(InboxMessage)).one()
        assert (message.body, message.sender, message.subject, message.raw) == (None, None, None, None)
        notices = session.scalars(select(OutboxMail.message).where(OutboxMail.kind == "lead")).all()
    assert notices == [b""]


def test_a_persons_own_file_holds_the_answers_and_erasure_takes_them_away(office: Office) -> None:
    only_one_service(office)
    key = office.app.suppression_key
    ghost = post.bounce(office.mail_to("ann"), to="info@terug.example", returned="Subject: x\n")
    office.take_in(post.answer(office.mail_to("ann")), ghost)
    with office.app.database.reading() as session:
        held = cards.export(session, "ann@ann.example", key)
    (letter,) = held.letters
    assert letter.kind == "answer"
    assert letter.body is not None
    assert "500 dozen" in letter.body
    with office.app.database.writing() as session:
        erasing.erase(session, "ann@ann.example", key=key, actor="test", now=office.app.now())
    with office.app.database.reading() as session:
        for message in session.scalars(select(InboxMessage)):
            kept = (message.raw or b"").decode() + f"{message.body}{message.sender}{message.subject}{message.note}"
            assert "ann@ann.example" not in kept
            assert "500 dozen" not in kept


def test_a_change_of_address_is_confirmed_by_the_new_one_and_never_made_silently(office: Office) -> None:
    words = "Mijn e-mailadres is gewijzigd. Mijn nieuwe adres is ann.peeters@nieuw.example.\n"
    (card,) = office.take_in(post.answer(office.mail_to("ann"), words))
    assert card.state is InboxState.WAITING
    assert card.kind == "address_change"
    with office.app.database.writing() as session:
        new = settling.move(session, card.id, address=None, by="test", ours=ours_of(office.app), now=office.app.now())
    assert new == "ann.peeters@nieuw.example"
    assert office.contact("ann").address == "ann@ann.example"
    with office.app.database.reading() as session:
        recipients = session.scalars(select(OutboxMail.recipient)).all()
    assert recipients == ["ann.peeters@nieuw.example"]


def test_the_report_of_a_campaign_counts_what_came_back(office: Office) -> None:
    only_one_service(office)
    crowd = [mail for mail in office.sent if mail.recipient.startswith("info")]
    office.take_in(
        post.answer(office.mail_to("ann")),
        post.bounce(crowd[0]),
        post.bounce(crowd[1], post.FULL),
        post.bounce(crowd[1], "451 4.4.1 later", action="delayed"),
        post.complaint(crowd[2]),
    )
    with office.app.database.reading() as session:
        funnel = report(session, ["december-2026"], min_cohort=2).campaigns[0].figures.funnel
    assert (funnel.bounced_hard, funnel.bounced_soft, funnel.complained, funnel.answered) == (1, 1, 1, 1)


def test_the_commands_show_assign_and_settle(office: Office, cli: Callable[..., Ran]) -> None:
    first, second = office.take_in(
        post.answer(office.mail_to("ann")), post.bounce(office.mail_to("ann"), to="x@terug.example", returned="A: b\n")
    )
    listed = cli("inbox", "list")
    assert "answer" in listed.out
    assert "500 dozen" in cli("inbox", "show", first.id).out
    assert cli("inbox", "assign", first.id, "--service", "bestaat-niet").code == 1
    assert cli("inbox", "assign", first.id, "--service", shown(office)[0]).code == 0
    assert cli("inbox", "settle", second.id, "--note", "telefonisch nagevraagd").code == 0
    assert cli("inbox", "settle", second.id).code == 1
    assert "0 messages" in cli("inbox", "list").out
    assert cli("inbox", "assign", second.id).code == 2
    assert "came back" not in cli("contact", "show", "bob@bob.example").out
    assert "answered" in cli("contact", "show", "ann@ann.example").out
