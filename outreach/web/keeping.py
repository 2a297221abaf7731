"""What browsers and caches keep: an answer with an `ETag` is sent once (RFC 9110 section 13), and text is compressed.

Personal pages are neither kept nor compressed: the length of a compressed page tells what of it repeats what somebody
put into the address, and so, guess by guess, the secret that stands beside it (BREACH, 2013).
"""

from __future__ import annotations

import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outreach.web.guard import is_public

FOR_EVER = "public, max-age=31536000, immutable"  # of an address that changes with its content
FRESH = "public, no-cache"  # kept, and asked for again each time: 304 where nothing changed
_LEVEL = 6  # 9 takes twice the time for 1 % less
_TAGS = re.compile(r'(?:W/)?"([^"]*)"')
_OF_THE_BODY = ("content-length", "content-type", "content-encoding")


def tag_of(data: bytes) -> str:
    """Return the `ETag` of a body; weak, since the compressed one has other bytes."""
    return f'W/"{hashlib.sha256(data).hexdigest()[:24]}"'


def is_kept(asked: str, tag: str) -> bool:
    """Tell whether `If-None-Match` names a tag (weak comparison, RFC 9110 section 13.1.2)."""
    wanted = _TAGS.fullmatch(tag)
    return asked.strip() == "*" or (wanted is not None and wanted[1] in _TAGS.findall(asked))


class Compressed:
    """ASGI middleware: gzip for public pages and files that are text."""

    def __init__(self, app: ASGIApp) -> None:
        self.plain = app
        self.compressing = GZipMiddleware(app, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        public = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and is_public(scope["path"])
        await (self.compressing if public else self.plain)(scope, receive, send)


class Conditional:
    """ASGI middleware: 304 without a body where the browser has the answer already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("if-none-match") if scope["type"] == "http" else None
        if asked is None or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        unchanged = False

        async def shortened(message: Message) -> None:
            nonlocal unchanged
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = MutableHeaders(scope=message)
                unchanged = "etag" in headers and is_kept(asked, headers["etag"])
                if unchanged:
                    message = {**message, "status": 304}
                    for name in _OF_THE_BODY:
                        del headers[name]
            elif unchanged and message["type"] == "http.response.body":
                message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
            await send(message)

        await self.app(scope, receive, shortened)
