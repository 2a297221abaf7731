"""Reads a message as far as classifying needs it, in bounded time and memory, whatever it is.

The standard library's parser makes an object of everything and raises on some of it; here a message is a flat list of
parts, nothing of it is decoded before somebody asks, and what exceeds a bound is left out: messages that come back
are long only because of what they return.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

LONGEST: Final = 4_000_000  # octets of a message that are looked at
LONGEST_HEAD: Final = 128_000
LONGEST_TEXT: Final = 200_000  # octets of one part's text
MOST_PARTS: Final = 200
DEEPEST: Final = 12
MOST_FIELDS: Final = 1_000

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,200})|([^\s;"]{1,200}))', re.IGNORECASE)
_CHARSET = re.compile(r"charset\*?\s*=\s*(?:\"([^\"]{1,60})|([^\s;\"]{1,60}))", re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\s]{0,2000})\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_MARKUP = re.compile(r"<[^<>]*>")
_BREAKS = re.compile(r"<(?:br|p|/p|div|/div|tr|td|th|li|h\d)\b[^<>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script|head)\b[^<>]*>", re.IGNORECASE)
_ENTITY = {"&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
Fields = dict[str, str]


@dataclass(slots=True)
class Part:
    """A part that has no parts: its fields by lower-case name (the first of each), its type, and its octets."""

    fields: Fields
    type: str
    body: bytes
    returned: bool = False  # inside of a message that is returned or forwarded
    _text: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The part as plain text."""
        if self._text is None:
            self._text = plain_of(self.raw_text) if self.type == "text/html" else self.raw_text
        return self._text

    @property
    def raw_text(self) -> str:
        """The part decoded, HTML as it is."""
        return _decoded(self)

    @property
    def is_text(self) -> bool:
        return self.type.startswith("text/") or not self.type


@dataclass(slots=True)
class Message:
    """A message: its own fields, those of every message within it, and all parts in their order."""

    fields: Fields
    head: str
    type: str
    parts: list[Part]
    returned: list[Fields]  # heads of messages inside, outermost first
    within: list[Part]  # parts of those messages


def read(raw: bytes) -> Message:
    """Read a message; never fails."""
    raw = raw[:LONGEST]
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    raw = raw.lstrip(b"\n")
    if raw.startswith((b"From ", b">From ")):
        raw = raw[raw.find(b"\n") + 1 :]
    head, body = _split(raw)
    fields = fields_of(head)
    message = Message(fields, head, type_of(fields), [], [], [])
    _take(message, fields, body, 0, False)
    return message


def _split(raw: bytes) -> tuple[str, bytes]:
    """Return the head as text and the body; a message may begin with its body, or have none."""
    if raw.startswith(b"\n"):
        return "", raw[1:]
    end = raw.find(b"\n\n", 0, LONGEST_HEAD)
    if end < 0:
        return as_text(raw[:LONGEST_HEAD]), b""
    return as_text(raw[:end]), raw[end + 2 :]


def fields_of(head: str) -> Fields:
    """Return the first field of each name; a line that is no field is passed over."""
    found: Fields = {}
    last = ""
    for line in unfolded(head).split("\n", MOST_FIELDS)[:MOST_FIELDS]:
        name, colon, value = line.partition(":")
        if colon and name and " " not in name:
            last = name.lower()
            found.setdefault(last, value.strip())
        elif last and found[last].endswith(";"):
            found[last] += " " + line.strip()  # folded without the blank that folding takes
    return found


def unfolded(head: str) -> str:
    """Put a field that goes on in the next lines into one."""
    return head.replace("\n ", " ").replace("\n\t", " ")


def every(head: str, name: str) -> list[str]:
    """Return all fields of one name, in their order."""
    wanted = name.lower() + ":"
    lines = unfolded(head).split("\n", MOST_FIELDS)[:MOST_FIELDS]
    return [line[len(wanted) :].strip() for line in lines if line[: len(wanted)].lower() == wanted]


def type_of(fields: Fields) -> str:
    kind = fields.get("content-type", "").partition(";")[0].split(None, 1)
    return kind[0].lower() if kind else ""


