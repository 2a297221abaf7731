"""How fast mail goes out: so many messages a second over all connections of this process."""

from __future__ import annotations

import time

# What a loop that comes late may make up for; longer delays are never caught up with.
CATCH_UP_SECONDS = 0.05


class Pace:
    """Gives out moments to send, `1 / per_second` apart; by the monotonic clock, so that no clock change bursts."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second if per_second > 0 else 0.0
        self._next = time.monotonic()

    def grant(self, wanted: int) -> tuple[int, float]:
        """Return how many of the wanted messages may go now, and how many seconds until the next may."""
        if not self._interval:
            return wanted, 0.0
        now = time.monotonic()
        granted = 0
        while granted < wanted and self._next <= now:
            self._next = max(self._next, now - CATCH_UP_SECONDS) + self._interval
            granted += 1
        return granted, max(self._next - now, 0.0)
