"""Webhooks are believed for their signature, taken in once, and prove nothing without our token or Message-ID."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient
from inbox import post
from inbox.conftest import Office
from pydantic import SecretStr
from relays import Received
from sqlalchemy import func, select

from outreach.inbox import signing
from outreach.models import EventKind, InboxMessage, InboxState, SuppressionReason
from outreach.web.site import create_site

SECRET = bytes(range(32))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:terug"
TOKEN = "een-lang-geheim-van-brevo"


@pytest.fixture(scope="module")
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def site(office: Office, sns_key: rsa.RSAPrivateKey) -> Iterator[TestClient]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.example")])
    start, end = office.clock.at - timedelta(days=30), office.clock.at + timedelta(days=300)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(sns_key.public_key())
    made = made.serial_number(7).not_valid_before(start).not_valid_after(end)
    file = office.app.project / "sns.pem"
    file.write_bytes(made.sign(sns_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    inbox = office.app.settings.inbox.model_copy(
        update={
            "webhook_secret": SecretStr(signing.PREFIX + base64.b64encode(SECRET).decode()),
            "ses_certificates": "sns.pem",
            "ses_topics": [TOPIC],
            "brevo_token": SecretStr(TOKEN),
        }
    )
    office.app = replace(office.app, settings=office.app.settings.model_copy(update={"inbox": inbox}))
    with TestClient(create_site(office.app)) as client:
        yield client


def kept(office: Office) -> int:
    with office.app.database.reading() as session:
        return session.scalar(select(func.count()).select_from(InboxMessage)) or 0


def signed(office: Office, body: bytes, *, id: str = "msg_1", at: datetime | None = None) -> dict[str, str]:
    timestamp = int((at or office.clock.at).timestamp())
    signature = signing.sign(SECRET, id, timestamp, body)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,b3V0IG9mIHVzZQ== {signature}",
        "content-type": "message/rfc822",
    }


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example that their specification gives."""
    secret = signing.secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signing.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


def test_a_signed_message_is_taken_in_and_acted_on(office: Office, site: TestClient) -> None:
    raw = post.bounce(office.mail_to("ann"))
    answer = site.post("/api/inbox", content=raw, headers=signed(office, raw))
    assert (answer.status_code, answer.json()) == (200, {"taken": 1, "known": 0})
    assert office.suppressed() == 1


def test_the_json_form_holds_the_message_in_base64(office: Office, site: TestClient) -> None:
    raw = base64.b64encode(post.bounce(office.mail_to("ann"))).decode()
    body = json.dumps({"type": "message", "timestamp": "2026-12-01T09:00:00Z", "data": {"message": raw}}).encode()
    headers = signed(office, body) | {"content-type": "application/json"}
    assert site.post("/api/inbox", content=body, headers=headers).json()["taken"] == 1
    nonsense = b'{"data": 3}'
    headers = signed(office, nonsense) | {"content-type": "application/json"}
    assert site.post("/api/inbox", content=nonsense, headers=headers).status_code == 422


def test_what_is_not_signed_by_us_now_is_refused(office: Office, site: TestClient) -> None:
    raw = post.bounce(office.mail_to("ann"))
    good = signed(office, raw)
    changed: list[dict[str, str]] = [
        good | {"webhook-signature": "v1,AAAA"},
        good | {"webhook-signature": ""},
        good | {"webhook-id": "msg_2"},
        good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)},
        good | {"webhook-timestamp": "9" * 40},
        signed(office, raw, at=office.clock.at - timedelta(seconds=301)),
        signed(office, raw, at=office.clock.at + timedelta(seconds=301)),
        signed(office, raw + b"x"),
        {"content-type": "message/rfc822"},
    ]
    assert [site.post("/api/inbox", content=raw, headers=each).status_code for each in changed] == [401] * 9
    assert kept(office) == 0


