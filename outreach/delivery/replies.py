"""What every answer of a relay means for the mail, the campaign and the relay itself: one table, read from the top.

RFC 5321 gives the code, RFC 3463 the enhanced code. The enhanced code says more, so its rules stand first: 550 5.7.1 is
about us, 550 5.1.1 about the address, and 552 5.2.2 about a mailbox that is full today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Stage(StrEnum):
    """Where in the conversation an answer came; `DOT` is everything after the first octet of the final dot."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Verdict(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"  # this mail later
    REJECT = "reject"  # this recipient never
    SLOW = "slow"  # this mail later, and the relay gets a rest
    PAUSE = "pause"  # it is about us: the mail goes back, the campaign waits for a person
    STOP = "stop"  # our settings are wrong: the mail goes back, nothing is sent until they are mended
    UNCERTAIN = "uncertain"  # it may have gone: never sent again by itself


@dataclass(frozen=True)
class Rule:
    """Matches where all that is given matches; `code` is a pattern for the whole code, `""` for no answer at all."""

    verdict: Verdict
    stages: frozenset[Stage] | None = None
    code: str = ".*"
    enhanced: str | None = None
    words: str | None = None

    def matches(self, stage: Stage, code: int | None, enhanced: str | None, words: str) -> bool:
        return (
            (self.stages is None or stage in self.stages)
            and re.fullmatch(self.code, "" if code is None else str(code)) is not None
            and (self.enhanced is None or re.fullmatch(self.enhanced, enhanced or "") is not None)
            and (self.words is None or re.search(self.words, words, re.IGNORECASE) is not None)
        )


def _at(*stages: Stage) -> frozenset[Stage]:
    return frozenset(stages)


