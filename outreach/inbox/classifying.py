"""Says what a message that came back is: structure first, then the words, and nothing from who it claims to be from.

In this order: reports that machines write for machines (RFC 5965, RFC 3464, RFC 8098) wherever in the message they
stand; fields that name who was not reached; the prose of a notice; and what a person or his absence wrote.
"""

from __future__ import annotations

import re
from typing import Final

from outreach.inbox import notices, prose, reasons, wording
from outreach.inbox.kinds import Class, Finding, Kind, Reason, Report
from outreach.inbox.messages import Fields, Message, Part, every, fields_of, read, words_of
from outreach.inbox.notices import address_of, addresses_in

_ADDRESSED_TO: Final = (
    "delivered-to",
    "x-original-to",
    "to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "cc",
    "resent-to",
)
_TOKEN = re.compile(r"\+([^@+\s<>]{3,120})@")
_FEEDBACK: Final = {
    "abuse": Reason.ABUSE,
    "fraud": Reason.FRAUD,
    "virus": Reason.VIRUS_REPORT,
    "not-spam": Reason.NOT_SPAM,
    "opt-out": Reason.OPT_OUT,
    "opt-out-list": Reason.OPT_OUT,
    "auth-failure": Reason.AUTH_FAILURE,
    "dmarc": Reason.AUTH_FAILURE,
}
_ACTIONS: Final = {
    "delivered": Reason.DELIVERED,
    "deliverable": Reason.DELIVERED,
    "relayed": Reason.RELAYED,
    "expanded": Reason.EXPANDED,
}
_LONGEST_SHOWN: Final = 20_000
_DIAGNOSTIC: Final = 500


def classify(raw: bytes) -> Report:
    """Say what a message is; takes anything and never fails."""
    message = read(raw)
    found = _complaint(message) or _reported(message) or _told(message)
    return _report(message, *found) if found else _report(message, Kind.UNKNOWN, ())


def _report(message: Message, kind: Kind, found: tuple[Finding, ...]) -> Report:
    fields = message.fields
    return Report(
        kind=kind,
        recipients=found,
        tokens=_tokens(message),
        message_ids=_message_ids(message),
        sender=address_of(fields.get("from", "")),
        subject=words_of(fields.get("subject", ""))[:500],
        text=_text(message)[:_LONGEST_SHOWN],
        message_id=next(iter(_ids(fields.get("message-id", ""))), None),
    )


def _text(message: Message) -> str:
    texts = [part.text for part in message.parts if part.type in ("text/plain", "")]
    return "\n".join(texts or [part.text for part in message.parts if part.type == "text/html"])


def _tokens(message: Message) -> tuple[str, ...]:
    """Return what stands after the plus in the addresses that this was sent to."""
    values = [value for name in _ADDRESSED_TO for value in every(message.head, name)]
    return tuple(dict.fromkeys(found[1] for value in values for found in _TOKEN.finditer(value)))[:20]


def _ids(value: str) -> list[str]:
    return [one.partition(">")[0].strip() for one in value.split("<", 50)[1:] if ">" in one]


def _message_ids(message: Message) -> tuple[str, ...]:
    heads = [*message.returned, message.fields]
    names = ("message-id",) * len(message.returned) + ("in-reply-to",)
    found = [id for head, name in zip(heads, names, strict=True) for id in _ids(head.get(name, ""))]
    return tuple(dict.fromkeys([*found, *_ids(message.fields.get("references", ""))]))[:20]


Answer = tuple[Kind, tuple[Finding, ...]]


def _complaint(message: Message) -> Answer | None:
    """Read a feedback report (RFC 5965): who complained, and about what."""
    report = next((part for part in [*message.parts, *message.within] if part.type == "message/feedback-report"), None)
    if report is None:
        return None
    fields = fields_of(report.text.strip())
    reason = _FEEDBACK.get(fields.get("feedback-type", "").lower(), Reason.OTHER_COMPLAINT)
    named = every(report.text.strip(), "original-rcpt-to") or every(report.text.strip(), "removal-recipient")
    addresses = addresses_in(named) or _went_to(message)
    found = tuple(Finding(address, Class.COMPLAINT, reason) for address in addresses)
    return Kind.COMPLAINT, found


