"""What came back is read by its structure first, then by its words."""

from __future__ import annotations

from outreach.inbox.classifying import classify
from outreach.inbox.kinds import Class, Kind, Reason

REPORT = b"""\
Return-Path: <>
Delivered-To: bounces+12.abcdefghijklmnopqrstuvwxyz@bounce.federatie.example
From: MAILER-DAEMON@mx.buurman.example (Mail Delivery System)
To: bounces+12.abcdefghijklmnopqrstuvwxyz@bounce.federatie.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

<ann@firma.example>: host mx.firma.example[192.0.2.1] said: 550 5.1.1
    <ann@firma.example>: Recipient address rejected: User unknown (in reply to
    RCPT TO command)

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.buurman.example

Final-Recipient: rfc822; ann@firma.example
Original-Recipient: rfc822;ann@firma.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@firma.example>: Recipient address
    rejected: User unknown

--B
Content-Type: message/rfc822

Message-ID: <abc.123@federatie.example>
From: nieuws@federatie.example
To: ann@firma.example
Subject: Nieuwsbrief

Dag Ann
--B--
"""


def test_a_delivery_report_names_recipient_class_reason_and_what_it_answers() -> None:
    report = classify(REPORT)
    assert report.kind is Kind.BOUNCE
    (found,) = report.recipients
    assert (found.address, found.klass, found.reason) == ("ann@firma.example", Class.HARD, Reason.UNKNOWN_USER)
    assert found.status == "5.1.1"
    assert found.final
    assert report.tokens == ("12.abcdefghijklmnopqrstuvwxyz",)
    assert report.message_ids == ("abc.123@federatie.example",)


def test_our_token_is_found_where_only_the_returned_message_names_it() -> None:
    raw = REPORT.replace(b"bounces+12.abcdefghijklmnopqrstuvwxyz@", b"postmaster@").replace(
        b"Message-ID: <abc",
        b"Return-Path: <bounces+12.abcdefghijklmnopqrstuvwxyz@bounce.federatie.example>\nMessage-ID: <abc",
    )
    assert classify(raw).tokens == ("12.abcdefghijklmnopqrstuvwxyz",)


def test_what_an_answer_is_to_is_found_nearest_first() -> None:
    raw = b"From: ann@firma.example\nIn-Reply-To: <b@x.example>\nReferences: <a@x.example> <b@x.example>\n\nGraag!"
    assert classify(raw).message_ids == ("b@x.example", "a@x.example")
