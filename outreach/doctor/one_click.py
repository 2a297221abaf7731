"""One-click opting out (RFC 8058): an https address of ours that answers a POST, without a redirect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from outreach.doctor.findings import Finding, Verdict
from outreach.links import NO_ADDRESS, NOBODY, Links

SECONDS = 10.0
_BODY = b"List-Unsubscribe=One-Click"


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: mail programs don't either."""


def examine(links: Links) -> Iterator[Finding]:
    """Yield whether mail programs can show their opt-out button; what is asked is the address that is nobody's."""
    secure = links.base.startswith("https://")
    if not secure:
        text = f"site.url is {links.base}: mail programs show the opt-out button for https:// only"
        yield Finding("one_click", Verdict.MISSING, text)
    answer = _ask(links.opt_out(NOBODY, NO_ADDRESS))
    if answer == "200":
        yield Finding(
            "one_click", Verdict.OK if secure else Verdict.ADVICE, f"{links.base} answers the POST of mail programs"
        )
    elif answer == "404":
        text = f"{links.base} doesn't know our links: another project, or another key, answers there"
        yield Finding("one_click", Verdict.MISSING, text)
    elif answer.startswith("3"):
        text = f"{links.base} answers with a redirect ({answer}), which mail programs don't follow"
        yield Finding("one_click", Verdict.MISSING, text)
    else:
        text = f"{links.base} can't be reached from here: {answer}; is `outreach up` running, and the proxy before it?"
        yield Finding("one_click", Verdict.MISSING, text)


def _ask(address: str) -> str:
    """POST as mail programs do; return the status, or in words what stood in the way."""
    request = Request(address, data=_BODY, headers={"Content-Type": "application/x-www-form-urlencoded"})  # noqa: S310
    try:
        with build_opener(_NoRedirect).open(request, timeout=SECONDS) as answer:
            return str(answer.status)
    except HTTPError as error:
        return str(error.code)
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
