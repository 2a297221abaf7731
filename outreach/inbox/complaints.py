"""Complaints: reports of RFC 5965, and messages that a receiver passes on because somebody complained about them."""

from __future__ import annotations

from typing import Final

from outreach.inbox import heads, wording
from outreach.inbox.kinds import Class, Finding, Reason
from outreach.inbox.messages import Message, every, fields_of, words_of
from outreach.inbox.notices import addresses_in

_BY_TYPE: Final = {
    "abuse": Reason.ABUSE,
    "fraud": Reason.FRAUD,
    "virus": Reason.VIRUS_REPORT,
    "not-spam": Reason.NOT_SPAM,
    "opt-out": Reason.OPT_OUT,
    "opt-out-list": Reason.OPT_OUT,
    "auth-failure": Reason.AUTH_FAILURE,
    "dmarc": Reason.AUTH_FAILURE,
}
_WHO: Final = ("original-rcpt-to", "removal-recipient")


def read(message: Message) -> tuple[Finding, ...] | None:
    """Return who complained; None if this is no complaint. Some receivers don't say who: then it is whom it went to."""
    report = next((part for part in [*message.parts, *message.within] if part.type == "message/feedback-report"), None)
    if report is None and not _passed_on(message):
        return None
    said = report.text.strip() if report else "Feedback-Type: abuse"
    reason = _BY_TYPE.get(fields_of(said).get("feedback-type", "").lower(), Reason.OTHER_COMPLAINT)
    named = addresses_in(value for name in _WHO for value in every(said, name))
    addresses = named or heads.went_to(heads.returned(message))
    return tuple(Finding(address, Class.COMPLAINT, reason) for address in addresses)


def _passed_on(message: Message) -> bool:
    if not message.returned:
        return False
    if any("x-hmxmroriginalrecipient" in head for head in message.returned):  # Outlook.com's junk mail reporting
        return True
    return wording.has("signs", "complaint", wording.folded(words_of(message.fields.get("subject", ""))))
