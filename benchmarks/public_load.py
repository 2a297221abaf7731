"""A load generator on raw sockets: one thread, `epoll`, kept-alive connections, one request at a time on each.

It must cost less than the server it measures, so it makes each request once and reads no more of an answer than its
end; answers are counted when their header is whole.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

END = b"\r\n\r\n"


@dataclass
class Counted:
    """What came back: marks of the requests that were answered as they should be, and how many otherwise."""

    answered: list[int] = field(default_factory=list)
    wrong: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.answered) / self.seconds


@dataclass
class _Line:
    socket: socket.socket
    mark: int = -1
    got: bytes = b""


def load(
    port: int,
    requests: Iterator[tuple[int, bytes]],
    *,
    connections: int,
    seconds: float,
    expected: bytes,
    on_second: Callable[[float], None] = lambda _: None,
) -> Counted:
    """Send (mark, request) pairs for so long, over so many connections; stops early when the server is gone.

    `expected` begins every right answer. `on_second` is called with the time since the start about every 10 ms.
    """
    counted, poll, lines = Counted(), select.epoll(), dict[int, _Line]()
    start, processor = time.perf_counter(), time.process_time()
    for _ in range(connections):
        line = _Line(socket.create_connection(("127.0.0.1", port), timeout=10))
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(line.socket.fileno(), select.EPOLLIN)
        lines[line.socket.fileno()] = line
        _ask(line, requests)
    while lines and (now := time.perf_counter() - start) < seconds:
        on_second(now)
        for number, _ in poll.poll(0.01):
            line = lines[number]
            if not _hear(line):
                poll.unregister(number)
                line.socket.close()
                del lines[number]
            elif line.got.endswith(END):
                if line.got.startswith(expected):
                    counted.answered.append(line.mark)
                else:
                    counted.wrong += 1
                _ask(line, requests)
    counted.seconds = time.perf_counter() - start
    counted.processor_seconds = time.process_time() - processor
    for line in lines.values():
        line.socket.close()
    return counted


def _ask(line: _Line, requests: Iterator[tuple[int, bytes]]) -> None:
    line.mark, request = next(requests)
    line.got = b""
    try:
        line.socket.sendall(request)
    except OSError:
        line.got = b""


def _hear(line: _Line) -> bool:
    """Read what came; False if the server hung up."""
    try:
        some = line.socket.recv(65536)
    except OSError:
        return False
    line.got += some
    return bool(some)
