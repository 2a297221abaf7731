"""What the heads of messages say: of this one, and of the message that it returns."""

from __future__ import annotations

import re
from typing import Final

from outreach.inbox.messages import Fields, Message, Part, every, fields_of
from outreach.inbox.notices import addresses_in

# The envelope's recipient is written down by the last system; To may name somebody else altogether.
_TO: Final = ("x-hmxmroriginalrecipient", "x-envelope-to", "x-original-to", "delivered-to", "to", "cc")
_FROM: Final = ("from", "return-path", "sender", "reply-to", "x-envelope-from", "errors-to")
_ENVELOPE_FROM: Final = ("return-path", "x-envelope-from")
_US: Final = ("to", "delivered-to", "from", "reply-to", "x-original-to", "return-path")
_ADDRESSED: Final = (
    ("delivered-to", "x-original-to", "to", "envelope-to", "x-envelope-to", "x-delivered-to", "cc", "resent-to")
)  # fmt: skip
_TOKEN = re.compile(r"\+([^@+\s<>\"]{3,120})@")
_FOR = re.compile(r"\bfor\s{1,9}<?([^\s<>;]{1,80}@[^\s<>;]{1,190})")
_HEADERS_ONLY: Final = ("text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers", "message/global-headers")
MOST: Final = 20


def returned(message: Message, quoted: Fields | None = None) -> list[Fields]:
    """Return the heads of what is returned: as a part, as its headers alone, or `quoted` in the text."""
    heads = [*message.returned, *([quoted] if quoted else [])]
    for part in message.parts:
        if part.type in _HEADERS_ONLY:
            heads.append(fields_of(part.text.lstrip("\n")))
    if not heads and message.type == "multipart/report":
        heads = [fields for part in message.parts[1:] if part.is_text and _is_head(fields := _beginning(part))]
    return heads


def _beginning(part: Part) -> Fields:
    return fields_of(part.text.lstrip("\n").partition("\n\n")[0])


def _is_head(fields: Fields) -> bool:
    """Tell whether the text of a part is a message of which its type says nothing."""
    return "from" in fields and "subject" in fields


def went_to(heads: list[Fields]) -> list[str]:
    """Return whom returned messages went to."""
    for name in _TO:
        if found := addresses_in(head.get(name, "") for head in heads):
            return found
    return [hop[1] for head in heads if (hop := _FOR.search(head.get("received", "")))]


def not_the_recipients(message: Message, heads: list[Fields]) -> frozenset[str]:
    """Return the addresses that a notice names without being about them: who wrote the mail, and who sends this."""
    values = [message.fields.get(name, "") for name in _US]
    values += [head.get(name, "") for head in heads for name in _FROM]
    return frozenset(address.lower() for address in addresses_in(values))


def tokens(message: Message, heads: list[Fields]) -> tuple[str, ...]:
    """Return what stands after the plus in the addresses that this was sent to, and in the envelope of what it returns.

    Some systems take a message in for an alias and leave no trace of it: what they return still names its sender.
    """
    values = (
        [value for name in _ADDRESSED for value in every(message.head, name)] if _TOKEN.search(message.head) else []
    )
    values += [hop[1] for value in every(message.head, "received") if (hop := _FOR.search(value))] if values else []
    values += [head.get(name, "") for head in heads for name in _ENVELOPE_FROM]
    return tuple(dict.fromkeys(found[1] for value in values for found in _TOKEN.finditer(value)))[:MOST]


def message_ids(message: Message, heads: list[Fields]) -> tuple[str, ...]:
    """Return the Message-IDs of what is returned, then of what this answers, the nearest first."""
    found = [id for head in heads for id in ids(head.get("message-id", ""))]
    found += ids(message.fields.get("in-reply-to", ""))
    found += reversed(ids(message.fields.get("references", ""))[-MOST:])
    return tuple(dict.fromkeys(found))[:MOST]


def ids(value: str) -> list[str]:
    """Return the Message-IDs in a field, without their angles."""
    return [one.partition(">")[0].strip()[:250] for one in value.split("<", 100)[1:] if ">" in one]
