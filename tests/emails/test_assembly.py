"""Messages: held against the standard library's parser, byte by byte where that is too lenient."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.emails.assembly import (
    Headers,
    Mailbox,
    ascii_address,
    ascii_domain,
    assemble,
    assemble_plain,
    message_id,
    quoted_printable,
)
from outreach.emails.model import clean, fold
from outreach.emails.rendering import Rendered, render
from outreach.errors import Refusal

ANY_TEXT = st.text(max_size=300)
LONG_LINES = st.text(alphabet="ab. =\t\r\né€🦊\x00\x85\u2028", max_size=3000)
PLAIN = Headers(
    Mailbox("s@x.example", "S"), Mailbox("a@y.example"), datetime(2026, 11, 24, 9, tzinfo=UTC), "<1@x.example>"
)


def parsed(message: bytes) -> EmailMessage:
    """Parse, and find no defect anywhere."""
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\x00" not in message
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert message.isascii()
    whole = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(whole, EmailMessage)
    for part in whole.walk():
        assert part.defects == []
        for value in part.values():
            assert value.defects == (), (value, value.defects)
    return whole


def raw_header(message: bytes, name: str) -> str:
    head = message.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
    return re.search(rf"^{name}: (.*(?:\n .*)*)", head, re.MULTILINE)[1]  # type: ignore[index]


def content(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def display_name(message: bytes, name: str) -> str:
    """Decode as RFC 2047 has it; the new parser of Python 3.11 leaves a blank between two encoded words of a name."""
    words, address = parseaddr(raw_header(message, name).replace("\n", ""))
    assert address == "ann@bakkerij.example"
    return str(make_header(decode_header(words)))


def test_a_campaign_message_has_every_header_and_both_parts(headers, monthly, model, ann):
    rendered = render(monthly, model, ann)
    message = assemble(headers, rendered)
    whole = parsed(message)
    assert whole["From"].addresses[0].display_name == "Maatwerk Dichtbij vzw"
    assert whole["To"].addresses[0].addr_spec == "ann@bakkerij.example"
    assert whole["Reply-To"] == "antwoord@maatwerk-dichtbij.example"
    assert whole["Subject"] == "Drie ploegen voor uw piek"
    assert whole["Date"].datetime == headers.date
    assert whole["Message-ID"] == headers.message_id
    assert whole["List-Id"] == "Nieuwsbrief Maatwerk <nieuwsbrief.maatwerk-dichtbij.example>"
    assert whole["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert whole["Feedback-ID"] == "12:3:nieuwsbrief:maatwerk"
    assert whole["Precedence"] == "bulk"
    assert whole["Content-Language"] == "nl"
    assert whole["Auto-Submitted"] is None
    assert len(set(whole.keys())) == len(whole.keys())
    assert whole.get_content_type() == "multipart/alternative"
    text, html = whole.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert content(text).rstrip("\n") == rendered.text.rstrip("\n")
    assert content(html).rstrip("\n") == rendered.html.rstrip("\n")


def test_a_long_list_unsubscribe_address_is_never_an_encoded_word_nor_broken(headers):
    for length in (10, 60, 75, 76, 120, 800):
        url = "https://nieuwsbrief.example/u/" + "k" * length
        message = assemble_plain(replace(headers, unsubscribe_url=url), "s", "t")
        written = raw_header(message, "List-Unsubscribe")
        assert written.replace("\n", "") == f"<{url}>, <mailto:uit+kk@maatwerk-dichtbij.example>"
        assert "=?" not in written


@pytest.mark.parametrize(
    "url", ["https://x.example/\r\nBcc: x", "https://x.example/ü", "https://x.example/a b", "x", "ftp://x"]
)
def test_an_unsubscribe_address_that_can_not_stand_in_the_header_is_refused(headers, url):
    with pytest.raises(Refusal, match="List-Unsubscribe"):
        assemble_plain(replace(headers, unsubscribe_url=url), "s", "t")


def test_an_address_too_long_for_a_line_is_refused(headers):
    with pytest.raises(Refusal, match="too long"):
        assemble_plain(replace(headers, unsubscribe_url="https://x.example/" + "k" * 1000), "s", "t")


@given(subject=ANY_TEXT, name=ANY_TEXT, text=LONG_LINES, page=LONG_LINES)
@settings(max_examples=150, deadline=None)
def test_no_text_at_all_breaks_a_message(subject, name, text, page):
    mailbox = Mailbox("ann@bakkerij.example", name)
    headers = replace(PLAIN, sender=replace(PLAIN.sender, name=name), recipient=mailbox, list_id="l.x", list_name=name)
    message = assemble(headers, Rendered(subject, page, text))
    whole = parsed(message)
    assert set(whole.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "List-Id", "Content-Language", "MIME-Version", "Content-Type")
    }
    assert whole["Subject"] == fold(subject)
    assert len(whole["To"].addresses) == len(whole["From"].addresses) == 1
    assert whole["To"].addresses[0].addr_spec == "ann@bakkerij.example"
    assert display_name(message, "To") == fold(name)
    for part, source in zip(whole.iter_parts(), (text, page), strict=True):
        assert content(part).rstrip("\n") == clean(source).rstrip("\n")
    body = message.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(map(len, body)) <= 76
    assert not any(line.startswith(b".") for line in body)


@given(st.text(alphabet='aé€🦊 "\\<>@,;:.()[]=?_-\r\n', max_size=400))
@settings(max_examples=150, deadline=None)
def test_encoded_words_are_short_and_never_cut_a_character(text):
    message = assemble_plain(replace(PLAIN, recipient=Mailbox("a@y.example", text)), text, "t")
    for name in ("Subject", "To"):
        for line in raw_header(message, name).split("\n"):
            for word in re.findall(r"=\?[^ ]*\?=", line):
                assert len(word) <= 75
                assert email.header.decode_header(word)[0][0].decode("utf-8")  # type: ignore[attr-defined]
    assert parsed(message)["Subject"] == fold(text)


@pytest.mark.parametrize(
    "value", ["x\r\nBcc: cleo@y.example", "x\nBcc: cleo@y.example", "x\rBcc: c", "x\x00y", "x\r\n\r\nbody"]
)
def test_a_name_or_subject_can_not_inject_a_header(headers, value):
    message = assemble_plain(replace(headers, recipient=Mailbox("ann@y.example", value)), value, "t")
    whole = parsed(message)
    assert whole["Bcc"] is None
    assert whole["Subject"] == fold(value)
    assert len(whole["To"].addresses) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": Mailbox("ann@y.example\r\nBcc: c@y.example")},
        {"recipient": Mailbox("ann@y.example, cleo@y.example")},
        {"recipient": Mailbox("ann@y.example>, <cleo@y.example")},
        {"recipient": Mailbox('"a b"@y.example')},
        {"recipient": Mailbox("ann")},
        {"recipient": Mailbox("@y.example")},
        {"recipient": Mailbox("ann@")},
        {"recipient": Mailbox("a..b@y.example")},
        {"recipient": Mailbox("änn@y.example")},
        {"recipient": Mailbox("ann@y_.exa mple")},
        {"reply_to": Mailbox("x\n@y.example")},
        {"message_id": "<a@b>\r\nBcc: c"},
        {"message_id": "abc"},
        {"list_id": "a>\r\nBcc: c"},
        {"feedback_id": "a b"},
        {"feedback_id": "a\r\nb"},
        {"language": "nl\r\nBcc: c"},
        {"auto_submitted": "auto replied"},
        {"in_reply_to": "<a@b> <c@d>"},
        {"unsubscribe_mailto": "a@b\r\nBcc: c"},
    ],
)
def test_a_value_that_is_no_text_is_refused_and_not_folded(headers, fields):
    with pytest.raises(Refusal):
        assemble_plain(replace(headers, **fields), "s", "t")


def test_international_domains_are_written_as_a_labels(headers):
    assert ascii_address("info@fußball.example") == "info@xn--fuball-cta.example"
    assert ascii_address("Info@BAKKERIJ.Example") == "Info@bakkerij.example"
    message = assemble_plain(replace(headers, recipient=Mailbox("ann@café.example", "Ann Café")), "s", "t")
    assert b"<ann@xn--caf-dma.example>" in message
    assert parsed(message)["To"].addresses[0].display_name == "Ann Café"


LABEL = st.text("abcXYZ019-", min_size=1, max_size=65)


@given(st.one_of(st.lists(LABEL, min_size=1, max_size=5).map(".".join), st.text("aB1-._ é\n", max_size=12)))
def test_a_plain_domain_is_judged_and_written_as_the_library_does(domain):
    try:
        expected = idna.encode(domain.strip().rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        with pytest.raises(Refusal):
            ascii_domain(domain)
    else:
        assert ascii_domain(domain) == expected


@pytest.mark.parametrize(
    "name", ["Peeters, Ann", 'Ann "de" P', "Ann (werk)", "a.b", "Ann\\", "=?utf-8?q?x?=", "A" * 200, "é" * 99]
)
def test_display_names_come_back_as_they_were(headers, name):
    message = assemble_plain(replace(headers, recipient=Mailbox("ann@bakkerij.example", name)), "s", "t")
    assert len(parsed(message)["To"].addresses) == 1
    assert display_name(message, "To") == name


def test_a_message_id_is_always_the_same_and_tells_nothing_about_the_contact():
    one = message_id(7, 12345, "café.example", b"key")
    assert one == message_id(7, 12345, "café.example", b"key")
    assert (
        len({one, *(message_id(*pair, "café.example", b"key") for pair in ((7, 12346), (8, 12345), (71, 2345)))}) == 4
    )
    assert one != message_id(7, 12345, "café.example", b"other")
    assert re.fullmatch(r"<[a-z2-7]{32}@xn--caf-dma\.example>", one)


def test_dot_stuffing_can_not_damage_an_address_at_a_line_start():
    text = "a" * 75 + ".example.be/x\n.\n..\n" + "." * 200 + "\nb"
    encoded = quoted_printable(text)
    assert not re.search(rb"(?m)^\.", encoded)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert content(parsed(assemble_plain(PLAIN, "s", text))) == text + "\n"


def test_spaces_at_line_ends_and_tabs_survive():
    text = "a \nb\t\n  c"
    assert content(parsed(assemble_plain(PLAIN, "s", text))) == text + "\n"


def test_a_confirmation_says_that_a_machine_sent_it_and_is_no_bulk_mail():
    headers = replace(PLAIN, auto_submitted="auto-replied", in_reply_to="<q@y.example>")
    whole = parsed(assemble_plain(headers, "U bent uitgeschreven", "Dag."))
    assert whole["Auto-Submitted"] == "auto-replied"
    assert whole["In-Reply-To"] == whole["References"] == "<q@y.example>"
    assert whole["Precedence"] is None
    assert whole["List-Unsubscribe"] is None
    assert whole.get_content_type() == "text/plain"
    assert content(whole) == "Dag.\n"


def test_equal_input_gives_equal_bytes(headers):
    rendered = Rendered("s", "<p>x</p>", "x")
    assert assemble(headers, rendered) == assemble(headers, rendered)


def test_the_date_is_written_in_utc(headers):
    local = replace(headers, date=datetime.fromisoformat("2026-10-25T02:30:00+02:00"))
    assert raw_header(assemble_plain(local, "s", "t"), "Date") == "Sun, 25 Oct 2026 00:30:00 +0000"
