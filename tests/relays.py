"""Real SMTP servers for tests: aiosmtpd where it can do it, and one of our own that can misbehave anywhere."""

from __future__ import annotations

import email
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope


@dataclass(frozen=True)
class Received:
    """A message that a server took."""

    sender: str
    recipient: str
    data: bytes

    @property
    def message_id(self) -> str:
        return str(email.message_from_bytes(self.data)["Message-ID"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Drop(Exception):
    """Raised by an answer to close the connection without a word."""


@dataclass
class Talk:
    """One connection as the server sees it."""

    number: int
    sender: str = ""
    recipient: str = ""
    data: bytes = b""
    messages: int = 0


Answer = Callable[[str, Talk], str | None]


@dataclass
class Relay:
    """A server that answers 250 unless `answer(stage, talk)` says otherwise.

    Stages: connect, ehlo, mail, rcpt, data, dot. An answer of None is the usual one; raising Drop closes the
    connection. At `dot` the message counts as received before the answer is given, unless that is a 4xx or 5xx.
    """

    answer: Answer = lambda stage, talk: None
    ehlo: tuple[str, ...] = ("SIZE 10000000", "8BITMIME")
    delay: float = 0.0
    received: list[Received] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    tls: ssl.SSLContext | None = None  # TLS from the start
    connections: int = 0
    log: list[str] = field(default_factory=list)
    _stopped: bool = False

    def __enter__(self) -> Relay:
        self._listener = socket.create_server((self.host, self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._listener.close()

    @property
    def recipients(self) -> list[str]:
        return [message.recipient for message in self.received]

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            talk = Talk(self.connections)
            threading.Thread(target=self._talk, args=(connection, talk), daemon=True).start()

    def _talk(self, plain: socket.socket, talk: Talk) -> None:
        with plain, suppress(Drop, OSError):
            connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            reader = connection.makefile("rb")
            say = lambda text: connection.sendall(text.encode() + b"\r\n")  # noqa: E731
            say(self.answer("connect", talk) or "220 relay.test ESMTP")
            while line := reader.readline():
                self._command(line.decode("utf-8", "replace").rstrip("\r\n"), talk, say, reader)

    def _command(self, line: str, talk: Talk, say: Callable[[str], None], reader: Any) -> None:
        self.log.append(line)
        verb = line.split(" ")[0].upper()
        if verb in ("EHLO", "HELO"):
            lines = ["relay.test", *self.ehlo]
            usual = "\r\n".join(f"250{'-' if place < len(lines) - 1 else ' '}{one}" for place, one in enumerate(lines))
            say(self.answer("ehlo", talk) or usual)
        elif verb == "MAIL":
            talk.sender = line.split("<")[1].split(">")[0]
            say(self.answer("mail", talk) or "250 2.1.0 ok")
        elif verb == "RCPT":
            talk.recipient = line.split("<")[1].split(">")[0]
            say(self.answer("rcpt", talk) or "250 2.1.5 ok")
        elif verb == "DATA":
            answer = self.answer("data", talk) or "354 go on"
            say(answer)
            if answer.startswith("354"):
                self._take(talk, say, reader)
        elif verb == "QUIT":
            say("221 bye")
            raise Drop
        else:
            say("250 ok")

    def _take(self, talk: Talk, say: Callable[[str], None], reader: Any) -> None:
        lines = []
        while (line := reader.readline()) != b".\r\n":
            if not line:
                raise Drop
            lines.append(line[1:] if line.startswith(b".") else line)
        talk.data = b"".join(lines)
        talk.messages += 1
        if self.delay:
            time.sleep(self.delay)
        message = Received(talk.sender, talk.recipient, talk.data)
        try:
            answer = self.answer("dot", talk)
        except Drop:
            self.received.append(message)
            raise
        if answer is None or answer.startswith("2"):
            self.received.append(message)
        say(answer or "250 2.0.0 taken")


class Keeping:
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self) -> None:
        self.received: list[Received] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert envelope.mail_from is not None
        for recipient in envelope.rcpt_tos:
            content = envelope.content
            self.received.append(
                Received(envelope.mail_from, recipient, content if isinstance(content, bytes) else b"")
            )
        return "250 2.0.0 taken"


@contextmanager
def aiosmtpd_relay(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    smtputf8: bool = False,
) -> Iterator[tuple[int, Keeping]]:
    """Run aiosmtpd; yields its port and what it got. With `login` it takes no mail without it."""

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = login is not None and (data.login, data.password) == tuple(part.encode() for part in login)
        return AuthResult(success=right, handled=False)

    handler = Keeping()
    options: dict[str, Any] = {"enable_SMTPUTF8": smtputf8}
    if login:
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls is None}
    if starttls:
        options |= {"tls_context": starttls, "require_starttls": True}
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), ssl_context=tls, **options)
    with warnings.catch_warnings():
        # aiosmtpd doesn't see that TLS from the start is TLS too; it warns at each connection.
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        controller.start()
        try:
            yield controller.port, handler
        finally:
            controller.stop()
