"""A transaction at a time beside the loop that carries the mail, since a commit waits for the disk."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from outreach.delivery.exchanging import Answered, Exchanged, Ready, exchange
from outreach.delivery.rounds import Round


class Desk:
    """Exchanges in a thread of its own; wakes the selector that watches `fileno` when one is done."""

    def __init__(self, round: Round) -> None:
        self._round = round
        self.busy = False
        self._given: queue.SimpleQueue[tuple[Sequence[Answered], Sequence[Ready]] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Exchanged | BaseException] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._work, name="exchange", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._given.put(None)
        self._thread.join()
        self._wake.close()
        self._woken.close()

    def fileno(self) -> int:
        return self._woken.fileno()

    def begin(self, answered: Sequence[Answered], ready: Sequence[Ready]) -> None:
        """Begin to write the answers and to take the mails; one exchange at a time."""
        self.busy = True
        self._given.put((answered, ready))

    def end(self, *, wait: bool) -> Exchanged | None:
        """Return what came of the exchange, or raise what went wrong; None if there is none, or it isn't done."""
        if not self.busy or (not wait and self._done.empty()):
            return None
        found = self._done.get()
        self._woken.recv(1)
        self.busy = False
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self) -> None:
        while (given := self._given.get()) is not None:
            try:
                self._done.put(exchange(self._round, *given))
            except BaseException as error:
                self._done.put(error)
            self._wake.send(b"!")
