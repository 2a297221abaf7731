"""Amazon SES by way of SNS: its notices of bounces, complaints and deliveries, as reports.

SNS signs with a certificate whose address stands in the notice. We fetch nothing that a message names: the certificates
are a file of ours (`inbox.ses_certificates`), and only SignatureVersion 2 (RSA with SHA-256) and topics that the
settings name are believed. A topic that wants its subscription confirmed is shown to a person, who opens that address.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from outreach.errors import Refusal
from outreach.inbox.reporting import Told, line
from outreach.inbox.signing import BadSignature

PROVIDER = "amazonses.com"
_NOTICE = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# SNS tries again for hours; what is older was caught and kept.
TOLERANCE = timedelta(hours=24)
# Of a transient bounce SES says the kind and often no code (docs: "Bounce types").
_SUBTYPES = {
    "MailboxFull": "4.2.2", "MessageTooLarge": "5.3.4", "ContentRejected": "5.6.0", "AttachmentRejected": "5.6.1",
    "NoEmail": "5.1.1", "Suppressed": "5.1.1", "OnAccountSuppressionList": "5.1.1",
}  # fmt: skip
_RECIPIENTS = 50


def certificates(file: Path) -> list[x509.Certificate]:
    """Read the certificates that SNS signs with; Refusal names the file."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Refusal(f"inbox.ses_certificates {file}: can't be read as certificates (PEM): {error}") from error


def verified(body: bytes, known: Sequence[x509.Certificate], topics: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the envelope of an SNS notice that one of `known` signed; BadSignature for any other."""
    envelope = _envelope(body)
    if envelope.get("TopicArn") not in topics:
        raise BadSignature(f"topic {line(envelope.get('TopicArn'))!r} is none of inbox.ses_topics")
    if envelope.get("SignatureVersion") != "2":
        raise BadSignature("SignatureVersion is not 2: set it on the topic (attribute SignatureVersion)")
    signed, signature = _signed(envelope), _signature(envelope)
    if not any(_is_signed_by(each, signature, signed, now) for each in known):
        raise BadSignature("Signature is not that of a certificate in inbox.ses_certificates")
    if abs(now - _moment(envelope.get("Timestamp"))) > TOLERANCE:
        raise BadSignature("Timestamp is too far off")
    return envelope


def _envelope(body: bytes) -> dict[str, str]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise BadSignature(f"the body is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadSignature("the body is no JSON object")
    return {str(name): value for name, value in data.items() if isinstance(value, str)}


def _signed(envelope: Mapping[str, str]) -> bytes:
    names = _NOTICE if envelope.get("Type") == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope).encode()


def _signature(envelope: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(envelope.get("Signature", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("Signature is no base64") from error


def _is_signed_by(certificate: x509.Certificate, signature: bytes, signed: bytes, now: datetime) -> bool:
    key = certificate.public_key()
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    if not valid or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def told(envelope: Mapping[str, str]) -> Iterator[Told]:
    """Yield what a notice says, recipient by recipient; nothing for kinds that say nothing of a delivery."""
    data = _json(envelope.get("Message", ""))
    mail = _dict(data.get("mail"))
    every = Told(
        id=envelope.get("MessageId", ""),
        provider=PROVIDER,
        at=_moment(envelope.get("Timestamp")),
        recipient="",
        message_id=_original_id(mail),
        return_path=str(mail.get("source") or ""),
        headers=_headers(mail),
    )
    found = _of_kind(str(data.get("notificationType") or data.get("eventType") or ""), data, every)
    for number, one in enumerate(itertools.islice(found, _RECIPIENTS)):
        yield replace(one, id=f"{one.id}.{number}")


def _of_kind(kind: str, data: Mapping[str, Any], every: Told) -> Iterator[Told]:
    said = _dict(data.get(kind.lower()))
    if kind == "Bounce":
        for one in _list(said.get("bouncedRecipients")):
            yield _bounced(replace(every, recipient=str(one.get("emailAddress") or "")), said, one)
    elif kind == "Complaint":
        feedback = str(said.get("complaintFeedbackType") or "abuse")
        for one in _list(said.get("complainedRecipients")):
            yield replace(every, recipient=str(one.get("emailAddress") or ""), complaint=feedback)
    elif kind == "Delivery":
        arrived = replace(every, action="delivered", status="2.0.0", diagnostic=str(said.get("smtpResponse") or ""))
        for address in _list_of_text(said.get("recipients")):
            yield replace(arrived, recipient=address)


def _bounced(told: Told, bounce: Mapping[str, Any], one: Mapping[str, Any]) -> Told:
    kind, subtype = str(bounce.get("bounceType")), str(bounce.get("bounceSubType"))
    general = "5.1.1" if kind == "Permanent" else "4.0.0"
    status = str(one.get("status") or _SUBTYPES.get(subtype) or general)
    return replace(told, action="failed", status=status, diagnostic=str(one.get("diagnosticCode") or subtype))


def _original_id(mail: Mapping[str, Any]) -> str:
    """Return the Message-ID that we gave: SES sends under one of its own, and tells ours among the headers."""
    return _headers(mail).get("Message-ID", "")


def _headers(mail: Mapping[str, Any]) -> dict[str, str]:
    named = (each for each in _list(mail.get("headers"))[:100])
    return {str(each.get("name")): str(each.get("value")) for each in named}


def _json(text: str) -> dict[str, Any]:
    try:
        return _dict(json.loads(text))
    except ValueError:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _list_of_text(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _moment(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError as error:
        raise BadSignature("Timestamp is no time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
