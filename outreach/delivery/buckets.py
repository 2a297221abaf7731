"""A bucket of permits: how many messages may go now at a rate, and how the rate gives way and comes back.

Whatever asks, over any stretch of time never more is given than `rate x seconds + burst`. Told to slow down, the rate
is halved and comes back step by step (additive increase, multiplicative decrease), as senders do that find out what a
receiver takes. Pure: the row it is kept in, and who may write it, is `delivery/pace.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# What may go at once after a quiet time, in seconds of the rate; one message always may.
BURST_SECONDS = 0.5
# A second word of the same cause, on its way when we slowed down, doesn't halve the rate again.
SAME_CAUSE_SECONDS = 10.0
# After a slowdown nothing goes for so long, and the rate starts to come back after the second.
REST_SECONDS, QUIET_SECONDS = 10.0, 60.0
RECOVERY_PER_SECOND = 0.1 / 60
LEAST_SHARE = 1 / 64
LEAST_RATE = 1 / 60
# A bucket filled further ahead than this was filled by a wrong clock.
AHEAD_SECONDS = REST_SECONDS + 60.0
MEASURED_SECONDS = 10.0
# So many messages at least, or their speed says nothing.
LEAST_SEEN = 50


@dataclass(frozen=True)
class Bucket:
    """Permits left at a time; `rate` (a second) is what is set, 0 for no limit, and `share` what is used of it."""

    level: float = 0.0
    filled_at: float = 0.0
    share: float = 1.0
    base: float | None = None
    slowed_at: float | None = None
    reply: str | None = None
    counted: int = 0
    counted_since: float = 0.0
    speed: float = 0.0

    def limit(self, rate: float) -> float | None:
        """Return the messages a second that are allowed now; None = as fast as they come."""
        whole = rate or self.base
        return None if not whole else max(whole * self.share, min(whole, LEAST_RATE))

    def at(self, now: float, rate: float) -> Bucket:
        """Return the bucket as it is now: filled for the time that passed, its rate recovered."""
        seconds = now - self.filled_at
        if seconds < -AHEAD_SECONDS:
            return replace(self, filled_at=now, level=0.0, slowed_at=None, counted_since=now, counted=0)
        if seconds <= 0:
            return self
        limit = self.limit(rate)
        level = self.level if limit is None else min(self.level + limit * seconds, burst(limit))
        return replace(self, level=level, filled_at=now)._recovered(now, seconds)._measured(now)

    def _recovered(self, now: float, seconds: float) -> Bucket:
        if self.slowed_at is None or now - self.slowed_at < QUIET_SECONDS:
            return self
        quiet = min(seconds, now - self.slowed_at - QUIET_SECONDS)
        share = self.share + quiet * RECOVERY_PER_SECOND
        if share < 1:
            return replace(self, share=share)
        return replace(self, share=1.0, base=None, slowed_at=None, reply=None)

    def _measured(self, now: float) -> Bucket:
        seconds = now - self.counted_since
        if seconds < MEASURED_SECONDS:
            return self
        return replace(self, counted=0, counted_since=now, speed=self.counted / seconds if self.counted_since else 0.0)

    def take(self, wanted: int, rate: float) -> tuple[int, Bucket]:
        """Return how many of the wanted messages may go, and what is left."""
        granted = wanted if self.limit(rate) is None else max(0, min(wanted, int(self.level)))
        return granted, self.used(granted, rate)

    def used(self, messages: int, rate: float) -> Bucket:
        """Return the bucket after so many messages; less than none gives permits back that were not used."""
        level = self.level if self.limit(rate) is None else self.level - messages
        return replace(self, level=level, counted=max(self.counted + messages, 0))

    def slowed(self, now: float, rate: float, reply: str, rest: float = REST_SECONDS) -> Bucket:
        """Return the bucket with its rate halved and a short rest ahead."""
        if self.slowed_at is not None and 0 <= now - self.slowed_at < SAME_CAUSE_SECONDS:
            return self
        base = self.base if rate else self.base or self._seen(now)
        share = max(self.share / 2, LEAST_SHARE)
        rested = replace(self, base=base, share=share, slowed_at=now, reply=reply, filled_at=now)
        limit = rested.limit(rate)
        # Nothing is known of a rate: who rests then is the relay, by its own row.
        return self if limit is None else replace(rested, level=-rest * limit)

    def _seen(self, now: float) -> float | None:
        """Return the messages a second that were given lately: what `share` counts from where no rate is set."""
        seconds = max(now - self.counted_since, 1.0)
        seen = self.counted + self.speed * MEASURED_SECONDS
        return max(self.speed, self.counted / seconds) if seen >= LEAST_SEEN else None

    def seconds_until_next(self, rate: float) -> float:
        """Return how long until a message may go."""
        limit = self.limit(rate)
        return 0.0 if limit is None or self.level >= 1 else (1 - self.level) / limit


def burst(limit: float) -> float:
    """Return how many messages may go at once."""
    return max(1.0, limit * BURST_SECONDS)
