"""The table of SMTP replies: what each says about the mail, the campaign and us."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta

import pytest
from conftest import ROOT

from outreach.delivery.replies import (
    LONGEST_PAUSE,
    RETRY_PAUSES,
    Reply,
    Stage,
    Verdict,
    join_words,
    judge,
    relay_pause,
    retry_pause,
    rule_for,
    speaker,
)
from outreach.delivery.replies import TABLE as TABLE_OF_RULES

CONNECT, EHLO, STARTTLS, AUTH = Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH
MAIL, RCPT, DATA, DOT = Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT

TABLE = [
    (DOT, 250, "2.0.0 queued", Verdict.DELIVERED),
    (DOT, 251, "", Verdict.DELIVERED),
    # No answer
    (CONNECT, None, "", Verdict.SLOW),
    (EHLO, None, "", Verdict.SLOW),
    (STARTTLS, None, "", Verdict.SLOW),
    (AUTH, None, "", Verdict.SLOW),
    (MAIL, None, "", Verdict.RETRY),
    (RCPT, None, "", Verdict.RETRY),
    (DATA, None, "", Verdict.RETRY),
    (DOT, None, "", Verdict.UNCERTAIN),
    # 421 anywhere
    (CONNECT, 421, "too many connections", Verdict.SLOW),
    (EHLO, 421, "", Verdict.SLOW),
    (MAIL, 421, "4.7.0 try later", Verdict.SLOW),
    (RCPT, 421, "", Verdict.SLOW),
    (DATA, 421, "", Verdict.SLOW),
    (DOT, 421, "4.3.0", Verdict.SLOW),
    # Configuration
    (CONNECT, 554, "no service here", Verdict.STOP),
    (EHLO, 502, "", Verdict.STOP),
    (STARTTLS, 454, "TLS not available", Verdict.SLOW),
    (STARTTLS, 501, "", Verdict.STOP),
    (AUTH, 535, "5.7.8 bad credentials", Verdict.STOP),
    (AUTH, 534, "5.7.9 mechanism too weak", Verdict.STOP),
    (AUTH, 538, "", Verdict.STOP),
    (AUTH, 454, "4.7.0 temporary failure", Verdict.SLOW),
    (AUTH, 504, "", Verdict.STOP),
    (MAIL, 530, "5.7.0 authentication required", Verdict.STOP),
    (MAIL, 530, "Must issue a STARTTLS command first", Verdict.STOP),
    (RCPT, 530, "5.7.57 client not authenticated", Verdict.STOP),
    (MAIL, 535, "", Verdict.STOP),
    (MAIL, 503, "5.5.1 AUTH first", Verdict.STOP),
    (RCPT, 503, "", Verdict.STOP),
    (DATA, 502, "", Verdict.STOP),
    # 4xx is never final
    *((stage, code, "", Verdict.RETRY) for stage in (MAIL, RCPT, DATA, DOT) for code in (450, 451, 452, 454, 455)),
    (RCPT, 450, "4.7.1 greylisted", Verdict.RETRY),
    (RCPT, 450, "4.2.0 mailbox busy", Verdict.RETRY),
    (RCPT, 452, "4.2.2 over quota", Verdict.RETRY),
    (DOT, 451, "4.4.1", Verdict.RETRY),
    (MAIL, 452, "4.3.1 insufficient system storage", Verdict.SLOW),
    (RCPT, 450, "4.7.28 unusual rate of mail", Verdict.SLOW),
    (RCPT, 451, "4.7.650 temporarily deferred", Verdict.SLOW),
    (RCPT, 450, "too many messages, slow down", Verdict.SLOW),
    # About the recipient
    (RCPT, 550, "5.1.1 no such user", Verdict.REJECT),
    (RCPT, 550, "no such user here", Verdict.REJECT),
    (RCPT, 553, "5.1.3 bad address", Verdict.REJECT),
    (RCPT, 551, "user not local", Verdict.REJECT),
    (RCPT, 556, "5.1.10 null MX", Verdict.REJECT),
    (RCPT, 550, "5.2.1 mailbox disabled", Verdict.REJECT),
    (RCPT, 501, "5.1.3 bad syntax", Verdict.REJECT),
    (RCPT, 554, "delivery error: no account", Verdict.REJECT),
    (RCPT, 550, "5.7.1 <ann@x.example>: Recipient address rejected: User unknown", Verdict.REJECT),
    (RCPT, 550, "5.7.133 sender not allowed for this group", Verdict.REJECT),
    (RCPT, 550, "5.5.0 Requested action not taken: mailbox unavailable", Verdict.REJECT),
    (RCPT, 521, "host accepts no mail", Verdict.REJECT),
    (DOT, 550, "5.1.1 no such user", Verdict.REJECT),
    (DATA, 554, "5.1.1 no valid recipients", Verdict.REJECT),
    (RCPT, 553, "5.6.7 needs SMTPUTF8", Verdict.REJECT),
    # A full mailbox is emptied again
    (RCPT, 552, "5.2.2 mailbox full", Verdict.RETRY),
    (RCPT, 552, "", Verdict.RETRY),
    (RCPT, 550, "5.2.2 over quota", Verdict.RETRY),
    (RCPT, 550, "mailbox is full", Verdict.RETRY),
    (RCPT, 552, "message too big", Verdict.PAUSE),
    (DOT, 552, "5.2.2 mailbox full", Verdict.RETRY),
    (DOT, 552, "", Verdict.RETRY),
    # About us
    (MAIL, 550, "5.7.1 not allowed", Verdict.PAUSE),
    (MAIL, 550, "sender rejected", Verdict.PAUSE),
    (MAIL, 553, "5.1.8 sender domain unknown", Verdict.PAUSE),
    (MAIL, 501, "5.1.7 bad sender", Verdict.PAUSE),
    (MAIL, 552, "5.3.4 message too big", Verdict.PAUSE),
    (RCPT, 550, "5.7.1 blocked", Verdict.PAUSE),
    (RCPT, 554, "5.7.1 Relay access denied", Verdict.PAUSE),
    (RCPT, 554, "Relay access denied", Verdict.PAUSE),
    (RCPT, 550, "relay not permitted", Verdict.PAUSE),
    (RCPT, 550, "your IP is on a blacklist", Verdict.PAUSE),
    (RCPT, 550, "5.1.8 bad sender domain", Verdict.PAUSE),
    (DATA, 550, "5.7.26 unauthenticated", Verdict.PAUSE),
    (DOT, 550, "5.7.26 unauthenticated", Verdict.PAUSE),
    (DOT, 554, "5.6.0 content rejected", Verdict.PAUSE),
    (DOT, 554, "transaction failed", Verdict.PAUSE),
    (DOT, 552, "5.3.4 too big", Verdict.PAUSE),
    # Where no mail is concerned
    *((stage, code, "", Verdict.RENEW) for stage in (Stage.RSET, Stage.QUIT) for code in (None, 221, 250, 421, 502)),
    (AUTH, 432, "4.7.12 a password transition is needed", Verdict.STOP),
    (MAIL, 555, "parameters not recognized", Verdict.STOP),
    # Nonsense
    (DOT, 354, "go on", Verdict.UNCERTAIN),
    (MAIL, 354, "", Verdict.RETRY),
    (CONNECT, 250, "", Verdict.STOP),
]


@pytest.mark.parametrize(("stage", "code", "words", "verdict"), TABLE)
def test_every_outcome_means_one_thing(stage: Stage, code: int | None, words: str, verdict: Verdict) -> None:
    assert Reply(stage, code, words).verdict is verdict


def test_every_stage_and_code_has_a_verdict() -> None:
    for stage in Stage:
        for code in (None, *range(200, 600)):
            for enhanced in (None, f"{(code or 500) // 100}.7.1", f"{(code or 500) // 100}.1.1"):
                assert judge(stage, code, enhanced) in Verdict


def test_the_docs_show_the_table_as_it_is() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    page = importlib.import_module("make_sending")
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.page_with_table(text)
    assert text.count(" **reject** ") > 10
    verdicts = {verdict for verdict in Verdict if f"| **{verdict.value}** | " in text}
    assert verdicts == set(Verdict)


def test_every_rule_decides_something() -> None:
    """A rule behind one that covers it would never be read."""
    codes = [None, *range(200, 600)]
    subjects = [
        f"{one}.{two}.{three}" for one in "45" for two in range(8) for three in (*range(37), 57, *range(120, 137), 650)
    ]
    samples = ["", "slow down", "greylisted", "no such user", "null mx", "has moved", "over quota", "account disabled",
               "relaying denied", "blacklist", "spam", "message too big"]  # fmt: skip
    reached = set()
    for stage in Stage:
        for words in samples:
            reached |= {id(rule_for(stage, code, None, words)) for code in codes}
            for code in (450, 451, 452, 550, 552, 554):
                reached |= {
                    id(rule_for(stage, code, enhanced, words)) for enhanced in subjects if enhanced[0] == str(code)[0]
                }
    assert [rule for rule in TABLE_OF_RULES if id(rule) not in reached] == []


@pytest.mark.parametrize(
    ("words", "provider"),
    [
        ("4.7.28 Our system has detected an unusual rate of mail - gsmtp", "google"),
        ("4.7.650 The mail server [x] has been temporarily rate limited (S775) outlook.com", "microsoft"),
        ("4.7.0 [TSS04] Messages from x temporarily deferred", "yahoo"),
        ("4.7.0 too many connections", None),
    ],
)
def test_a_relay_passes_on_whose_words_they_are(words: str, provider: str | None) -> None:
    assert speaker(words) == provider


def test_450_and_454_are_not_final_at_any_stage_of_a_message() -> None:
    for stage in (MAIL, RCPT, DATA, DOT):
        for code in range(400, 500):
            assert judge(stage, code) in (Verdict.RETRY, Verdict.SLOW)


def test_a_reputation_reject_marks_no_address_dead() -> None:
    for code in (550, 551, 552, 553, 554):
        for detail in range(100):
            assert judge(RCPT, code, f"5.7.{detail}") is Verdict.PAUSE


def test_an_enhanced_code_that_contradicts_the_code_is_not_believed() -> None:
    assert Reply(RCPT, 450, "5.1.1 odd").enhanced is None
    assert Reply(RCPT, 450, "5.1.1 odd").verdict is Verdict.RETRY


def test_a_reply_is_kept_without_addresses_and_control_characters() -> None:
    shown = str(Reply(RCPT, 550, "5.1.1 <ann.peeters@bedrijf.example>: unknown\r\n\x1b[31m"))
    assert "ann.peeters" not in shown
    assert "bedrijf.example" in shown
    assert shown.isprintable()
    assert len(str(Reply(RCPT, 550, "x" * 5000))) <= 500


def test_the_lines_of_a_reply_are_joined_with_one_enhanced_code() -> None:
    assert join_words(["5.1.1 no such", "5.1.1 user here"]) == "5.1.1 no such user here"


def test_pauses_grow_and_are_spread_and_end() -> None:
    pauses = [retry_pause(attempts, 7) for attempts in range(1, 12)]
    assert pauses == sorted(pauses)
    assert max(retry_pause(99, seed) for seed in range(2000)) <= LONGEST_PAUSE
    assert len({retry_pause(1, seed) for seed in range(100)}) > 50
    assert sum(RETRY_PAUSES, timedelta()) < timedelta(hours=72)
    assert relay_pause(1) == timedelta(seconds=2)
    assert relay_pause(10_000) == timedelta(minutes=15)
