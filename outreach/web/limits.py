"""How often one place may do something: counted in memory, under a key that nobody can turn back into an address.

The key is an HMAC with a secret that this process made for itself and forgets when it ends. Nothing is written to a
disk, so no copy of one can be searched for a visitor. A restart forgets who was stopped; what must outlast one (mails
to one address, log-ins) is counted where it is kept anyhow.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

MAX_PLACES = 50_000  # of about 300 bytes each; beyond it the place that was silent longest is forgotten


class Limits:
    """Counts attempts by purpose and place; for any number of threads."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._places: OrderedDict[bytes, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, purpose: str, who: str, *, most: int, window: timedelta, now: datetime) -> bool:
        """Count one attempt and return True; False, counting nothing, if there were `most` within the window."""
        key = hmac.digest(self._secret, f"{purpose}:{who}".encode(), "sha256")[:16]
        with self._lock:
            times = self._places.setdefault(key, deque(maxlen=max(most, 1)))
            while times and times[0] <= now - window:
                times.popleft()
            if len(times) >= most:
                return False
            times.append(now)
            self._places.move_to_end(key)
            while len(self._places) > MAX_PLACES:
                self._places.popitem(last=False)
        return True
