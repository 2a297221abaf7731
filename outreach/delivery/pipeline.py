"""Messages over an open connection, the next one under way before the last is answered (RFC 2920).

MAIL, RCPT and DATA of a message go out in one write, behind the final dot of the message before, whose answer is still
to come. A relay that doesn't offer PIPELINING gets one command at a time. Nothing here waits: `pump` reads and writes
what can be read and written, and gives the answers that decide about messages, each with the key it was put in with.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from outreach.delivery.replies import Reply, Stage, Verdict, join_words

# RFC 5321, section 4.5.3.2, in seconds; the wait after the final dot is the relay's own setting, which caps these too.
ANSWER_SECONDS = 300.0
DATA_SECONDS = 120.0
BLOCK_SECONDS = 180.0
MAX_MESSAGES = 100
_MAX_LINE = 4096
_MAX_LINES = 128
_RECEIVED = 65536
_ENVELOPE = {Stage.MAIL: Stage.RCPT, Stage.RCPT: Stage.DATA}  # and what comes next
_REPLY = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)


class Broken(Exception):
    """What the relay says is no SMTP."""


class ReplyReader:
    """Cuts what a relay says into replies."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._lines: list[str] = []
        self._code = b""

    def next(self) -> tuple[int, list[str]] | None:
        """Return the next whole reply (code, lines), None while it isn't there; Broken for anything else."""
        while (end := self.buffer.find(b"\n")) >= 0:
            line = bytes(self.buffer[:end]).rstrip(b"\r")
            del self.buffer[: end + 1]
            match = _REPLY.match(line)
            if match is None or len(line) > _MAX_LINE:
                raise Broken(f"the relay doesn't speak SMTP: {line[:80].decode('ascii', 'replace')!r}")
            if self._lines and match[1] != self._code:
                # RFC 5321, 4.2.1: one code for all lines. Yes and no at once is neither.
                raise Broken(f"the relay answers with two codes: {self._code.decode()} and {match[1].decode()}")
            self._code = match[1]
            self._lines.append((match[3] or b"").decode("utf-8", "replace"))
            if match[2] != b"-":
                lines, self._lines = self._lines, []
                return int(match[1]), lines
            if len(self._lines) >= _MAX_LINES:
                raise Broken(f"the relay's answer has more than {_MAX_LINES} lines")
        if len(self.buffer) > _MAX_LINE:
            raise Broken("the relay's answer is endless")
        return None


@dataclass(eq=False, slots=True)
class Parcel:
    """A message put in: what to send, and how far it got. `message` is in wire form, without the final dot."""

    key: Any
    sender: str
    recipient: str
    message: bytes = field(repr=False)
    stage: Stage = Stage.MAIL
    decided: Reply | None = None
    dot_at: int | None = None  # how many octets stand before the final dot on this connection


