"""The inbox in the browser: a list of what was sent, and each mail as its HTML, its text and its source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from jinja2 import Environment, FileSystemLoader

from outreach.belgium.calendar import BRUSSELS
from outreach.demo.inbox import PAGE, Mailbox, parse

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'"
# A mail runs nothing and asks nobody but this machine for its pictures.
MAIL_POLICY = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src http://127.0.0.1:* data:"


def create_inbox(mailbox: Mailbox) -> FastAPI:
    """Return the pages of `mailbox`."""
    app = FastAPI(title="outreach inbox", docs_url=None, redoc_url=None, openapi_url=None)
    pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
    pages.filters |= {"mails": _mails, "moment": _moment}

    def page(name: str, status: int = 200, **values: object) -> HTMLResponse:
        text = pages.get_template(name).render(**values)
        return HTMLResponse(text, status, headers={"Content-Security-Policy": PAGE_POLICY})

    @app.get("/")
    def listing(search: str = "", page_number: int = 0) -> HTMLResponse:
        number = max(page_number, 0)
        mails = mailbox.listed(search=search, page=number)
        more = len(mails) == PAGE
        return page("inbox.html", mails=mails, search=search, number=number, more=more, total=mailbox.count())

    @app.get("/mail/{id}")
    def mail(request: Request, id: int) -> HTMLResponse:
        found = mailbox.one(id)
        if found is None:
            return page("missing.html", 404)
        kept, raw = found
        message = parse(raw)
        text, html = _body(message, "plain"), _body(message, "html")
        return page("mail.html", mail=kept, headers=message.items(), text=text, html=html)

    @app.get("/mail/{id}/html")
    def html(id: int) -> HTMLResponse:
        found = mailbox.one(id)
        body = _body(parse(found[1]), "html") if found else None
        if body is None:
            return page("missing.html", 404)
        return HTMLResponse(body, headers={"Content-Security-Policy": MAIL_POLICY})

    @app.get("/mail/{id}/source")
    def source(id: int) -> Response:
        found = mailbox.one(id)
        if found is None:
            return PlainTextResponse("no such mail", 404)
        return PlainTextResponse(found[1], headers={"X-Content-Type-Options": "nosniff"})

    return app


def _mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count:,} mails".replace(",", ".")


def _moment(at: datetime) -> str:
    local = at.astimezone(BRUSSELS)
    return f"{local.day}/{local.month} {local:%H:%M:%S}"


def _body(message: EmailMessage, subtype: str) -> str | None:
    part = message.get_body(preferencelist=(subtype,))
    return str(part.get_content()) if part is not None else None


@contextmanager
def serving(mailbox: Mailbox, port: int) -> Iterator[None]:
    """Serve the pages of `mailbox` on 127.0.0.1 while the block runs."""
    server = uvicorn.Server(uvicorn.Config(create_inbox(mailbox), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, name="inbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
