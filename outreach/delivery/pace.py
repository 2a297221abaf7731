"""How fast mail goes out: so many messages a second over all connections of this process."""

from __future__ import annotations

import threading
import time


class Pace:
    """Gives out moments to send, `1 / per_second` apart; by the monotonic clock, so that no clock change bursts."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second > 0 else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Reserve the next moment and return how many seconds it is away."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = time.monotonic()
            moment = max(self._next, now)
            self._next = moment + self._interval
            return moment - now