def test_a_webhook_that_is_sent_again_changes_nothing(office: Office, site: TestClient) -> None:
    raw = post.bounce(office.mail_to("ann"))
    headers = signed(office, raw)
    for _ in range(2):
        assert site.post("/api/inbox", content=raw, headers=headers).status_code == 200
    office.clock.move(hours=2)
    retried = signed(office, raw)
    assert site.post("/api/inbox", content=raw, headers=retried).json() == {"taken": 0, "known": 1}
    assert len(office.events(EventKind.BOUNCED)) == 1


def test_a_signed_webhook_without_our_token_suppresses_nobody(office: Office, site: TestClient) -> None:
    raw = post.bounce(office.mail_to("ann"), to="x@terug.example", returned="Subject: x\n")
    site.post("/api/inbox", content=raw, headers=signed(office, raw))
    assert office.suppressed() == 0


def test_without_a_secret_there_is_no_webhook(office: Office) -> None:
    with TestClient(create_site(office.app)) as site:
        for path in ("/api/inbox", "/api/inbox/ses", "/api/inbox/brevo"):
            assert site.post(path, content=b"{}").status_code == 404


def test_a_body_without_end_is_refused(office: Office, site: TestClient) -> None:
    assert site.post("/api/inbox", content=b"x" * (5 * 1024 * 1024)).status_code == 413


def sns(office: Office, key: rsa.RSAPrivateKey, message: dict[str, Any], **changes: str) -> bytes:
    """Write what SNS posts, signed as its documentation says (SignatureVersion 2)."""
    envelope = {
        "Type": "Notification",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": json.dumps(message),
        "Timestamp": office.clock.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": "2",
        "SigningCertURL": "https://evil.example/key.pem",
        **changes,
    }
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if envelope["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope).encode()
    envelope["Signature"] = base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    return json.dumps(envelope).encode()


def ses_mail(mail: Received) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in post.headers_of(mail).items()]
    return {"source": mail.sender, "messageId": "0102-ses", "destination": [mail.recipient], "headers": headers}


def ses_bounce(mail: Received, kind: str = "Permanent", subtype: str = "General") -> dict[str, Any]:
    one = {"emailAddress": mail.recipient, "action": "failed", "status": "5.1.1", "diagnosticCode": "550 5.1.1 unknown"}
    if kind != "Permanent":
        one = {"emailAddress": mail.recipient}
    bounce = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [one]}
    return {"notificationType": "Bounce", "bounce": bounce, "mail": ses_mail(mail)}


def test_a_bounce_of_amazon_ses_is_believed_by_its_signature_and_our_token(
    office: Office, site: TestClient, sns_key: rsa.RSAPrivateKey
) -> None:
    body = sns(office, sns_key, ses_bounce(office.mail_to("ann")))
    for expected in (1, 0):
        assert site.post("/api/inbox/ses", content=body).json()["taken"] == expected
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.HARD_BOUNCE


def test_a_full_mailbox_and_a_delivery_of_amazon_ses_are_events(
    office: Office, site: TestClient, sns_key: rsa.RSAPrivateKey
) -> None:
    mail = office.mail_to("ann")
    full = sns(office, sns_key, ses_bounce(mail, "Transient", "MailboxFull"), MessageId="1")
    arrived = {"recipients": [office.mail_to("info").recipient], "smtpResponse": "250 ok"}
    delivered = {"notificationType": "Delivery", "delivery": arrived, "mail": ses_mail(office.mail_to("info"))}
    site.post("/api/inbox/ses", content=full)
    site.post("/api/inbox/ses", content=sns(office, sns_key, delivered, MessageId="2"))
    assert [(event.klass, event.reason) for event in office.events(EventKind.BOUNCED)] == [("soft", "mailbox_full")]
    assert len(office.events(EventKind.DELIVERED)) == 1
    assert office.suppressed() == 0