_SESSION = _at(Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH)
_MESSAGE = _at(Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
_POLICY_WORDS = (
    r"relay(ing)? (access )?(is )?(denied|prohibited|not (allowed|permitted))|not permitted to relay|unable to relay"
    r"|spam|black ?list|block ?list|blocked|reputation|not authori[sz]ed|policy"
)
_PACE_WORDS = r"rate.?limit|too (many|fast|much)|throttl|exceeded .*(rate|quota)|slow down"

TABLE: tuple[Rule, ...] = (
    # No answer: before the final dot nothing was accepted, after it nobody knows.
    Rule(Verdict.UNCERTAIN, _at(Stage.DOT), ""),
    Rule(Verdict.RETRY, _MESSAGE, ""),
    Rule(Verdict.SLOW, _SESSION, ""),
    Rule(Verdict.DELIVERED, _at(Stage.DOT), "2.."),
    # RFC 4954 and RFC 3207: no login, wrong login, no TLS. Waiting mends none of these.
    Rule(Verdict.STOP, None, "530|534|535|538"),
    Rule(Verdict.STOP, _at(Stage.STARTTLS, Stage.AUTH), "[235].."),
    Rule(Verdict.SLOW, None, "421"),
    Rule(Verdict.SLOW, _SESSION, "4.."),
    Rule(Verdict.STOP, _SESSION, "5.."),
    # 4xx is never final before the retry window ends. Some are about the relay rather than this mail.
    Rule(Verdict.SLOW, _MESSAGE, "4..", enhanced=r"4\.3\.[12]|4\.7\.(28|65\d)"),
    Rule(Verdict.SLOW, _MESSAGE, "4..", words=_PACE_WORDS),
    Rule(Verdict.RETRY, _MESSAGE, "4.."),
    # 5xx with an enhanced code.
    Rule(Verdict.RETRY, _MESSAGE, "5..", enhanced=r"5\.2\.2"),  # a full mailbox is emptied again
    Rule(Verdict.PAUSE, _MESSAGE, "5..", enhanced=r"5\.7\.\d+"),
    Rule(Verdict.PAUSE, _MESSAGE, "5..", enhanced=r"5\.1\.[78]"),  # our own sender address
    Rule(Verdict.PAUSE, _MESSAGE, "5..", enhanced=r"5\.(2\.3|3\.4)"),  # the message is too big
    Rule(Verdict.REJECT, _MESSAGE, "5..", enhanced=r"5\.6\.7"),  # the address needs SMTPUTF8
    Rule(Verdict.REJECT, _MESSAGE - _at(Stage.MAIL), "5..", enhanced=r"5\.[124]\.\d+"),
    # 5xx by its code and place alone.
    Rule(Verdict.STOP, _MESSAGE, "50[0234]"),  # commands in a wrong order or unknown: this is no usable relay
    Rule(Verdict.PAUSE, _at(Stage.MAIL), "5.."),
    Rule(Verdict.RETRY, _at(Stage.RCPT, Stage.DATA, Stage.DOT), "552"),
    Rule(Verdict.PAUSE, _at(Stage.RCPT), "5..", words=_POLICY_WORDS),
    Rule(Verdict.REJECT, _at(Stage.RCPT), "5.."),
    Rule(Verdict.PAUSE, _at(Stage.DATA, Stage.DOT), "5.."),  # after an accepted recipient: about the message
    # Not an SMTP answer, or a 2xx and 3xx where none belongs: whoever speaks here can't be believed.
    Rule(Verdict.UNCERTAIN, _at(Stage.DOT)),
    Rule(Verdict.RETRY, _MESSAGE),
    Rule(Verdict.STOP),
)


def judge(stage: Stage, code: int | None, enhanced: str | None = None, words: str = "") -> Verdict:
    """Say what an answer means; `code` None is a dropped connection or a timeout."""
    return next(rule.verdict for rule in TABLE if rule.matches(stage, code, enhanced, words))


_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@(?=[^\s<>@]+)")


@dataclass(frozen=True)
class Reply:
    """A relay's answer; `code` None means that there was none, and `words` then say what happened instead.

    `found` overrules the table where we know more than the answer says: a certificate that doesn't fit, for one.
    """

    stage: Stage
    code: int | None
    words: str
    found: Verdict | None = None

    @property
    def enhanced(self) -> str | None:
        found = _ENHANCED.match(self.words)
        # A class that contradicts the code is a mistake of the relay: the code is what RFC 5321 goes by.
        return found[1] if found and self.code is not None and found[1][0] == str(self.code)[0] else None

    @property
    def verdict(self) -> Verdict:
        return self.found or judge(self.stage, self.code, self.enhanced, self.words)

    def __str__(self) -> str:
        """Show stage, code and words, with addresses masked: relays repeat the recipient, and this text is kept."""
        said = " ".join(filter(None, (str(self.code or ""), self.words.strip())))
        return f"{self.stage}: {masked(said)}"[:500]


def masked(text: str) -> str:
    """Return what a mail system said, on one line, without the names in the addresses that it repeats."""
    return "".join(mark if mark.isprintable() else " " for mark in _ADDRESS.sub("…@", text))


RETRY_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 30, 60, 120, 240))
LONGEST_PAUSE = RETRY_PAUSES[-1] * 1.25


def retry_pause(attempts: int, seed: int) -> timedelta:
    """Return how long to wait after the n-th attempt, spread over a quarter by `seed` so they don't come at once."""
    pause = RETRY_PAUSES[min(max(attempts, 1), len(RETRY_PAUSES)) - 1]
    return pause * (1 + (seed * 2654435761 % 1000) / 4000)


def relay_pause(failures: int) -> timedelta:
    """Return how long the relay rests after the n-th failure in a row: 2 seconds, doubling up to 15 minutes."""
    return timedelta(seconds=min(2 ** min(failures, 12), 900))


def join_words(lines: Iterable[str]) -> str:
    """Join the lines of a reply, each of which may repeat the enhanced code (RFC 2034)."""
    said = [line.strip() for line in lines]
    first = _ENHANCED.match(said[0]) if said else None
    prefix = first[1] if first else None
    rest = [line.removeprefix(prefix).strip() if prefix else line for line in said[1:]]
    return " ".join(filter(None, [*said[:1], *rest]))