def _went_to(message: Message) -> list[str]:
    """Return whom the returned message was sent to."""
    heads = [*message.returned]
    for part in [*message.parts, *message.within]:
        if part.type in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers"):
            heads.append(fields_of(part.text.lstrip("\n")))
    for name in ("x-envelope-to", "x-original-to", "delivered-to", "to", "cc"):
        if found := addresses_in(head.get(name, "") for head in heads):
            return found
    return []


def _reported(message: Message) -> Answer | None:
    """Read a delivery report: the fields of RFC 3464, in whatever part they stand."""
    groups = _groups(message)
    if not groups:
        return None
    notice = _notice(message)
    said = prose.segments(notice.text, prose.recipients(notice.text, frozenset(), frozenset()))
    alone = len(groups) == 1
    found = [one for group in groups if (one := _finding(group, said, notice.text if alone else "")) is not None]
    if not found:
        return None
    bounced = any(one.klass is not Class.DELIVERED for one in found)
    return (Kind.BOUNCE if bounced else Kind.DELIVERY_NOTICE), tuple(
        {one.address.lower(): one for one in found}.values()
    )


def _groups(message: Message) -> list[Fields]:
    for parts in (message.parts, message.within):
        typed = [part for part in parts if part.type.endswith("delivery-status")]
        told = typed or [part for part in parts if _readable(part) and notices.has_groups(part.text)]
        groups = [group for part in told for group in notices.groups(part.text.strip("\n"))]
        groups = [group for group in groups if "final-recipient" in group or "original-recipient" in group]
        if groups:
            return groups
    return []


def _readable(part: Part) -> bool:
    return part.is_text or part.type.startswith("message/") or part.type == "application/octet-stream"


def _notice(message: Message) -> prose.Notice:
    texts = [part.text for part in message.parts if part.type in ("text/plain", "")]
    texts = texts or [part.text for part in message.parts if part.is_text]
    return prose.cut("\n".join(texts))


def _finding(group: Fields, said: dict[str, str], notice: str) -> Finding | None:
    final, original = (address_of(group.get(name, "")) for name in ("final-recipient", "original-recipient"))
    address = final if final and ("." in final.rpartition("@")[2] or original is None) else original
    if address is None:
        address = address_of(group.get("x-actual-recipient", ""))
    if address is None:
        return None
    action = group.get("action", "").lower().split(" ", 1)[0]
    status = _status(group)
    if action in _ACTIONS or (not action and status and status[0] == "2"):
        return Finding(address, Class.DELIVERED, _ACTIONS.get(action, Reason.DELIVERED), status)
    diagnostic = group.get("diagnostic-code", "")
    evidence = [diagnostic, group.get("status", ""), said.get(address, notice)]
    reason = _reason(evidence, status)
    return _judged(address, reason, status, diagnostic or said.get(address, ""), original, final=action != "delayed")


def _judged(
    address: str, reason: Reason | None, status: str | None, diagnostic: str, original: str | None, *, final: bool
) -> Finding:
    klass = reasons.class_of(reason) if reason and final else Class.SOFT
    shown = " ".join(diagnostic.split())[:_DIAGNOSTIC]
    reason = reason or (Reason.UNDEFINED if final else Reason.DELAYED)
    other = original if original and original.lower() != address.lower() else None
    return Finding(address, klass, reason, status, shown, other, final)


def _status(group: Fields) -> str | None:
    """Return the enhanced code that says most: that of the other server is better than a general one."""
    own = reasons.ENHANCED.search(group.get("status", ""))
    theirs = reasons.ENHANCED.search(group.get("diagnostic-code", ""))
    if own and (not own[1].endswith(".0.0") or theirs is None):
        return own[1]
    return theirs[1] if theirs else None


_STRIPPED = re.compile(r"[^\s<>\"'(),;:\[\]]+@[^\s<>\"'(),;:\[\]]+")


