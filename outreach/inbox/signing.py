"""Signed webhooks in the form of Standard Webhooks: HMAC-SHA256 over id, time and body, with a secret we share.

A signature is compared in constant time; one whose time is off by more than the tolerance is refused, so that what was
caught on the way can't be sent again later. Within the tolerance it can, and changes nothing: each is taken in once.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta

from outreach.errors import Refusal

PREFIX = "whsec_"
LEAST_BYTES = 24


class BadSignature(Refusal):
    """A webhook is not signed with our secret, or not now."""


def secret_of(text: str) -> bytes:
    """Return the bytes of a secret such as `whsec_…`; Refusal for one that is none, or too short."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(f"inbox.webhook_secret is no secret: write {PREFIX} and base64") from None
    if not text.startswith(PREFIX) or len(secret) < LEAST_BYTES:
        raise Refusal(f"inbox.webhook_secret: write {PREFIX} and at least {LEAST_BYTES} bytes in base64")
    return secret


def sign(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def verify(
    secret: bytes, *, id: str, timestamp: str, signatures: str, body: bytes, tolerance: timedelta, now: datetime
) -> None:
    """Refuse a webhook that isn't signed with our secret, or too old; it may have several signatures."""
    if not id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise BadSignature("webhook-id or webhook-timestamp is missing")
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > tolerance:
        raise BadSignature("webhook-timestamp is too far off: it is not now, or a clock is wrong")
    expected = sign(secret, id, int(timestamp), body).encode()
    good = [hmac.compare_digest(expected, given.encode("utf-8", "replace")) for given in signatures.split(" ")[:10]]
    if not any(good):
        raise BadSignature("webhook-signature is not that of our secret")