@dataclass
class Pipeline:
    """A conversation after its greeting; `usable` turns false when it can't carry another message."""

    socket: socket.socket
    features: Mapping[str, str]
    timeout: float
    reader: ReplyReader
    messages: int = 0
    usable: bool = True
    broken: bool = False  # the relay is gone
    load: int = 0  # messages that are in, unanswered
    _waiting: deque[Parcel] = field(default_factory=deque)
    _open: Parcel | None = None  # its envelope is under way
    _awaited: deque[tuple[Stage, Parcel | None]] = field(default_factory=deque)
    _out: deque[memoryview | bytes] = field(default_factory=deque)
    _asked: int = 0
    _written: int = 0
    _since: float = field(default_factory=time.monotonic)
    _answers: list[tuple[Any, Reply]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pipelining = "PIPELINING" in self.features
        self._secured = isinstance(self.socket, ssl.SSLSocket)
        # Under TLS octets may wait in the session, where the selector doesn't see them.
        self._enough = 0 if self._secured else _RECEIVED

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._awaited or self._out)

    def quit(self) -> None:
        """Say goodbye, without waiting for the answer."""
        if self.idle and not self.broken:
            self.usable = False
            with suppress(OSError):
                self.socket.send(b"QUIT\r\n")

    @property
    def writing(self) -> bool:
        """Tell whether octets wait for the relay to take more."""
        return bool(self._out)

    def put(self, key: Any, sender: str, recipient: str, message: bytes) -> None:
        """Take a message in (addresses that can stand in a command, `message` in wire form)."""
        plain = sender.isascii() and recipient.isascii()
        if not plain and "SMTPUTF8" not in self.features:
            words = "the relay takes no addresses outside ASCII (SMTPUTF8)"
            self._answers.append((key, Reply(Stage.RCPT, None, words, Verdict.REJECT)))
            return
        self.load += 1
        self._waiting.append(Parcel(key, sender, recipient, message))
        self._begin()

    def deadline(self) -> float | None:
        """Return the moment (monotonic) at which the relay has waited too long; None while nothing is awaited."""
        if self._out:
            return self._since + min(BLOCK_SECONDS, self.timeout)
        if not self._awaited:
            return None
        stage = self._awaited[0][0]
        seconds = {Stage.DATA: DATA_SECONDS, Stage.DOT: self.timeout}.get(stage, ANSWER_SECONDS)
        return self._since + min(seconds, self.timeout)

    def pump(self) -> list[tuple[Any, Reply]]:
        """Write and read what can be; return the answers that decide about messages."""
        try:
            self._write()
            while self._read():
                self._take_replies()
            self._take_replies()
            self._write()
        except Broken as broken:
            self._lose(str(broken))
        except OSError as error:
            self._lose(said(error))
        else:
            if (deadline := self.deadline()) is not None and time.monotonic() >= deadline:
                self._lose("no answer in time")
        answers, self._answers = self._answers, []
        return answers

    def withdraw(self) -> list[Any]:
        """Take back the messages of which nothing was said to the relay; return their keys."""
        keys = [parcel.key for parcel in self._waiting]
        self.load -= len(keys)
        self._waiting.clear()
        return keys

    def _begin(self) -> None:
        """Say the envelope of the next message, unless one is being said or the connection carries no more."""
        if self._open is not None or not self._waiting or not self.usable or self._resetting():
            return
        parcel = self._open = self._waiting.popleft()
        self.messages += 1
        if self.messages >= MAX_MESSAGES:
            self.usable = False
        mail = f"MAIL FROM:<{parcel.sender}>{self._parameters(parcel)}\r\n"
        if not self._pipelining:
            self._ask(Stage.MAIL, parcel, mail.encode())
            return
        self._say(f"{mail}RCPT TO:<{parcel.recipient}>\r\nDATA\r\n".encode())
        self._awaited.extend(((Stage.MAIL, parcel), (Stage.RCPT, parcel), (Stage.DATA, parcel)))

    def _parameters(self, parcel: Parcel) -> str:
        words = f" SIZE={len(parcel.message)}" if "SIZE" in self.features else ""
        if "8BITMIME" in self.features and not parcel.message.isascii():
            words += " BODY=8BITMIME"
        if not (parcel.sender.isascii() and parcel.recipient.isascii()):
            words += " SMTPUTF8"
        return words

    def _resetting(self) -> bool:
        return any(parcel is None for _, parcel in self._awaited)

    def _ask(self, stage: Stage, parcel: Parcel | None, line: bytes) -> None:
        self._say(line)
        self._awaited.append((stage, parcel))

    def _say(self, octets: bytes) -> None:
        if not self._awaited and not self._out:
            self._since = time.monotonic()
        self._out.append(octets)
        self._asked += len(octets)

    def _write(self) -> None:
        while self._out:
            try:
                written = self._send()
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            self._written += written
            self._since = time.monotonic()
            self._forget(written)

    def _forget(self, written: int) -> None:
        while written:
            octets = self._out.popleft()
            if written < len(octets):
                self._out.appendleft(memoryview(octets)[written:])
            written -= min(written, len(octets))

    def _send(self) -> int:
        """Send all that waits in one go; return how many octets were taken."""
        if not self._secured:
            return self.socket.sendmsg(self._out)
        if len(self._out) > 1:
            whole = b"".join(self._out)
            self._out.clear()
            self._out.append(whole)
        return self.socket.send(self._out[0])

    def _read(self) -> bool:
        """Read what is there; False if nothing is. A relay that closed is an OSError like any other end."""
        try:
            received = self.socket.recv(_RECEIVED)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if not received:
            self._take_replies()
            raise ConnectionResetError(0, "the relay closed the connection")
        self.reader.buffer += received
        return len(received) >= self._enough

    def _take_replies(self) -> None:
        while (found := self.reader.next()) is not None:
            code, lines = found
            self._since = time.monotonic()
            if not self._awaited:
                self.usable = False
                if code != 421:  # RFC 5321, 3.8: the one thing a relay may say unasked
                    raise Broken(f"the relay speaks unasked: {code} {join_words(lines)[:80]!r}")
                continue
            stage, parcel = self._awaited[0]
            if parcel is not None and parcel.dot_at is not None and self._written <= parcel.dot_at:
                self._cut_short(parcel, Reply(stage, code, join_words(lines)))
            self._awaited.popleft()
            if code == 421:
                self.usable = False
            if parcel is not None and self._pipelining and code == 250 and stage in _ENVELOPE:
                parcel.stage = _ENVELOPE[stage]  # three of a message's four answers, of which nobody reads the words
            elif parcel is not None and code == 354 and stage is Stage.DATA:
                self._send_message(parcel)
            elif parcel is not None:
                self._judge(parcel, Reply(stage, code, join_words(lines)))
            elif code != 250:
                self.usable = False  # RSET was refused
            else:
                self._begin()

    def _cut_short(self, parcel: Parcel, reply: Reply) -> None:
        """Withhold the final dot from a relay that answers before it: so nobody gets what it refused, or half of it.

        A refusal holds. A yes to what isn't on the wire answers something else: the relay and we are out of step.
        """
        if (reply.code or 0) >= 400:
            self._awaited.popleft()
            self._end(parcel, reply)
        raise Broken(f"the relay answered before it had the whole message: {reply}")

    def _judge(self, parcel: Parcel, reply: Reply) -> None:
        match reply.stage:
            case Stage.MAIL | Stage.RCPT:
                accepted = (250,) if reply.stage is Stage.MAIL else (250, 251, 252)
                self._judge_envelope(parcel, reply, fine=reply.code in accepted)
            case Stage.DATA:
                self._end_without_message(parcel, reply)
            case _:
                self._end(parcel, reply)
                if (reply.code or 0) // 100 == 3:
                    self.usable = False

    def _judge_envelope(self, parcel: Parcel, reply: Reply, *, fine: bool) -> None:
        if not fine and parcel.decided is None:
            parcel.decided = reply
        parcel.stage = _ENVELOPE[reply.stage]
        if self._pipelining:
            return
        if not fine:
            self._end_without_message(parcel, reply)
        elif reply.stage is Stage.MAIL:
            self._ask(Stage.RCPT, parcel, f"RCPT TO:<{parcel.recipient}>\r\n".encode())
        else:
            self._ask(Stage.DATA, parcel, b"DATA\r\n")

    def _send_message(self, parcel: Parcel) -> None:
        """Write the message and its final dot, and the next envelope right behind it."""
        self._open = None
        parcel.stage = Stage.DOT
        if parcel.decided is None:
            self._say(parcel.message)
        # Refused, yet DATA was answered with 354: the lone dot ends what nobody is to get (RFC 2920, 3.1).
        parcel.dot_at = self._asked
        self._ask(Stage.DOT, parcel, b".\r\n")
        parcel.message = b""
        self._begin()

    def _end_without_message(self, parcel: Parcel, reply: Reply) -> None:
        self._open = None
        self._end(parcel, reply)
        if (reply.code or 0) // 100 == 3:
            self.usable = False
        if self.usable:
            self._ask(Stage.MAIL, None, b"RSET\r\n")

    def _end(self, parcel: Parcel, reply: Reply) -> None:
        self.load -= 1
        self._answers.append((parcel.key, parcel.decided or reply))

    def _lose(self, words: str) -> None:
        """Say of each message that was under way how it ended: nobody knows, or certainly not sent."""
        self.usable = False
        ends: dict[int, Parcel] = {id(parcel): parcel for _, parcel in self._awaited if parcel is not None}
        for parcel in ends.values():
            stage = parcel.stage
            if parcel.dot_at is not None and self._written <= parcel.dot_at:
                stage = Stage.DATA  # the kernel never took the dot: nobody has the whole message
            self._end(parcel, Reply(stage, None, words))
        self._awaited.clear()
        self._out.clear()
        self._open = None
        self.broken = True


def said(error: OSError) -> str:
    """Say in words what became of a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
