"""One connection to the relay and the mail it carries, one message at a time.

For each mail: compose it, then in one transaction write what became of the last one and take this one (`sending`),
then put it on the wire. So a kill leaves at most one mail per connection uncertain, and a message costs one commit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from outreach.delivery import claiming, smtp
from outreach.delivery.claiming import Attempts, Result
from outreach.delivery.lanes import Content, Lane, Mail
from outreach.delivery.replies import Reply, Stage, Verdict
from outreach.delivery.rounds import Round
from outreach.delivery.smtp import Connection

log = logging.getLogger(__name__)

# So many unknowable ends in a row, and a person looks before more mails end like that.
UNCERTAIN_IN_A_ROW = 3


@dataclass
class Carrier:
    """Carries mail until none is due, the round is over, or there is no connection for it."""

    round: Round
    number: int
    _connection: Connection | None = None
    _answered: tuple[Lane, Mail, Reply] | None = None

    def run(self) -> None:
        try:
            while not self.round.over() and (batch := self.round.next_batch(self.number)):
                if not self._carry(*batch):
                    break
        except Exception as error:
            log.exception("sending stopped")
            self.round.halt(f"sending stopped: {type(error).__name__}: {error}")
        finally:
            self._drop_connection()

    def _carry(self, lane: Lane, batch: list[Mail]) -> bool:
        """Carry a batch; False if there is no connection to do so."""
        try:
            return all(self._carry_one(lane, mail) for mail in batch)
        finally:
            self._write_answer()
            ids = [mail.id for mail in batch]
            self.round.commit(lambda session: claiming.release(session, lane.mails, self.round.worker_id, ids))

    def _carry_one(self, lane: Lane, mail: Mail) -> bool:
        if self.round.over():
            return False
        content = self._compose(lane, mail)
        if content is None:
            return True
        if not self._connected() or not self._paced():
            return False
        taken = self._take(lane, mail)
        if taken is not None:
            self._answered = (lane, taken, self._send(taken, content))
            if self._answered[2].verdict is not Verdict.DELIVERED:
                self._write_answer()
        return True

    def _compose(self, lane: Lane, mail: Mail) -> Content | None:
        """Compose the mail; one that can't be is failed and never marked as sent, and the others go on."""
        try:
            content = lane.compose(mail, self.round.now())
            smtp.check_path(content.sender)
            smtp.check_path(content.recipient)
        except Exception as error:
            log.warning("delivery %s can't be composed: %s", mail.id, error)
            failed = Result("failed", "render_error", f"{type(error).__name__}: {error}"[:500])
            self._close_unsent(lane, mail, failed)
            return None
        return content

    def _close_unsent(self, lane: Lane, mail: Mail, failed: Result) -> None:
        def close(session: Session) -> Result | None:
            result = lane.refusal(session, mail) or failed
            now = self.round.now()
            return result if claiming.close(session, lane.mails, self.round.worker_id, mail.id, result, now) else None

        self._count(lane, self.round.commit(close))

    def _connected(self) -> bool:
        if self._connection is not None and not self._connection.usable:
            self._drop_connection()
        if self._connection is None:
            self._write_answer()
            self._connection = self.round.connect()
        return self._connection is not None

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self.round.disconnect(self._connection)
            self._connection = None

    def _paced(self) -> bool:
        """Wait for our turn; False if the round is over by then."""
        seconds = self.round.pace()
        if seconds > 0:
            self._write_answer()  # what is known must not wait with us
            self.round.wait(seconds)
        return not self.round.over()

    def _take(self, lane: Lane, mail: Mail) -> Mail | None:
        """Write the last answer and take the next mail in one transaction; None if it may not go any more."""
        answered = self._answered

        def exchange(session: Session) -> tuple[Result | None, Result | None, bool]:
            now = self.round.now()
            written = self._record(session, answered, now)
            refused = lane.refusal(session, mail)
            if refused:
                claiming.close(session, lane.mails, self.round.worker_id, mail.id, refused, now)
                return written, refused, False
            return written, None, claiming.take(session, lane.mails, self.round.worker_id, mail.id, now)

        written, refused, taken = self.round.commit(exchange)
        self._answered = None
        self._count(answered[0] if answered else lane, written)
        self._count(lane, refused)
        tried = Attempts(mail.id, mail.tried.count + 1, mail.tried.first_at or self.round.now())
        return replace(mail, tried=tried) if taken else None

    def _send(self, mail: Mail, content: Content) -> Reply:
        connection = self._connection
        assert connection is not None
        reused = connection.messages > 0
        reply = connection.send(content.sender, content.recipient, content.message)
        if reused and reply.stage is Stage.MAIL and reply.code is None:
            # The relay closed an idle connection: nothing was said about this mail, so it gets a new one at once.
            self._drop_connection()
            self._connection = self.round.connect()
            if self._connection is not None:
                return self._connection.send(content.sender, content.recipient, content.message)
        return reply

    def _write_answer(self) -> None:
        answered = self._answered
        if answered:
            written = self.round.commit(lambda session: self._record(session, answered, self.round.now()))
            self._answered = None
            self._count(answered[0], written)

    def _record(self, session: Session, answered: tuple[Lane, Mail, Reply] | None, now: datetime) -> Result | None:
        if answered is None:
            return None
        lane, mail, reply = answered
        result = lane.record(session, self.round.worker_id, mail, reply, now)
        match reply.verdict:
            case Verdict.DELIVERED:
                self.round.worked(session)
            case Verdict.UNCERTAIN:
                if self.round.rest(session, reply) >= UNCERTAIN_IN_A_ROW:
                    lane.give_pause(session, f"the relay takes mail without an answer: {reply}", now)
            case Verdict.SLOW | Verdict.STOP:
                self.round.rest(session, reply)
            case Verdict.RETRY if reply.code is None:
                self.round.rest(session, reply)
        return result

    def _count(self, lane: Lane, result: Result | None) -> None:
        if result is not None:
            self.round.count(lane, result)
