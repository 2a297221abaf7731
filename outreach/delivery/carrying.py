"""All connections of one process and the mail they carry, in one loop.

Mails are composed ahead. One transaction then writes what became of those that were answered and takes the next ones
(`sending`), and only what is taken goes on the wire. While the relay reads, the next transaction runs: so a mail costs
a fraction of a commit, and a kill leaves at most `DEPTH` mails per connection uncertain.
"""

from __future__ import annotations

import logging
import selectors
import time
from collections import deque
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from outreach.delivery import claiming, exchanging, smtp
from outreach.delivery.claiming import Attempts, Result
from outreach.delivery.connecting import Connector
from outreach.delivery.exchanging import Answered, Ready
from outreach.delivery.lanes import Lane, Mail
from outreach.delivery.replies import Stage, Verdict
from outreach.delivery.rounds import Round
from outreach.delivery.smtp import Connection

log = logging.getLogger(__name__)

# Mails per connection that may be `sending` at a time. Commits cross a network there, so PostgreSQL gets more.
DEPTH_SQLITE, DEPTH_POSTGRESQL = 2, 4
# So many mails go without trouble before a connection gets more than one at a time: what is taken can't be stopped.
TRUST = 100
# Rows claimed at a time.
LEAST_CLAIMED, MOST_CLAIMED = 10, 200
# The loop looks around this often even if nothing happens: for a stop, the end of a rest, its turn to send.
LOOK_SECONDS = 0.25


