"""Who takes for ever to ask something is hung up on; whoever asks at a normal pace is served, again and again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import uvicorn

from outreach.app import App
from outreach.web.patience import Patient
from outreach.web.site import create_site

HEAD = (
    b"POST /nieuwsbrief HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 500\r\n\r\n"
)


class Impatient(Patient):
    seconds = 1.0


@pytest.fixture
def port(app: App) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_site(app), http=Impatient, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHos", HEAD + b"email="], ids=["silent", "head", "body"])
def test_who_does_not_finish_a_request_is_hung_up_on_however_busy_he_is(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(begun)
        for _ in range(20):
            time.sleep(0.1)
            try:
                if begun:
                    slow.sendall(b"a")
            except OSError:
                break
        try:
            while slow.recv(4096):
                pass
        except ConnectionError:
            return


def test_a_visitor_who_keeps_the_line_open_is_served_again(port: int) -> None:
    visitor = HTTPConnection("127.0.0.1", port, timeout=10)
    visitor.connect()
    line = visitor.sock
    for _ in range(3):
        visitor.request("GET", "/healthz")
        answer = visitor.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok\n")
        time.sleep(0.6)  # together longer than a request may take
    assert visitor.sock is line, "no new connection was needed"
    visitor.close()
