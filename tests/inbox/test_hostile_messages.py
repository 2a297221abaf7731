"""Nothing that arrives by mail makes classifying fail, hang or eat memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from random import Random

import mailbag
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.inbox.classifying import classify
from outreach.inbox.kinds import Kind, Report

HEAD = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n"
ANSWER = b"From: ann@firma.example\nSubject: Re: Nieuws\n"
TEXT = HEAD + b"Content-Type: text/plain; charset="
HTML = b"Content-Type: text/html\n\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n'

# What is quadratic or endless for somebody: long, deep, many, or never closed. Each is made when its test runs.
MONSTERS: dict[str, Callable[[], bytes]] = {
    "50 MB of lines": lambda: HEAD + b"\n" + b"Hello, this is text.\n" * 2_500_000,
    "50 MB in one line": lambda: HEAD + b"\n" + b"a" * 50_000_000,
    "50 MB of attachment before the report": lambda: (
        MIXED
        + b"--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n"
        + b"QUFBQUFB\n" * 5_500_000
        + b"--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; ann@firma.example\n--b--"
    ),
    "10,000 parts": lambda: MIXED + b"--b\nContent-Type: text/plain\n\nhi <a@b.example>\n" * 10_000 + b"--b--",
    "5,000 deep": lambda: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)
    ),
    "messages in messages": lambda: b"Content-Type: message/rfc822\n\n" * 20_000,
    "tags that never end": lambda: HEAD + HTML + b"<" * 4_000_000,
    "styles that never end": lambda: HEAD + HTML + b"<style>" * 500_000,
    "breaks that never end": lambda: HEAD + HTML + b"<br " * 800_000,
    "quotes in HTML": lambda: ANSWER + HTML + b"<div gmail_quot" * 400_000,
    "signs of addresses": lambda: HEAD + b"\n" + b"a@" * 1_000_000,
    "local parts without end": lambda: HEAD + b"\n" + (b"a" * 63 + b"@") * 60_000,
    "150,000 addresses": lambda: HEAD + b"\n" + b"".join(b"u%d@firma.example\n" % n for n in range(150_000)),
    "a giant field": lambda: b"X: " + b"y" * 4_000_000 + b"\n\nbody",
    "400,000 fields": lambda: b"".join(b"X-%d: y\n" % n for n in range(400_000)) + b"\nbody",
    "folds": lambda: HEAD + b"To: " + b"\n " * 1_000_000 + b"\n\nbody",
    "blanks": lambda: HEAD + b"\n" + b" \t" * 2_000_000,
    "empty lines": lambda: HEAD + b"\n" + b" \n\t\n" * 1_000_000,
    "60,000 recipients": lambda: (
        HEAD
        + b"Content-Type: message/delivery-status\n\n"
        + b"".join(
            b"Final-Recipient: rfc822;u%d@x.example\nAction: failed\nStatus: 5.1.1\n\n" % n for n in range(60_000)
        )
    ),
    "a diagnosis without end": lambda: (
        HEAD
        + b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;u@x.example\nDiagnostic-Code: smtp; "
        + b"550 " * 1_000_000
    ),
    "heads in the text": lambda: HEAD + b"\n" + b"Received: b\n\n" * 500_000,
    "hops": lambda: HEAD + b"\nReceived: " + b"for " * 1_000_000 + b"\nFrom: x\nTo: y\n\n",
    "quoted lines": lambda: ANSWER + b"\n" + b"> hi\n" * 800_000,
    "beginnings of quotations": lambda: ANSWER + b"\n" + b"Op di schreef\nVan: x\n" * 300_000,
    "half a wish": lambda: ANSWER + b"\n" + b"niet langer " * 300_000,
    "encoded words that never end": lambda: b"Subject: " + b"=?utf-8?q?" * 12_000 + b"\n\nx",
    "many encoded words": lambda: b"Subject: " + b"=?utf-8?q?=41?= " * 8_000 + b"\n\nx",
    "boundaries that are the start of another": lambda: MIXED + b"--bb\n" * 500_000,
    "an empty boundary": lambda: HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n' + b"--\n" * 500_000,
    "reply codes": lambda: HEAD + b"\n" + b"550-5.1.1 " * 400_000,
    "digits and dots": lambda: HEAD + b"\n" + b"5.1." * 1_000_000,
    "half a transcript": lambda: HEAD + b"\n" + b">>> MAIL From >>> DATA after end of " * 100_000,
    "punycode": lambda: TEXT + b"punycode\n\n" + b"a-" * 100_000 + b"\xff",
    "IDNA": lambda: TEXT + b"idna\n\n" + b"a." * 100_000 + b"\xff",
    "a codec that unpacks": lambda: TEXT + b"zlib_codec\n\n\xff",
    "escapes of ISO-2022": lambda: TEXT + b"iso-2022-jp\n\n" + b"\x1b$B" * 100_000,
    "references": lambda: ANSWER + b"References: " + b"<" * 120_000 + b"\n\nx",
    "NUL": lambda: b"\0" * 4_000_000,
    "carriage returns": lambda: HEAD + b"\r" * 4_000_000,
}


@pytest.mark.parametrize("name", MONSTERS)
def test_no_message_takes_long(name: str) -> None:
    """A second of processor is a hundred times what the slowest of these takes, and nothing to what one hang would."""
    raw = MONSTERS[name]()
    start = time.process_time()
    assert isinstance(classify(raw), Report)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", ["50 MB in one line", "10,000 parts", "5,000 deep", "60,000 recipients"])
def test_no_message_takes_much_memory(name: str) -> None:
    raw = MONSTERS[name]()
    classify(HEAD)
    tracemalloc.start()
    try:
        classify(raw)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=2_000))
def test_any_octets_are_a_message(raw: bytes) -> None:
    check(raw)


FIELDS = st.sampled_from(
    ["From", "To", "Subject", "Content-Type", "Content-Transfer-Encoding", "Return-Path", "Auto-Submitted", "Received"]
)
VALUES = st.sampled_from(
    ["", "<>", "MAILER-DAEMON", "ann@firma.example", "multipart/mixed; boundary=b", 'multipart/report; boundary="b"',
     "message/delivery-status", "message/rfc822", "message/feedback-report", "text/html; charset=utf-16", "base64",
     "text/plain; charset=nonsense", "quoted-printable", "auto-replied", "failure notice", "=?utf-8?b?!!?="]
)  # fmt: skip
PIECES = st.sampled_from(
    ["\n", "\n\n", "--b\n", "--b--\n", "Final-Recipient: rfc822; ann@firma.example\n", "Action: failed\n",
     "Status: 5.1.1\n", "Feedback-Type: abuse\n", "<ann@firma.example>: 550 5.1.1 unknown\n", "> quoted\n",
     "Op di schreef Bob:\n", "\x00", "\x1b$B", "Received: from x\n", "Content-Type: message/rfc822\n", "uitschrijven\n",
     "---- original message ----\n", "é", "\ud800"]
)  # fmt: skip


@given(st.lists(st.tuples(FIELDS, VALUES), max_size=8), st.lists(PIECES | st.text(max_size=20), max_size=30))
def test_anything_like_a_message_is_classified(head: list[tuple[str, str]], body: list[str]) -> None:
    text = "".join(f"{name}: {value}\n" for name, value in head) + "\n" + "".join(body)
    check(text.encode("utf-8", "surrogatepass"))


def mutated(raw: bytes, random: Random) -> bytes:
    """Return a message as a broken program might have left it: bytes changed, pieces lost, doubled or swapped."""
    for _ in range(random.randint(1, 6)):
        start, end = sorted(random.randrange(len(raw) + 1) for _ in range(2))
        end = min(end, start + 400)
        piece = raw[start:end]
        other = random.choice(
            [b"", piece * 2, piece[::-1], bytes(random.randrange(256) for _ in range(8)), piece.upper(), b"\n", b"\0"]
        )
        raw = raw[:start] + other + raw[end:]
    return raw


def test_broken_messages_of_every_mail_system_are_classified() -> None:
    random = Random(6)
    folder = mailbag.corpus_folder()
    samples = [one.raw for one in mailbag.bounces()] + [one.raw for one in mailbag.people("people.txt")]
    samples += [one.raw for one in mailbag.corpus(folder)] if folder else []
    for raw in samples:
        for _ in range(6):
            check(mutated(raw, random))


def test_a_message_without_sender_is_classified() -> None:
    report = classify(b"Subject: Re: Nieuws\n\nGraag een offerte")
    assert report.sender is None
    assert report.kind is Kind.ANSWER


def test_a_charset_that_lies_costs_no_letter_that_another_has() -> None:
    head = b"From: ann@firma.example\nSubject: Re: x\nContent-Type: text/plain; charset="
    assert "é" in classify(head + b"us-ascii\n\nUn d\xc3\xa9lai de trois jours ?").text
    assert "é" in classify(head + b"utf-8\n\nUn d\xe9lai de trois jours ?").text


def check(raw: bytes) -> None:
    report = classify(raw)
    assert all("@" in one.address for one in report.recipients)
    assert not any(mark.isspace() or ord(mark) < 32 for one in report.recipients for mark in one.address)
    assert len(report.text) <= 20_000
    assert len(report.recipients) <= 500
    report.text.encode()
    report.subject.encode()
