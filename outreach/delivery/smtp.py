"""A conversation with a relay (RFC 5321): greeting, TLS and login here, the messages in `pipeline`.

Nothing is raised for what a relay says or fails to say about a message: its decisive `Reply` is returned, and
`delivery/replies.py` knows what it means. `connect` raises `NoConnection`, since no message was under way.
"""

from __future__ import annotations

import base64
import re
import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import idna

from outreach.delivery.pipeline import ANSWER_SECONDS, DATA_SECONDS, Broken, Pipeline, ReplyReader, said
from outreach.delivery.replies import Reply, Stage, Verdict, join_words
from outreach.errors import Refusal
from outreach.settings import RelaySettings

CONNECT_SECONDS = 30.0
_PATH = re.compile(r"[^\x00-\x20<>\x7f-\x9f]{1,320}@[^\x00-\x20<>@\x7f-\x9f]+\Z")
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NoConnection(Exception):
    """No conversation came about; `reply` says at what stage and why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class _Lost(Exception):
    """The conversation broke off."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


def tls_context(relay: RelaySettings) -> ssl.SSLContext:
    """Return a context that verifies certificate and name, trusting `ca_file` alone if it is set."""
    try:
        return ssl.create_default_context(cafile=relay.ca_file or None)
    except OSError as error:
        raise Refusal(f"relay.ca_file {relay.ca_file!r} can't be read as certificates (PEM): {error}") from error


@dataclass(eq=False)
class Connection:
    """An open conversation; closed by whoever opened it."""

    relay: RelaySettings
    _socket: socket.socket
    _reader: ReplyReader = field(default_factory=ReplyReader)
    _features: dict[str, str] = field(default_factory=dict)
    name: str = ""  # of the relay

    @cached_property
    def traffic(self) -> Pipeline:
        """The messages, once the connection is open; it no longer waits from then on."""
        self._socket.setblocking(False)
        return Pipeline(self._socket, self._features, self.relay.timeout, self._reader)

    @property
    def usable(self) -> bool:
        """Tell whether it can carry another message."""
        return self.traffic.usable

    def send(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Send one message and wait for the reply that decides about it; ValueError for an impossible address."""
        self.traffic.put(None, check_path(sender), check_path(recipient), wire_form(message))
        while not (answers := self.traffic.pump()):
            left = (self.traffic.deadline() or time.monotonic()) - time.monotonic()
            wanted = [self._socket] if self.traffic.writing else []
            select.select([self._socket], wanted, [], max(left, 0))
        return answers[0][1]

    @property
    def certificate(self) -> dict[str, Any]:
        """Return the relay's certificate as `ssl` tells it, empty without TLS."""
        return dict(self._socket.getpeercert() or {}) if isinstance(self._socket, ssl.SSLSocket) else {}

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """Say goodbye and close."""
        self.traffic.quit()
        self._socket.close()

    def _ask(self, stage: Stage, line: str, seconds: float = ANSWER_SECONDS) -> Reply:
        self._write(stage, line.encode() + b"\r\n", seconds)
        return self._read(stage, seconds)

    def _write(self, stage: Stage, data: bytes, seconds: float) -> None:
        try:
            self._socket.settimeout(min(seconds, self.relay.timeout))
            self._socket.sendall(data)
        except OSError as error:
            raise _Lost(Reply(stage, None, said(error))) from error

    def _read(self, stage: Stage, seconds: float) -> Reply:
        code, lines = self._read_lines(stage, seconds)
        return Reply(stage, code, join_words(lines))

    def _read_lines(self, stage: Stage, seconds: float) -> tuple[int, list[str]]:
        """Read one reply of any number of lines; `seconds` hold for the whole of it."""
        deadline = time.monotonic() + min(seconds, self.relay.timeout)
        try:
            while (found := self._reader.next()) is None:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                received = self._socket.recv(4096)
                if not received:
                    raise _Lost(Reply(stage, None, "the relay closed the connection"))
                self._reader.buffer += received
        except Broken as broken:
            raise _Lost(Reply(stage, None, str(broken))) from broken
        except OSError as error:
            raise _Lost(Reply(stage, None, said(error))) from error
        return found

    def _hello(self) -> None:
        self._write(Stage.EHLO, f"EHLO {_own_name(self._socket)}\r\n".encode(), ANSWER_SECONDS)
        code, lines = self._read_lines(Stage.EHLO, ANSWER_SECONDS)
        if code != 250:
            raise _Lost(Reply(Stage.EHLO, code, join_words(lines)))
        offers = (line.strip().upper().partition(" ") for line in lines[1:])
        self._features = {keyword: values for keyword, _, values in offers}

    def _start_tls(self, context: ssl.SSLContext) -> None:
        if "STARTTLS" not in self._features:
            raise _Lost(Reply(Stage.STARTTLS, None, "the relay offers no STARTTLS", Verdict.STOP))
        reply = self._ask(Stage.STARTTLS, "STARTTLS")
        if reply.code != 220:
            raise _Lost(reply)
        if self._reader.buffer:
            # Octets sent before TLS would be taken for answers given under it (CVE-2011-0411).
            raise _Lost(Reply(Stage.STARTTLS, None, "the relay went on speaking before TLS", Verdict.STOP))
        self._wrap(context)
        self._hello()

    def _wrap(self, context: ssl.SSLContext) -> None:
        try:
            self._socket.settimeout(min(DATA_SECONDS, self.relay.timeout))
            self._socket = context.wrap_socket(self._socket, server_hostname=self.relay.host)
        except OSError as error:
            # A handshake that is refused stays refused; one that breaks off may succeed later.
            refused = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | TimeoutError)
            words = f"TLS with {self.relay.host} failed: {said(error)}"
            raise _Lost(Reply(Stage.STARTTLS, None, words, Verdict.STOP if refused else None)) from error

    def _log_in(self) -> None:
        offered = self._features.get("AUTH", "").split()
        name, password = self.relay.username.encode(), self.relay.password.get_secret_value().encode()
        if "PLAIN" in offered:
            reply = self._ask(Stage.AUTH, f"AUTH PLAIN {_base64(bytes(1) + name + bytes(1) + password)}")
        elif "LOGIN" in offered:
            reply = self._ask(Stage.AUTH, "AUTH LOGIN")
            for answer in (name, password):
                if reply.code == 334:
                    reply = self._ask(Stage.AUTH, _base64(answer))
        else:
            words = f"the relay offers no login we know (PLAIN, LOGIN) but {' '.join(offered) or 'none'}"
            raise _Lost(Reply(Stage.AUTH, None, words, Verdict.STOP))
        if reply.code != 235:
            raise _Lost(reply)

    def _open(self, context: ssl.SSLContext | None) -> None:
        if self.relay.security == "tls" and context is not None:
            self._wrap(context)
        greeting = self._read(Stage.CONNECT, ANSWER_SECONDS)
        if greeting.code != 220:
            raise _Lost(greeting)
        self._hello()
        if self.relay.security == "starttls" and context is not None:
            self._start_tls(context)
        if self.relay.username:
            self._log_in()