def test_a_complaint_of_amazon_ses_suppresses(office: Office, site: TestClient, sns_key: rsa.RSAPrivateKey) -> None:
    mail = office.mail_to("ann")
    said = {"complainedRecipients": [{"emailAddress": mail.recipient}], "complaintFeedbackType": "abuse"}
    told = {"eventType": "Complaint", "complaint": said, "mail": ses_mail(mail)}
    site.post("/api/inbox/ses", content=sns(office, sns_key, told))
    suppression = office.suppression("ann")
    assert suppression is not None
    assert suppression.reason is SuppressionReason.COMPLAINT


def test_a_forged_notice_of_amazon_ses_is_refused(office: Office, site: TestClient, sns_key: rsa.RSAPrivateKey) -> None:
    told = ses_bounce(office.mail_to("ann"))
    other = rsa.generate_private_key(65537, 2048)
    old = (office.clock.at - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    forged = [
        sns(office, other, told),
        sns(office, sns_key, told).replace(b"5.1.1", b"5.1.2"),
        sns(office, sns_key, told, TopicArn="arn:aws:sns:eu-west-1:666:andere"),
        sns(office, sns_key, told, SignatureVersion="1"),
        sns(office, sns_key, told, Timestamp=old),
        b"[]",
        b"\xff",
    ]
    assert [site.post("/api/inbox/ses", content=each).status_code for each in forged] == [401] * 7
    assert kept(office) == 0


def test_a_topic_that_asks_to_be_confirmed_is_shown_to_a_person_and_no_address_is_opened(
    office: Office, site: TestClient, sns_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = sns(
        office, sns_key, {}, Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://sns.example/?Token=t"
    )
    assert site.post("/api/inbox/ses", content=body).json()["taken"] == 1
    with office.app.database.reading() as session:
        message = session.scalars(select(InboxMessage)).one()
    assert message.state is InboxState.WAITING
    assert message.body is not None
    assert "https://sns.example/?Token=t" in message.body


def brevo(mail: Received, event: str, **changes: Any) -> bytes:
    told = {
        "event": event,
        "email": mail.recipient,
        "id": 26224,
        "ts_event": 1796115600,
        "message-id": post.headers_of(mail)["Message-ID"],
        "reason": "550 5.1.1 user unknown",
        **changes,
    }
    return json.dumps(told).encode()


def test_brevo_is_believed_by_its_token_and_our_message_id(office: Office, site: TestClient) -> None:
    ann, other = office.mail_to("ann"), office.mail_to("info")
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert site.post("/api/inbox/brevo", content=brevo(ann, "hard_bounce")).status_code == 401
    wrong = {"authorization": "Bearer iets anders"}
    assert site.post("/api/inbox/brevo", content=brevo(ann, "hard_bounce"), headers=wrong).status_code == 401
    made_up = brevo(ann, "hard_bounce", **{"message-id": "<niet-van-ons@smtp-relay.example>"})
    assert site.post("/api/inbox/brevo", content=made_up, headers=bearer).json()["taken"] == 1
    assert office.suppressed() == 0
    for taken in (1, 0):
        answer = site.post("/api/inbox/brevo", content=brevo(ann, "hard_bounce"), headers=bearer)
        assert answer.json()["taken"] == taken
    assert office.suppression("ann") is not None
    site.post("/api/inbox/brevo", content=brevo(other, "spam"), headers=bearer)
    assert len(office.events(EventKind.COMPLAINED)) == 1
    assert site.post("/api/inbox/brevo", content=brevo(other, "click"), headers=bearer).json()["taken"] == 0


def test_foreign_text_in_a_webhook_writes_no_header(office: Office, site: TestClient) -> None:
    ann = office.mail_to("ann")
    sly = brevo(
        ann, "soft_bounce", reason="x\r\n--cut-here\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed"
    )
    sly = sly.replace(b"26224", json.dumps("1\r\nTo: bounces+1.aaaa@terug.example").encode())
    assert site.post("/api/inbox/brevo", content=sly, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert office.suppressed() == 0
