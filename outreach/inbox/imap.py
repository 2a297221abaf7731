"""A mailbox over IMAP: new messages by their UID, in bounded batches, over a verified connection.

A UID means something under its UIDVALIDITY only (RFC 3501, 2.3.1.1); under another one the folder is read from its
start, and what was taken in before is recognised. Messages are read without marking them as seen. Nothing is deleted
unless the settings say so, and then only what was taken in whole.
"""

from __future__ import annotations

import imaplib
import logging
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from outreach.errors import Refusal
from outreach.inbox.receiving import Incoming
from outreach.settings import InboxSettings

log = logging.getLogger(__name__)

TIMEOUT = 60
# At most so much is asked for at a time, whatever the number of messages: memory stays bounded.
BATCH_BYTES = 8 * 1024 * 1024
SOURCE = "imap"


class NoMailbox(Refusal):
    """The mailbox can't be reached, opened or read any further; the text says why, and what to mend."""


@dataclass(frozen=True)
class Fetched:
    """A message of the folder, by its UID."""

    uid: int
    incoming: Incoming


@dataclass
class Folder:
    """An open folder. `name` tells it from other folders; `uid_validity` tells its UIDs from earlier ones."""

    name: str
    uid_validity: int
    _client: IMAPClient = field(repr=False)
    _settings: InboxSettings = field(repr=False)

    def batches(self, after: int) -> Iterator[list[Fetched]]:
        """Yield what has a higher UID than `after`, oldest first; a message that can't be read is yielded as such."""
        with _explained(self._settings):
            # `n:*` always holds the last message, also where its UID is lower than n.
            uids = sorted(uid for uid in self._client.search(["UID", f"{after + 1}:*"]) if uid > after)
        for start in range(0, len(uids), self._settings.batch):
            with _explained(self._settings):
                sizes = self._sizes(uids[start : start + self._settings.batch])
            for group in _groups(sizes, self._settings.max_bytes):
                with _explained(self._settings):
                    fetched = self._fetch(group, sizes)
                if fetched:
                    yield fetched

    def done(self, batch: Sequence[Fetched]) -> None:
        """Delete what was taken in whole, if the settings say so."""
        if self._settings.imap_after != "delete":
            return
        whole = [one.uid for one in batch if not one.incoming.fault and one.incoming.size <= len(one.incoming.raw)]
        if whole:
            with _explained(self._settings):
                self._client.delete_messages(whole)
                self._expunge(whole)

    def _expunge(self, uids: Sequence[int]) -> None:
        """Remove these alone (RFC 4315); where the server can't, they stay marked, as others' marks must stand."""
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)

    def _sizes(self, uids: Sequence[int]) -> dict[int, int]:
        found = self._client.fetch(uids, ["RFC822.SIZE"])
        return {uid: int(found[uid].get(b"RFC822.SIZE", 0)) for uid in uids if uid in found}

    def _fetch(self, uids: Sequence[int], sizes: dict[int, int]) -> list[Fetched]:
        try:
            answers = self._ask(uids)
        except imaplib.IMAP4.abort:
            raise
        except IMAPClientError as error:
            if len(uids) == 1:
                return [self._unread(uids[0], sizes, str(error))]
            # One broken message among them must not stop the others.
            return [one for uid in uids for one in self._fetch([uid], sizes)]
        fetched = []
        for uid in uids:
            raw = answers.get(uid)
            if raw is not None:  # else it was removed in between
                fetched.append(Fetched(uid, Incoming(raw, self._place(uid), sizes.get(uid, len(raw)))))
        return fetched

    def _ask(self, uids: Sequence[int]) -> dict[int, bytes]:
        found: dict[int, Any] = self._client.fetch(uids, [f"BODY.PEEK[]<0.{self._settings.max_bytes}>"])
        return {uid: data[b"BODY[]<0>"] for uid, data in found.items() if data.get(b"BODY[]<0>") is not None}

    def _unread(self, uid: int, sizes: dict[int, int], why: str) -> Fetched:
        log.warning("%s: message %s can't be read: %s", self.name, uid, why)
        fault = f"the mail server doesn't hand it over: {why}"[:500]
        return Fetched(uid, Incoming(b"", self._place(uid), sizes.get(uid, 0), fault))

    def _place(self, uid: int) -> str:
        return f"{self.name} {self.uid_validity}/{uid}"


def _groups(sizes: dict[int, int], limit: int) -> Iterator[list[int]]:
    group: list[int] = []
    total = 0
    for uid in sorted(sizes):
        size = min(sizes[uid], limit)
        if group and total + size > BATCH_BYTES:
            yield group
            group, total = [], 0
        group.append(uid)
        total += size
    if group:
        yield group


def name_of(settings: InboxSettings) -> str:
    """Return what tells the folder of the settings from others."""
    return f"{settings.imap_username}@{settings.imap_host}:{settings.imap_port}/{settings.imap_folder}"[:350]


@contextmanager
def opened(settings: InboxSettings) -> Iterator[Folder]:
    """Open the folder of the settings; NoMailbox says what is wrong."""
    with _explained(settings):
        client = _connected(settings)
    try:
        with _explained(settings):
            client.login(settings.imap_username, settings.imap_password.get_secret_value())
            state = client.select_folder(settings.imap_folder, readonly=settings.imap_after != "delete")
        yield Folder(name_of(settings), int(state[b"UIDVALIDITY"]), client, settings)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            client.logout()


def _connected(settings: InboxSettings) -> IMAPClient:
    address = {"host": settings.imap_host, "port": settings.imap_port, "timeout": TIMEOUT}
    if settings.imap_security == "tls":
        return IMAPClient(**address, ssl=True, ssl_context=_context(settings))
    client = IMAPClient(**address, ssl=False)
    if settings.imap_security == "starttls":
        client.starttls(_context(settings))
    return client


def _context(settings: InboxSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.imap_ca_file or None)
    except OSError as error:
        raise NoMailbox(f"inbox.imap_ca_file {settings.imap_ca_file!r} can't be read as PEM: {error}") from error


@contextmanager
def _explained(settings: InboxSettings) -> Iterator[None]:
    """Turn what goes wrong with the server into one error that names the setting."""
    place = f"{settings.imap_host}:{settings.imap_port}"
    try:
        yield
    except LoginError as error:
        raise NoMailbox(
            f"inbox.imap_username, inbox.imap_password: {place} refuses the login: {_said(error)}"
        ) from error
    except ssl.SSLError as error:
        raise NoMailbox(f"inbox.imap_host: {place} shows no certificate that we trust: {_said(error)}") from error
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise NoMailbox(f"inbox.imap_folder {settings.imap_folder!r} at {place}: {_said(error)}") from error
    except (OSError, EOFError) as error:
        raise NoMailbox(f"inbox.imap_host: {place} can't be reached: {_said(error)}") from error


def _said(error: Exception) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in str(error) or type(error).__name__)[:300]
