"""What came back by mail, and how far each mailbox is read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.models.columns import PrimaryKey, Table, words


class InboxState(StrEnum):
    """`waiting` is for a person: not understood, not believed, or something only a person may decide."""

    NEW = "new"
    UNDERSTOOD = "understood"
    WAITING = "waiting"
    SETTLED = "settled"


class Via(StrEnum):
    """What a message is believed by."""

    TOKEN = "token"  # the bounce address of a delivery  # noqa: S105
    MESSAGE_ID = "message_id"
    LINK = "link"  # the opt-out link in the headers of the mail that it returns
    REPLY = "reply"  # the Reply-To of a campaign, which says no person


class InboxMessage(Table):
    """A message that came back. Its words are kept until it is understood; what it led to stands in events and leads.

    `fingerprint` makes taking it in twice, or over two ways, once.
    """

    __tablename__ = "inbox_message"

    id: Mapped[PrimaryKey]
    fingerprint: Mapped[bytes] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(String(24))  # imap, maildir, pipe, webhook
    place: Mapped[str] = mapped_column(String(400), index=True)  # where it stood there
    received_at: Mapped[datetime]
    size: Mapped[int]
    truncated: Mapped[bool] = mapped_column(default=False)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[InboxState] = mapped_column(words(InboxState, "inbox_state"), default=InboxState.NEW)
    kind: Mapped[str | None] = mapped_column(String(24))  # a word of `outreach.inbox.kinds.Kind`
    via: Mapped[Via | None] = mapped_column(words(Via, "inbox_via"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id", ondelete="SET NULL"))
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id", ondelete="SET NULL"), index=True)
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id", ondelete="SET NULL"))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="SET NULL"), index=True)
    sender: Mapped[str | None] = mapped_column(String(320))
    address_hash: Mapped[bytes | None] = mapped_column(index=True)  # of the sender
    subject: Mapped[str | None] = mapped_column(String(300))
    body: Mapped[str | None] = mapped_column(Text)  # what was written, as text
    new_address: Mapped[str | None] = mapped_column(String(320))
    note: Mapped[str] = mapped_column(Text, default="")  # what was done, or why it waits
    done_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (
        Index(
            "ix_inbox_message_open",
            "state",
            "id",
            sqlite_where=text("state IN ('new', 'waiting')"),
            postgresql_where=text("state IN ('new', 'waiting')"),
        ),
    )


class InboxMailbox(Table):
    """How far a mailbox is read: the last UID under this UIDVALIDITY (RFC 3501), written with what was taken in."""

    __tablename__ = "inbox_mailbox"

    name: Mapped[str] = mapped_column(String(400), primary_key=True)
    uid_validity: Mapped[int] = mapped_column(default=0)
    last_uid: Mapped[int] = mapped_column(default=0)
    read_at: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(Text)  # of the last reading
