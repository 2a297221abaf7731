"""Every class of reply at every command, and what it means: a conversation that can't be misunderstood.

Each answer stands once in the table; it is given at the first message, with pipelining and without. What holds always:
a message is delivered only if the relay took it, and one that the relay may have taken is never given back to be sent
again.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from delivery.conftest import Authority
from scripted import Act, Script, ScriptedRelay

from outreach.delivery.replies import Reply, Stage, Verdict
from outreach.delivery.smtp import Connection, NoConnection, connect, tls_context
from outreach.settings import RelaySettings

FROM, ANN, NEXT = "nieuws@federatie.example", "ann@ann.example", "next@next.example"
MESSAGE = b"Subject: Dag\r\n\r\n" + b"Dag Ann, dit is een lijn van de mail.\r\n" * 50

ANSWERS = {
    "2xx": b"250 2.0.0 ok\r\n",
    "3xx": b"354 go on\r\n",
    "421": b"421 4.3.2 closing\r\n",
    "450": b"450 4.2.0 later\r\n",
    "451 bare": b"451 later\r\n",
    "452": b"452 4.3.1 no room\r\n",
    "454": b"454 4.7.0 not available\r\n",
    "500": b"500 5.5.2 unknown\r\n",
    "501": b"501 5.5.4 bad argument\r\n",
    "503": b"503 5.5.1 wrong order\r\n",
    "530": b"530 5.7.0 log in first\r\n",
    "535": b"535 5.7.8 wrong password\r\n",
    "550 bare": b"550 no\r\n",
    "550 5.1.1": b"550 5.1.1 no such user\r\n",
    "550 5.7.1": b"550 5.7.1 not welcome\r\n",
    "552 5.2.2": b"552 5.2.2 mailbox full\r\n",
    "552 5.3.4": b"552 5.3.4 too big\r\n",
    "554 bare": b"554 transaction failed\r\n",
    "no text": b"550\r\n",
    "several lines": b"450-4.2.0 not now\r\n450-4.2.0 but perhaps\r\n450 4.2.0 later\r\n",
    "LF alone": b"450 4.2.0 later\n",
    "8-bit text": b"450 4.2.0 sp\xe4ter \xff\r\n",
    "lying code": b"450 5.1.1 later\r\n",
    "1xx": b"150 wait\r\n",
    "6xx": b"650 what\r\n",
    "two digits": b"25 ok\r\n",
    "no SMTP": b"HTTP/1.1 400 Bad Request\r\n",
    "empty line": b"\r\n",
    "two codes": b"250-fine\r\n550 5.1.1 or not\r\n",
    "endless line": b"450 " + b"x" * 10_000,
    "endless lines": b"450-more\r\n" * 500,
}

# How each of them ends, by command: S sent, A again later, L again later and the relay rests, R rejected, P pause,
# X stop, U uncertain, - as usual.
TABLE = """
answer        connect ehlo starttls auth  mail rcpt data dot
2xx           X       -    X        X     -    -    A    S
3xx           X       X    X        X     A    A    -    U
421           L       L    L        L     L    L    L    L
450           L       L    L        L     A    A    A    A
451 bare      L       L    L        L     A    A    A    A
452           L       L    L        L     L    L    L    L
454           L       L    L        L     A    A    A    A
500           X       X    X        X     X    X    X    X
501           X       X    X        X     P    R    P    P
503           X       X    X        X     X    X    X    X
530           X       X    X        X     X    X    X    X
535           X       X    X        X     X    X    X    X
550 bare      X       X    X        X     P    R    P    P
550 5.1.1     X       X    X        X     P    R    R    R
550 5.7.1     X       X    X        X     P    P    P    P
552 5.2.2     X       X    X        X     A    A    A    A
552 5.3.4     X       X    X        X     P    P    P    P
554 bare      X       X    X        X     P    R    P    P
no text       X       X    X        X     P    R    P    P
several lines L       L    L        L     A    A    A    A
LF alone      L       L    L        L     A    A    A    A
8-bit text    L       L    L        L     A    A    A    A
lying code    L       L    L        L     A    A    A    A
1xx           L       L    L        L     A    A    A    U
6xx           L       L    L        L     A    A    A    U
two digits    L       L    L        L     A    A    A    U
no SMTP       L       L    L        L     A    A    A    U
empty line    L       L    L        L     A    A    A    U
two codes     L       L    L        L     A    A    A    U
endless line  L       L    L        L     A    A    A    U
endless lines L       L    L        L     A    A    A    U
"""
LETTERS = {
    "S": Verdict.DELIVERED,
    "A": Verdict.RETRY,
    "L": Verdict.SLOW,
    "R": Verdict.REJECT,
    "P": Verdict.PAUSE,
    "X": Verdict.STOP,
    "U": Verdict.UNCERTAIN,
    "-": Verdict.DELIVERED,
}


def cases() -> Iterator[tuple[str, str, Verdict]]:
    """Yield each cell of the table: (answer, command, verdict)."""
    head, *lines = TABLE.strip().splitlines()
    commands = head.split()[1:]
    for line in lines:
        letters = line.split()[-len(commands) :]
        answer = line[: len("endless lines")].strip()
        yield from ((answer, command, LETTERS[letter]) for command, letter in zip(commands, letters, strict=True))


BEFORE_MAIL = ("connect", "ehlo", "starttls", "auth")
SESSION = [case for case in cases() if case[1] in BEFORE_MAIL]
MESSAGES = [case for case in cases() if case[1] not in BEFORE_MAIL]


def once(wanted: str, act: Act) -> Script:
    """Do `act` at the first such step, and behave ever after."""
    left = [act]
    return lambda step, talk: left.pop() if step == wanted and left else None


def opened(relay: ScriptedRelay, authority: Authority | None = None, **settings: Any) -> Connection:
    if authority is not None:
        settings |= {"security": "starttls", "ca_file": str(authority.ca_file), "username": "team", "password": "x"}
    timeout = settings.pop("timeout", 5)
    found = RelaySettings.model_validate({"port": relay.port, **settings})
    # Shorter than any setting may be: a test doesn't wait for a second.
    found = found.model_copy(update={"timeout": timeout})
    return connect(found, tls_context(found) if found.security != "none" else None)


def carried(connection: Connection, *recipients: str) -> dict[str, Reply]:
    """Put messages to all in at once, and wait for the answers that decide about them."""
    traffic, answers = connection.traffic, dict[str, Reply]()
    for recipient in recipients:
        traffic.put(recipient, FROM, recipient, MESSAGE)
    while len(answers) < len(recipients):
        answers |= dict(traffic.pump())
        if not traffic.usable:
            withdrawn = traffic.withdraw()
            recipients = tuple(one for one in recipients if one not in withdrawn)
        left = max((traffic.deadline() or time.monotonic()) - time.monotonic(), 0)
        if len(answers) < len(recipients):
            select.select([connection], [connection] if traffic.writing else [], [], left)
    return answers


def assert_believed(relay: ScriptedRelay, answers: dict[str, Reply]) -> None:
    """Check what must always hold between what the relay has and what we make of it."""
    had = Counter([*relay.taken, *relay.perhaps])
    assert set(had.values()) <= {1}, "a message went out twice"
    for recipient, reply in answers.items():
        if reply.verdict is Verdict.DELIVERED:
            assert recipient in relay.taken
            assert relay.messages[recipient].startswith(MESSAGE)
        elif reply.verdict is not Verdict.UNCERTAIN:
            assert recipient not in had, "what the relay may have is sent again"


@pytest.mark.parametrize(("answer", "command", "verdict"), SESSION)
def test_every_reply_before_the_first_mail_means_one_thing(
    authority: Authority, answer: str, command: str, verdict: Verdict
) -> None:
    with ScriptedRelay(script=once(command, Act(ANSWERS[answer])), tls=authority.server()) as relay:
        tls = authority if command in ("starttls", "auth") else None
        if verdict is not Verdict.DELIVERED:
            with pytest.raises(NoConnection) as refused:
                opened(relay, tls)
            assert (refused.value.reply.stage, refused.value.reply.verdict) == (Stage(command), verdict)
            assert str(refused.value).startswith(f"{command}: ")
        assert tried(relay, tls).verdict is Verdict.DELIVERED
    assert relay.taken == [ANN]


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize(("answer", "command", "verdict"), MESSAGES)
def test_every_reply_about_a_mail_means_one_thing(
    answer: str, command: str, verdict: Verdict, pipelining: bool
) -> None:
    with ScriptedRelay(script=once(command, Act(ANSWERS[answer])), pipelining=pipelining) as relay:
        connection = opened(relay)
        answers = carried(connection, ANN, NEXT)
        reply = answers[ANN]
        if verdict is Verdict.DELIVERED:
            assert reply.verdict is Verdict.DELIVERED
        else:
            assert (reply.stage, reply.verdict) == (Stage(command), verdict), str(reply)
        assert_believed(relay, answers)
        if not connection.usable:
            connection.close()
            connection = opened(relay)
        if answers.get(NEXT) is None or answers[NEXT].verdict is not Verdict.DELIVERED:
            answers[NEXT] = carried(connection, NEXT)[NEXT]
        connection.close()
        assert answers[NEXT].verdict is Verdict.DELIVERED
        assert_believed(relay, answers)


USUAL = {
    "connect": b"220 relay.test\r\n",
    "ehlo": b"250 relay.test\r\n",
    "starttls": b"220 2.0.0 go on\r\n",
    "auth": b"235 2.7.0 welcome\r\n",
    "mail": b"250 2.1.0 ok\r\n",
    "rcpt": b"250 2.1.5 ok\r\n",
    "data": b"354 go on\r\n",
    "body": b"",
    "dot": b"250 2.0.0 taken\r\n",
}
AGAIN, SLOW, UNSURE, SENT = Verdict.RETRY, Verdict.SLOW, Verdict.UNCERTAIN, Verdict.DELIVERED
# Of a small message the kernel has the final dot before the relay is gone: whether the relay has it nobody knows.
ENDS = {
    "connect": ({SLOW}, {SLOW}),
    "ehlo": ({SLOW}, {AGAIN}),
    "starttls": ({SLOW}, {SLOW}),
    "auth": ({SLOW}, {AGAIN}),
    "mail": ({AGAIN}, {AGAIN}),
    "rcpt": ({AGAIN}, {AGAIN}),
    "data": ({AGAIN}, {AGAIN, UNSURE}),
    "body": ({AGAIN, UNSURE}, {AGAIN, UNSURE}),
    "dot": ({UNSURE}, {SENT}),
}


def ends() -> Iterator[tuple[str, str, str, bool]]:
    """Yield (step, when, then, pipelining); silence after an answer is silence before the next one."""
    for step in ENDS:
        for pipelining in (False,) if step in BEFORE_MAIL else (False, True):
            yield from ((step, when, then, pipelining) for when in ("before", "after") for then in ("close", "reset"))
            yield step, "before", "silence", pipelining


@pytest.mark.parametrize(("step", "when", "then", "pipelining"), list(ends()))
def test_a_relay_that_goes_at_any_point_leaves_no_doubt_but_after_the_final_dot(
    authority: Authority, step: str, when: str, then: str, pipelining: bool
) -> None:
    """`before` its answer or right `after` it; silence is a relay that is there and says nothing any more."""
    act = Act(USUAL[step] if when == "after" else b"", then)
    tls = authority if step in ("starttls", "auth") else None
    script = once(step, act)
    with ScriptedRelay(script=script, pipelining=pipelining, tls=authority.server()) as relay:
        answers = {ANN: tried(relay, tls, timeout=0.3)}
        expected = ENDS[step][when == "after"]
        assert answers[ANN].verdict in expected
        assert (answers[ANN].code is None) == (answers[ANN].verdict is not SENT)
        assert_believed(relay, answers)
        if answers[ANN].verdict in (AGAIN, SLOW):
            answers[ANN] = tried(relay, tls)
            assert answers[ANN].verdict is SENT
        answers[NEXT] = tried(relay, tls, NEXT)
        assert answers[NEXT].verdict is SENT
        assert_believed(relay, answers)


def tried(relay: ScriptedRelay, authority: Authority | None, recipient: str = ANN, timeout: float = 5) -> Reply:
    """Send one message over a connection of its own; return the reply that decides about it."""
    try:
        connection = opened(relay, authority, timeout=timeout)
    except NoConnection as refused:
        return refused.reply
    try:
        return carried(connection, recipient)[recipient]
    finally:
        connection.close()


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("step", [step for step in ENDS if step != "body"])
def test_an_answer_that_drips_has_its_time_and_no_more(authority: Authority, step: str, pipelining: bool) -> None:
    """The time is for the whole answer: an octet now and then doesn't hold a connection for ever."""
    act = Act(USUAL[step][:3] + b"-" + b"x" * 500, "close", drip=0.05)
    tls = authority if step in ("starttls", "auth") else None
    with ScriptedRelay(script=once(step, act), pipelining=pipelining, tls=authority.server()) as relay:
        started = time.monotonic()
        reply = tried(relay, tls, timeout=0.3)
        assert time.monotonic() - started < 5
        assert reply.code is None
        assert reply.verdict in ENDS[step][0]
        assert_believed(relay, {ANN: reply})


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("more", [b"250 2.0.0 again\r\n", b"354 again\r\n", b"550 5.1.1 after all\r\n", b"421 bye\r\n"])
@pytest.mark.parametrize("step", [step for step in ENDS if step != "body"])
def test_answers_that_nobody_asked_for_are_never_taken_for_those_to_come(
    authority: Authority, step: str, more: bytes, pipelining: bool
) -> None:
    """A second answer puts relay and sender out of step; what matters is that no mail is believed to be elsewhere."""
    tls = authority if step in ("starttls", "auth") else None
    script = once(step, Act(USUAL[step] + more))
    with ScriptedRelay(script=script, pipelining=pipelining, tls=authority.server()) as relay:
        answers = {ANN: tried(relay, tls)}
        assert_believed(relay, answers)
        if answers[ANN].verdict not in (SENT, UNSURE):
            answers[ANN] = tried(relay, tls)
            assert answers[ANN].verdict is SENT
        answers[NEXT] = tried(relay, tls, NEXT)
        assert answers[NEXT].verdict is SENT
        assert_believed(relay, answers)


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("answer", [*ANSWERS, "close", "reset", "silence"])
def test_whatever_is_said_to_rset_the_next_mail_goes_once(answer: str, pipelining: bool) -> None:
    refuse = once("rcpt", Act(b"550 5.1.1 no such user\r\n"))
    act = Act(ANSWERS[answer]) if answer in ANSWERS else Act(b"", answer)
    reset = once("rset", act)
    script: Script = lambda step, talk: refuse(step, talk) or reset(step, talk)  # noqa: E731
    with ScriptedRelay(script=script, pipelining=pipelining) as relay:
        connection = opened(relay, timeout=0.3)
        answers = carried(connection, ANN, NEXT)
        assert answers[ANN].verdict is Verdict.REJECT
        if answers.get(NEXT) is None or answers[NEXT].verdict is not SENT:
            assert answers.get(NEXT) is None or answers[NEXT].verdict is AGAIN
            answers[NEXT] = tried(relay, None, NEXT)
        assert answers[NEXT].verdict is SENT
        connection.close()
        assert_believed(relay, answers)
    assert relay.taken == [NEXT]


@pytest.mark.parametrize("answer", [*ANSWERS, "close", "reset", "silence"])
def test_whatever_is_said_to_quit_changes_nothing(answer: str) -> None:
    act = Act(ANSWERS[answer]) if answer in ANSWERS else Act(b"", answer)
    with ScriptedRelay(script=once("quit", act)) as relay:
        started = time.monotonic()
        assert [tried(relay, None, one).verdict for one in (ANN, NEXT)] == [SENT, SENT]
        assert time.monotonic() - started < 2
    assert relay.taken == [ANN, NEXT]


def test_a_message_refused_before_it_is_whole_is_never_finished() -> None:
    """Else the relay, which reads on, would take what it has just refused, and it would be sent again."""
    with ScriptedRelay(script=once("body", Act(b"451 4.3.0 no room\r\n"))) as relay:
        connection = opened(relay)
        reply = connection.send(FROM, ANN, MESSAGE + b"x" * 20_000_000)
        assert (reply.code, reply.verdict, connection.usable) == (451, AGAIN, False)
        connection.close()
        assert tried(relay, None).verdict is SENT
    assert relay.taken == [ANN]