@dataclass
class Carrier:
    """Carries mail until none is due, the round is over, or there is no connection for it."""

    round: Round
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _connections: list[Connection] = field(default_factory=list)
    _claimed: deque[tuple[Lane, Mail]] = field(default_factory=deque)
    _ready: deque[Ready] = field(default_factory=deque)  # claimed and composed
    _taken: deque[Ready] = field(default_factory=deque)  # `sending`, on no connection yet
    _answered: list[Answered] = field(default_factory=list)
    _turn: int = 0
    _batch: int = LEAST_CLAIMED
    _claimed_at: float = 0.0
    _delivered: int = 0  # since the last trouble

    def run(self) -> None:
        """Carry until there is nothing left to do; what is on the wire is finished first."""
        with Connector(self.round) as connector:
            self._selector.register(connector, selectors.EVENT_READ)
            try:
                while self._step(connector):
                    pass
            except Exception as error:
                log.exception("sending stopped")
                self.round.halt(f"sending stopped: {type(error).__name__}: {error}")
            finally:
                self._leave()

    def _step(self, connector: Connector) -> bool:
        """Do what can be done now, then wait for the network; False when the carrying is over."""
        self._prepare()
        busy = bool(self._ready or self._taken)
        if busy and not self.round.over():
            connector.want(self.round.settings.relay.connections - len(self._connections))
        seconds = self._exchange()
        self._hand_out()
        in_flight = sum(connection.traffic.load for connection in self._connections)
        if not in_flight and not self._answered:
            if self.round.over() or not (self._ready or self._taken):
                return False
            if not self._connections and connector.gave_up:
                return False
        self._wait(connector, seconds)
        return True

    def _prepare(self) -> None:
        """Compose more mail before the connections run out of it, and claim more before there is none to compose."""
        wanted = self._depth * max(len(self._connections), 1)
        while not self.round.over() and len(self._ready) < wanted:
            if not self._claimed and not self._claim():
                return
            self._compose(*self._claimed.popleft())

    def _claim(self) -> bool:
        """Claim about as much as goes out in a second: few enough for others to get their share, and the outbox too."""
        now = time.monotonic()
        seconds = max(now - self._claimed_at, 0.001)
        self._batch = min(max(int(self._batch / seconds), LEAST_CLAIMED), 2 * self._batch, MOST_CLAIMED)
        self._claimed_at = now
        found = self.round.next_batch(self._turn, self._batch)
        self._turn += 1
        if found is None:
            return False
        lane, mails = found
        self._claimed.extend((lane, mail) for mail in mails)
        return True

    def _compose(self, lane: Lane, mail: Mail) -> None:
        """Compose the mail; one that can't be is failed and never marked as sent, and the others go on."""
        try:
            content = lane.compose(mail, self.round.now())
            sender, recipient = smtp.check_path(content.sender), smtp.check_path(content.recipient)
        except Exception as error:
            # Not the text: it may quote what the mail says to its recipient. The row keeps it.
            log.warning("delivery %s can't be composed: %s", mail.id, type(error).__name__)
            failed = Result("failed", "render_error", f"{type(error).__name__}: {error}"[:500])
            self._close_unsent(lane, mail, failed)
            return
        message = content.message if content.wired else smtp.wire_form(content.message)
        self._ready.append(Ready(lane, mail, sender, recipient, message))

    def _close_unsent(self, lane: Lane, mail: Mail, failed: Result) -> None:
        def close(session: Session) -> Result | None:
            result = lane.refusal(session, mail) or failed
            now = self.round.now()
            return result if claiming.close(session, lane.mails, self.round.worker_id, mail.id, result, now) else None

        result = self.round.commit(close)
        if result is not None:
            self.round.count(lane, mail, result)

    def _exchange(self) -> float:
        """Write the answers and take the next mails in one transaction; return the seconds until more may be taken."""
        room = sum(max(self._depth - one.traffic.load, 0) for one in self._connections if one.usable) - len(self._taken)
        wanted = 0 if self.round.over() or self._refusals() else max(min(room, len(self._ready)), 0)
        granted, seconds = self.round.grant(wanted) if wanted else (0, LOOK_SECONDS)
        if not granted and not self._answered:
            return seconds
        answered, self._answered = self._answered, []
        next_ones = [self._ready.popleft() for _ in range(granted)]
        exchanged = exchanging.exchange(self.round, answered, next_ones)
        for lane, its_mail, result in exchanged.results:
            self.round.count(lane, its_mail, result)
        now = self.round.now()
        for one in exchanged.taken:
            tried = Attempts(one.mail.id, one.mail.tried.count + 1, one.mail.tried.first_at or now)
            self._taken.append(replace(one, mail=replace(one.mail, tried=tried)))
        return seconds

    def _refusals(self) -> bool:
        """Tell whether an answer is other than delivered: it is written before anything else is taken."""
        for one in self._answered:
            if one.reply.verdict is not Verdict.DELIVERED:
                if one.reply.verdict is not Verdict.REJECT:
                    self._delivered = 0
                return True
        self._delivered += len(self._answered)
        return False

    def _hand_out(self) -> None:
        """Give what is taken to the connections with the least to do."""
        if self.round.over():
            for connection in self._connections:
                self._taken.extend(connection.traffic.withdraw())
            return
        for connection in sorted(self._connections, key=lambda one: one.traffic.load):
            while self._taken and connection.usable and connection.traffic.load < self._depth:
                one = self._taken.popleft()
                connection.traffic.put(one, one.sender, one.recipient, one.message)
        for connection in list(self._connections):
            self._pump(connection)

    def _pump(self, connection: Connection) -> None:
        traffic = connection.traffic
        for one, reply in traffic.pump():
            if reply.stage is Stage.MAIL and reply.code is None and traffic.messages > 1 and not one.returned:
                # The relay closed an idle connection: nothing was said about this mail, so it gets a new one at once.
                self._taken.appendleft(replace(one, returned=True))
            else:
                self._answered.append(Answered(one.lane, one.mail, reply))
        if not traffic.usable:
            self._taken.extend(traffic.withdraw())
            if traffic.idle:
                self._drop(connection)
                return
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.traffic.writing else 0)
        if self._selector.get_key(connection).events != events:
            self._selector.modify(connection, events, connection)

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection)
        self._connections.remove(connection)
        self.round.disconnect(connection)

    def _wait(self, connector: Connector, seconds: float) -> None:
        """Wait for the network, and look at each connection that has news or has waited too long."""
        if self._answered:
            seconds = 0.0
        now = time.monotonic()
        deadlines = [at for one in self._connections if (at := one.traffic.deadline()) is not None]
        left = min([now + min(seconds or LOOK_SECONDS, LOOK_SECONDS) if not self._answered else now, *deadlines]) - now
        news = self._selector.select(max(left, 0.0))
        for key, _ in news:
            if key.fileobj is connector:
                for connection in connector.take():
                    self._connections.append(connection)
                    self._selector.register(connection, selectors.EVENT_READ, connection)
            elif key.data in self._connections:
                self._pump(key.data)
        now = time.monotonic()
        for connection in list(self._connections):
            if (at := connection.traffic.deadline()) is not None and at <= now:
                self._pump(connection)

    def _leave(self) -> None:
        """Write what is known, give back what was never on the wire, and close."""
        claimed = [*((one.lane, one.mail) for one in self._ready), *self._claimed]
        try:
            exchanging.give_back(self.round, self._answered, list(self._taken), claimed)
        finally:
            for connection in list(self._connections):
                self._drop(connection)
            self._selector.close()

    @property
    def _depth(self) -> int:
        if self._delivered < TRUST:
            return 1
        return DEPTH_SQLITE if self.round.database.is_sqlite else DEPTH_POSTGRESQL