def _reason(evidence: list[str], status: str | None) -> Reason | None:
    """Return the reason that the evidence gives; the first piece that says something decides."""
    for words in evidence:
        if found := reasons.of_words(_STRIPPED.sub("", words)):
            return found
        for code in reasons.ENHANCED.findall(words):
            if found := reasons.of_enhanced(code):
                return found
        if found := reasons.of_enhanced(status):
            return found
    for words in evidence:
        code = reasons.CODE.search(words)
        if code and (found := reasons.of_code(code[1])):
            return found
    return None


def _told(message: Message) -> Answer | None:
    """Read a notice in prose: who was not reached, and why."""
    notice = _notice(message)
    failed = addresses_in(every(message.head, "x-failed-recipients"))
    if not failed and not _is_notice(message, notice):
        return None
    returned = _returned(message, notice)
    ours = _ours(message, returned)
    named = frozenset(address.lower() for address in _named(returned))
    about = prose.recipients(notice.text, named, ours)
    said = prose.segments(notice.text, about)
    known = {address.lower(): text for address, text in said.items()}
    addresses = failed or list(said) or [one for one in _named(returned) if one.lower() not in ours]
    subject = words_of(message.fields.get("subject", ""))
    final = not wording.has("signs", "delayed", wording.folded(notice.text))
    found = []
    for address in addresses[: notices.MOST_RECIPIENTS]:
        text = known.get(address.lower(), "")
        evidence = [text, notice.text, subject] if len(addresses) == 1 else [text or notice.text, subject]
        status = next(iter(reasons.ENHANCED.findall(text or notice.text)), None)
        reason = _reason(evidence, status)
        found.append(_judged(address, reason, status, text or notice.text, None, final=final))
    return Kind.BOUNCE, tuple(found)


def _is_notice(message: Message, notice: prose.Notice) -> bool:
    """Tell whether a machine says here that something could not be delivered."""
    fields = message.fields
    sender, subject = fields.get("from", ""), words_of(fields.get("subject", ""))
    points = 3 if "report" in message.type else 0
    points += 2 if _is_machine(sender) or _is_machine(fields.get("return-path", "")) else 0
    points += 2 if wording.has("signs", "undelivered", wording.folded(subject)) else 0
    points += 1 if fields.get("return-path", "x").strip() in ("<>", "") else 0
    points += 1 if wording.has("signs", "undelivered", wording.folded(notice.text)) else 0
    points += 1 if reasons.CODE.search(notice.text) or reasons.ENHANCED.search(notice.text) else 0
    points += 1 if notice.returned or message.returned else 0
    return points >= 3


def _is_machine(sender: str) -> bool:
    return wording.has("signs", "machine", sender.lower())


def _returned(message: Message, notice: prose.Notice) -> list[Fields]:
    heads = [*message.returned, *([notice.returned] if notice.returned else [])]
    for part in message.parts:
        if part.type in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers"):
            heads.append(fields_of(part.text.lstrip("\n")))
        elif "received" in part.fields and "from" in part.fields:
            heads.append(part.fields)
    return heads


def _ours(message: Message, returned: list[Fields]) -> frozenset[str]:
    """Return the addresses that a notice may name without being about them: who sent the mail, and who sends this."""
    values = [
        message.fields.get(name, "")
        for name in ("to", "delivered-to", "from", "reply-to", "x-original-to", "return-path")
    ]
    values += [
        head.get(name, "")
        for head in returned
        for name in ("from", "return-path", "sender", "reply-to", "x-envelope-from", "errors-to")
    ]
    return frozenset(address.lower() for address in addresses_in(values))


_FOR = re.compile(r"\bfor\s+<?([^\s<>;]+@[^\s<>;]+)")


def _named(returned: list[Fields]) -> list[str]:
    """Return whom a returned message went to, as its own head says."""
    for name in ("x-envelope-to", "x-original-to", "delivered-to", "to", "cc"):
        if found := addresses_in(head.get(name, "") for head in returned):
            return found
    return [hop[1] for head in returned if (hop := _FOR.search(head.get("received", "")))]
