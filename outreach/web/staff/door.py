"""Who may do what on the staff site: a login for every page, a CSRF token for every POST, the team for every change."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from outreach import users
from outreach.users import LoggedIn
from outreach.web.door import Opened, Submitted, from_elsewhere
from outreach.web.pages import LANGUAGES, show

COOKIE = "outreach_login"
LANGUAGE_COOKIE = "outreach_language"
HOME = "/staff/campaigns"
_OWN_PAGE = re.compile(r"/staff(/[A-Za-z0-9][A-Za-z0-9._~-]*)*")


class NotLoggedIn(Exception):
    """The browser has no session; it is led to the login and back."""


def somebody(request: Request, app: Opened) -> LoggedIn:
    """Return who is logged in."""
    secret = request.cookies.get(COOKIE, "")
    if secret:
        with app.database.reading() as session:
            if who := users.logged_in(session, secret, now=app.now()):
                return who
    raise NotLoggedIn


Somebody = Annotated[LoggedIn, Depends(somebody)]


def acting(request: Request, who: Somebody, form: Submitted) -> LoggedIn:
    """Return who sent a form from one of our own pages."""
    token = form.get("csrf")
    given = token if isinstance(token, str) else ""
    if from_elsewhere(request) or not hmac.compare_digest(given.encode(), who.csrf_token.encode()):
        raise HTTPException(403)
    return who


Acting = Annotated[LoggedIn, Depends(acting)]


def team_acting(who: Acting) -> LoggedIn:
    """Return who sent a form and belongs to the team."""
    if not who.is_team:
        raise HTTPException(403)
    return who


TeamActing = Annotated[LoggedIn, Depends(team_acting)]


def own_page(path: str | None) -> str:
    """Return `path` if it is a page of the staff site, else its home: a login leads nowhere else."""
    return path if path and _OWN_PAGE.fullmatch(path) else HOME


def language_of(request: Request, app: Opened) -> str:
    """Return the language chosen in this browser, or the setting's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else app.settings.site.staff_language


def show_to(
    who: LoggedIn | None,
    request: Request,
    name: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Answer with a staff page in the language of this browser."""
    language = language_of(request, request.app.state.outreach)
    csrf = who.csrf_token if who else ""
    return show(
        request,
        name,
        status=status,
        language=language,
        headers=headers,
        who=who,
        csrf=csrf,
        here=own_page(request.url.path if request.method == "GET" else None),
        **context,
    )
