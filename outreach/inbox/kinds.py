"""The words for what came back: kinds of messages, classes of recipients, and reasons, which are stable.

A reason says what happened; the class says what it means for the address. `hard` is said of an address that is
dead, and of nothing else (docs/inbox.md): a mailbox that is full, a policy, a reputation or a size say nothing about
whether the address exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a message is."""

    BOUNCE = "bounce"  # could not be delivered, or not yet
    COMPLAINT = "complaint"  # a report of RFC 5965, or one in words
    AUTOREPLY = "autoreply"  # an absence, an acknowledgement of receipt: RFC 3834 and its like
    OPT_OUT = "opt_out"  # somebody asks in words to get no more
    ADDRESS_CHANGE = "address_change"  # somebody has another address now
    CHALLENGE = "challenge"  # asks us to prove that we are a person before the mail is let in
    DELIVERY_NOTICE = "delivery_notice"  # it was delivered, passed on or shown
    ANSWER = "answer"  # a person wrote
    UNKNOWN = "unknown"  # not understood: for a person to look at


class Class(StrEnum):
    """What is said of a recipient."""

    HARD = "hard"  # the address is dead
    SOFT = "soft"  # anything else that kept the mail from it
    COMPLAINT = "complaint"
    DELIVERED = "delivered"
    AUTOREPLY = "autoreply"


class Reason(StrEnum):
    """Why; documented in docs/inbox.md, never renamed."""

    # The address is dead.
    UNKNOWN_USER = "unknown_user"
    UNKNOWN_HOST = "unknown_host"
    MOVED = "moved"
    NO_MAIL = "no_mail"  # the host takes no mail at all (RFC 7504, RFC 7505)
    # The mailbox.
    MAILBOX_FULL = "mailbox_full"
    DISABLED = "disabled"  # switched off, suspended, inactive: may come back
    FILTERED = "filtered"  # refused by the recipient's own rules
    # What the receiver thinks of us.
    BLOCKED = "blocked"  # our host: block list, missing PTR, greeting
    REPUTATION = "reputation"
    RATE = "rate"  # too much at once
    AUTHENTICATION = "authentication"  # SPF, DKIM, DMARC
    SENDER_REJECTED = "sender_rejected"  # our sender address or domain
    RELAY_DENIED = "relay_denied"
    POLICY = "policy"
    SECURITY = "security"  # TLS or a log-in was asked for
    # The message.
    SPAM = "spam"
    VIRUS = "virus"
    CONTENT = "content"  # its form, its headers, an attachment
    TOO_BIG = "too_big"
    # The way there.
    EXPIRED = "expired"  # given up after trying for days
    DELAYED = "delayed"  # not given up, and not said why it takes so long
    NETWORK = "network"  # no connection, no route, a loop, name servers that don't answer
    SYSTEM = "system"  # a fault of a mail system: disk, settings, a program
    PROTOCOL = "protocol"  # commands that were not understood
    UNDEFINED = "undefined"  # refused without a reason that we know
    # Complaints (the feedback types of RFC 5965, RFC 6591 and the IANA registry).
    ABUSE = "abuse"
    FRAUD = "fraud"
    VIRUS_REPORT = "virus_report"
    OPT_OUT = "opt_out"
    NOT_SPAM = "not_spam"  # somebody took a complaint back
    AUTH_FAILURE = "auth_failure"  # a receiver reports on SPF, DKIM or DMARC; no person complained
    OTHER_COMPLAINT = "other_complaint"
    # Neither.
    DELIVERED = "delivered"
    RELAYED = "relayed"  # passed on to a system that reports nothing
    EXPANDED = "expanded"  # handed to the members of a list
    DISPLAYED = "displayed"  # a receipt of RFC 8098: shown to the person, or deleted by him
    ABSENT = "absent"  # an automatic reply that speaks of an absence
    AUTOMATIC = "automatic"  # any other automatic reply


# The one place that says which reasons mean a dead address.
DEAD: Final = frozenset({Reason.UNKNOWN_USER, Reason.UNKNOWN_HOST, Reason.MOVED, Reason.NO_MAIL})
# It is about us, not about the address: many of these pause a campaign, none is counted against a contact.
ABOUT_US: Final = frozenset(
    {
        Reason.BLOCKED,
        Reason.REPUTATION,
        Reason.RATE,
        Reason.AUTHENTICATION,
        Reason.SENDER_REJECTED,
        Reason.RELAY_DENIED,
        Reason.POLICY,
        Reason.SECURITY,
        Reason.SPAM,
        Reason.VIRUS,
        Reason.CONTENT,
        Reason.TOO_BIG,
        Reason.PROTOCOL,
    }
)
# What a person did not say: reports of machines, and a complaint taken back. They suppress nobody.
NO_COMPLAINT: Final = frozenset({Reason.NOT_SPAM, Reason.AUTH_FAILURE})


@dataclass(frozen=True)
class Finding:
    """What a message says of one recipient; `original` is the address we wrote to, where it was passed on."""

    address: str
    klass: Class
    reason: Reason
    status: str | None = None  # the enhanced code of RFC 3463
    diagnostic: str = ""
    original: str | None = None
    final: bool = True  # False while whoever sent this goes on trying


@dataclass(frozen=True)
class Report:
    """What a message says; nothing in it is believed yet."""

    kind: Kind
    recipients: tuple[Finding, ...] = ()
    tokens: tuple[str, ...] = ()  # after the plus of addresses that this was sent to: of ours, or of anybody
    message_ids: tuple[str, ...] = ()  # without angles: of the returned message, then what this answers
    sender: str | None = None  # From, which anybody can write
    subject: str = ""
    text: str = field(default="", repr=False)  # what a person or machine wrote, without quotes; bounded
    new_address: str | None = None
    message_id: str | None = None  # of this message itself
