"""What every answer of a relay means for the mail, the campaign and the relay itself: one table, read from the top.

RFC 5321 gives the code, RFC 3463 the enhanced code, and the text often says more than either. The first rule that fits
decides. So what is precise stands before what is general: 550 5.7.1 is about us, 550 5.1.1 about the address, and 552
5.2.2 about a mailbox that is full today. What `inbox/` can't read from a
bounce's own words is read by the same table.

docs/sending.md prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property


class Stage(StrEnum):
    """Where in the conversation an answer came; `DOT` is everything after the first octet of the final dot."""

    CONNECT = "connect"  # and the greeting
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the command, and the message until its final dot
    DOT = "dot"
    RSET = "rset"
    QUIT = "quit"


class Verdict(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"  # this mail later
    REJECT = "reject"  # this recipient never
    SLOW = "slow"  # this mail later, and who is overrun gets less: the recipient's provider, or else the relay rests
    PAUSE = "pause"  # it is about us: the mail goes back, the campaign waits for a person
    STOP = "stop"  # our settings are wrong: the mail goes back, this relay is left alone until they are mended
    UNCERTAIN = "uncertain"  # it may have gone: never sent again by itself, over no relay
    RENEW = "renew"  # about no mail: this connection is used no more


@dataclass(frozen=True)
class Rule:
    """Matches where all that is given matches. In codes `x` is any digit, and any number at the end of an enhanced one.

    `code` is `-` for no answer at all: a dropped connection, a timeout, or something that is no SMTP.
    """

    at: str  # stages, a key of STAGES
    code: str
    enhanced: str
    words: str  # a key of WORDS
    verdict: Verdict
    reason: str

    def matches(self, stage: Stage, code: str, enhanced: str, words: str) -> bool:
        return (
            stage in STAGES[self.at]
            and (not self.code or self._code.fullmatch(code) is not None)
            and (not self.enhanced or self._enhanced.fullmatch(enhanced) is not None)
            and (not self.words or WORDS[self.words].search(words) is not None)
        )

    @cached_property
    def _code(self) -> re.Pattern[str]:
        return re.compile(self.code.replace("x", r"\d").replace(" ", "|"))

    @cached_property
    def _enhanced(self) -> re.Pattern[str]:
        alternatives = (re.escape(one).replace(r"\.x", r"\.\d+").replace("x", r"\d") for one in self.enhanced.split())
        return re.compile("|".join(alternatives))


_SESSION = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
_MESSAGE = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT})
STAGES: dict[str, frozenset[Stage]] = {
    "any": frozenset(Stage),
    "session": _SESSION,
    "message": _MESSAGE,
    "starttls": frozenset({Stage.STARTTLS}),
    "auth": frozenset({Stage.AUTH}),
    "starttls, auth": frozenset({Stage.STARTTLS, Stage.AUTH}),
    "mail": frozenset({Stage.MAIL}),
    "rcpt": frozenset({Stage.RCPT}),
    "dot": frozenset({Stage.DOT}),
    "data, dot": frozenset({Stage.DATA, Stage.DOT}),
    "rcpt, data, dot": _MESSAGE - {Stage.MAIL},
    "rset, quit": frozenset({Stage.RSET, Stage.QUIT}),
}


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


WORDS: dict[str, re.Pattern[str]] = {
    "too fast": _words(
        r"rate.?limit", r"too (many|fast|much|quickly)", r"throttl", r"exceeded .*(rate|quota)", r"slow down",
        r"unusual rate", r"temporarily deferred", r"try again later .*volume",
    ),
    "greylisted": _words(r"gr[ae]y.?list"),
    "unknown user": _words(
        r"(user|recipient|mailbox|address|account|gebruiker|utilisateur|empf.nger)[^.;:]{0,40} (is )?"
        r"(unknown|not (found|known|exist)|does ?n.t exist|does not exist|invalid|onbekend|inconnu|unbekannt)",
        r"(unknown|no such|invalid|unrout[a-z]+|onbekende?) (local )?(user|recipient|mailbox|ad{1,2}ress?|account)\b",
        r"no (such|valid) (user|recipient|mailbox|address|account|person)", r"user unknown", r"unknown user",
        r"(bestaat niet|n'existe pas|existiert nicht)", r"isn't a .* (user|account)", r"no mailbox .{0,9}that name",
    ),
    "unknown host": _words(
        r"(host|domain|domein)[^.;]{0,40}(not found|unknown|does not exist|onbekend)", r"no (mx|a) record", r"null mx",
        r"name service error", r"(unrouteable|unroutable) (domain|mail)", r"NXDOMAIN",
    ),
    "moved": _words(r"no longer (employed|works|here|in use|valid|active)", r"has (moved|left)", r"has changed to"),
    "mailbox full": _words(
        r"(mailbox|inbox|account|quota|storage|postvak|bo.te)[^.;]{0,30}(is )?(full|exceed|vol\b|pleine)",
        r"over ?quota", r"quota (exceeded|overschreden)", r"insufficient (system )?storage for",
    ),
    "disabled": _words(r"(account|mailbox|user)[^.;]{0,30}(disabled|inactive|suspended|deactivated|locked)"),
    "relaying": _words(
        r"relay(ing)? (access )?(is )?(denied|prohibited|not (allowed|permitted))", r"not permitted to relay",
        r"unable to relay",
    ),
    "reputation": _words(r"black ?list", r"block ?list", r"\bblocked", r"reputation", r"spamhaus|barracuda|\brbl\b"),
    "policy": _words(r"spam", r"not authori[sz]ed", r"policy", r"dmarc|\bspf\b|dkim"),
    "too big": _words(r"(message|mail)[^.;]{0,30}(too (big|large)|exceeds? .*size)", r"size limit"),
}  # fmt: skip

_ = ""
_D, _RT, _RJ, _SL = Verdict.DELIVERED, Verdict.RETRY, Verdict.REJECT, Verdict.SLOW
_P, _ST, _U, _RN = Verdict.PAUSE, Verdict.STOP, Verdict.UNCERTAIN, Verdict.RENEW

# at, code, enhanced code, words; verdict, reason
TABLE: tuple[Rule, ...] = (
    Rule("dot", "2xx", _, _, _D, "taken"),
    Rule("rset, quit", _, _, _, _RN, "over"),
    # No answer: before the final dot nothing was accepted, after it nobody knows.
    Rule("dot", "-", _, _, _U, "no_answer"),
    Rule("message", "-", _, _, _RT, "no_answer"),
    Rule("session", "-", _, _, _SL, "unreachable"),
    # RFC 4954 and RFC 3207: no login, wrong login, no TLS. Waiting mends none of these.
    Rule("any", "530 534 535 538", _, _, _ST, "login"),
    Rule("auth", "432", _, _, _ST, "login"),
    Rule("starttls, auth", "2xx 3xx 5xx", _, _, _ST, "login"),
    # The relay as such: it closes, is full, or overrun.
    Rule("message", "421", _, "too fast", _SL, "too_fast"),
    Rule("any", "421", _, _, _SL, "unavailable"),
    Rule("session", "4xx", _, _, _SL, "unavailable"),
    Rule("session", "5xx", _, _, _ST, "refused_service"),
    # 4xx is never final before the retry window ends.
    Rule("message", "4xx", "4.3.1 4.3.2", _, _SL, "unavailable"),
    Rule("message", "4xx", "4.2.1", _, _RT, "busy"),  # one mailbox gets too much, from anybody
    Rule("message", "4xx", "4.2.2", _, _RT, "mailbox_full"),
    Rule("message", "4xx", _, "greylisted", _RT, "greylisted"),
    Rule("message", "4xx", "4.7.28 4.7.65x 4.4.5", _, _SL, "too_fast"),
    Rule("message", "4xx", _, "too fast", _SL, "too_fast"),
    Rule("message", "4xx", _, "mailbox full", _RT, "mailbox_full"),
    Rule("message", "4xx", "4.4.7", _, _RT, "expired"),
    Rule("message", "4xx", "4.7.x", _, _RT, "policy"),
    Rule("message", "4xx", _, _, _RT, "later"),
    # 5xx with an enhanced code: about a mailbox that is full today, about us, or about the address.
    Rule("message", "5xx", "5.2.2", _, _RT, "mailbox_full"),
    Rule("rcpt, data, dot", "5xx", "5.7.123 5.7.124 5.7.129 5.7.133 5.7.134 5.7.135 5.7.136", _, _RJ, "restricted"),
    Rule("rcpt, data, dot", "5xx", "5.7.1", "unknown user", _RJ, "unknown_user"),
    Rule("message", "5xx", "5.7.x", "relaying", _P, "relaying_denied"),
    Rule("message", "5xx", "5.7.x", "reputation", _P, "reputation"),
    Rule("message", "5xx", "5.7.x", _, _P, "policy"),
    Rule("message", "5xx", "5.1.7 5.1.8", _, _P, "our_sender"),
    Rule("message", "5xx", "5.2.3 5.3.4", _, _P, "too_big"),
    Rule("message", "5xx", "5.6.7", _, _RJ, "needs_smtputf8"),
    Rule("rcpt, data, dot", "5xx", "5.1.6", _, _RJ, "moved"),
    Rule("rcpt, data, dot", "5xx", "5.1.2 5.1.10 5.4.0 5.4.4", _, _RJ, "unknown_host"),
    Rule("rcpt, data, dot", "5xx", "5.1.x 5.4.1", _, _RJ, "unknown_user"),
    Rule("rcpt, data, dot", "5xx", "5.2.1", _, _RJ, "disabled"),
    Rule("rcpt, data, dot", "5xx", "5.4.7", _, _RJ, "expired"),
    Rule("rcpt, data, dot", "5xx", "5.4.6 5.4.14", _, _RJ, "loop"),
    Rule("rcpt, data, dot", "5xx", "5.2.x 5.4.x", _, _RJ, "undeliverable"),
    # 5xx by its code, its place and its words alone.
    Rule("message", "500 502 503 504 555", _, _, _ST, "no_usable_smtp"),  # commands unknown or in a wrong order
    Rule("mail", "5xx", _, "too big", _P, "too_big"),
    Rule("mail", "5xx", _, _, _P, "our_sender"),
    Rule("rcpt, data, dot", "552", _, "too big", _P, "too_big"),
    Rule("rcpt, data, dot", "552", _, _, _RT, "mailbox_full"),
    Rule("rcpt", "5xx", _, "mailbox full", _RT, "mailbox_full"),
    Rule("rcpt", "5xx", _, "relaying", _P, "relaying_denied"),
    Rule("rcpt", "5xx", _, "reputation", _P, "reputation"),
    Rule("rcpt", "5xx", _, "unknown user", _RJ, "unknown_user"),
    Rule("rcpt", "5xx", _, "unknown host", _RJ, "unknown_host"),
    Rule("rcpt", "5xx", _, "moved", _RJ, "moved"),
    Rule("rcpt", "551", _, _, _RJ, "moved"),
    Rule("rcpt", "5xx", _, "policy", _P, "policy"),
    Rule("rcpt", "5xx", _, "disabled", _RJ, "disabled"),
    Rule("rcpt", "521 556", _, _, _RJ, "unknown_host"),  # RFC 7504: takes no mail at all
    Rule("rcpt", "5xx", _, _, _RJ, "refused"),
    Rule("data, dot", "5xx", _, _, _P, "content"),  # after an accepted recipient: about the message
    # Not an SMTP answer, or a 2xx and 3xx where none belongs: whoever speaks here can't be believed.
    Rule("dot", _, _, _, _U, "nonsense"),
    Rule("message", _, _, _, _RT, "nonsense"),
    Rule("any", _, _, _, _ST, "nonsense"),
)


def rule_for(stage: Stage, code: int | None, enhanced: str | None = None, words: str = "") -> Rule:
    """Return the rule that decides about an answer; `code` None is a dropped connection or a timeout."""
    said = "-" if code is None else str(code)
    return next(rule for rule in TABLE if rule.matches(stage, said, enhanced or "", words))


def judge(stage: Stage, code: int | None, enhanced: str | None = None, words: str = "") -> Verdict:
    """Say what an answer means; `code` None is a dropped connection or a timeout."""
    return rule_for(stage, code, enhanced, words).verdict


# Whose words a relay passes on, by what these receivers always write.
_SPEAKERS = {
    "google": re.compile(r"\bgsmtp\b|google\.com|gmail", re.IGNORECASE),
    "microsoft": re.compile(r"outlook\.com|hotmail|protection\.outlook|\bS77\d|\bS3\d{3}\b", re.IGNORECASE),
    "yahoo": re.compile(r"yahoo|\bTSS\d\d\b|\baol\.com", re.IGNORECASE),
    "icloud": re.compile(r"icloud|apple\.com", re.IGNORECASE),
    "telenet": re.compile(r"telenet", re.IGNORECASE),
    "proximus": re.compile(r"skynet\.be|proximus|belgacom", re.IGNORECASE),
    "gmx": re.compile(r"\bgmx\.|web\.de", re.IGNORECASE),
}


def speaker(words: str) -> str | None:
    """Return the provider whose words a relay passes on; None if they name none that we know."""
    return next((name for name, pattern in _SPEAKERS.items() if pattern.search(words)), None)


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

    @cached_property
    def rule(self) -> Rule:
        return rule_for(self.stage, self.code, self.enhanced, self.words)

    @property
    def verdict(self) -> Verdict:
        return self.found or self.rule.verdict

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
