"""What the handlers of all pages share: the open project, a form's fields, and who knocks."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData

from outreach.app import App
from outreach.attempts import place_of
from outreach.web.limits import Limits

Handler = TypeVar("Handler", bound=Callable[..., Any])

SIMULATED_HEADER = "X-Outreach-Simulated"
MAX_FIELDS = 40
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Explained(Exception):
    """A page cannot be shown; the reader is told why and what to do next. `ways` are labels and addresses of ours."""

    def __init__(self, status: int, title: str, text: str, ways: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.ways = ways


def opened(request: Request) -> App:
    app: App = request.app.state.outreach
    return app


async def submitted(request: Request) -> FormData:
    """Return the fields of a form; a body that is none is answered with 400."""
    return await request.form(max_files=0, max_fields=MAX_FIELDS)


Opened = Annotated[App, Depends(opened)]
Submitted = Annotated[FormData, Depends(submitted)]


def page(router: APIRouter, path: str) -> Callable[[Handler], Handler]:
    """Register a page for GET and HEAD: neither ever changes anything but the record of hits."""
    return router.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)


def limits(request: Request) -> Limits:
    """Return the counts of who did what how often, of this process."""
    found: Limits = request.app.state.limits
    return found


def field(form: FormData, name: str, limit: int, *, lines: bool = False) -> str:
    """Return a field as plain text: trimmed, at most `limit` long, on one line unless `lines`, without controls."""
    value = form.get(name)
    text = value if isinstance(value, str) else ""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return (text if lines else " ".join(text.split())).strip()[:limit]


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def client(request: Request) -> str:
    """Return the address a request came from, as far as the server in front of us is trusted to say it."""
    return place_of(request.client.host) if request.client else "unknown"


def is_simulated(request: Request) -> bool:
    """Tell whether a program on this very machine says that it plays a recipient; a proxy's visitors never do."""
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return request.headers.get(SIMULATED_HEADER) == "1" and not forwarded and client(request) in ("127.0.0.1", "::")


def from_elsewhere(request: Request) -> bool:
    """Tell whether a browser says that another site sent this form."""
    if site := request.headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return bool(origin) and urlsplit(origin).netloc != request.headers.get("host", "")


def sign(app: App, purpose: str, value: str) -> str:
    """Return `value` with our signature for one purpose."""
    mac = hmac.digest(bytes.fromhex(app.keys.sessions), f"{purpose}:{value}".encode(), "sha256")
    return f"{value}.{mac.hex()}"


def signed(app: App, purpose: str, text: str) -> str | None:
    """Return the value that we signed for this purpose, or None."""
    value, _, _mac = text.rpartition(".")
    expected = sign(app, purpose, value)
    return value if hmac.compare_digest(expected.encode(), text.encode("utf-8", "replace")) else None