def connect(relay: RelaySettings, context: ssl.SSLContext | None) -> Connection:
    """Open a conversation up to and including the login; NoConnection says what stood in the way.

    `context` comes from `tls_context` and is None only where `relay.security` is none.
    """
    try:
        raw = socket.create_connection((relay.host, relay.port), timeout=min(CONNECT_SECONDS, relay.timeout))
    except OSError as error:
        words = f"{relay.host}:{relay.port} can't be reached: {said(error)}"
        raise NoConnection(Reply(Stage.CONNECT, None, words)) from error
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection = Connection(relay, raw)
    try:
        connection._open(context)
    except _Lost as lost:
        connection._socket.close()
        raise NoConnection(lost.reply) from lost
    return connection


def wire_form(message: bytes) -> bytes:
    """Return a message as it goes on the wire: CRLF only, dots stuffed, without the final dot (RFC 5321, 4.5.2).

    A bare CR or LF is made CRLF too: relays disagree about them, which lets one message smuggle in another.
    """
    message = canonical(message)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def canonical(message: bytes) -> bytes:
    """Return a message with CRLF at the end of each line, the last one too, and nowhere else a CR or LF."""
    if not message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def check_path(address: str) -> str:
    """Return an address as it stands between < and >, its domain as A-labels; ValueError if it can't stand there."""
    if address == "":
        return ""
    if not _PATH.match(address):
        raise ValueError(f"{address!r} can't stand in an SMTP command")
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise ValueError(f"{domain!r} is no domain name") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _own_name(connection: socket.socket) -> str:
    """Return the name for EHLO: this machine's if it is a full one, else its address (RFC 5321, 4.1.3)."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address: str = connection.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
