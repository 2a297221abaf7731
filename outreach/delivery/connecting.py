"""Connections opened beside the loop that uses them, since a relay may take minutes to greet."""

from __future__ import annotations

import queue
import socket
import threading
from types import TracebackType
from typing import Self

from outreach.delivery.rounds import Round
from outreach.delivery.routes import Route
from outreach.delivery.smtp import Connection

# A relay that is still silent after so long when the sending ends is left to its thread.
PATIENCE_AT_END = 5.0


class Connector:
    """Opens connections to one relay in threads of their own; wakes the selector that watches `fileno` for each."""

    def __init__(self, round: Round, route: Route) -> None:
        self._round = round
        self.route = route
        self._opened: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._refused = 0
        self._over = False
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
        for thread in self._threads:
            thread.join(PATIENCE_AT_END)
        for connection in self.take():
            self._round.disconnect(connection)
        with self._lock:
            self._wake.close()
            self._woken.close()

    def fileno(self) -> int:
        return self._woken.fileno()

    @property
    def gave_up(self) -> bool:
        """Tell whether no connection is there or on its way, after at least one attempt."""
        with self._lock:
            return self._refused > 0 and self._under_way == 0 and self._opened.empty()

    def want(self, missing: int) -> None:
        """Begin to open as many connections as are missing; one that was refused waits for the relay's rest to end."""
        with self._lock:
            if self.route.reopened:
                self.route.reopened, self._refused = False, 0
            more = missing - self._under_way - self._refused - self._opened.qsize()
            self._under_way += max(more, 0)
        for _ in range(more):
            thread = threading.Thread(target=self._open, name="smtp-connect", daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self) -> list[Connection]:
        """Return the connections that were opened since."""
        try:
            while self._woken.recv(64):
                pass
        except BlockingIOError:
            pass
        found = []
        while not self._opened.empty():
            found.append(self._opened.get())
        return found

    def _open(self) -> None:
        connection = None
        try:
            connection = self._round.connect(self.route)
        finally:
            with self._lock:
                self._under_way -= 1
                if connection is None:
                    self._refused += 1
                elif self._over:
                    self._round.disconnect(connection)
                else:
                    self._opened.put(connection)
                if not self._over:
                    self._wake.send(b"!")
