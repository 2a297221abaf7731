"""Bounces and delivery notices: first the fields of RFC 3464 wherever they stand, else what a notice says in prose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from outreach.inbox import heads, notices, prose, reasons, wording
from outreach.inbox.kinds import DEAD, Class, Finding, Reason
from outreach.inbox.messages import Fields, Message, Part, every, plain_of, words_of
from outreach.inbox.notices import MOST_RECIPIENTS, address_of, addresses_in

_DELIVERED: Final = {
    "delivered": Reason.DELIVERED,
    "deliverable": Reason.DELIVERED,  # what Postfix says when asked to try (sendmail -bv)
    "relayed": Reason.RELAYED,
    "expanded": Reason.EXPANDED,
}
_LONGEST_DIAGNOSTIC: Final = 500
_MAILTO: Final = re.compile(r"<a\s[^<>]{0,300}?mailto:([^<>\"'?\s]{3,250})[^<>]{0,300}>", re.IGNORECASE)
# At which command a system refused, in the words of Postfix, Exim, qmail, 1&1, Sun's Messaging Server and Yahoo.
_AT_DATA: Final = re.compile(
    r"in\s{1,9}reply\s{1,9}to\s{1,9}end\s{1,9}of\s{1,9}DATA|after\s{1,9}end\s{1,9}of\s{1,9}data|"
    r"SMTP transmission failure has occurred|\[DATA\]|failed on DATA command|failed after I sent the message|"
    r"for (?:TEXT|DATA) command"
)
# Sendmail shows the answer to a pipelined RCPT under DATA as well: only another enhanced code tells.
_UNDER_DATA: Final = re.compile(r">>> DATA\s{1,5}<<< 5")
_AT_MAIL: Final = re.compile(
    r">>> MAIL From[^\n]{0,200}\n<<< 5|in\s{1,9}reply\s{1,9}to\s{1,9}MAIL\s{1,9}FROM|"
    r"after\s{1,9}MAIL\s{1,9}FROM|\[MAIL_FROM\]|but sender was rejected|for MAIL FROM command",
    re.IGNORECASE,
)


def notice_of(message: Message) -> prose.Notice:
    """Return what a machine wrote in this message, and the head of what it returns below."""
    texts = [part.text for part in message.parts if part.type in ("text/plain", "")]
    texts = texts or [_with_links(part) for part in message.parts if part.is_text]
    return prose.cut("\n".join(texts))


def _with_links(part: Part) -> str:
    """Return the text of a page in which names stand for addresses with the addresses that they lead to."""
    if part.type != "text/html" or "mailto:" not in part.raw_text:
        return part.text
    shown = part.text.lower()
    return plain_of(_MAILTO.sub(lambda link: "" if link[1].lower() in shown else f" &lt;{link[1]}&gt; ", part.raw_text))


def reported(message: Message, notice: prose.Notice) -> tuple[Finding, ...]:
    """Return what delivery reports in a message say; none if there is no report."""
    groups = _groups(message)
    if not groups:
        return ()
    about = prose.recipients(notice.text, frozenset(), frozenset())
    said = {address.lower(): text for address, text in prose.segments(notice.text, about).items()}
    alone = notice.text if len(groups) == 1 else ""
    nameless = _nameless(message, notice, about) if len(groups) == 1 else None
    return _each_once([found for group in groups if (found := _of_group(group, said, alone, nameless)) is not None])


def _nameless(message: Message, notice: prose.Notice, about: Sequence[prose.Found]) -> str | None:
    """Return whom a report is about that gives no address: a name at its own host, or nothing."""
    went_to = heads.went_to(heads.returned(message, notice.returned))
    if len(went_to) == 1:
        return went_to[0]
    return about[0].address if len(about) == 1 else None


def _groups(message: Message) -> list[Fields]:
    """Return the fields of each recipient; those of returned messages only if the message itself has none."""
    for parts in (message.parts, message.within):
        told = [part for part in parts if part.type.endswith("delivery-status")]
        told += [part for part in parts if _may_have_groups(part) and notices.has_groups(part.text)]
        groups = [group for part in told for group in notices.groups(part.text.strip("\n"))]
        named = [group for group in groups if "final-recipient" in group or "original-recipient" in group]
        if named or groups:
            return (named or groups)[:MOST_RECIPIENTS]
    return []


def _may_have_groups(part: Part) -> bool:
    if part.type.endswith("delivery-status"):
        return False
    return part.is_text or part.type.startswith("message/") or part.type == "application/octet-stream"


def _of_group(group: Fields, said: dict[str, str], alone: str, nameless: str | None) -> Finding | None:
    final, original = (address_of(group.get(name, "")) for name in ("final-recipient", "original-recipient"))
    whole = final is not None and "." in final.rpartition("@")[2]
    address = final if whole or original is None else original
    address = address or address_of(group.get("x-actual-recipient", "")) or nameless
    if address is None:
        return None
    action = group.get("action", "").lower().partition(" ")[0].strip(";,.")
    status = _status(group)
    if action in _DELIVERED or (not action and status is not None and status[0] == "2"):
        return Finding(address, Class.DELIVERED, _DELIVERED.get(action, Reason.DELIVERED), status)
    diagnostic, text = group.get("diagnostic-code", ""), said.get(address.lower(), alone)
    reason = _reason((diagnostic, group.get("status", ""), text), status)
    return _finding(address, reason, status, diagnostic or text, original, final=action != "delayed")


def _status(group: Fields) -> str | None:
    """Return the enhanced code that says most: the other server's, where the report's own is a general one."""
    own = reasons.ENHANCED.search(group.get("status", ""))
    theirs = reasons.ENHANCED.search(group.get("diagnostic-code", ""))
    found = theirs if own is None or (own[1].endswith(".0.0") and theirs is not None) else own
    return found[1] if found else None


def receipts(message: Message) -> tuple[Finding, ...]:
    """Return who was shown a message, or did away with it (RFC 8098): either way it arrived."""
    parts = [part for part in message.parts if part.type.endswith("disposition-notification")]
    named = [group for part in parts for group in notices.groups(part.text.strip("\n"))]
    addresses = [address for group in named if (address := address_of(group.get("final-recipient", "")))]
    return _each_once([Finding(address, Class.DELIVERED, Reason.DISPLAYED) for address in addresses])


def told(message: Message, notice: prose.Notice) -> tuple[Finding, ...] | None:
    """Return what a notice in prose says; None if this is no notice."""
    told_by_field = "x-failed-recipients" in message.fields
    failed = addresses_in(every(message.head, "x-failed-recipients")) if told_by_field else []
    if not failed and not _is_notice(message, notice):
        return None
    returned = heads.returned(message, notice.returned)
    went_to = heads.went_to(returned)
    others = heads.not_the_recipients(message, returned) - {address.lower() for address in went_to}
    about = prose.recipients(notice.text, frozenset(address.lower() for address in went_to), others)
    said = {address.lower(): text for address, text in prose.segments(notice.text, about).items()}
    subject = words_of(message.fields.get("subject", ""))
    addresses = failed or [one.address for one in about]
    addresses = addresses or [one for one in [*went_to, *addresses_in([subject])] if one.lower() not in others]
    above = notice.text[: min((one.at for one in about), default=0)]
    final = not wording.has("signs", "delayed", wording.folded(notice.text))
    found = []
    for address in addresses[:MOST_RECIPIENTS]:
        text = said.get(address.lower(), "") or notice.text
        evidence = (text, notice.text, subject) if len(addresses) == 1 else (text, above, subject)
        status = next(iter(reasons.ENHANCED.findall(text)), None)
        found.append(_finding(address, _reason(evidence, status), status, text, None, final=final))
    return _each_once(found)


def _is_notice(message: Message, notice: prose.Notice) -> bool:
    """Tell whether a machine says here that something could not be delivered; no one sign of it is sure."""
    fields = message.fields
    path = fields.get("return-path", "x")
    machine = is_machine(fields.get("from", "")) or is_machine(path)
    if "in-reply-to" in fields and not (machine or path in ("<>", "") or "report" in message.type):
        return False  # a person may speak of deliveries too
    signs = 3 if "report" in message.type else 0
    signs += 2 if machine else 0
    signs += 2 if wording.has("signs", "undelivered", wording.folded(words_of(fields.get("subject", "")))) else 0
    signs += 1 if path in ("<>", "") else 0
    signs += 1 if wording.has("signs", "undelivered", wording.folded(notice.text)) else 0
    signs += 1 if names_a_reply(notice) else 0
    signs += 1 if notice.returned or message.returned else 0
    return signs >= 3


def names_a_reply(notice: prose.Notice) -> bool:
    """Tell whether a text has the code of an SMTP reply."""
    return bool(reasons.CODE.search(notice.text) or reasons.ENHANCED.search(notice.text))


def is_machine(sender: str) -> bool:
    """Tell whether a sender is called like a mail system."""
    return wording.has("signs", "machine", sender.lower())


def _reason(evidence: Sequence[str], status: str | None) -> Reason | None:
    """Return the reason that the evidence gives: the first piece of it that says something decides."""
    pieces = [reasons.ADDRESSES.sub("", words) for words in evidence if words]
    for words in pieces:
        codes = [*reasons.ENHANCED.findall(words), status]
        if found := reasons.of_reply(words, codes):
            sure = any(codes) or reasons.CODE.search(words) or not reasons.is_hedged(words)
            return _by_stage(found, status, evidence) if sure or found not in DEAD else Reason.UNDEFINED
    for words in pieces:
        if found := reasons.of_codes(words, [*reasons.ENHANCED.findall(words), status]):
            return found
    return None


def _by_stage(reason: Reason, status: str | None, evidence: Sequence[str]) -> Reason:
    """Doubt that a recipient is unknown where he wasn't the question: the sender was, or what is in the message."""
    if reason not in DEAD:
        return reason
    if any(_AT_MAIL.search(words) for words in evidence):
        return Reason.SENDER_REJECTED
    if reason is not Reason.UNKNOWN_USER or (status is not None and status.startswith(("5.1.", "4.1."))):
        return reason
    particular = status is not None and status.startswith(("5.2.", "5.7."))
    at_data = any(_AT_DATA.search(words) or (particular and _UNDER_DATA.search(words)) for words in evidence)
    return Reason.FILTERED if at_data else reason


def _finding(
    address: str, reason: Reason | None, status: str | None, diagnostic: str, original: str | None, *, final: bool
) -> Finding:
    # A name server that fails for a while looks like a host that isn't there: only a permanent code makes it sure.
    if reason in (Reason.UNKNOWN_HOST, Reason.NO_MAIL) and status is not None and status[0] == "4":
        reason = Reason.NETWORK
    klass = reasons.class_of(reason) if reason and final else Class.SOFT
    reason = reason or (Reason.UNDEFINED if final else Reason.DELAYED)
    other = original if original and original.lower() != address.lower() else None
    return Finding(address, klass, reason, status, " ".join(diagnostic.split())[:_LONGEST_DIAGNOSTIC], other, final)


def _each_once(found: list[Finding]) -> tuple[Finding, ...]:
    first: dict[str, Finding] = {}
    for one in found:
        first.setdefault(one.address.lower(), one)
    return tuple(first.values())
