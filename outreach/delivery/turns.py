"""Whose turn it is: a campaign's mail is claimed provider by provider, each as often as it has mail.

So no provider gets all of its mail at once, and one that is slow never stands before the others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Turns:
    """Gives providers turns by weight, spread evenly (the smooth weighted round robin of nginx)."""

    weights: Mapping[str, int]
    _credit: dict[str, int] = field(default_factory=dict)
    _passed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self) -> Iterator[str]:
        """Yield the provider whose turn it is, then the others; those passed over come when there is nobody else."""
        with self._lock:
            first = self._next()
            rest = sorted((name for name in self.weights if name != first), key=lambda name: name in self._passed)
        if first is not None:
            yield first
        yield from rest

    def pass_over(self, provider: str) -> None:
        """Note that a provider had nothing to claim just now."""
        with self._lock:
            self._passed.add(provider)

    def _next(self) -> str | None:
        if self._passed.issuperset(self.weights):
            self._passed.clear()
        waiting = [name for name in self.weights if name not in self._passed]
        if not waiting:
            return None
        for name in waiting:
            self._credit[name] = self._credit.get(name, 0) + self.weights[name]
        first = max(waiting, key=lambda name: self._credit[name])
        self._credit[first] -= sum(self.weights[name] for name in waiting)
        return first
