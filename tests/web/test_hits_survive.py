"""An answered hit is a row, whatever becomes of the process: real servers, real load, `kill -9`, both databases."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from conftest import ROOT
from sqlalchemy import select

from outreach.app import App
from outreach.models import Hit
from outreach.web import hit_book
from tests.web.conftest import BROWSER, CODES, fill

SERVE = """
import socket, sys, uvicorn
from outreach.app import open_app
from outreach.web.site import create_site
listener = socket.socket(fileno=int(sys.argv[1]))
uvicorn.Server(uvicorn.Config(create_site(open_app()), log_level="warning")).run(sockets=[listener])
"""
VISITORS = 12


@contextmanager
def serving(app: App, listener: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Run the site in a process of its own, and wait until it answers."""
    arguments = [sys.executable, "-c", SERVE, str(listener.fileno())]
    environment = os.environ | {"OUTREACH_PROJECT": str(app.project), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(arguments, pass_fds=[listener.fileno()], env=environment)
    try:
        ask(listener.getsockname()[1], "/healthz", "x", patience=60)
        yield process
    finally:
        process.kill()
        process.wait()


def ask(port: int, path: str, agent: str, *, patience: float = 20) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request("GET", path, headers={"User-Agent": agent, "Accept-Language": "nl"})
        return connection.getresponse().status
    finally:
        connection.close()


class Crowd:
    """Visitors who press links, each under a name of its own, until they are told to stop or nobody answers."""

    def __init__(self, ports: list[int], round: int) -> None:
        self.answered: list[str] = []
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._press, args=(ports[number % len(ports)], f"{round}-{number}"))
            for number in range(VISITORS)
        ]
        for thread in self.threads:
            thread.start()

    def _press(self, port: int, name: str) -> None:
        for count in range(100_000):
            agent = f"{BROWSER} {name}-{count}"
            try:
                if self.stop.is_set() or ask(port, f"/l/{CODES[count % 4]}", agent, patience=10) != 302:
                    return
            except (OSError, http.client.HTTPException):
                return
            self.answered.append(agent)

    def wait_for(self, answers: int) -> None:
        end = time.monotonic() + 60
        while len(self.answered) < answers and time.monotonic() < end:
            time.sleep(0.01)

    def leave(self) -> list[str]:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.answered


def kept(app: App) -> list[str]:
    hit_book.catch_up(app)
    with app.database.reading() as session:
        return list(session.scalars(select(Hit.agent).where(Hit.agent.startswith(BROWSER))))


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(2)]
        for listener in made:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
        yield made


def test_killed_in_mid_load_no_answered_hit_is_lost(both: App, listeners: list[socket.socket]) -> None:
    with both.database.writing() as session:
        fill(session, both)
    answered: list[str] = []
    for round in range(2):
        with serving(both, listeners[0]) as process:
            crowd = Crowd([listeners[0].getsockname()[1]], round)
            crowd.wait_for(60)
            process.kill()
            process.wait()
            listeners[0].close()  # who still knocks is told at once that nobody is there
            answered += crowd.leave()
        listeners[0] = socket.create_server(("127.0.0.1", 0))
    assert len(answered) >= 120
    assert set(answered) - set(kept(both)) == set()


def test_two_processes_keep_every_hit_once(both: App, listeners: list[socket.socket]) -> None:
    with both.database.writing() as session:
        fill(session, both)
    with serving(both, listeners[0]), serving(both, listeners[1]):
        crowd = Crowd([listener.getsockname()[1] for listener in listeners], 0)
        crowd.wait_for(150)
        answered = crowd.leave()
    assert len(answered) >= 150
    assert sorted(answered) == sorted(kept(both))
