"""A relay of our own that follows a script: at any step of the conversation it says, drops or withholds what we want.

What it took is what the sender will be held to: `taken` after a 2xx to the final dot, `perhaps` where it had the whole
message and gave no answer that can be believed.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

STEPS = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot", "rset", "quit")
_RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER that makes close() send a reset
_SILENCE = 30.0


@dataclass(frozen=True)
class Act:
    """What the relay does instead of its usual answer; `then` is what follows the words."""

    words: bytes = b""
    then: str = ""  # "" = it goes on; close, reset, silence
    drip: float = 0.0  # seconds between the octets of the words


@dataclass
class Talk:
    """One conversation as the relay sees it; `sender` and `recipient` are None where the envelope lacks them."""

    number: int
    sender: str | None = None
    recipient: str | None = None
    named: str = ""  # what the command at hand names, taken or not
    tls: bool = False


Script = Callable[[str, Talk], Act | None]


class _Over(Exception):
    """The conversation ends here."""


@dataclass
class ScriptedRelay:
    """A relay that behaves unless `script(step, talk)` returns an Act."""

    script: Script = lambda step, talk: None
    pipelining: bool = False
    tls: ssl.SSLContext | None = None  # offered by STARTTLS
    offers_starttls: bool = True
    taken: list[str] = field(default_factory=list)
    perhaps: list[str] = field(default_factory=list)
    messages: dict[str, bytes] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> ScriptedRelay:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def forget(self) -> None:
        """Begin anew with an empty mailbox."""
        self.taken.clear()
        self.perhaps.clear()
        self.messages.clear()
        self.steps.clear()
        self.connections = 0

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            conversation = _Conversation(self, connection, Talk(self.connections))
            threading.Thread(target=conversation.run, daemon=True).start()


@dataclass
class _Conversation:
    relay: ScriptedRelay
    socket: socket.socket
    talk: Talk

    def __post_init__(self) -> None:
        self._lines = self.socket.makefile("rb")

    def run(self) -> None:
        try:
            with suppress(_Over, OSError):
                self._answer("connect", b"220 relay.test ESMTP")
                while line := self._lines.readline():
                    self._command(line.decode("utf-8", "replace").strip())
        finally:
            self._lines.close()
            self.socket.close()

    def _command(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        self.talk.named = line.partition("<")[2].partition(">")[0]
        if verb == "EHLO":
            self._answer("ehlo", self._offers())
        elif verb == "STARTTLS":
            self._start_tls()
        elif verb == "AUTH":
            self._answer("auth", b"235 2.7.0 welcome")
        elif verb == "MAIL":
            self.talk.sender = self.talk.recipient = None
            if self._answer("mail", b"250 2.1.0 ok"):
                self.talk.sender = self.talk.named
        elif verb == "RCPT":
            if self.talk.sender is None:
                self._say(b"503 5.5.1 MAIL first\r\n")
            elif self._answer("rcpt", b"250 2.1.5 ok"):
                self.talk.recipient = self.talk.named
        elif verb == "DATA":
            if self.talk.recipient is None:
                self._say(b"554 5.5.1 no valid recipients\r\n")
            elif self._answer("data", b"354 go on", good=b"3"):
                self._take()
        elif verb == "RSET":
            self.talk.sender = self.talk.recipient = None
            self._answer("rset", b"250 2.0.0 ok")
        elif verb == "QUIT":
            self._answer("quit", b"221 2.0.0 bye")
            raise _Over
        else:
            self._say(b"500 5.5.1 what?\r\n")

    def _offers(self) -> bytes:
        offers = [b"relay.test", b"8BITMIME", *([b"PIPELINING"] if self.relay.pipelining else [])]
        if self.relay.tls and self.relay.offers_starttls and not self.talk.tls:
            offers.append(b"STARTTLS")
        if self.talk.tls:
            offers.append(b"AUTH PLAIN LOGIN")
        return b"\r\n".join([b"250-" + offer for offer in offers[:-1]] + [b"250 " + offers[-1]])

    def _start_tls(self) -> None:
        assert self.relay.tls is not None
        if self._answer("starttls", b"220 2.0.0 go on"):
            self._lines.close()
            self.socket = self.relay.tls.wrap_socket(self.socket, server_side=True)
            self._lines = self.socket.makefile("rb")
            self.talk.tls = True

    def _take(self) -> None:
        recipient = self.talk.recipient
        assert recipient is not None
        first = self._lines.readline()
        if act := self._script("body"):
            self._do(act)
        message = [first]
        while message[-1] != b".\r\n":
            if not (line := self._lines.readline()):
                raise _Over
            message.append(line)
        act = self._script("dot") or Act(b"250 2.0.0 taken\r\n")
        if act.words[:1] not in (b"4", b"5"):
            self.relay.messages[recipient] = b"".join(message[:-1])
            (self.relay.taken if act.words[:1] == b"2" else self.relay.perhaps).append(recipient)
        self.talk.sender = self.talk.recipient = None
        self._do(act)

    def _answer(self, step: str, usual: bytes, good: bytes = b"2") -> bool:
        """Say what the script wants or the usual; tell whether that was a yes."""
        act = self._script(step) or Act(usual + b"\r\n")
        self._do(act)
        return act.words.startswith(good)

    def _script(self, step: str) -> Act | None:
        self.relay.steps.append(step)
        return self.relay.script(step, self.talk)

    def _do(self, act: Act) -> None:
        if act.drip:
            for octet in act.words:
                self._say(bytes([octet]))
                time.sleep(act.drip)
        else:
            self._say(act.words)
        if act.then == "silence":
            self.relay._over.wait(_SILENCE)
        if act.then == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if act.then:
            raise _Over

    def _say(self, words: bytes) -> None:
        if words:
            self.socket.sendall(words)
