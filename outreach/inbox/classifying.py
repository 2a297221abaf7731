"""Says what a message that came back is: structure first, then the words, and nothing from who it claims to be from.

In this order: reports that machines write for machines (RFC 5965, RFC 3464, RFC 8098) wherever in the message they
stand; fields that name who was not reached; the prose of a notice; and what a person or his absence wrote.
"""

from __future__ import annotations

from typing import Final

from outreach.inbox import bounces, complaints, heads, people
from outreach.inbox.kinds import Class, Finding, Kind, Reason, Report
from outreach.inbox.messages import Message, read, words_of
from outreach.inbox.notices import address_of
from outreach.inbox.prose import Notice

_LONGEST_TEXT: Final = 20_000
_LONGEST_SUBJECT: Final = 500


def classify(raw: bytes) -> Report:
    """Say what a message is; takes anything and never fails."""
    message = read(raw)
    notice = bounces.notice_of(message)
    text, new_address = notice.text.strip(), None
    kind, found = _by_machine(message, notice)
    if found is None:
        kind, text, reason, new_address = people.read(message)
        found = _absence(message, reason)
    returned = heads.returned(message, notice.returned)
    fields = message.fields
    return Report(
        kind=kind,
        recipients=found,
        tokens=heads.tokens(message, returned),
        message_ids=heads.message_ids(message, returned),
        sender=address_of(fields.get("from", "")),
        subject=words_of(fields.get("subject", ""))[:_LONGEST_SUBJECT],
        text=text[:_LONGEST_TEXT],
        new_address=new_address,
        message_id=next(iter(heads.ids(fields.get("message-id", ""))), None),
    )


def _by_machine(message: Message, notice: Notice) -> tuple[Kind, tuple[Finding, ...] | None]:
    """Return what a mail system says here and of whom; None for the latter if none wrote this."""
    complained = complaints.read(message)
    if complained is not None:
        return Kind.COMPLAINT, complained
    if found := bounces.receipts(message) or bounces.reported(message, notice):
        delivered = all(one.klass is Class.DELIVERED for one in found)
        return (Kind.DELIVERY_NOTICE if delivered else Kind.BOUNCE), found
    return Kind.BOUNCE, None if _is_absence(message, notice) else bounces.told(message, notice)


def _is_absence(message: Message, notice: Notice) -> bool:
    """Tell whether a message that could be read as a notice comes from a machine that answers for a person."""
    if bounces.is_machine(message.fields.get("from", "")) or bounces.names_a_reply(notice):
        return False
    return people.is_automatic(message.fields) or people.is_called_absence(message.fields)


def _absence(message: Message, reason: Reason | None) -> tuple[Finding, ...]:
    """Return who answers automatically."""
    sender = address_of(message.fields.get("from", ""))
    return (Finding(sender, Class.AUTOREPLY, reason),) if sender and reason else ()
