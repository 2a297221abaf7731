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
