"""A reader at a browser and a mailbox: pages over HTTP, mails over SMTP, on both databases."""

from __future__ import annotations

import email
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import default
from urllib.parse import urlsplit

import pytest
from conftest import Clock
from fastapi.testclient import TestClient
from httpx2 import Response
from relays import Relay
from sqlalchemy import select

from outreach import jobs
from outreach.app import App
from outreach.models import Contact
from outreach.settings import RelaySettings
from outreach.web.site import create_site

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class Mail:
    """A mail as it arrived."""

    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())

    def link(self, start: str) -> str:
        """Return the path of the one link that starts so; it stands in both parts."""
        found = set(re.findall(rf"http://news\.example(/{start}[^\s\"<]*)", self.part("plain")))
        assert len(found) == 1, found
        path = found.pop()
        assert path in self.part("html")
        return path


@dataclass
class Story:
    """What happens between a person and the project."""

    app: App
    clock: Clock
    web: TestClient
    relay: Relay
    read: int = field(default=0)

    def mails(self) -> list[Mail]:
        """Send what is due, over SMTP, and return the mails that came since the last look."""
        jobs.send(self.app, threading.Event())
        new = self.relay.received[self.read :]
        self.read = len(self.relay.received)
        parse = lambda data: email.message_from_bytes(data, policy=default)  # noqa: E731
        return [Mail(one.recipient, parse(one.data)) for one in new]  # type: ignore[arg-type]

    def mail(self) -> Mail:
        (only,) = self.mails()
        return only

    def sign_up(self, address: str = "ann@ann.example", **more: object) -> Response:
        typed = {"email": address, "company_name": "Ann Voorbeeld nv", "postcode": "9000"}
        form = {**hidden(self.web.get("/nieuwsbrief")), **typed, **more}
        self.clock.move(seconds=20)
        return self.web.post("/nieuwsbrief", data=form)

    def press(self, path: str, action: str = "", **fields: object) -> Response:
        """Open a page and press its button."""
        got = self.web.get(path)
        assert got.status_code == 200, (path, got.status_code)
        return self.web.post(action or path, data={**hidden(got), **fields})

    def subscribed(self, address: str = "ann@ann.example", **more: object) -> Contact:
        """Sign up and confirm."""
        assert self.sign_up(address, **more).status_code == 303
        (mail,) = [mail for mail in self.mails() if mail.to == address]
        assert self.web.post(mail.link("bevestig/")).status_code == 200
        return self.contact(address)

    def contact(self, address: str = "ann@ann.example") -> Contact:
        with self.app.database.reading() as session:
            return session.scalars(select(Contact).where(Contact.address == address)).one()

    def personal(self, address: str = "ann@ann.example") -> str:
        """Have the personal link mailed, and return its path."""
        self.press("/voorkeuren", email=address)
        return self.mail().link("voorkeuren/")


def hidden(page: Response) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(HIDDEN.findall(page.text))


def path_of(link: str) -> str:
    return urlsplit(link).path


@pytest.fixture
def story(both: App, clock: Clock) -> Iterator[Story]:
    with Relay() as server:
        settings = RelaySettings.model_validate({"host": "127.0.0.1", "port": server.port, "timeout": 20})
        app = replace(both, settings=both.settings.model_copy(update={"relay": settings}))
        with TestClient(create_site(app), base_url="http://news.example", follow_redirects=False) as web:
            yield Story(app, clock, web, server)
