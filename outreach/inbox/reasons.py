"""Why a mail was refused: from the words of a reply, its enhanced code and its code, in this order.

Words come first since they are written by whoever set up that refusal, codes by whoever made the program: half the
world says 550 5.7.1, or 550 alone, for everything. Where neither words nor the enhanced code decide, the reply goes
through the table of the delivery engine (`delivery.replies`), as if it had come while sending.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from outreach.delivery.replies import Stage, Verdict, judge
from outreach.inbox import wording
from outreach.inbox.kinds import DEAD, Class, Reason

ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d\.\d{1,3})(?![\d.]*\d)")
CODE: Final = re.compile(r"(?<![\d.#:/=-])([45][0-7]\d)(?=[ \t:-])(?!-?\d)")
_LONGEST: Final = 4_000

# RFC 3463 and the IANA registry of enhanced codes, without their class: the subjects that say something.
_BY_SUBJECT: Final = {
    "1.0": Reason.UNDEFINED,
    "1.1": Reason.UNKNOWN_USER,
    "1.2": Reason.UNKNOWN_HOST,
    "1.3": Reason.UNKNOWN_USER,
    "1.4": Reason.FILTERED,
    "1.6": Reason.MOVED,
    "1.7": Reason.SENDER_REJECTED,
    "1.8": Reason.SENDER_REJECTED,
    "1.9": Reason.SYSTEM,
    "1.10": Reason.NO_MAIL,
    "2.1": Reason.DISABLED,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "2.4": Reason.SYSTEM,
    "3.1": Reason.SYSTEM,
    "3.2": Reason.SYSTEM,
    "3.3": Reason.SYSTEM,
    "3.4": Reason.TOO_BIG,
    "3.5": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "4.1": Reason.NETWORK,
    "4.2": Reason.NETWORK,
    "4.3": Reason.NETWORK,
    "4.4": Reason.NETWORK,
    "4.5": Reason.SYSTEM,
    "4.6": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "5.1": Reason.PROTOCOL,
    "5.2": Reason.PROTOCOL,
    "5.3": Reason.RATE,
    "5.4": Reason.PROTOCOL,
    "7.1": Reason.POLICY,
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
_BY_CLASS: Final = {"6": Reason.CONTENT, "7": Reason.POLICY, "4": Reason.NETWORK, "3": Reason.SYSTEM}
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
def of_words(words: str) -> Reason | None:
    """Return the reason that the words of a reply or of a notice give; None if they say nothing we know."""
    folded = wording.folded(words[:_LONGEST])
    for reason, phrases in wording.lists("phrases").items():
        for phrase in phrases:
            if wording.holds(folded, phrase):
                return Reason(reason)
    return None


def of_enhanced(status: str | None) -> Reason | None:
    """Return the reason that an enhanced code gives; None for the general ones."""
    if status is None:
        return None
    _, _, rest = status.partition(".")
    return _BY_SUBJECT.get(rest) or _BY_CLASS.get(rest.partition(".")[0])


def of_code(code: str | None) -> Reason | None:
    return _BY_CODE.get(code) if code else None


def by_the_engine(code: str, words: str) -> Reason:
    """Return what the delivery engine would make of a reply to RCPT that says nothing else."""
    verdict = judge(Stage.RCPT, int(code), None, words)
    return Reason.UNKNOWN_USER if verdict is Verdict.REJECT else Reason.UNDEFINED


def class_of(reason: Reason) -> Class:
    return Class.HARD if reason in DEAD else Class.SOFT
