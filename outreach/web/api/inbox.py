"""What providers and mail servers send us about what came back: signed, kept, answered, and only then looked at."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from outreach import intake
from outreach.app import App
from outreach.errors import Refusal
from outreach.inbox import brevo, reporting, ses, signing
from outreach.inbox.receiving import Incoming
from outreach.inbox.reporting import Told
from outreach.inbox.signing import BadSignature
from outreach.web.door import Opened

log = logging.getLogger(__name__)

router = APIRouter()

SOURCE = "webhook"


async def _body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


@router.post("/inbox", include_in_schema=False)
def standard(request: Request, body: Body, app: Opened, later: BackgroundTasks) -> JSONResponse:
    """Take a whole message: as message/rfc822, or in the JSON form of Standard Webhooks."""
    settings = app.settings.inbox
    if not settings.webhook_secret.get_secret_value():
        raise HTTPException(404)
    given = request.headers
    try:
        signing.verify(
            signing.secret_of(settings.webhook_secret.get_secret_value()),
            id=given.get("webhook-id", ""),
            timestamp=given.get("webhook-timestamp", ""),
            signatures=given.get("webhook-signature", ""),
            body=body,
            tolerance=timedelta(seconds=settings.webhook_tolerance),
            now=app.now(),
        )
    except BadSignature as refusal:
        return _refused(refusal)
    whole = given.get("content-type", "").partition(";")[0].strip() == "message/rfc822"
    raw = body if whole else _message_in(body)
    return _taken(app, later, [Incoming(raw, f"webhook {given.get('webhook-id', '')}")])


@router.post("/inbox/ses", include_in_schema=False)
def amazon_ses(body: Body, app: Opened, later: BackgroundTasks) -> JSONResponse:
    """Take a notice of Amazon SES, by way of SNS."""
    settings = app.settings.inbox
    if not settings.ses_certificates or not settings.ses_topics:
        raise HTTPException(404)
    try:
        known = ses.certificates(app.project / settings.ses_certificates)
        envelope = ses.verified(body, known, settings.ses_topics, app.now())
    except BadSignature as refusal:
        return _refused(refusal)
    if envelope.get("Type") != "Notification":
        log.warning("SNS topic %s asks for %s: `outreach inbox list`", envelope["TopicArn"], envelope.get("Type"))
        return _taken(app, later, [_for_a_person(envelope)])
    return _taken(app, later, _reports(ses.told(envelope)))


@router.post("/inbox/brevo", include_in_schema=False)
def from_brevo(request: Request, body: Body, app: Opened, later: BackgroundTasks) -> JSONResponse:
    """Take a webhook of Brevo."""
    token = app.settings.inbox.brevo_token.get_secret_value()
    if not token:
        raise HTTPException(404)
    try:
        brevo.verify(request.headers.get("authorization", ""), token)
        told = list(brevo.told(body, app.now()))
    except BadSignature as refusal:
        return _refused(refusal)
    return _taken(app, later, _reports(told))


def _reports(told: Iterable[Told]) -> list[Incoming]:
    return [Incoming(reporting.write(each), f"webhook {each.provider} {each.id}") for each in told]


def _for_a_person(envelope: dict[str, str]) -> Incoming:
    """Write a subscription's wish to be confirmed as a message: a person opens the address, never this program."""
    text = (
        "From: Amazon SNS <webhook@provider.invalid>\r\nSubject: An SNS topic asks to be confirmed\r\n"
        f"Message-ID: <{reporting.line(envelope.get('MessageId', ''))}@webhook.invalid>\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        f"Topic {reporting.line(envelope['TopicArn'])} asks for {reporting.line(envelope.get('Type', ''))}.\r\n"
        f"If you set this up, open this address: {reporting.line(envelope.get('SubscribeURL', ''))}\r\n"
    )
    return Incoming(text.encode(), "webhook sns")


def _message_in(body: bytes) -> bytes:
    """Return the message in `{"type": "message", "data": {"message": "<base64>"}}`; 422 for anything else."""
    try:
        data = json.loads(body)["data"]
        return base64.b64decode(data["message"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise HTTPException(422) from None


def _taken(app: App, later: BackgroundTasks, messages: list[Incoming]) -> JSONResponse:
    """Keep messages, answer that they are kept, and look at them afterwards."""
    received = intake.keep(app, [each for each in messages if each.raw], source=SOURCE)
    later.add_task(_understand, app)
    return JSONResponse({"taken": sum(one.new for one in received), "known": sum(not one.new for one in received)})


def _understand(app: App) -> None:
    try:
        intake.understand(app)
    except Exception:
        log.exception("what came in by webhook is looked at later")


def _refused(refusal: Refusal) -> JSONResponse:
    log.warning("webhook refused: %s", refusal)
    return JSONResponse({"error": str(refusal)}, status_code=401)
