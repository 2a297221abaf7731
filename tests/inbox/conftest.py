"""What the inbox tests share: a project with addresses for bounces and answers, and a campaign that was sent."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
import world
from conftest import Clock, make_project
from delivery.conftest import with_relay
from relays import Received, Relay
from sqlalchemy import select

from outreach import intake, place
from outreach.app import App, open_app
from outreach.campaigns import starting
from outreach.delivery.sending import send_due
from outreach.inbox import listing
from outreach.inbox.listing import MessageCard
from outreach.inbox.receiving import Incoming
from outreach.models import Campaign, Contact, Delivery, Event, EventKind, Suppression

SETTINGS = """
[mail]
bounce_domain = "terug.example"

[inbox]
reply_domain = "antwoord.example"
"""


def with_inbox(project: Path, more: str = "") -> None:
    """Give the project addresses for bounces and answers."""
    file = project / "outreach.toml"
    file.write_text(file.read_text() + SETTINGS + more)


@dataclass
class Office:
    """A project with what it sent, and the verbs that tests need."""

    app: App
    clock: Clock
    sent: list[Received] = field(default_factory=list)

    def send(self, name: str = "december-2026", send_at: str = world.TEN_O_CLOCK, **changes: object) -> list[Received]:
        """Send a campaign over a real connection; return its mails."""
        with self.app.database.writing() as session:
            campaign = world.scheduled(self.app, session, name=name, send_at=send_at, **changes)
            assert campaign.send_at is not None
            self.clock.at = campaign.send_at
            self.clock.move(seconds=30)
            started = world.start(self.app, session, campaign)
            assert isinstance(started, starting.Started), started
        with Relay() as relay:
            app = with_relay(self.app, port=relay.port)
            send_due(app.database, app.settings, app.links, clock=self.clock, stop=threading.Event(), until_idle=True)
        self.sent += relay.received
        return relay.received

    def mail_to(self, name: str) -> Received:
        """Return the last mail to somebody, by the start of the address."""
        return [mail for mail in self.sent if mail.recipient.startswith(name)][-1]

    def take_in(self, *messages: bytes) -> list[MessageCard]:
        """Take messages in and have them understood; return what became of them."""
        received = [intake.keep(self.app, [Incoming(raw, "test")], source="pipe")[0] for raw in messages]
        intake.understand(self.app)
        with self.app.database.reading() as session:
            return [listing.find(session, one.id) for one in received]

    def contact(self, name: str) -> Contact:
        with self.app.database.reading() as session:
            return session.scalars(select(Contact).where(Contact.address.startswith(name))).one()

    def suppression(self, name: str) -> Suppression | None:
        """Return what is in force for somebody's address."""
        hash = self.contact(name).address_hash
        with self.app.database.reading() as session:
            live = select(Suppression).where(Suppression.address_hash == hash, Suppression.lifted_at.is_(None))
            return session.scalars(live).one_or_none()

    def suppressed(self) -> int:
        """Count the addresses that are suppressed, other than Bob's and Cleo's."""
        with self.app.database.reading() as session:
            rows = session.scalars(select(Suppression).where(Suppression.source != "test")).all()
            return len([row for row in rows if row.lifted_at is None])

    def events(self, *kinds: EventKind) -> list[Event]:
        with self.app.database.reading() as session:
            return list(session.scalars(select(Event).where(Event.kind.in_(kinds)).order_by(Event.id)))

    def delivery(self, name: str) -> Delivery:
        """Return the last delivery to somebody."""
        with self.app.database.reading() as session:
            mine = select(Delivery).where(Delivery.contact_id == self.contact(name).id)
            return session.scalars(mine.order_by(Delivery.id.desc())).first()  # type: ignore[return-value]

    def campaign(self, name: str = "december-2026") -> Campaign:
        with self.app.database.reading() as session:
            return session.scalars(select(Campaign).where(Campaign.name == name)).one()


def make_office(app: App, clock: Clock, crowd: int = 8) -> Office:
    with app.database.writing() as session:
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, crowd, key=app.suppression_key, now=app.now())
        world.add_catalogue(session, app.now())
    return Office(app, clock)


@dataclass(frozen=True)
class Sent:
    """A project folder that sent a campaign, to be copied by each test."""

    folder: Path
    mails: tuple[Received, ...]
    at: datetime


@pytest.fixture(scope="session")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """A project with a campaign that was sent to Ann and eight others: made once, since it takes longer than a test."""
    folder, clock = tmp_path_factory.mktemp("sent") / "project", Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
        make_project(folder)
        with_inbox(folder)
        app = open_app(folder, clock=clock)
        office = make_office(app, clock)
        office.send()
        app.close()
    return Sent(folder, tuple(office.sent), clock.at)


@pytest.fixture
def project(tmp_path: Path, sent: Sent, request: pytest.FixtureRequest) -> Path:
    """A project folder: for `office` the one that sent, else a new one."""
    folder = tmp_path / "project"
    if "office" in request.fixturenames:
        shutil.copytree(sent.folder, folder)
    else:
        make_project(folder)
    return folder


@pytest.fixture
def office(project: Path, sent: Sent, clock: Clock) -> Iterator[Office]:
    """The project with a campaign that was sent to Ann and eight others, on SQLite."""
    clock.at = sent.at
    app = open_app(project, clock=clock)
    place.claim(app.database, app.keys.instance_id, clock())  # a copy sends nothing until it is adopted
    yield Office(app, clock, list(sent.mails))
    app.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both_offices(
    request: pytest.FixtureRequest, project: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """The same, on SQLite and then on PostgreSQL."""
    if request.param == "postgres":
        monkeypatch.setenv("OUTREACH_DATABASE__URL", request.getfixturevalue("postgres_url"))
    with_inbox(project)
    app = open_app(project, clock=clock)
    office = make_office(app, clock)
    office.send()
    yield office
    app.close()
