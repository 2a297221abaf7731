"""DKIM (RFC 6376): whether the key that receivers find can verify what our key signs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from outreach.doctor.findings import Finding, Verdict, text_record
from outreach.doctor.names import Names

SHORTEST, WANTED = 1024, 2048
PrivateKey = RSAPrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | Ed25519PublicKey


def examine(names: Names, domain: str, selector: str | None, key: PrivateKey | None) -> Iterator[Finding]:
    """Yield what is to be said about the key under `selector`; `key` is ours, if we sign ourselves."""
    if selector is None:
        text = "name the selector that signs our mail with --selector: your provider tells it, as in sel1._domainkey"
        yield Finding("dkim", Verdict.UNKNOWN, text)
        return
    name = f"{selector}._domainkey.{domain}"
    ours = text_record(name, value_of(key)) if key is not None else None
    found = names.texts(name)
    if not found:
        way = "" if ours else ": your provider gives the record for it"
        yield Finding("dkim", Verdict.MISSING, f"{name} holds no key{way}", ours)
        return
    if len(found) > 1:
        yield Finding("dkim", Verdict.MISSING, f"{name} holds {len(found)} records; receivers take none of them", ours)
        return
    yield _judged(name, tags(found[0]), key, ours)


def _judged(name: str, found: dict[str, str], key: PrivateKey | None, ours: str | None) -> Finding:
    if "p" in found and not found["p"]:
        return Finding("dkim", Verdict.MISSING, f"{name}: the key was revoked (p= is empty)", ours)
    try:
        public = public_key(found)
    except ValueError as error:
        return Finding("dkim", Verdict.MISSING, f"{name}: {error}", ours)
    bits = public.key_size if isinstance(public, RSAPublicKey) else None
    kind = f"rsa, {bits} bits" if bits else "ed25519"
    if key is not None and der(public) != der(key.public_key()):
        return Finding("dkim", Verdict.MISSING, f"{name}: holds another key than ours, so every signature fails", ours)
    if bits is not None and bits < SHORTEST:
        return Finding("dkim", Verdict.MISSING, f"{name}: {bits} bits are too few: receivers ignore the key", ours)
    if bits is not None and bits < WANTED:
        return Finding("dkim", Verdict.ADVICE, f"{name}: {bits} bits; make a key of {WANTED}")
    if bits is None:
        text = f"{name}: ed25519, which large receivers don't verify: sign with rsa too"
        return Finding("dkim", Verdict.ADVICE, text)
    if "y" in found.get("t", "").split(":"):
        return Finding("dkim", Verdict.ADVICE, f"{name}: {kind}; t=y says that it is a test: take it out")
    fits = ", and it is ours" if key is not None else ""
    return Finding("dkim", Verdict.OK, f"{name}: {kind}{fits}")


def tags(text: str) -> dict[str, str]:
    """Return the tags of a record; blanks within a value don't count (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def public_key(found: dict[str, str]) -> PublicKey:
    """Return the key of a record; ValueError says why receivers can't use it."""
    if found.get("v", "DKIM1") != "DKIM1":
        raise ValueError(f"v={found['v'][:20]} is no DKIM key: it must be v=DKIM1")
    if "sha256" not in found.get("h", "sha256").split(":"):
        raise ValueError(f"h={found['h'][:40]} doesn't allow sha256, by which mail is signed")
    if not {"*", "email"} & set(found.get("s", "*").split(":")):
        raise ValueError(f"s={found['s'][:40]} doesn't allow mail")
    kind = found.get("k", "rsa")
    try:
        data = base64.b64decode(found.get("p", ""), validate=True)
        if not data:
            raise ValueError("it has no p=, so no key")
        public = (
            Ed25519PublicKey.from_public_bytes(data) if kind == "ed25519" else serialization.load_der_public_key(data)
        )
    except (binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError("what stands in p= is no key: was it cut off when it was pasted?") from error
    except ValueError as error:
        raise ValueError(
            str(error) if "p=" in str(error) else "what stands in p= is no key: was it cut off?"
        ) from error
    if kind not in ("rsa", "ed25519") or not isinstance(public, RSAPublicKey | Ed25519PublicKey):
        raise ValueError(f"k={kind[:20]} is no kind of key that receivers know")
    return public


def der(public: PublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def value_of(key: PrivateKey) -> str:
    """Return the value of the record for our key."""
    public = key.public_key()
    if isinstance(public, Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der(public)).decode()}"
