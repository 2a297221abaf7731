"""Takes in what came back by mail, from every way that the settings name, and has it understood.

First a message is kept, in a transaction of its own; only then somebody tries to understand it. So a message that can't
be handled stops no other, and none is gone from its mailbox before it is in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.exc import OperationalError

from outreach.app import App
from outreach.database import DatabaseReplaced
from outreach.errors import Refusal
from outreach.inbox import imap, mailboxes, maildir, receiving, rejecting, understanding
from outreach.inbox.classifying import classify
from outreach.inbox.receiving import Incoming, Received
from outreach.subscriptions.asking import Ours

log = logging.getLogger(__name__)

AT_A_TIME = 50


@dataclass
class Read:
    """What a reading took in: `new` messages, those `known` already, and what went wrong by mailbox."""

    new: int = 0
    known: int = 0
    understood: int = 0
    faults: list[str] = field(default_factory=list)

    def count(self, received: Sequence[Received]) -> None:
        new = sum(one.new for one in received)
        self.new += new
        self.known += len(received) - new


def ours_of(app: App) -> Ours:
    """Return what the inbox needs of the project."""
    return Ours(app.settings, app.links, app.suppression_key)


def read(app: App) -> Read:
    """Read every mailbox of the settings, then understand what is new; one that can't be read stops no other."""
    done = Read()
    settings = app.settings.inbox
    for wanted, name, step in (
        (settings.imap_host, imap.name_of(settings), partial(_read_imap, app, done)),
        (settings.maildir, maildir.of(settings, app.project).name, partial(_read_maildir, app, done)),
    ):
        if not wanted:
            continue
        fault = None
        try:
            step()
        except Refusal as refusal:
            fault = str(refusal)
            done.faults.append(fault)
            log.warning("%s", fault)
        with app.database.writing() as session:
            mailboxes.note_reading(session, name, app.now(), fault)
    done.understood = understand(app)
    return done


def _read_imap(app: App, done: Read) -> None:
    settings = app.settings.inbox
    with imap.opened(settings) as folder:
        with app.database.reading() as session:
            after = mailboxes.read_up_to(session, folder.name, folder.uid_validity)
        for batch in folder.batches(after):
            with app.database.writing() as session:
                received = [
                    receiving.receive(
                        session, one.incoming, source=imap.SOURCE, now=app.now(), limit=settings.max_bytes
                    )
                    for one in batch
                ]
                mailboxes.note_uid(session, folder.name, folder.uid_validity, batch[-1].uid)
            folder.done(batch)
            done.count(received)


def _read_maildir(app: App, done: Read) -> None:
    settings = app.settings.inbox
    box = maildir.of(settings, app.project)
    names = box.waiting()
    if settings.maildir_after == "keep":
        with app.database.reading() as session:
            known = receiving.places_known(session, maildir.SOURCE, names)
        names = [name for name in names if name not in known]
    for batch in box.batches(names):
        done.count(keep(app, batch, source=maildir.SOURCE))
        box.done(batch)


def keep(app: App, batch: Sequence[Incoming], *, source: str, recipient: str = "") -> list[Received]:
    """Keep messages, in one transaction; nothing of them is looked at yet."""
    limit = app.settings.inbox.max_bytes
    with app.database.writing() as session:
        return [
            receiving.receive(session, each, source=source, now=app.now(), limit=limit, recipient=recipient)
            for each in batch
        ]


def understand(app: App) -> int:
    """Understand what nobody understood yet; return how many. What can't be handled waits for a person."""
    count = 0
    while True:
        with app.database.reading() as session:
            pending = understanding.pending(session, AT_A_TIME)
        if not pending:
            return count
        for message_id, raw in pending:
            _understand(app, message_id, raw)
        count += len(pending)


def _understand(app: App, message_id: int, raw: bytes) -> None:
    try:
        report = classify(raw)  # outside of any transaction: it may take a while
        with app.database.writing() as session:
            understanding.understand(session, message_id, report, ours_of(app), app.now())
    except (OperationalError, DatabaseReplaced):
        raise  # the database is away: the message is as new as before
    except Exception as error:
        log.exception("message %s can't be handled", message_id)
        with app.database.writing() as session:
            understanding.give_up(session, message_id, f"{type(error).__name__}: {error}", app.now())


def follow_up(app: App) -> int:
    """Judge what the relay refused, and settle what came back while its mail was on the way; return how many."""
    with app.database.writing() as session:
        judged = rejecting.judge(session, app.settings.inbox, app.now())
        return judged + understanding.settle_proven(session, app.now())
