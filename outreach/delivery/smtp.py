"""A conversation with a relay (RFC 5321): one message at a time, every way it can end told apart.

Nothing is raised for what a relay says or fails to say about a message: `send` returns the decisive `Reply`, and
`delivery/replies.py` knows what it means. `connect` raises `NoConnection`, since no message was under way.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from dataclasses import dataclass, field

import idna

from outreach.delivery.replies import Reply, Stage, Verdict, join_words
from outreach.errors import Refusal
from outreach.settings import RelaySettings

# RFC 5321, section 4.5.3.2, in seconds; the wait after the final dot is `relay.timeout`, which caps these too.
CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 300.0
DATA_SECONDS = 120.0
BLOCK_SECONDS = 180.0
QUIT_SECONDS = 2.0
MAX_MESSAGES = 100
_MAX_LINE = 4096
_MAX_LINES = 128
_REPLY = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)
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


@dataclass
class Connection:
    """An open conversation; `usable` turns false when it can't carry another message."""

    relay: RelaySettings
    _socket: socket.socket
    _buffer: bytearray = field(default_factory=bytearray)
    _features: dict[str, str] = field(default_factory=dict)
    messages: int = 0
    usable: bool = True

    def send(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Send a message and return the reply that decides about it; ValueError for an address that can't be sent."""
        sender, recipient = check_path(sender), check_path(recipient)
        plain = sender.isascii() and recipient.isascii()
        if not plain and "SMTPUTF8" not in self._features:
            words = "the relay takes no addresses outside ASCII (SMTPUTF8)"
            return Reply(Stage.RCPT, None, words, Verdict.REJECT)
        self.messages += 1
        try:
            reply = self._transaction(sender, recipient, wire_form(message), utf8=not plain)
            self._settle(reply)
        except _Lost as lost:
            self.usable = False
            return lost.reply
        return reply

    def _transaction(self, sender: str, recipient: str, body: bytes, *, utf8: bool) -> Reply:
        reply = self._ask(Stage.MAIL, f"MAIL FROM:<{sender}>{self._parameters(body, utf8)}")
        if reply.code != 250:
            return reply
        reply = self._ask(Stage.RCPT, f"RCPT TO:<{recipient}>")
        if reply.code not in (250, 251, 252):
            return reply
        reply = self._ask(Stage.DATA, "DATA", DATA_SECONDS)
        if reply.code != 354:
            return reply
        self._write(Stage.DATA, body, BLOCK_SECONDS)
        self._write_dot()
        return self._read(Stage.DOT, self.relay.timeout)

    def _parameters(self, body: bytes, utf8: bool) -> str:
        words = [f"SIZE={len(body)}"] if "SIZE" in self._features else []
        if not body.isascii() and "8BITMIME" in self._features:
            words.append("BODY=8BITMIME")
        if utf8:
            words.append("SMTPUTF8")
        return "".join(f" {word}" for word in words)

    def _settle(self, reply: Reply) -> None:
        """Make the conversation ready for the next message, or unusable; the reply stands either way."""
        if reply.code == 421 or self.messages >= MAX_MESSAGES or (reply.code or 0) // 100 == 3:
            self.usable = False
        elif reply.stage is not Stage.DOT:
            try:
                self.usable = self._ask(Stage.MAIL, "RSET").code == 250
            except _Lost:
                self.usable = False

    def close(self) -> None:
        """Say goodbye without waiting long for an answer."""
        try:
            if self.usable:
                self.usable = False
                self._ask(Stage.MAIL, "QUIT", QUIT_SECONDS)
        except _Lost:
            pass
        finally:
            self._socket.close()

    def _ask(self, stage: Stage, line: str, seconds: float = ANSWER_SECONDS) -> Reply:
        self._write(stage, line.encode() + b"\r\n", seconds)
        return self._read(stage, seconds)

    def _write(self, stage: Stage, data: bytes, seconds: float) -> None:
        try:
            self._socket.settimeout(min(seconds, self.relay.timeout))
            self._socket.sendall(data)
        except OSError as error:
            raise _Lost(Reply(stage, None, _said(error))) from error

    def _write_dot(self) -> None:
        """Write the final dot; from its first octet on, nobody but the relay knows whether it took the message."""
        try:
            self._socket.settimeout(min(BLOCK_SECONDS, self.relay.timeout))
            self._socket.sendall(b".\r\n")
        except (BrokenPipeError, ConnectionResetError) as error:
            # The kernel refused the octets because the connection was gone before: nothing of the dot went out.
            raise _Lost(Reply(Stage.DATA, None, _said(error))) from error
        except OSError as error:
            raise _Lost(Reply(Stage.DOT, None, _said(error))) from error

    def _read(self, stage: Stage, seconds: float) -> Reply:
        code, lines = self._read_lines(stage, seconds)
        return Reply(stage, code, join_words(lines))

    def _read_lines(self, stage: Stage, seconds: float) -> tuple[int, list[str]]:
        """Read one reply of any number of lines; `seconds` hold for the whole of it."""
        deadline = time.monotonic() + min(seconds, self.relay.timeout)
        lines: list[str] = []
        while len(lines) < _MAX_LINES:
            line = self._line(stage, deadline)
            match = _REPLY.match(line)
            if match is None:
                shown = line[:80].decode("ascii", "replace")
                raise _Lost(Reply(stage, None, f"the relay doesn't speak SMTP: {shown!r}"))
            lines.append((match[3] or b"").decode("utf-8", "replace"))
            if match[2] != b"-":
                return int(match[1]), lines
        raise _Lost(Reply(stage, None, f"the relay's answer has more than {_MAX_LINES} lines"))

    def _line(self, stage: Stage, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE:
                raise _Lost(Reply(stage, None, "the relay's answer is endless"))
            try:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                received = self._socket.recv(4096)
            except OSError as error:
                raise _Lost(Reply(stage, None, _said(error))) from error
            if not received:
                raise _Lost(Reply(stage, None, "the relay closed the connection"))
            self._buffer += received
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

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
        if self._buffer:
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
            words = f"TLS with {self.relay.host} failed: {_said(error)}"
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
        words = f"{relay.host}:{relay.port} can't be reached: {_said(error)}"
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
    if not message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


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


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
