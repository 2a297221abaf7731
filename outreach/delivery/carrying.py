"""All connections of one process and the mail they carry, in one loop.

Mails are composed ahead. One transaction then writes what became of those that were answered and takes the next ones
(`sending`), and only what is taken goes on the wire. It runs beside the loop (`desk`) while the relay reads and more is
composed: so a mail costs a fraction of a commit, and a kill leaves at most `DEPTH` mails per connection uncertain.
"""

from __future__ import annotations

import logging
import selectors
import time
from collections import defaultdict, deque
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from outreach.delivery import claiming, exchanging, smtp
from outreach.delivery.claiming import Attempts, Result
from outreach.delivery.connecting import Connector
from outreach.delivery.desk import Desk
from outreach.delivery.exchanging import Answered, Exchanged, Ready
from outreach.delivery.lanes import CampaignLane, Lane, Mail
from outreach.delivery.replies import Stage, Verdict
from outreach.delivery.rounds import Round
from outreach.delivery.routes import Route
from outreach.delivery.smtp import Connection

log = logging.getLogger(__name__)

# Mails per connection that may be `sending` at a time. Commits cross a network there, so PostgreSQL gets more.
DEPTH_SQLITE, DEPTH_POSTGRESQL = 2, 4
# So many mails go without trouble before a connection gets more than one at a time: what is taken can't be stopped.
TRUST = 100
# Rows claimed at a time.
LEAST_CLAIMED, MOST_CLAIMED = 10, 500
# The loop looks around this often even if nothing happens: for a stop, the end of a rest, its turn to send.
LOOK_SECONDS = 0.25
# So long answers wait for each other, at most, to be written together: a transaction costs as much as a few mails.
GATHER_SECONDS = 0.005


