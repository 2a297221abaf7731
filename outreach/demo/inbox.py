"""A built-in SMTP inbox: takes every mail that is sent to it, keeps it, and delivers none of it."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

TABLE = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT NOT NULL, campaign INTEGER NOT NULL, message BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS ix_mail_recipient ON mail (recipient);
"""
PAGE = 50


@dataclass(frozen=True)
class KeptMail:
    """A mail as the inbox lists it; `campaign` tells a newsletter from other mail."""

    id: int
    at: datetime
    sender: str
    recipient: str
    subject: str
    message_id: str
    campaign: bool


class Mailbox:
    """The kept mails, in an SQLite file of its own."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False)
        # What is lost here in a power cut was never anybody's mail.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(TABLE)

    def keep(self, sender: str, recipient: str, message: bytes) -> None:
        headers = BytesHeaderParser(policy=policy.default).parsebytes(message)
        row = (
            datetime.now(UTC).isoformat(),
            sender,
            recipient,
            str(headers.get("Subject", "")),
            str(headers.get("Message-ID", "")),
            "List-Unsubscribe" in headers,
            message,
        )
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT INTO mail (at, sender, recipient, subject, message_id, campaign, message) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def count(self, *, campaign: bool | None = None) -> int:
        where = "" if campaign is None else f" WHERE campaign = {int(campaign)}"
        return int(self._ask(f"SELECT count(*) FROM mail{where}")[0][0])  # noqa: S608 - an integer of ours

    def listed(self, *, search: str = "", page: int = 0) -> list[KeptMail]:
        """Return a page of mails, newest first, whose recipient or subject holds `search`."""
        wanted = f"%{search}%"
        rows = self._ask(
            "SELECT id, at, sender, recipient, subject, message_id, campaign FROM mail "
            "WHERE recipient LIKE ? OR subject LIKE ? ORDER BY id DESC LIMIT ? OFFSET ?",
            (wanted, wanted, PAGE, page * PAGE),
        )
        return [_kept(row) for row in rows]

    def one(self, id: int) -> tuple[KeptMail, bytes] | None:
        rows = self._ask(
            "SELECT id, at, sender, recipient, subject, message_id, campaign, message FROM mail WHERE id = ?", (id,)
        )
        return (_kept(rows[0]), rows[0][7]) if rows else None

    def messages(self, *, campaign: bool) -> Iterator[tuple[KeptMail, EmailMessage]]:
        """Yield the mails in the order in which they came, parsed."""
        last = 0
        while rows := self._ask(
            "SELECT id, at, sender, recipient, subject, message_id, campaign, message FROM mail "
            "WHERE id > ? AND campaign = ? ORDER BY id LIMIT 200",
            (last, campaign),
        ):
            for row in rows:
                yield _kept(row), parse(row[7])
            last = rows[-1][0]

    def _ask(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        self._connection.close()


def _kept(row: tuple[Any, ...]) -> KeptMail:
    id, at, sender, recipient, subject, message_id, campaign = row[:7]
    return KeptMail(id, datetime.fromisoformat(at), sender, recipient, subject, message_id, bool(campaign))


def parse(message: bytes) -> EmailMessage:
    """Parse a message with the standard library."""
    return BytesParser(policy=policy.default).parsebytes(message)


class _Keeper:
    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            self.mailbox.keep(envelope.mail_from or "", recipient, content)
        return "250 2.0.0 kept, and delivered to nobody"


@contextmanager
def running_inbox(mailbox: Mailbox, port: int) -> Iterator[None]:
    """Take mail on 127.0.0.1 at `port` while the block runs."""
    controller = Controller(_Keeper(mailbox), hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def free_port(preferred: int) -> int:
    """Return `preferred` if nobody listens there, else a port that is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")
