"""DKIM (RFC 6376, RFC 8301, RFC 8463): a signature over the whole body and every header that means something.

rsa-sha256, relaxed/relaxed, no `l=`: with it anybody could add to a mail of ours. Ed25519 is a second signature only,
since large receivers don't verify it. With `cryptography`, which signs ten times faster than libraries in Python do.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from outreach.errors import Refusal
from outreach.settings import DkimSettings

BITS = 2048  # what every resolver and receiver takes (RFC 8301); 4096 doesn't fit in one UDP answer
# Named once more than they are there, so that nobody can add another one that a reader would see or obey.
OVERSIGNED = (
    *(b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"list-id", b"list-unsubscribe", b"list-unsubscribe-post"),
)
SIGNED = (*OVERSIGNED, b"feedback-id", b"precedence", b"auto-submitted", b"content-language")
_BLANKS = re.compile(rb"[ \t]+")
_ENDS = re.compile(rb"[ \t]+(?=\r\n)")
_FOLDS = re.compile(rb"\r\n(?=[ \t])")
_TXT = 255


@dataclass(frozen=True)
class RsaKey:
    """An RSA key, with the name of its algorithm."""

    key: rsa.RSAPrivateKey = field(repr=False)
    algorithm: str = "rsa-sha256"

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public(self) -> str:
        """Return the public key as DNS has it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return _base64(self.key.public_key().public_bytes(serialization.Encoding.DER, form))


@dataclass(frozen=True)
class EdKey:
    """An Ed25519 key; it signs the hash of the headers (RFC 8463, section 3)."""

    key: ed25519.Ed25519PrivateKey = field(repr=False)
    algorithm: str = "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(hashlib.sha256(data).digest())

    def public(self) -> str:
        """Return the public key as DNS has it."""
        return _base64(self.key.public_key().public_bytes_raw())


Key = RsaKey | EdKey


@dataclass(frozen=True)
class Signer:
    """Signs for one domain, with each of its keys by selector."""

    domain: str
    identity: str
    keys: tuple[tuple[str, Key], ...]

    def sign(self, message: bytes, at: datetime) -> bytes:
        """Return a message (CRLF only) with its signatures on top."""
        head, _, body = message.partition(b"\r\n\r\n")
        return self.fields(head + b"\r\n", body_hash(body), at) + message

    def fields(self, head: bytes, digest: bytes, at: datetime) -> bytes:
        """Return the DKIM-Signature fields for headers and the hash of a body."""
        found: dict[bytes, list[bytes]] = {}
        for name, relaxed in map(_relaxed_header, _FOLDS.sub(b"", head).split(b"\r\n")[:-1]):
            found.setdefault(name, []).append(relaxed)
        names, covered = list[bytes](), list[bytes]()
        for name in SIGNED:
            # From the last one up, as a verifier takes them.
            there = found.get(name, [])[::-1]
            covered += there
            names += [name] * (len(there) + (name in OVERSIGNED))
        what = b"\r\n".join(covered) + b"\r\n"
        return b"".join(self._field(selector, key, names, what, digest, at) for selector, key in self.keys)

    def _field(
        self, selector: str, key: Key, names: Sequence[bytes], what: bytes, digest: bytes, at: datetime
    ) -> bytes:
        tags = (
            f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={self.domain};",
            f"s={selector}; i={self.identity}; t={int(at.timestamp())};",
            *_lines("h=", ":", [name.decode() for name in names]),
            f"bh={_base64(digest)};",
            "b=",
        )
        unsigned = "DKIM-Signature: " + "\r\n ".join(tags)
        _, relaxed = _relaxed_header(_FOLDS.sub(b"", unsigned.encode()))
        signature = _base64(key.sign(what + relaxed))
        broken = "\r\n  ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return f"{unsigned}{broken}\r\n".encode()


def body_hash(body: bytes) -> bytes:
    """Return the hash of a whole body."""
    return hashlib.sha256(ended(relaxed_lines(body))).digest()


