"""What a provider tells in its own form, written as the mail that it stands for: RFC 3464, or RFC 5965 for a complaint.

So all ways in meet before anything is understood or believed: a provider's word needs our token or Message-ID as well.
Provider fields are foreign text; what may not stand in a header is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

_LINE = 800


@dataclass(frozen=True)
class Told:
    """What a provider says of one recipient of one mail; `id` tells it from all else that this provider says."""

    id: str
    provider: str
    at: datetime
    recipient: str
    action: str = ""  # failed, delayed, delivered; empty for a complaint
    status: str = ""
    diagnostic: str = ""
    complaint: str = ""  # the feedback type
    message_id: str = ""  # of our mail
    return_path: str = ""  # of our mail: it holds our token
    headers: Mapping[str, str] | None = None  # of our mail, as far as the provider tells


def write(told: Told) -> bytes:
    """Return the report as a message."""
    kind = "feedback-report" if told.complaint else "delivery-status"
    fields = _feedback(told) if told.complaint else _delivery(told)
    lines = [
        f"From: {line(told.provider)} <webhook@provider.invalid>",
        f"To: {line(told.return_path) or 'inbox'}",
        f"Subject: {'Complaint' if told.complaint else 'Delivery report'}",
        f"Date: {format_datetime(told.at)}",
        f"Message-ID: <{re.sub(r'[^A-Za-z0-9._-]', '-', told.id)[:200]}@webhook.invalid>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={kind}; boundary="cut-here"',
        "",
        *_part("text/plain; charset=utf-8", [f"{line(told.recipient)}: {line(told.diagnostic) or told.action}"]),
        *_part(f"message/{kind}", fields),
        *_part("text/rfc822-headers", _returned(told)),
        "--cut-here--",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8", "replace")


def line(text: object) -> str:
    """Return foreign text as one line without control characters."""
    return "".join(mark if mark.isprintable() else " " for mark in str(text))[:_LINE].strip()


def _delivery(told: Told) -> list[str]:
    fields = [
        f"Reporting-MTA: dns; {line(told.provider)}",
        "",
        f"Final-Recipient: rfc822; {line(told.recipient)}",
        f"Action: {told.action}",
        f"Status: {line(told.status)}" if told.status else "Status: 5.0.0",
    ]
    return [*fields, f"Diagnostic-Code: smtp; {line(told.diagnostic)}"] if told.diagnostic else fields


def _feedback(told: Told) -> list[str]:
    whom = [f"Original-Rcpt-To: {line(told.recipient)}"] if told.recipient else []
    return [f"Feedback-Type: {line(told.complaint)}", f"User-Agent: {line(told.provider)}", "Version: 1", *whom]


def _returned(told: Told) -> list[str]:
    named = {name: value for name, value in (told.headers or {}).items() if re.fullmatch(r"[A-Za-z0-9-]{1,60}", name)}
    fields = {"Message-ID": told.message_id, "Return-Path": told.return_path, "To": told.recipient} | named
    return [f"{name}: {line(value)}" for name, value in fields.items() if value]


def _part(media_type: str, lines: Sequence[str]) -> list[str]:
    # A boundary in foreign text would end the part: none of its lines may start with two dashes.
    safe = [f" {each}" if each.startswith("--") else each for each in lines]
    return ["--cut-here", f"Content-Type: {media_type}", "", *safe, ""]
