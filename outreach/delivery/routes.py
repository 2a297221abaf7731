"""The relays as a round uses them: those that carry mail now, those that rest, and who takes over meanwhile."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from outreach.delivery import smtp
from outreach.delivery.pace import Permits
from outreach.relays import Relay


@dataclass
class Route:
    """A relay in this round. `pause_until` is a short rest that its connections wait out; closed, it has none."""

    relay: Relay
    context: ssl.SSLContext | None
    open: int = 0  # connections
    fewer_since: float = 0.0
    failures: int = 0
    troubled: bool = True  # unknown yet: the first message that goes through wipes out what an earlier round left
    pause_until: float = 0.0
    closed_until: float = 0.0
    reopened: bool = False

    @property
    def name(self) -> str:
        return self.relay.name

    @property
    def connections(self) -> int:
        return self.relay.settings.connections

    def is_open(self) -> bool:
        """Tell whether it may be used; when its rest is over it is tried again."""
        if self.closed_until and time.monotonic() >= self.closed_until:
            self.closed_until, self.reopened = 0.0, True
        return not self.closed_until

    def close_for(self, seconds: float) -> None:
        self.closed_until = time.monotonic() + seconds


def plan(relays: Sequence[Relay]) -> list[Route]:
    """Return the routes over relays; Refusal if the certificates to trust can't be read."""
    return [
        Route(relay, None if relay.settings.security == "none" else smtp.tls_context(relay.settings))
        for relay in relays
    ]


@dataclass
class Routes:
    """All routes of a round, and which of them carry mail now."""

    all: list[Route]
    permits: Permits
    _by_name: dict[str, Route] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {route.name: route for route in self.all}

    def __getitem__(self, name: str) -> Route:
        return self._by_name[name]

    def carrying(self) -> list[Route]:
        """Return the routes to use: of those that may be used, the ones with permits left today, backups last."""
        usable = [route for route in self.all if route.is_open()]
        fresh = [route for route in usable if not self.permits.is_dry(route.name)]
        for choice in (fresh, usable):  # past the day's ceiling only other mail goes
            first = [route for route in choice if not route.relay.settings.backup]
            if choice:
                return first or choice
        return []

    def is_dry(self) -> bool:
        """Tell whether campaigns have to wait: every relay that could carry mail now has had all that it may today."""
        carrying = self.carrying()
        return bool(carrying) and all(self.permits.is_dry(route.name) for route in carrying)