def _take(message: Message, fields: Fields, body: bytes, depth: int, returned: bool) -> None:
    """Add the parts of an entity; what is too deep or too much stays out."""
    if len(message.parts) + len(message.within) >= MOST_PARTS:
        return
    type = type_of(fields)
    if depth and not returned and "received" in fields and "from" in fields:
        message.returned.append(fields)  # a part without fields of its own: the message stands there bare
        returned = True
    if depth < DEEPEST:
        if type.startswith("multipart/") and (found := _BOUNDARY.search(fields["content-type"])):
            for piece in _pieces(body, (found[1] or found[2]).rstrip()):
                head, inner = _split(piece)
                _take(message, fields_of(head), inner, depth + 1, returned)
            return
        if type in ("message/rfc822", "message/global", "message/news"):
            head, inner = _split(_transferred(fields, body).lstrip(b"\n"))
            inside = fields_of(head)
            message.returned.append(inside)
            _take(message, inside, inner, depth + 1, True)
            return
    (message.within if returned else message.parts).append(Part(fields, type, body, returned))


def _pieces(body: bytes, boundary: str) -> Iterator[bytes]:
    """Yield what stands between the boundary lines: what stands before the first is no part, but is read as one."""
    line = b"\n--" + boundary.encode("utf-8", "surrogateescape")
    pieces = (b"\n" + body).split(line, MOST_PARTS)
    if len(pieces) == 1:
        yield b"\n" + body  # the boundary is never used: all of it is text
        return
    if len(pieces[0]) > 200 and b"@" in pieces[0]:
        yield b"\n" + pieces[0]
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            if b"@" in piece[:LONGEST_TEXT]:
                yield b"\n" + piece.partition(b"\n")[2]
            return
        yield piece.partition(b"\n")[2]


def _transferred(fields: Fields, body: bytes) -> bytes:
    """Undo the transfer encoding."""
    encoding = fields.get("content-transfer-encoding", "").strip().lower()
    if encoding == "base64":
        return _from_base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return body


_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def _from_base64(body: bytes) -> bytes:
    letters = body.translate(None, _NO_BASE64)
    letters = letters[: len(letters) // 4 * 4 + (len(letters) % 4 if len(letters) % 4 > 1 else 0)]
    try:
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        return body


def _decoded(part: Part) -> str:
    body = _transferred(part.fields, part.body[:LONGEST_TEXT])
    found = _CHARSET.search(part.fields.get("content-type", ""))
    return as_text(body, (found[1] or found[2]) if found else "")


def as_text(data: bytes, charset: str = "") -> str:
    """Decode octets; a charset that is unknown, or doesn't fit, is guessed."""
    if data.isascii() and b"\x1b" not in data:
        return data.decode("ascii")
    for name in (charset, "iso-2022-jp" if b"\x1b$" in data else "", "utf-8"):
        if name and _is_charset(name):
            try:
                return data.decode(name)
            except (UnicodeError, ValueError):
                continue
    return data.decode("cp1252", "replace")


@lru_cache(maxsize=200)
def _is_charset(name: str) -> bool:
    """Tell whether Python has a charset of this name: its other codecs take time, or give no text."""
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return False
    other = {
        "idna",
        "punycode",
        "unicode_escape",
        "unicode-escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
        "undefined",
    }
    return bool(getattr(known, "_is_text_encoding", False)) and known.name not in other


def plain_of(markup: str) -> str:
    """Return the text of HTML, roughly; every step here passes over the text once."""
    text = _MARKUP.sub("", _BREAKS.sub("\n", _seen(markup).replace("\n", " ")))
    for entity, letter in _ENTITY.items():
        text = text.replace(entity, letter)
    return text


def _seen(markup: str) -> str:
    """Leave out style, script and head; one that is never closed hides the rest."""
    lowered = markup.lower()
    kept, at = [], 0
    for found in _UNSEEN.finditer(markup):
        if found.start() < at:
            continue
        kept.append(markup[at : found.start()])
        end = lowered.find(f"</{found[1].lower()}", found.end())
        at = len(markup) if end < 0 else end
    return " ".join([*kept, markup[at:]])


def words_of(value: str) -> str:
    """Return a field's value with its encoded words (RFC 2047) decoded."""
    return _ENCODED_WORD.sub(_word, _BETWEEN_WORDS.sub("", value)) if "=?" in value else value


def _word(found: re.Match[str]) -> str:
    charset, how, letters = found.groups()
    data = letters.encode("utf-8", "surrogateescape")
    data = _from_base64(data) if how in "bB" else binascii.a2b_qp(data, header=True)
    return as_text(data, charset.partition("*")[0])
