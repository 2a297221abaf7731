"""What tests write in the place of mail systems and people: bounces, complaints, automatic replies and answers.

Each is about a mail that really was sent (`Received`: the envelope sender holds our token, the data our headers), so
that what is believed is what the sender made. Forged ones change one thing of it.
"""

from __future__ import annotations

import email
import re
from email.message import Message
from email.policy import SMTP
from itertools import count

from relays import Received

_numbers = count(1)
HARD = "550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table"
FULL = "552 5.2.2 <{address}>: mailbox full"
POLICY = "550 5.7.1 Message rejected due to local policy: poor reputation of sending host"


def head_of(mail: Received) -> str:
    """Return the headers of a sent mail as a mail system returns them."""
    return mail.data.split(b"\r\n\r\n", 1)[0].decode()


def headers_of(mail: Received) -> Message:
    return email.message_from_bytes(mail.data, policy=SMTP)  # type: ignore[return-value]


def bounce(
    mail: Received,
    said: str = HARD,
    *,
    to: str | None = None,
    address: str | None = None,
    action: str = "failed",
    returned: str | None = None,
) -> bytes:
    """Write a report of RFC 3464 about a mail, as Postfix does; `to` is where it is sent, our bounce address."""
    address = address or mail.recipient
    said = said.format(address=address)
    status = next(iter(re.findall(r"\b[245]\.\d+\.\d+\b", said)), "5.0.0")
    return _report(
        "delivery-status",
        to or mail.sender,
        f"<{address}>: {said}",
        "message/delivery-status",
        f"Reporting-MTA: dns; mx.bedrijf.example\n\nFinal-Recipient: rfc822; {address}\n"
        f"Original-Recipient: rfc822;{address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {said}\n",
        head_of(mail) if returned is None else returned,
    )


def complaint(mail: Received, *, to: str = "fbl@terug.example", redacted: bool = False) -> bytes:
    """Write a report of RFC 5965 about a mail; many leave out whom it was about."""
    head = head_of(mail)
    whom = "" if redacted else f"Original-Rcpt-To: {mail.recipient}\n"
    if redacted:
        head = head.replace(mail.recipient, "redacted@redacted.invalid")
        head = re.sub(r"Message-ID: .*", "Message-ID: <redacted@redacted.invalid>", head)
    fields = f"Feedback-Type: abuse\nUser-Agent: SomeProvider/1.0\nVersion: 1\n{whom}"
    return _report("feedback-report", to, "This is an abuse report.", "message/feedback-report", fields, head)


def _report(kind: str, to: str, words: str, media_type: str, fields: str, head: str) -> bytes:
    number = next(_numbers)
    text = f"""\
From: Mail Delivery System <MAILER-DAEMON@mx.bedrijf.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Tue, 01 Dec 2026 10:05:{number % 60:02} +0100
Message-ID: <report.{number}@mx.bedrijf.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8

{words}

--cut
Content-Type: {media_type}

{fields}
--cut
Content-Type: text/rfc822-headers

{head}

--cut--
"""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def answer(
    mail: Received,
    words: str = "Dag, graag een offerte voor 500 dozen per maand.\n",
    *,
    sender: str | None = None,
    subject: str | None = None,
    to: str | None = None,
    threaded: bool = True,
    headers: str = "",
    html: str | None = None,
) -> bytes:
    """Write what a person answers to a mail with a mail program: to its Reply-To, in its thread."""
    original = headers_of(mail)
    number = next(_numbers)
    thread = f"In-Reply-To: {original['Message-ID']}\nReferences: {original['Message-ID']}\n" if threaded else ""
    body = f"Content-Type: text/plain; charset=utf-8\n\n{words}"
    if html is not None:
        body = f"Content-Type: text/html; charset=utf-8\n\n{html}"
    text = f"""\
From: {sender or mail.recipient}
To: {to or original["Reply-To"] or original["From"]}
Subject: {subject or f"Re: {original['Subject']}"}
Date: Tue, 01 Dec 2026 11:30:{number % 60:02} +0100
Message-ID: <antwoord.{number}@mail.bedrijf.example>
{thread}{headers}MIME-Version: 1.0
{body}"""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def absence(mail: Received) -> bytes:
    """Write a vacation reply with the header of RFC 3834."""
    words = "Ik ben afwezig tot 14 december. Voor dringende zaken belt u ons onthaal.\n"
    original = headers_of(mail)
    return answer(
        mail,
        words,
        subject=f"Automatisch antwoord: {original['Subject']}",
        to=mail.sender,
        headers="Auto-Submitted: auto-replied\n",
    )
