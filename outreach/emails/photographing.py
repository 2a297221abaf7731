"""Pictures of a mail as a screen and a phone show it, by a headless Chromium that can reach nothing.

A template may name any address, inside our network too; so no request leaves the browser. Each is answered here, with a
picture that we hold or with a refusal; behind that stand a proxy that isn't there and a resolver that finds no name,
and scripts are off. The browser is spoken to over a pipe (DevTools protocol, messages that end with NUL), so it opens
no port.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from outreach.errors import Refusal

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 90.0
MAX_HEIGHT = 20_000
_FLAGS = (
    *("--headless", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars", "--mute-audio", "--no-first-run"),
    *("--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--disable-domain-reliability", "--disable-breakpad"),
    *("--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
# Chromium reads from descriptor 3 and writes to 4.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3, True); os.dup2(int(sys.argv[2]), 4, True); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass(frozen=True)
class Shot:
    """How a mail is looked at: the width in pixels, and on a dark screen or not."""

    width: int
    dark: bool

    @property
    def name(self) -> str:
        return f"{self.width}-{'dark' if self.dark else 'light'}"


SHOTS = tuple(Shot(width, dark) for width in (640, 360) for dark in (False, True))


@dataclass(frozen=True)
class Picture:
    """A picture that the mail shows."""

    media_type: str
    data: bytes


@dataclass(frozen=True)
class Photographs:
    """PNG files by the way of looking, and the addresses that the mail asked for and didn't get."""

    files: Mapping[Shot, bytes]
    refused: tuple[str, ...]


def find_chromium() -> str | None:
    """Return the path of a Chromium browser on this machine, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def photograph(
    chromium: str, html: str, pictures: Mapping[str, Picture], shots: Sequence[Shot] = SHOTS, seconds: float = SECONDS
) -> Photographs:
    """Photograph a mail in its whole height; `pictures` by their address. Refusal if the browser fails or hangs."""
    with _Browser(chromium, pictures, seconds) as browser:
        files = {shot: browser.shot(html, shot) for shot in shots}
        return Photographs(files, tuple(dict.fromkeys(browser.refused)))


class _Browser:
    """One Chromium, its pipes and its folder; whatever happens, nothing of it is left behind."""

    def __init__(self, chromium: str, pictures: Mapping[str, Picture], seconds: float) -> None:
        self._chromium, self._pictures = chromium, pictures
        self._deadline = time.monotonic() + seconds
        self._buffer, self._number = b"", 0
        self._session: str | None = None
        self._loaded = False
        self.refused: list[str] = []

    def __enter__(self) -> _Browser:
        self._folder = tempfile.mkdtemp(prefix="outreach-chromium-")
        reading, self._write = _pipe()
        self._read, writing = _pipe()
        flags = [*_FLAGS, f"--user-data-dir={self._folder}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        command = [
            sys.executable,
            "-I",
            "-c",
            _START,
            str(reading),
            str(writing),
            self._chromium,
            *flags,
            "about:blank",
        ]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=(reading, writing), start_new_session=True
        )
        os.close(reading)
        os.close(writing)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._write)
        os.close(self._read)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def shot(self, html: str, shot: Shot) -> bytes:
        """Show the mail in a new tab and return its picture."""
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Emulation.setScriptExecutionDisabled", value=True)
        self._call("Fetch.enable", patterns=[{"urlPattern": "*"}])
        self._call("Page.enable")
        size = {"width": shot.width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if shot.dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._loaded = False
        self._call("Page.setDocumentContent", frameId=frame, html=html)
        while not self._loaded:
            self._handle(self._message())
        height = self._call("Page.getLayoutMetrics")["cssContentSize"]["height"]
        clip = {"x": 0, "y": 0, "width": shot.width, "height": min(height, MAX_HEIGHT), "scale": 1}
        data = self._call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        self._session = None
        self._call("Target.closeTarget", targetId=target)
        return base64.b64decode(data)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = self._send(method, params)
        while True:
            message = self._message()
            if message.get("id") != number:
                self._handle(message)
            elif "error" in message:
                raise self._failed(f"{method}: {message['error'].get('message')}")
            else:
                result: dict[str, Any] = message["result"]
                return result

    def _handle(self, message: dict[str, Any]) -> None:
        """Answer a request of the page: with a picture of ours, or not at all."""
        if message.get("method") == "Page.loadEventFired":
            self._loaded = True
        if message.get("method") != "Fetch.requestPaused":
            return
        request, address = message["params"]["requestId"], message["params"]["request"]["url"]
        picture = self._pictures.get(address)
        if picture is None:
            self.refused.append(address)
            self._send("Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"})
            return
        headers = [{"name": "Content-Type", "value": picture.media_type}]
        body = base64.b64encode(picture.data).decode()
        fulfilled = {"requestId": request, "responseCode": 200, "responseHeaders": headers, "body": body}
        self._send("Fetch.fulfillRequest", fulfilled)

    def _send(self, method: str, params: Mapping[str, Any]) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            _, ready, _ = select.select([], [self._write], [], self._left())
            if not ready:
                raise self._failed("it takes too long")
            try:
                # A pipe takes this much at once without waiting for its reader.
                data = data[os.write(self._write, data[: select.PIPE_BUF]) :]
            except BrokenPipeError:
                raise self._failed("it ended by itself") from None
        return self._number

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], self._left())
            if not ready:
                raise self._failed("it takes too long")
            piece = os.read(self._read, 1 << 16)
            if not piece:
                raise self._failed("it ended by itself")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _failed(self, why: str) -> Refusal:
        return Refusal(f"{self._chromium} makes no picture of the mail: {why}")


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends lie above the descriptors that Chromium's are copied to."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