def relaxed_lines(lines: bytes) -> bytes:
    """Bring lines of a body into relaxed form (RFC 6376, 3.4.4); each line alone, so pieces of whole lines do too."""
    return _ENDS.sub(b"", _BLANKS.sub(b" ", lines)) if b" " in lines or b"\t" in lines else lines


def ended(body: bytes) -> bytes:
    """Take the empty lines off the end of a body in relaxed form."""
    return body.rstrip(b"\r\n") + b"\r\n" if body.strip(b"\r\n") else b""


def _relaxed_header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    name = name.strip().lower()
    return name, name + b":" + _BLANKS.sub(b" ", value).strip()


def _lines(start: str, between: str, words: Iterable[str]) -> list[str]:
    """Break a list of words into lines of at most 76 characters, the last ended by a semicolon."""
    lines = [start]
    for word in words:
        if len(lines[-1]) + len(word) > 74:
            lines.append("")
        lines[-1] += word + between
    lines[-1] = lines[-1].removesuffix(between) + ";"
    return lines


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def load(settings: DkimSettings, project: Path) -> Signer | None:
    """Return who signs, None if nobody does; Refusal for a key that can't be used."""
    if not settings.domain:
        return None
    keys = [_key(settings, project, second=False)]
    if settings.ed25519_key_file:
        keys.append(_key(settings, project, second=True))
    return Signer(settings.domain, settings.identity or f"@{settings.domain}", tuple(keys))


def record(settings: DkimSettings, project: Path, *, second: bool = False) -> dict[str, str]:
    """Return what DNS must say about one of the keys, by name."""
    selector, key = _key(settings, project, second=second)
    value = f"v=DKIM1; k={key.algorithm.partition('-')[0]}; p={key.public()}"
    return {f"{selector}._domainkey.{settings.domain}": value}


def _key(settings: DkimSettings, project: Path, *, second: bool) -> tuple[str, Key]:
    if second:
        return settings.ed25519_selector, _ed25519(project / settings.ed25519_key_file)
    return settings.selector, _rsa(project / settings.key_file)


def make_key(file: Path, *, second: bool = False) -> None:
    """Write a new key that only this user reads; Refusal if there is a file already."""
    made = ed25519.Ed25519PrivateKey.generate() if second else rsa.generate_private_key(65537, BITS)
    form = serialization.PrivateFormat.PKCS8
    pem = made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refusal(f"{file}: exists already; mails are signed with it. Name another file and selector") from None
    except OSError as error:
        raise Refusal(f"{file}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as written:
        written.write(pem)


def zone_line(name: str, record: str) -> str:
    """Return a record as a line of a zone file; a string in it has at most 255 characters."""
    strings = " ".join(f'"{record[at : at + _TXT]}"' for at in range(0, len(record), _TXT))
    return f"{name}. IN TXT {strings}"


def _rsa(file: Path) -> RsaKey:
    key = _read(file)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Refusal(f"{file}: is no RSA key, which every receiver verifies; make one with `outreach dkim key`")
    if key.key_size < BITS:
        raise Refusal(f"{file}: has {key.key_size} bits, and receivers want {BITS}; make one with `outreach dkim key`")
    return RsaKey(key)


def _ed25519(file: Path) -> EdKey:
    key = _read(file)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise Refusal(f"{file}: is no Ed25519 key; make one with `outreach dkim key --second`")
    return EdKey(key)


def _read(file: Path) -> object:
    try:
        pem = file.read_bytes()
        mode = file.stat().st_mode & 0o077
    except FileNotFoundError:
        raise Refusal(f"{file}: missing; make a key with `outreach dkim key`, or empty dkim.domain") from None
    except OSError as error:
        raise Refusal(f"{file}: cannot be read: {error.strerror}") from error
    if mode:
        raise Refusal(f"{file}: others may read it (mode {mode:03o} too wide), and sign in your name; chmod 600 {file}")
    try:
        return serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refusal(f"{file}: is no private key without a password (PEM): {error}") from error
