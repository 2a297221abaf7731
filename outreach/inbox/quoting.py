"""What of a message its writer wrote, without what he quotes and without small print."""

from __future__ import annotations

import re
from typing import Final

from outreach.inbox import wording
from outreach.inbox.messages import Message, plain_of

_LONGEST: Final = 20_000
_MOST_LINES: Final = 1_000
# Where mail programs begin a quotation in HTML: Gmail, Outlook, Thunderbird, Apple Mail, Yahoo.
_QUOTE_IN_HTML = re.compile(
    r"<blockquote\b|<div[^<>]{0,200}(?:gmail_quote|divRplyFwdMsg|moz-cite-prefix|yahoo_quoted|appendonsend)",
    re.IGNORECASE,
)


def own_words(message: Message) -> str:
    """Return the writer's own words, bounded."""
    plain = [part.text for part in message.parts if part.type in ("text/plain", "")]
    if any(text.strip() for text in plain):
        return without_quotes("\n".join(plain)[:_LONGEST])
    pages = [part for part in message.parts if part.type == "text/html"]
    texts = [plain_of(_QUOTE_IN_HTML.split(page.raw_text, 1)[0]) for page in pages]
    return without_quotes("\n".join(texts)[:_LONGEST])


def without_quotes(text: str) -> str:
    """Leave out what is quoted below and between, the signature, and small print."""
    lines = text.replace("\r", "").split("\n", _MOST_LINES)[:_MOST_LINES]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        folded = wording.folded(line)
        if line == "-- " or folded.startswith(wording.plain("people", "small_print")):
            break
        if _begins_quote(folded, lines, at):
            if at + 1 < len(lines) and _is_quoted(_next(lines, at + 1)):
                at += 1
                continue
            break
        if not _is_quoted(line):
            kept.append(line.rstrip())
        at += 1
    return "\n".join(kept).strip()


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith((">", "|"))


def _next(lines: list[str], at: int) -> str:
    return next((line for line in lines[at : at + 3] if line.strip()), "")


def _begins_quote(folded: str, lines: list[str], at: int) -> bool:
    if folded.startswith(wording.plain("people", "quote")):
        return True
    if folded.startswith(wording.plain("people", "attribution_start")):
        whole = wording.folded(" ".join(lines[at : at + 3])) if not folded.endswith(":") else folded
        head = whole[:300].partition(":\n")[0]
        return ":" in head and any(word in head for word in wording.plain("people", "attribution")) and _has_date(head)
    if folded.startswith(wording.plain("people", "quote_field")):
        after = [wording.folded(line) for line in lines[at + 1 : at + 5]]
        return any(line.startswith(wording.plain("people", "quote_field_next")) for line in after)
    return len(folded) >= 20 and not folded.strip("_- ") and "_" in folded


def _has_date(text: str) -> bool:
    return any(letter.isdigit() for letter in text)
