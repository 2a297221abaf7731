"""Logging in and out, and the language of the staff pages."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hmac import compare_digest

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from outreach import attempts, users
from outreach.app import App
from outreach.web.door import Opened, Submitted, client, field, from_elsewhere, page, sign
from outreach.web.pages import LANGUAGES
from outreach.web.staff.door import COOKIE, HOME, LANGUAGE_COOKIE, Acting, own_page, show_to

router = APIRouter()

FORM_COOKIE = "outreach_form"
WINDOW = timedelta(minutes=15)
# Wrong passwords within the window: for one person from one place, from one place, for one person from everywhere.
# Who is guessed at from everywhere still gets in: beyond the last limit each place has one try left, not five.
FROM_PLACE, OF_PLACE, OF_PERSON = 5, 20, 100
YEAR = 365 * 24 * 3600


@page(router, "")
@page(router, "/")
def home() -> Response:
    return RedirectResponse(HOME, status_code=303)


@page(router, "/login")
def offer(request: Request, app: Opened) -> Response:
    return _form(request, app, "", own_page(request.query_params.get("next")))


@router.post("/login", include_in_schema=False)
def log_in(request: Request, app: Opened, form: Submitted) -> Response:
    email, target = field(form, "email", 320), own_page(field(form, "next", 300))
    password = form.get("password")
    if not isinstance(password, str) or not _from_our_form(request, app, form.get("csrf")):
        return _form(request, app, email, target, "stale", 403)
    now = app.now()
    keys = _keys(app, request, email)
    with app.database.writing() as session:
        attempts.one_at_a_time(session, keys)
        pair, place, person = (attempts.count(session, key, window=WINDOW, now=now) for key in keys)
        if pair >= (FROM_PLACE if person < OF_PERSON else 1) or place >= OF_PLACE:
            return _form(request, app, email, target, "throttled", 429)
        for key in keys:
            attempts.record(session, key, now=now)  # before the check: many tries at once count too
    with app.database.reading() as session:
        user_id = users.verify(session, email, password)
    if user_id is None:
        return _form(request, app, email, target, "wrong", 403)
    with app.database.writing() as session:
        attempts.forget(session, keys[0])
        for key in keys[1:]:
            attempts.take_back(session, key)
        if old := request.cookies.get(COOKIE):
            users.log_out(session, old)
        secret = users.log_in(session, user_id, now=now)
    response = RedirectResponse(target, status_code=303)
    _set_cookie(app, response, COOKIE, secret, int(users.LASTS.total_seconds()))
    response.delete_cookie(FORM_COOKIE, path="/staff")
    return response


@router.post("/logout", include_in_schema=False)
def log_out(request: Request, app: Opened, who: Acting) -> Response:
    with app.database.writing() as session:
        users.log_out(session, request.cookies[COOKIE])
    response = RedirectResponse("/staff/login", status_code=303)
    response.delete_cookie(COOKIE, path="/staff")
    return response


@router.post("/language", include_in_schema=False)
def choose_language(app: Opened, who: Acting, form: Submitted) -> Response:
    language = field(form, "language", 2)
    if language not in LANGUAGES:
        raise HTTPException(400)
    response = RedirectResponse(own_page(field(form, "next", 300)), status_code=303)
    _set_cookie(app, response, LANGUAGE_COOKIE, language, YEAR)
    return response


def _form(
    request: Request, app: App, email: str, target: str, problem: str | None = None, status: int = 200
) -> Response:
    """Answer with the login form; its token belongs to a cookie, so that no other site can log a browser in."""
    value = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    token = sign(app, "login", value).rpartition(".")[2]
    response = show_to(
        None, request, "staff/login.html", status=status, email=email, target=target, problem=problem, token=token
    )
    _set_cookie(app, response, FORM_COOKIE, value, 3600)
    return response


def _from_our_form(request: Request, app: App, token: object) -> bool:
    value = request.cookies.get(FORM_COOKIE)
    if not value or not isinstance(token, str) or from_elsewhere(request):
        return False
    return compare_digest(sign(app, "login", value).rpartition(".")[2].encode(), token.encode())


def _keys(app: App, request: Request, email: str) -> tuple[bytes, bytes, bytes]:
    secret, place, now = bytes.fromhex(app.keys.sessions), client(request), app.now()
    person = email.casefold()
    return (
        attempts.key_of(secret, "login", f"{place} {person}", now),
        attempts.key_of(secret, "login-place", place, now),
        attempts.key_of(secret, "login-person", person, now),
    )


def _set_cookie(app: App, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/staff",
        secure=app.settings.site.url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
