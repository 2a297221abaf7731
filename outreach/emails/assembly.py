"""From texts and headers to the bytes of a message.

Headers are written here and not by `email.message`: on Python 3.11 its SMTP policy turns a List-Unsubscribe address of
75 characters into an encoded word, after which mail programs show no button, and encodes the domains of addresses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

import idna

from outreach.emails.model import clean, fold
from outreach.emails.rendering import Rendered
from outreach.errors import Refusal
from outreach.links import keyed, letters

_FOLD_AT = 78
_MAX_LINE = 998
_LONGEST_NAME = 320
_WORD_BYTES = 45  # 45 bytes are 60 characters of base64: with `=?utf-8?b?` and `?=` 72 of the 75 that RFC 2047 allows.
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]{1,60}\Z")
_PLAIN_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; [a-z]+=[A-Za-z0-9-]+)*\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_ADDRESS_PART = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+\Z")


@dataclass(frozen=True)
class Mailbox:
    """An e-mail address, with the name shown beside it."""

    address: str
    name: str = ""


@dataclass(frozen=True)
class Headers:
    """What stands above a message; `date` is aware, `message_id` and `list_id` carry no surrounding blanks.

    `bulk` sets `Precedence: bulk`; `auto_submitted` ("auto-replied", "auto-generated": RFC 3834) is for confirmations
    and notices only. `unsubscribe_url` makes the message one-click (RFC 8058).
    """

    sender: Mailbox
    recipient: Mailbox
    date: datetime
    message_id: str
    reply_to: Mailbox | None = None
    list_id: str | None = None
    list_name: str = ""
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    feedback_id: str | None = None
    bulk: bool = False
    auto_submitted: str | None = None
    in_reply_to: str | None = None
    language: str = "nl"


@dataclass(frozen=True)
class Attachment:
    """A file beside a message; `media_type` may carry parameters, but no charset: text is UTF-8."""

    name: str
    media_type: str
    data: bytes


def assemble(headers: Headers, rendered: Rendered, attachments: Sequence[Attachment] = ()) -> bytes:
    """Write a campaign's message: CRLF, text part first, no line over 998 octets."""
    return assemble_plain(headers, rendered.subject, rendered.text, rendered.html, attachments)


def assemble_plain(
    headers: Headers, subject: str, text: str, html: str | None = None, attachments: Sequence[Attachment] = ()
) -> bytes:
    """Write a message of a text, or of a text and HTML that says the same; attachments stand beside the two.

    Never among the alternatives: programs that know a calendar would show that entry alone, in the place of the mail.
    """
    unique = hashlib.sha256(headers.message_id.encode()).hexdigest()[:32]
    return head_of(headers, subject) + body_of(text, html, attachments, unique)


def head_of(headers: Headers, subject: str) -> bytes:
    """Write the headers of a message; the body's own header lines follow."""
    return _joined([*_head(headers, subject), b""])


class SharedHead:
    """The headers that a campaign's messages share, written once; `with_own` puts in the four that differ."""

    def __init__(self, headers: Headers, subject: str) -> None:
        self._unsubscribe_mailto = headers.unsubscribe_mailto
        self._lines = [*_head(headers, subject), b""]
        names = [line.partition(b":")[0] for line in self._lines]
        self._places = [names.index(name) for name in (b"To", b"Date", b"Message-ID", b"List-Unsubscribe")]

    def with_own(self, address: str, date: datetime, message_id: str, unsubscribe_url: str) -> bytes:
        """Return the headers of one recipient's message, as `head_of` writes them."""
        lines = self._lines.copy()
        own = (
            _addresses("To", Mailbox(address)),
            _date_line(int(date.timestamp())),
            _structured("Message-ID", _angled("Message-ID", message_id)),
            _unsubscribe_line(unsubscribe_url, self._unsubscribe_mailto),
        )
        for place, line in zip(self._places, own, strict=True):
            lines[place] = line
        return _joined(lines)


@lru_cache(maxsize=16)
def _date_line(timestamp: int) -> bytes:
    return _structured("Date", format_datetime(datetime.fromtimestamp(timestamp, UTC)))


def body_of(
    text: str,
    html: str | None,
    attachments: Sequence[Attachment],
    unique: str,
    encode: Callable[[str], bytes] | None = None,
) -> bytes:
    """Write a message's body, its Content-Type first; `unique` makes its boundaries."""
    written = encode or quoted_printable
    body = [*_part_head("plain"), b"", written(text)]
    if html is not None:
        other = [*_part_head("html"), b"", written(html)]
        body = _multipart(b"alternative", b"=_" + unique.encode(), [body, other])
    if attachments:
        body = _multipart(b"mixed", b"=_mixed_" + unique.encode(), [body, *map(_attached, attachments)])
    return _joined(body)


