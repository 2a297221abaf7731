"""How long a visitor may take to say what he wants: uvicorn waits for ever, so a few slow ones would hold the site."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# A whole request, form included; the longest form has 64 KB, which takes a bad phone some seconds.
SECONDS = 30.0


class Patient(H11Protocol):
    """Serves HTTP, and hangs up on who doesn't finish a request in time, however busily he sends single bytes."""

    seconds = SECONDS
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cease()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Count the time from the first moment at which something is awaited; bytes that come don't set it back."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._cease()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.seconds, self._hang_up)

    def _cease(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _hang_up(self) -> None:
        self._overdue = None
        if not self.transport.is_closing():
            self.transport.close()
