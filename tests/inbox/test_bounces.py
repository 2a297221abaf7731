"""Bounces, complaints and delivery notices of many mail systems: who, how bad, and why."""

from __future__ import annotations

import mailbag
import pytest

from outreach.delivery.replies import Reply, Stage, Verdict
from outreach.inbox import reasons, rejecting
from outreach.inbox.classifying import classify
from outreach.inbox.kinds import Class, Kind

KINDS = {"complaint": Kind.COMPLAINT, "delivered": Kind.DELIVERY_NOTICE}


@pytest.mark.parametrize("sample", mailbag.bounces(), ids=lambda sample: sample.name)
def test_each_mail_system_is_understood(sample: mailbag.Sample) -> None:
    report = classify(sample.raw)
    found = {(one.address, one.klass.value, one.reason.value) for one in report.recipients}
    for wanted in sample.expected:
        reasons = {reason for address, klass, reason in found if (address, klass) == (wanted.address, wanted.klass)}
        assert reasons, f"{wanted} not in {found}"
        assert wanted.reason in {"*", *reasons}
    assert len(found) == len(sample.expected)
    assert report.kind is KINDS.get(sample.expected[0].klass, Kind.BOUNCE)


@pytest.fixture(scope="module")
def real() -> list[mailbag.Sample]:
    folder = mailbag.corpus_folder()
    if folder is None:
        pytest.skip("the shared corpus of real messages isn't here")
    return list(mailbag.corpus(folder))


def test_of_the_real_messages_nearly_all_recipients_are_found_and_judged_right(real: list[mailbag.Sample]) -> None:
    wanted = found = right = 0
    for sample in real:
        classes = {one.address.lower(): one.klass.value for one in classify(sample.raw).recipients}
        wanted += len(sample.expected)
        found += sum(one.address in classes for one in sample.expected)
        right += sum(classes.get(one.address) == one.klass for one in sample.expected)
    assert found / wanted >= 0.97
    assert right / wanted >= 0.93


def test_no_real_complaint_or_delivery_notice_is_taken_for_a_bounce(real: list[mailbag.Sample]) -> None:
    others = [sample for sample in real if sample.expected[0].klass in KINDS]
    assert len(others) >= 7
    for sample in others:
        assert classify(sample.raw).kind is KINDS[sample.expected[0].klass], sample.name


def test_no_real_bounce_is_taken_for_anything_else(real: list[mailbag.Sample]) -> None:
    others = [sample for sample in real if sample.expected[0].klass in ("hard", "soft")]
    missed = [sample.name for sample in others if classify(sample.raw).kind is not Kind.BOUNCE]
    assert missed == []


REFUSALS = [
    ("550 5.1.1 <ann@firma.example>... User unknown", True),
    ("550 5.1.1 The email account that you tried to reach does not exist", True),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", True),
    ("550 5.1.2 Host unknown", True),
    ("551 5.1.6 Recipient has moved", True),
    ("550 No such user here", True),
    ("552 5.2.2 Mailbox full", False),
    ("550 5.2.2 user is over quota", False),
    ("452 4.2.2 Over quota", False),
    ("550 5.7.1 Message rejected due to the low reputation of the sending IP address", False),
    ("550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using dnsbl.example", False),
    ("554 5.7.9 Message not accepted for policy reasons", False),
    ("550-5.7.26 This mail has been blocked because the sender is unauthenticated", False),
    ("550 5.7.1 Unable to relay", False),
    ("550 5.1.8 Sender address rejected: Domain not found", False),
    ("552 5.3.4 Message size exceeds fixed limit", False),
    ("550 5.7.1 This message looks like spam", False),
    ("421 4.7.28 Our system has detected an unusual rate of mail", False),
    ("450 4.2.0 Greylisted, try again later", False),
]


@pytest.mark.parametrize(("said", "dead"), REFUSALS, ids=[said for said, _ in REFUSALS])
def test_no_refusal_for_reputation_policy_or_a_full_mailbox_is_taken_for_a_dead_address(said: str, dead: bool) -> None:
    assert (reasons.class_of(rejecting.reason_of(said)) is Class.HARD) is dead
    notice = (
        "From: MAILER-DAEMON@mail.buur.example\nTo: nieuws@federatie.example\nSubject: Undelivered Mail\n\n"
        f"<ann@firma.example>: host mx.firma.example[192.0.2.9] said: {said} (in reply to RCPT TO command)\n"
    )
    (found,) = classify(notice.encode()).recipients
    assert (found.klass is Class.HARD) is dead


@pytest.mark.parametrize(("said", "dead"), REFUSALS, ids=[said for said, _ in REFUSALS])
def test_the_delivery_engine_rejects_no_recipient_whom_a_bounce_would_not(said: str, dead: bool) -> None:
    """Both read a reply alike: whoever the engine gives up is dead by the same words in a bounce, and the other way."""
    verdict = Reply(Stage.RCPT, int(said[:3]), said[4:]).verdict
    assert (verdict is Verdict.REJECT) is dead