def message_id(campaign_id: object, contact_id: object, domain: str, key: bytes) -> str:
    """Make the Message-ID of one contact's copy: always the same, and telling nothing about the contact."""
    digest = keyed(key, f"message-id:{campaign_id}:{contact_id}".encode())
    return f"<{letters(digest[:20])}@{ascii_domain(domain)}>"


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """Write a domain as A-labels, as it must stand in an address (RFC 5891)."""
    if _PLAIN_DOMAIN.match(domain) and len(domain) <= 253 and "--" not in domain:
        return domain.lower()  # nearly every one, and the long way would take a tenth of a mail's time
    try:
        return idna.encode(domain.strip().rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise Refusal(f"{domain!r} is no domain name; write it like example.be") from None


def ascii_address(address: str) -> str:
    """Write an e-mail address as it stands in headers and at the relay."""
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.match(local) or len(local) > 64:
        raise Refusal(f"{address!r} is no e-mail address that every mail server takes; write it like naam@example.be")
    return f"{local}@{ascii_domain(domain)}"


def quoted_printable(text: str) -> bytes:
    """Encode a text in lines of at most 76 octets, none of which starts with a dot."""
    return encoded_lines(clean(text).rstrip("\n") + "\n")


def encoded_lines(body: str) -> bytes:
    """Encode a text, or a piece of one, as `quoted_printable` does, its end left as it is."""
    encoded = binascii.b2a_qp(body.replace("\n", "\r\n").encode(), istext=True)
    if "\n" not in body:
        encoded = encoded.replace(b"\n", b"\r\n")  # a piece of one line gets bare line ends at its soft breaks
    if b"\r\n." not in encoded and not encoded.startswith(b"."):
        return encoded
    # A relay that forgets to undo dot-stuffing would take a dot off an address at a line's start.
    return b"\r\n".join(_without_dot(line) for line in encoded.split(b"\r\n"))


def _without_dot(line: bytes) -> bytes:
    if not line.startswith(b"."):
        return line
    if len(line) <= 74:
        return b"=2E" + line[1:]
    return b"=2E=\r\n" + _without_dot(line[1:])


def _head(headers: Headers, subject: str) -> list[bytes]:
    lines = [
        _addresses("From", headers.sender),
        _addresses("To", headers.recipient),
        _unstructured("Subject", subject),
        _date_line(int(headers.date.timestamp())),
        _structured("Message-ID", _angled("Message-ID", headers.message_id)),
    ]
    if headers.reply_to:
        lines.append(_addresses("Reply-To", headers.reply_to))
    if headers.in_reply_to:
        in_reply_to = _angled("In-Reply-To", headers.in_reply_to)
        lines += [_structured("In-Reply-To", in_reply_to), _structured("References", in_reply_to)]
    lines += _list_head(headers)
    if headers.bulk:
        lines.append(b"Precedence: bulk")
    if headers.auto_submitted:
        lines.append(_structured("Auto-Submitted", _token("Auto-Submitted", headers.auto_submitted)))
    lines += [_structured("Content-Language", _token("Content-Language", headers.language)), b"MIME-Version: 1.0"]
    return lines


def _list_head(headers: Headers) -> list[bytes]:
    lines = []
    if headers.list_id:
        phrase = _phrase(headers.list_name)
        list_id = f"<{_bare('List-Id', headers.list_id)}>"
        lines.append(_structured("List-Id", *phrase, list_id))
    if headers.unsubscribe_url or headers.unsubscribe_mailto:
        lines.append(_unsubscribe_line(headers.unsubscribe_url, headers.unsubscribe_mailto))
    if headers.unsubscribe_url:
        lines.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    if headers.feedback_id:
        lines.append(_structured("Feedback-ID", _token("Feedback-ID", headers.feedback_id)))
    return lines


def _multipart(kind: bytes, boundary: bytes, parts: Iterable[list[bytes]]) -> list[bytes]:
    lines = [b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"', b""]
    for part in parts:
        lines += [b"--" + boundary, *part[:-1], part[-1].removesuffix(b"\r\n")]
    return [*lines, b"--" + boundary + b"--", b""]


def _attached(attachment: Attachment) -> list[bytes]:
    """Write an attachment in base64: a relay that mends line ends or long lines can't touch it."""
    if not _FILE_NAME.match(attachment.name) or not _MEDIA_TYPE.match(attachment.media_type):
        raise Refusal(f"{attachment.name!r} ({attachment.media_type!r}) can't be attached: its name must be plain")
    charset = ["charset=utf-8"] if attachment.media_type.startswith("text/") else []
    kind = "; ".join([*attachment.media_type.split("; "), *charset, f'name="{attachment.name}"'])
    return [
        _structured("Content-Type", *kind.split(" ")),
        b"Content-Transfer-Encoding: base64",
        _structured("Content-Disposition", "attachment;", f'filename="{attachment.name}"'),
        b"",
        base64.encodebytes(attachment.data).replace(b"\n", b"\r\n"),
    ]


def _unsubscribe_line(url: str | None, mailto: str | None) -> bytes:
    ways = [f"<{_web_address(url)}>"] if url else []
    if mailto:
        target = mailto.removeprefix("mailto:")
        ways.append(f"<mailto:{_bare('List-Unsubscribe', target)}>")
    return _structured("List-Unsubscribe", *(f"{way}," for way in ways[:-1]), ways[-1])


def _part_head(kind: str) -> list[bytes]:
    return [f"Content-Type: text/{kind}; charset=utf-8".encode(), b"Content-Transfer-Encoding: quoted-printable"]


def _joined(lines: list[bytes]) -> bytes:
    return b"\r\n".join(lines)


def _addresses(name: str, mailbox: Mailbox) -> bytes:
    address = ascii_address(mailbox.address)
    phrase = _phrase(mailbox.name)
    return _structured(name, *phrase, f"<{address}>" if phrase else address)


def _phrase(name: str) -> list[str]:
    """Write a display name as atoms, a quoted string or encoded words, whichever is the plainest that is right."""
    shown = fold(name)
    if not shown:
        return []
    if "=?" in shown or not shown.isascii() or len(shown) > _LONGEST_NAME:
        return _encoded_words(shown)
    if _PHRASE.match(shown):
        return shown.split(" ")
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _unstructured(name: str, text: str) -> bytes:
    shown = fold(text)
    words = shown.split(" ")
    if "=?" in shown or not shown.isascii() or max(map(len, words)) > _FOLD_AT - len(name) - 4:
        words = _encoded_words(shown)
    return _structured(name, *words)


def _encoded_words(text: str) -> list[str]:
    """Cut a text into encoded words of at most 75 characters, never through a character (RFC 2047, section 5)."""
    chunks = [b""]
    for character in text:
        octets = character.encode()
        if len(chunks[-1]) + len(octets) > _WORD_BYTES:
            chunks.append(b"")
        chunks[-1] += octets
    return [f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in chunks]


def _structured(name: str, *words: str) -> bytes:
    """Fold a header between words only; a word is never broken, however long."""
    lines = [f"{name}:"]
    for number, word in enumerate(words):
        # The first word stays beside the name: a first line without a value puts off some programs.
        if number and len(lines[-1]) + 1 + len(word) > _FOLD_AT:
            lines.append("")
        lines[-1] += f" {word}"
    header = "\r\n".join(lines)
    if any(len(line) > _MAX_LINE or not line.isprintable() or not line.isascii() for line in lines):
        raise Refusal(
            f"the header {name} can't be written: {header[:120]!r} is too long or holds characters it may not"
        )
    return header.encode("ascii")


def _token(name: str, value: str) -> str:
    if not _TOKEN.match(value):
        raise Refusal(f"{name}: {value!r} may hold printable ASCII characters only, and no spaces")
    return value


def _bare(name: str, value: str) -> str:
    if not _ADDRESS_PART.match(value):
        raise Refusal(f"{name}: {value!r} may hold printable ASCII characters only, and no '<', '>' or spaces")
    return value


def _angled(name: str, value: str) -> str:
    inner = value.removeprefix("<").removesuffix(">")
    if inner.count("@") != 1:
        raise Refusal(f"{name}: {value!r} must look like <something@domain>")
    return f"<{_bare(name, inner)}>"


def _web_address(url: str) -> str:
    if not url.startswith(("https://", "http://")) or "," in url:
        raise Refusal(f"List-Unsubscribe: {url!r} must be a web address without a comma")
    return _bare("List-Unsubscribe", url)
