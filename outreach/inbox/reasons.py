"""Why a mail was refused: from the words of a reply, its enhanced code and its code, in this order.

Words come first since they are written by whoever set up that refusal, codes by whoever made the program: half the
world says 550 5.7.1, or 550 alone, for everything. Where neither words nor the enhanced code decide, the reply goes
through the table of the delivery engine (`delivery.replies`), as if it had come while sending.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

from outreach.delivery.replies import Stage, Verdict, judge
from outreach.inbox import wording
from outreach.inbox.kinds import DEAD, Class, Reason

ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d\.\d{1,3})(?![\d.]*\d)")
CODE: Final = re.compile(r"(?<![\d.#:/=-])([45][0-7]\d)(?=[ \t:-])(?!-?\d)")
# Local parts say things like "userunknown" themselves.
ADDRESSES: Final = re.compile(r"[^\s<>\"'(),;:\[\]]{1,64}@[^\s<>\"'(),;:\[\]]{1,190}")
_HOST_GONE: Final = re.compile(r"(?<![\w.@-])[\w-]{1,60}\.[\w.-]{1,190} (?:does not|doesn't) exist")
_SENTENCES: Final = re.compile(r"[.:;!?]\s|-{3}")
_LONGEST: Final = 4_000

# RFC 3463 and the IANA registry of enhanced codes, without their class: the subjects that say something.
_BY_SUBJECT: Final = {
    "1.1": Reason.UNKNOWN_USER,
    "1.2": Reason.UNKNOWN_HOST,
    "1.3": Reason.UNKNOWN_USER,
    "1.4": Reason.FILTERED,
    "1.6": Reason.MOVED,
    "1.7": Reason.SENDER_REJECTED,
    "1.8": Reason.SENDER_REJECTED,
    "1.9": Reason.SYSTEM,
    "1.10": Reason.NO_MAIL,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "2.4": Reason.SYSTEM,
    "3.1": Reason.SYSTEM,
    "3.2": Reason.SYSTEM,
    "3.3": Reason.SYSTEM,
    "3.4": Reason.TOO_BIG,
    "3.5": Reason.SYSTEM,
    "4.1": Reason.NETWORK,
    "4.2": Reason.NETWORK,
    "4.3": Reason.NETWORK,
    "4.4": Reason.UNKNOWN_HOST,
    "4.5": Reason.SYSTEM,
    "4.6": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "5.1": Reason.PROTOCOL,
    "5.2": Reason.PROTOCOL,
    "5.3": Reason.RATE,
    "5.4": Reason.PROTOCOL,
    "7.2": Reason.SENDER_REJECTED,
    "7.5": Reason.SECURITY,
    "7.8": Reason.SECURITY,
    "7.9": Reason.POLICY,
    "7.10": Reason.SECURITY,
    "7.11": Reason.SECURITY,
    "7.13": Reason.DISABLED,
    "7.17": Reason.MOVED,
    "7.18": Reason.POLICY,
    "7.20": Reason.AUTHENTICATION,
    "7.21": Reason.AUTHENTICATION,
    "7.22": Reason.AUTHENTICATION,
    "7.23": Reason.AUTHENTICATION,
    "7.24": Reason.AUTHENTICATION,
    "7.25": Reason.BLOCKED,
    "7.26": Reason.AUTHENTICATION,
    "7.27": Reason.SENDER_REJECTED,
    "7.28": Reason.RATE,
    "7.29": Reason.AUTHENTICATION,
    "7.30": Reason.SECURITY,
}
# Codes that systems give for anything.
_BY_WEAK_SUBJECT: Final = {
    "1.0": Reason.UNKNOWN_USER,
    "2.0": Reason.FILTERED,
    "2.1": Reason.DISABLED,
    "3.0": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "6.0": Reason.CONTENT,
    "7.0": Reason.POLICY,
    "7.1": Reason.POLICY,
}
# What the engine's verdict means for an address, where nothing else is known: none of them that it is dead.
_BY_VERDICT: Final = {Verdict.PAUSE: Reason.POLICY, Verdict.SLOW: Reason.RATE, Verdict.STOP: Reason.PROTOCOL}
_BY_CODE: Final = {
    "421": Reason.RATE,
    "521": Reason.NO_MAIL,
    "522": Reason.MAILBOX_FULL,
    "523": Reason.TOO_BIG,
    "525": Reason.DISABLED,
    "530": Reason.SECURITY,
    "534": Reason.SECURITY,
    "535": Reason.SECURITY,
    "538": Reason.SECURITY,
    "500": Reason.PROTOCOL,
    "501": Reason.PROTOCOL,
    "502": Reason.PROTOCOL,
    "503": Reason.PROTOCOL,
    "504": Reason.PROTOCOL,
    "551": Reason.MOVED,
    "552": Reason.MAILBOX_FULL,
    "556": Reason.NO_MAIL,
}


@lru_cache(maxsize=4096)
def of_words(words: str, table: str) -> Reason | None:
    """Return the reason that the words of a reply or of a notice give; None if they say nothing we know."""
    plain = _plain(words)
    return next((reason for reason, key in _table(table) if wording.has("phrases", key, plain)), None)


@lru_cache(maxsize=4096)
def _plain(words: str) -> str:
    """Return words as the phrases are written, without the frame that mail systems put around every refusal."""
    plain = wording.folded(words[:_LONGEST])
    for frame in wording.plain("phrases", "frame.words"):
        if frame in plain:
            plain = plain.replace(frame, "")
    return plain


@cache
def _table(table: str) -> tuple[tuple[Reason, str], ...]:
    keys = [key for key in wording.lists("phrases") if key.startswith(f"{table}.")]
    return tuple((Reason(key.partition(".")[2]), key) for key in keys)


def of_reply(words: str, codes: Sequence[str | None]) -> Reason | None:
    """Return the reason that a reply gives: by clear words, by a particular enhanced code, or by general words."""
    if _HOST_GONE.search(words):
        return Reason.UNKNOWN_HOST
    return (
        of_words(words, "first") or of_words(words, "clear") or _first(_BY_SUBJECT, codes) or _of_general_words(words)
    )


def _of_general_words(words: str) -> Reason | None:
    """Return what words give that are clear only in their sentence; what is so for now makes no address dead."""
    found = of_words(words, "general") or of_words(words, "last")
    found = found or (Reason.UNKNOWN_USER if _is_absent(words) else None)
    passes = found in DEAD and wording.has("phrases", "hedged.passing", _plain(words))
    return Reason.SYSTEM if passes else found


def _is_absent(words: str) -> bool:
    """Tell whether a sentence says of a recipient that there is none, in words that no list foresees."""
    return any(
        wording.has("phrases", "paired.recipient", sentence)
        and wording.has("phrases", "paired.absent", sentence)
        and not wording.has("phrases", "paired.us", sentence)
        for sentence in _SENTENCES.split(_plain(words))
    )


def of_codes(words: str, codes: Sequence[str | None]) -> Reason | None:
    """Return the reason that codes give which say little, or the table of the delivery engine for the rest."""
    if found := _first(_BY_WEAK_SUBJECT, codes):
        return found
    code = CODE.search(words)
    if code is None:
        return None
    enhanced = next((one for one in codes if one and one[0] == code[1][0]), None)
    return _BY_CODE.get(code[1]) or _BY_VERDICT.get(judge(Stage.RCPT, int(code[1]), enhanced, words))


def is_hedged(words: str) -> bool:
    """Tell whether whoever wrote this only guesses."""
    return wording.has("phrases", "hedged.words", _plain(words))


def _first(table: dict[str, Reason], codes: Sequence[str | None]) -> Reason | None:
    for code in codes:
        if code is not None and (found := table.get(code.partition(".")[2])):
            return found
    return None


def class_of(reason: Reason) -> Class:
    return Class.HARD if reason in DEAD else Class.SOFT
