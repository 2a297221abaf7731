"""Brevo: its webhooks about transactional mail, as reports.

Brevo signs nothing; it sends a token that one gives it (webhook with `auth: bearer`), which is compared in constant
time. What it says is believed only where it names our own Message-ID, and only of the address that this mail went to.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from outreach.inbox.reporting import Told
from outreach.inbox.signing import BadSignature

PROVIDER = "brevo.com"
# Brevo's event → what it means in RFC 3464: action, and a code where its reason holds none.
_FAILED = {
    "hard_bounce": ("failed", "5.1.1"),
    "invalid_email": ("failed", "5.1.3"),
    "soft_bounce": ("failed", "4.0.0"),
    "blocked": ("failed", "5.7.1"),
    "error": ("failed", "4.3.0"),
    "deferred": ("delayed", "4.0.0"),
    "delivered": ("delivered", "2.0.0"),
}
_COMPLAINTS = {"spam": "abuse", "complaint": "abuse", "unsubscribed": "opt-out"}
_AT_A_TIME = 500


def verify(header: str, token: str) -> None:
    """Refuse a webhook that doesn't carry our token."""
    if not hmac.compare_digest(f"Bearer {token}".encode(), header.encode("utf-8", "replace")):
        raise BadSignature("Authorization does not carry inbox.brevo_token")


def told(body: bytes, now: datetime) -> Iterator[Told]:
    """Yield what a webhook says; one may hold an event, or a list of them. Other events say nothing of a delivery."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise BadSignature(f"the body is no JSON: {error}") from error
    events = data if isinstance(data, list) else [data]
    for event in events[:_AT_A_TIME]:
        if isinstance(event, dict) and (one := _told(event, now)) is not None:
            yield one


def _told(event: Mapping[str, Any], now: datetime) -> Told | None:
    kind, message_id = str(event.get("event") or ""), str(event.get("message-id") or "")
    one = Told(
        id=f"{event.get('id') or ''}.{kind}.{event.get('ts_event') or event.get('ts') or ''}.{message_id}",
        provider=PROVIDER,
        at=_moment(event, now),
        recipient=str(event.get("email") or ""),
        message_id=message_id,
    )
    if kind in _COMPLAINTS:
        return replace(one, complaint=_COMPLAINTS[kind])
    if kind not in _FAILED:
        return None
    action, status = _FAILED[kind]
    return replace(one, action=action, status=status, diagnostic=str(event.get("reason") or kind))


def _moment(event: Mapping[str, Any], now: datetime) -> datetime:
    seconds = event.get("ts_event") or event.get("ts")
    usable = isinstance(seconds, int | float) and 0 < seconds < 4_000_000_000
    return datetime.fromtimestamp(seconds, UTC) if usable and seconds is not None else now
