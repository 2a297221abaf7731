"""What became of mails, as it is counted and logged: by outcome, class of reply, and provider of the recipient."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass, field

from outreach.campaigns.progress import class_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """The end of one try: its new status, and the class of what the relay said or our reason (`kind`)."""

    status: str
    kind: str
    provider: str
    mail_id: int
    campaign_id: int | None  # None for mail of the outbox
    attempt: int = 0


def kind_of(reason: str | None, reply: str | None) -> str:
    """Return the class of an end, of which there are few: a reason of ours, else `<stage> <class of the code>`.

    A relay can send any code; what is counted by it must not grow without end.
    """
    return class_of(reply) or reason or "none"


@dataclass
class Outcomes:
    """Counts what became of mails since this process started, for any number of threads."""

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: Outcome) -> None:
        """Count an outcome and log it, whose mail it was by number only."""
        lane = "outbox" if outcome.campaign_id is None else "campaign"
        with self._lock:
            self.counts[lane, outcome.status, outcome.kind, outcome.provider] += 1
        level = logging.DEBUG if outcome.status in ("sent", "skipped") else logging.INFO
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "mail %s",
            outcome.status,
            extra={
                "mail": lane,
                "delivery": outcome.mail_id,
                "campaign": outcome.campaign_id,
                "provider": outcome.provider,
                "class": outcome.kind,
                "attempt": outcome.attempt,
            },
        )

    def snapshot(self) -> Counter[tuple[str, str, str, str]]:
        with self._lock:
            return self.counts.copy()