@dataclass
class Carrier:
    """Carries mail until none is due, the round is over, or there is no connection for it."""

    round: Round
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _connections: list[Connection] = field(default_factory=list)
    _claimed: deque[tuple[Lane, Mail]] = field(default_factory=deque)
    _ready: deque[Ready] = field(default_factory=deque)  # claimed and composed
    # `sending`, on no connection yet, by the relay that gave the permit
    _taken: defaultdict[str, deque[Ready]] = field(default_factory=lambda: defaultdict(deque))
    _answered: list[Answered] = field(default_factory=list)
    _first_answer_at: float = 0.0  # of those not written yet
    _look_at: float = 0.0  # when the deadlines of the connections are looked at
    _turn: int = 0
    _batch: int = LEAST_CLAIMED
    _claimed_at: float = 0.0
    _delivered: int = 0  # since the last trouble

    def __post_init__(self) -> None:
        self._desk = Desk(self.round)

    def run(self) -> None:
        """Carry until there is nothing left to do; what is on the wire is finished first."""
        with ExitStack() as stack:
            self._selector.register(stack.enter_context(self._desk), selectors.EVENT_READ, self._desk)
            connectors = [stack.enter_context(Connector(self.round, route)) for route in self.round.routes.all]
            for connector in connectors:
                self._selector.register(connector, selectors.EVENT_READ, connector)
            try:
                while self._step(connectors):
                    pass
            except Exception as error:
                log.exception("sending stopped")
                self.round.halt(f"sending stopped: {type(error).__name__}: {error}")
            finally:
                self._leave()

    def _step(self, connectors: list[Connector]) -> bool:
        """Do what can be done now, then wait for the network; False when the carrying is over."""
        self.round.keep_pace()
        self._prepare()
        carrying = self.round.routes.carrying()
        busy = bool(self._ready or any(self._taken.values()))
        if busy and not self.round.over():
            for connector in connectors:
                if connector.route in carrying:
                    connector.want(connector.route.connections - len(self._of(connector.route)))
        seconds = self._exchange(carrying)
        self._hand_out(carrying)
        idle = not (self._in_flight or self._answered or self._desk.busy)
        if idle and self._is_over(connectors):
            return False
        self._wait(seconds)
        return True

    def _is_over(self, connectors: list[Connector]) -> bool:
        if self.round.over():
            return True
        # In this order: a connector gives up after its relay was closed, and then another may carry.
        gave_up = {one.route.name for one in connectors if one.gave_up}
        carrying = self.round.routes.carrying()
        if not carrying:
            return False  # all rest for a short while; for a longer one the round would be over
        if not (self._ready or any(self._taken.values())):
            return not self.round.expects_permits()
        if self.round.routes.is_dry() and all(isinstance(one.lane, CampaignLane) for one in self._ready):
            return True
        return not self._connections and all(route.name in gave_up for route in carrying)

    def _of(self, route: Route) -> list[Connection]:
        return [connection for connection in self._connections if connection.name == route.name]

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

    def _exchange(self, carrying: list[Route]) -> float:
        """Write the answers and take the next mails in one transaction; return the seconds until more may be taken."""
        trouble = any(one.reply.verdict is not Verdict.DELIVERED for one in self._answered)
        self._note_exchanged(self._desk.end(wait=trouble or self.round.over()))
        if self._desk.busy or self._gathering():
            return LOOK_SECONDS
        next_ones, seconds = list[Ready](), LOOK_SECONDS
        # An answer other than delivered is written before anything else is taken.
        if not self.round.over() and not trouble:
            for route in carrying:
                chosen, wait = self._granted(route)
                next_ones, seconds = next_ones + chosen, min(seconds, wait)
        if not next_ones and not self._answered:
            return seconds
        answered, self._answered = self._answered, []
        if trouble:
            self._note_exchanged(exchanging.exchange(self.round, answered, next_ones))
        else:
            self._desk.begin(answered, next_ones)
        self._count_delivered(answered)
        return seconds

    def _note_exchanged(self, exchanged: Exchanged | None) -> None:
        if exchanged is None:
            return
        for lane, its_mail, result in exchanged.results:
            self.round.count(lane, its_mail, result)
        self._free_overrun()
        now = self.round.now()
        for one in exchanged.taken:
            tried = Attempts(one.mail.id, one.mail.tried.count + 1, one.mail.tried.first_at or now)
            one.mail = one.mail._replace(tried=tried)
            self._taken[one.route].append(one)

    def _gathering(self) -> float:
        """Return for how many seconds more answers are worth waiting for; until half of what is on the wire has one."""
        if not self._answered or len(self._answered) >= self._in_flight or self.round.over():
            return 0.0
        if any(one.reply.verdict is not Verdict.DELIVERED for one in self._answered):
            return 0.0
        return max(self._first_answer_at + GATHER_SECONDS - time.monotonic(), 0.0)

    @property
    def _in_flight(self) -> int:
        return sum(connection.traffic.load for connection in self._connections)

    def _granted(self, route: Route) -> tuple[list[Ready], float]:
        """Take from the mails that are ready those that may go over a relay now."""
        free = sum(max(self._depth - one.traffic.load, 0) for one in self._of(route) if one.usable)
        room = min(free - len(self._taken[route.name]), len(self._ready))
        if room <= 0:
            return [], LOOK_SECONDS
        if self.round.permits.is_dry(route.name):
            return self._granted_past_ceiling(route, room)
        granted, seconds = self.round.grant(route, room)
        return [_over(route, self._ready.popleft()) for _ in range(granted)], seconds

    def _granted_past_ceiling(self, route: Route, room: int) -> tuple[list[Ready], float]:
        """Take other mail only: a confirmation or a notice doesn't wait for tomorrow."""
        other = [one for one in self._ready if not isinstance(one.lane, CampaignLane)][:room]
        granted, seconds = self.round.grant(route, len(other), exempt=True)
        for one in other[:granted]:
            self._ready.remove(one)
        return [_over(route, one) for one in other[:granted]], seconds

    def _free_overrun(self) -> None:
        """Free what is claimed or taken for providers that are overrun: it is claimed again when their pace allows."""
        overrun = self.round.permits.overrun()
        if not overrun:
            return
        freed = [(one.lane, one.mail) for one in self._ready if one.mail.provider in overrun]
        freed += [(lane, mail) for lane, mail in self._claimed if mail.provider in overrun]
        self._ready = deque(one for one in self._ready if one.mail.provider not in overrun)
        self._claimed = deque((lane, mail) for lane, mail in self._claimed if mail.provider not in overrun)
        taken = [one for waiting in self._taken.values() for one in waiting if one.mail.provider in overrun]
        for name, waiting in self._taken.items():
            self._taken[name] = deque(one for one in waiting if one.mail.provider not in overrun)
        exchanging.give_back(self.round, (), taken, freed)

    def _count_delivered(self, answered: list[Answered]) -> None:
        """Count what went without trouble; a refused recipient is no trouble of ours."""
        for one in answered:
            if one.reply.verdict is not Verdict.DELIVERED:
                if one.reply.verdict is not Verdict.REJECT:
                    self._delivered = 0
                return
        self._delivered += len(answered)

    def _hand_out(self, carrying: list[Route]) -> None:
        """Give what is taken to the connections with the least to do."""
        if self.round.over():
            for connection in self._connections:
                self._taken[connection.name].extend(connection.traffic.withdraw())
            return
        self._divert(carrying)
        given = set[Connection]()
        if any(self._taken.values()):
            for connection in sorted(self._connections, key=lambda one: one.traffic.load):
                taken = self._taken[connection.name]
                while taken and connection.usable and connection.traffic.load < self._depth:
                    one = taken.popleft()
                    connection.traffic.put(one, one.sender, one.recipient, one.message)
                    given.add(connection)
        for connection in list(self._connections):
            if connection in given or self._is_spent(connection):
                self._pump(connection)

    def _is_spent(self, connection: Connection) -> bool:
        return connection.traffic.idle and not (connection.usable and self.round.routes[connection.name].is_open())

    def _divert(self, carrying: list[Route]) -> None:
        """Give what is taken for a relay that rests to another: nothing was said to anybody about these mails."""
        for name, taken in self._taken.items():
            if not taken or any(route.name == name for route in carrying):
                continue
            for route in carrying:
                granted, _ = self.round.grant(route, len(taken))
                self._taken[route.name].extend([_over(route, taken.popleft()) for _ in range(granted)])

    def _pump(self, connection: Connection) -> None:
        traffic = connection.traffic
        for one, reply in traffic.pump():
            if reply.stage is Stage.MAIL and reply.code is None and traffic.messages > 1 and not one.returned:
                # The relay closed an idle connection: nothing was said about this mail, so it gets a new one at once.
                one.returned = True
                self._taken[connection.name].appendleft(one)
            else:
                self._first_answer_at = self._first_answer_at if self._answered else time.monotonic()
                self._answered.append(Answered(one.lane, one.mail, reply, connection.name))
        if not traffic.usable:
            self._taken[connection.name].extend(traffic.withdraw())
        if self._is_spent(connection):
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

    def _wait(self, seconds: float) -> None:
        """Wait for the network, and look at each connection that has news; go on while there is nothing else to do."""
        until = time.monotonic() + min(seconds, LOOK_SECONDS)
        while True:
            left = until - time.monotonic()
            if self._answered and not self._desk.busy:
                left = min(left, self._gathering())
            for key, _ in self._selector.select(max(left, 0.0)):
                if isinstance(key.data, Connector):
                    for connection in key.data.take():
                        self._connections.append(connection)
                        self._selector.register(connection, selectors.EVENT_READ, connection)
                    until = 0.0
                elif key.data is self._desk:
                    until = 0.0
                elif key.data in self._connections:
                    self._pump(key.data)
            writing = self._desk.busy or self._gathering()
            if not writing or time.monotonic() >= until:
                break
        self._look_at_deadlines()

    def _look_at_deadlines(self) -> None:
        """Pump the connections whose relay has waited too long."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        for connection in list(self._connections):
            if (at := connection.traffic.deadline()) is not None and at <= now:
                self._pump(connection)

    def _leave(self) -> None:
        """Write what is known, give back what was never on the wire, and close."""
        claimed = [*((one.lane, one.mail) for one in self._ready), *self._claimed]
        try:
            self._note_exchanged(self._desk.end(wait=True))
            taken = [one for waiting in self._taken.values() for one in waiting]
            exchanging.give_back(self.round, self._answered, taken, claimed)
        finally:
            for connection in list(self._connections):
                self._drop(connection)
            self._selector.close()

    @property
    def _depth(self) -> int:
        if self._delivered < TRUST:
            return 1
        return DEPTH_SQLITE if self.round.database.is_sqlite else DEPTH_POSTGRESQL


def _over(route: Route, one: Ready) -> Ready:
    one.route = route.name
    return one
