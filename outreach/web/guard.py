"""What holds for every request: no body beyond the limit, and the headers that keep a page to itself.

An address is personal until `PUBLIC` names it: a new page can forget to say that it is open to search engines and
caches, and never that it is closed to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024
# Whole messages come in here: `inbox.max_bytes` of them are kept, and base64 makes them a third longer.
MAX_MESSAGE = 4 * 1024 * 1024
API = "/api/"

# No script at all, no style inline; forms only to us; nobody frames us. Structured data is no script to CSP.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The staff site has a script of its own, which asks for the progress of a campaign, and frames the mails it shows.
STAFF_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail carries its styles inline, so its page is a sandbox: no script, no form, no cookie, an origin of its own.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' http: https: data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors {ancestors}; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
# The address of these pages is a secret or says who works here: robots.txt asks crawlers to stay off.
PERSONAL = ("/u/", "/bevestig/", "/voorkeuren", "/lead/", "/l/", "/n/", "/staff", "/api")
# Pages and files that say nothing about anybody. All others get `no-store`, `noindex` and no compression.
PUBLIC = frozenset(
    {
        "/", "/diensten", "/nieuwsbrief", "/nieuwsbrieven", "/nieuwsbrieven.atom", "/privacy", "/toegankelijkheid",
        "/robots.txt", "/sitemap.xml", "/favicon.ico",
    }
)  # fmt: skip
PUBLIC_FOLDERS = ("/diensten/", "/bedrijven/", "/nieuwsbrieven/", "/static/", "/media/", "/beeld/")
# With "no-referrer" a browser calls the origin of our own forms "null"; the staff site wants to know it.
NO_REFERRER, OWN_REFERRER = "no-referrer", "same-origin"


def is_public(path: str) -> bool:
    """Tell whether an address says nothing about anybody: its page may be found, kept and compressed."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS)


def is_staff(path: str) -> bool:
    return path == "/staff" or path.startswith("/staff/")


def mail_headers(*, framed: bool) -> dict[str, str]:
    """Return the headers of a page that shows a mail; `framed` = our own pages may frame it."""
    ancestors = "'self'" if framed else "'none'"
    return {
        "Content-Security-Policy": MAIL_POLICY.format(ancestors=ancestors),
        "X-Frame-Options": "SAMEORIGIN" if framed else "DENY",
    }


def framed_policy(origins: Sequence[str]) -> dict[str, str]:
    """Return the headers of a page that only the sites at `origins` may frame; without any, nobody does."""
    ancestors = " ".join(origins) or "'none'"
    policy = POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {ancestors}")
    # A frame's own page names nobody, and its form opens on ours in the whole window.
    return {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex"}


def protect(headers: MutableHeaders, path: str, *, status: int, https: bool) -> None:
    """Add the headers that a response doesn't set itself."""
    open_to_all = is_public(path) or is_staff(path)
    defaults = {
        "Content-Security-Policy": STAFF_POLICY if is_staff(path) else POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": OWN_REFERRER if open_to_all else NO_REFERRER,
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if not is_public(path) or status >= 400:
        defaults |= {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}
    if https:
        defaults["Strict-Transport-Security"] = "max-age=31536000"
    policy = headers.get("content-security-policy", POLICY)
    if "frame-ancestors http" in policy:
        # It knows no list of sites; browsers that know frame-ancestors ignore it, older ones frame nothing anyhow.
        del defaults["X-Frame-Options"]
    for name, value in defaults.items():
        headers.setdefault(name, value)


class Guard:
    """ASGI middleware of both."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        most = MAX_MESSAGE if scope["path"].startswith(API) else MAX_BODY
        too_long = not (declared.isascii() and declared.isdigit()) or int(declared[:18]) > most
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            if too_long:
                raise HTTPException(413)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413)
            return message

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                protect(headers, scope["path"], status=message["status"], https=self.https)
            await send(message)

        await self.app(scope, limited, protected)
