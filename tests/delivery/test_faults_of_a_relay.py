"""Campaigns over relays that fail in every way: nothing lost, nothing twice, and each outcome explained.

In one campaign every second mail meets a fault of its own at its first try. What the row, its events, the campaign and
the sender then say is held against a table. In the end the relay works, and all who were not refused have one copy.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock, lacking
from delivery.conftest import Authority, make_authority, make_campaign, with_relay
from delivery.test_every_reply import ANSWERS, USUAL, cases
from relays import free_port
from scripted import Act, ScriptedRelay, Talk
from sqlalchemy import select

from outreach import database
from outreach.app import App, open_app
from outreach.campaigns import life, mailing
from outreach.delivery import resting, sending
from outreach.delivery.replies import Verdict
from outreach.delivery.sending import Summary
from outreach.models import Campaign, CampaignStatus, Contact, Delivery, DeliveryStatus, Event, RelayRest

# One of each kind; test_every_reply has them all.
KINDS = (
    "3xx", "421", "450", "452", "503", "530", "550 bare", "550 5.1.1", "550 5.7.1", "552 5.2.2", "no SMTP", "two codes"
)  # fmt: skip
# What a verdict makes of the row, the event that says so, and who else is told.
OUTCOMES = {
    Verdict.RETRY: ("deferred", "deferred", ""),
    Verdict.SLOW: ("deferred", "deferred", ""),
    Verdict.REJECT: ("rejected", "rejected", ""),
    Verdict.PAUSE: ("pending", None, "campaign"),
    Verdict.STOP: ("pending", None, "sender"),
    Verdict.UNCERTAIN: ("uncertain", "uncertain", ""),
    Verdict.DELIVERED: ("sent", "sent", ""),
}


@dataclass(frozen=True)
class Fault:
    """What one mail meets at its first try, and how that has to end."""

    step: str
    act: Act
    name: str
    verdicts: frozenset[Verdict]


def faults() -> list[Fault]:
    again, unsure, sent = Verdict.RETRY, Verdict.UNCERTAIN, Verdict.DELIVERED
    # A connection that was used before and is gone at the next MAIL: that mail gets another one at once.
    gone = frozenset({again, sent})
    found = [
        Fault(
            step,
            Act(ANSWERS[answer]),
            f"{answer} at {step}",
            gone if step == "mail" and answer in ("no SMTP", "two codes") else frozenset({verdict}),
        )
        for answer, step, verdict in cases()
        if answer in KINDS and step in ("mail", "rcpt", "data", "dot") and not (answer == "3xx" and step == "data")
    ]
    for step, before, after in (
        ("mail", gone, {again}),
        ("rcpt", {again}, {again}),
        ("data", {again}, {again, unsure}),
        ("body", {again, unsure}, {again, unsure}),
        ("dot", {unsure}, {sent}),
    ):
        for then in ("close", "reset"):
            found.append(Fault(step, Act(b"", then), f"{then} before the answer to {step}", frozenset(before)))
            # A reset may overtake the answer.
            ends = {*after, unsure} if then == "reset" and step == "dot" else after
            found.append(Fault(step, Act(USUAL[step], then), f"{then} after the answer to {step}", frozenset(ends)))
    return found


@dataclass
class Story:
    """What could be read of each mail after its first try: (status, reply, events, who else was told what)."""

    first: dict[str, tuple[str, str, list[tuple[str, str]], str, str]] = field(default_factory=dict)


def send(app: App, port: int, **relay: Any) -> Summary:
    app = with_relay(app, port=port, **relay)
    return sending.send_due(
        app.database, app.settings, app.links, clock=app.clock, stop=threading.Event(), until_idle=True
    )


def mend(app: App, port: int) -> None:
    """Start the sender anew, as a person does who has mended its settings."""
    with app.database.writing() as session:
        resting.end(session, with_relay(app, port=port).settings.all_relays[0])


def rows(app: App) -> dict[str, Delivery]:
    """Return the rows that aren't skipped, by address."""
    with app.database.reading() as session:
        query = select(Contact.address, Delivery).join(Contact, Contact.id == Delivery.contact_id)
        return {
            str(address): row
            for address, row in session.execute(query.order_by(Delivery.id))
            if row.status != "skipped"
        }


def statuses(app: App) -> Counter[str]:
    return Counter(row.status.value for row in rows(app).values())


def campaign_of(app: App) -> Campaign:
    with app.database.reading() as session:
        return session.scalars(select(Campaign)).one()


def note(app: App, story: Story, summary: Summary) -> None:
    """Keep what is to be read of the mails that were tried for the first time."""
    campaign = campaign_of(app)
    for address, row in rows(app).items():
        if row.attempts and address not in story.first:
            with app.database.reading() as session:
                events = session.execute(select(Event.kind, Event.detail).where(Event.delivery_id == row.id)).all()
            kinds = [(kind.value, detail) for kind, detail in events]
            story.first[address] = (
                row.status.value, row.reply or "", kinds, campaign.pause_reason or "", summary.trouble or ""
            )  # fmt: skip


def play(app: App, clock: Clock, relay: ScriptedRelay, **settings: Any) -> Story:
    """Send until the campaign is sent; a person resumes it, mends settings, and time passes."""
    story = Story()
    for _ in range(150):
        summary = send(app, relay.port, **settings)
        note(app, story, summary)
        campaign = campaign_of(app)
        if campaign.status is CampaignStatus.SENT:
            return story
        if campaign.status is CampaignStatus.PAUSED:
            with app.database.writing() as session:
                life.resume(session, session.get_one(Campaign, campaign.id), by="ann", now=app.now())
        elif summary.trouble:
            mend(app, relay.port)
        else:
            waits = [
                row.retry_at for row in rows(app).values() if row.retry_at is not None and row.status == "deferred"
            ]
            clock.at = max(clock.at, min(waits))
    raise AssertionError(f"the campaign never ended: {statuses(app)}")


def assert_nothing_lost_and_nothing_twice(app: App, relay: ScriptedRelay) -> None:
    copies = Counter([*relay.taken, *relay.perhaps])
    assert max(copies.values()) == 1, "a mail went out twice"
    for address, row in rows(app).items():
        if row.status is DeliveryStatus.SENT:
            assert address in relay.taken, f"{address} is sent and the relay never took it"
        elif row.status is not DeliveryStatus.UNCERTAIN:
            assert address not in copies, f"{address} is {row.status} and the relay may have it"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay rest for a millisecond, make the mails of a campaign once, and wait for no disk."""
    pragmas = [each.replace("synchronous=FULL", "synchronous=OFF") for each in database.PRAGMAS]
    monkeypatch.setattr(database, "PRAGMAS", tuple(pragmas))
    monkeypatch.setattr("outreach.delivery.resting.relay_pause", lambda failures: timedelta(milliseconds=1))
    load, made = mailing.load, dict[int, mailing.Mailing]()

    def once(session: Any, campaign_id: int, **options: Any) -> mailing.Mailing:
        if campaign_id not in made:
            made[campaign_id] = load(session, campaign_id, **options)
        return made[campaign_id]

    monkeypatch.setattr("outreach.campaigns.mailing.load", once)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "pipelined, two at a time"])
def test_each_mail_that_meets_a_fault_is_explained_and_none_is_lost_or_sent_twice(
    project: Path, clock: Clock, quick: None, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each mail has an envelope sender of its own then, so the relay knows which it is from the first command.
    monkeypatch.setenv("OUTREACH_MAIL__BOUNCE_DOMAIN", "bounce.federatie.example")
    monkeypatch.setattr("outreach.delivery.carrying.TRUST", 0 if together else 10**6)
    app = open_app(project, clock=clock)
    planned = faults()
    campaign = make_campaign(app, clock, crowd=2 * len(planned))
    with app.database.reading() as session:
        made = mailing.load(session, campaign.id, settings=app.settings, links=app.links)
    addresses = {made.envelope_from(row.id): address for address, row in rows(app).items()}
    # Every second one: what a fault does to others shows at once.
    meets = dict(zip(list(addresses.values())[1::2], planned, strict=True))
    left = dict(meets)

    def script(step: str, talk: Talk) -> Act | None:
        address = addresses.get(talk.named if step == "mail" else talk.sender or "")
        fault = left.get(address or "")
        if address is None or fault is None or fault.step != step:
            return None
        del left[address]
        return fault.act

    with ScriptedRelay(script=script, pipelining=together) as relay:
        story = play(app, clock, relay, connections=1)
    assert not left, "a fault was never met"
    assert_nothing_lost_and_nothing_twice(app, relay)
    wrong = [
        f"{fault.name}: {said}" for address, fault in meets.items() for said in mistakes(fault, story.first[address])
    ]
    assert not wrong, "\n".join(wrong)
    ended = statuses(app)
    assert sum(ended.values()) == 2 * len(planned) + 1
    assert set(ended) == {"sent", "rejected", "uncertain"}
    app.close()


def mistakes(fault: Fault, read: tuple[str, str, list[tuple[str, str]], str, str]) -> Iterator[str]:
    """Yield what is wrong with what could be read after the fault."""
    status, reply, events, pause, trouble = read
    outcomes = [OUTCOMES[verdict] for verdict in fault.verdicts]
    fitting = [outcome for outcome in outcomes if outcome[0] == status]
    if not fitting:
        yield f"is {status}, not {' or '.join(outcome[0] for outcome in outcomes)} ({reply})"
        return
    _, event, told = fitting[0]
    stage, _, words = reply.partition(": ")
    if not words or (fault.act.words and not fault.act.then and status != "sent" and stage != fault.step):
        yield f"its row says {reply!r}"
    if event and [(kind, reply in detail) for kind, detail in events] != [(event, True)]:
        yield f"its events say {events}"
    if told == "campaign" and reply not in pause:
        yield f"the campaign waits because of {pause!r}"
    if told == "sender" and reply not in trouble:
        yield f"the sender says {trouble!r}"


DOOR = ("connect", "ehlo", "starttls", "auth")


def at_the_door() -> list[tuple[str, Act, str]]:
    """Return faults before the first mail: (step, what the relay does, the step that the sender names)."""
    kinds = ("3xx", "421", "450", "550 5.7.1", "no SMTP", "two codes")
    found = [(step, Act(ANSWERS[answer]), step) for answer, step, _ in cases() if step in DOOR and answer in kinds]
    found += [(step, Act(b"", "close"), step) for step in DOOR]
    return [
        *found,
        ("connect", Act(USUAL["connect"], "close"), "ehlo"),
        ("starttls", Act(USUAL["starttls"], "close"), "starttls"),
    ]


def test_a_relay_that_refuses_at_the_door_costs_no_mail_a_try_and_says_why(
    app: App, clock: Clock, quick: None, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection after the other meets a fault; then all mails go, each at its first try."""
    monkeypatch.setattr("outreach.delivery.rounds.FAILURES", 1)  # each attempt is a round of its own, and tells
    make_campaign(app, clock, crowd=3)
    left = at_the_door()
    tls = {
        "security": "starttls",
        "ca_file": str(authority.ca_file),
        "username": "team",
        "password": "x",
        "connections": 1,
    }

    def script(step: str, talk: Talk) -> Act | None:
        return left.pop(0)[1] if left and left[0][0] == step else None

    with ScriptedRelay(script=script, tls=authority.server()) as relay:
        while left:
            (step, _, named), before = left[0], len(left)
            summary = send(app, relay.port, **tls)
            assert len(left) == before - 1
            assert (summary.trouble or "").startswith(f"{named}: "), (step, summary.trouble)
            assert statuses(app) == {"pending": 4}
            assert all(row.attempts == 0 for row in rows(app).values())
            with app.database.reading() as session:
                assert session.scalars(select(RelayRest.reply)).one() == summary.trouble
            mend(app, relay.port)
        assert send(app, relay.port, **tls).sent == 4
    assert sorted(relay.taken) == sorted(rows(app))
    assert {row.attempts for row in rows(app).values()} == {1}


def test_a_relay_whose_tls_does_not_hold_gets_no_mail_until_it_does(
    app: App, clock: Clock, quick: None, authority: Authority, tmp_path: Path
) -> None:
    make_campaign(app, clock, crowd=1)
    expired = make_authority(tmp_path / "expired", expired=True)
    elsewhere = make_authority(tmp_path / "elsewhere", host="elders.example")
    ours = str(authority.ca_file)
    faults = [
        ({"tls": expired.server()}, str(expired.ca_file), "expired"),
        ({"tls": elsewhere.server()}, str(elsewhere.ca_file), "IP address mismatch"),
        ({"tls": expired.server()}, ours, "certificate is not valid"),  # signed by nobody we know
        ({"tls": authority.server(), "offers_starttls": False}, ours, "offers no STARTTLS"),  # stripped on the way
    ]
    for options, ca_file, words in faults:
        with ScriptedRelay(**options) as relay:
            summary = send(app, relay.port, security="starttls", ca_file=ca_file)
            assert words in (summary.trouble or "")
            assert statuses(app) == {"pending": 2}
            assert "mail" not in relay.steps
    with ScriptedRelay(tls=authority.server()) as relay:
        assert send(app, relay.port, security="starttls", ca_file=ours).sent == 2


def test_a_relay_that_is_away_for_ten_minutes_in_mid_send_costs_time_and_nothing_else(
    app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.delivery.rounds.PATIENCE", 0.0)  # rests pass by the clock of the test
    make_campaign(app, clock, crowd=11)
    down = threading.Event()

    def script(step: str, talk: Talk) -> Act | None:
        if step == "rcpt" and len(relay.taken) >= 5:
            down.set()
        return Act(b"", "reset") if down.is_set() else None

    with ScriptedRelay(script=script) as relay:
        port, gone_at, tries = relay.port, clock.at, 0
        summary = send(app, port, connections=2)
        assert summary.trouble
        taken = len(relay.taken)
        assert 5 <= taken < 12
        assert_nothing_lost_and_nothing_twice(app, relay)
        while clock.at < gone_at + timedelta(minutes=10):
            with app.database.reading() as session:
                rest = session.scalars(select(RelayRest)).one_or_none()
            if rest is None:  # the last mail on the other connection was taken after the first reset: asked once more
                tries += 1
                assert send(app, port, connections=2).trouble
                continue
            # Who looks at the campaign meanwhile sees why nothing moves, and until when.
            said = send(app, port).trouble or ""
            assert f"rests until {rest.until:%H:%M:%S}" in said
            assert rest.reply in said
            clock.at = rest.until
            tries += 1
            send(app, port, connections=2)
            assert_nothing_lost_and_nothing_twice(app, relay)
        assert tries <= 12, "a relay that is away is asked again and again"
        assert len(relay.taken) == taken
        relay.script = lambda step, talk: None
        for _ in range(4):
            clock.move(minutes=15)
            send(app, port, connections=2)
    assert statuses(app) == {"sent": 12}
    assert sorted(relay.taken) == sorted(rows(app))


@pytest.fixture
def kept_campaign(app: App, clock: Clock, quick: None) -> App:
    make_campaign(app, clock, crowd=2)
    return app


@dataclass(frozen=True)
class Sink:
    """A running smtp-sink and the folder in which it keeps each message."""

    port: int
    folder: Path

    def recipients(self) -> list[str]:
        """Return the recipient of each message that was taken whole; the file of another ends before its last lines."""
        found = []
        for file in self.folder.iterdir():
            text = file.read_text("utf-8", "replace")
            envelope = next((line for line in text.splitlines() if line.startswith("X-Rcpt-Args:")), "")
            assert "Subject: " in text
            found.append(envelope.partition("<")[2].partition(">")[0])
        return found


@contextmanager
def smtp_sink(*flags: str) -> Iterator[Sink]:
    """Run Postfix's smtp-sink, as another user where we are root: it insists."""
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if program is None:
        lacking("smtp-sink (Debian: postfix)")
    folder, port = Path(tempfile.mkdtemp(prefix="outreach-sink-")), free_port()
    folder.chmod(0o777)
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    command = [program, *user, "-d", f"{folder}/%M%S.", *flags, f"127.0.0.1:{port}", "100"]
    sink = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_it_listens(port)
        yield Sink(port, folder)
    finally:
        sink.terminate()
        sink.wait(10)
        shutil.rmtree(folder)


def _until_it_listens(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("smtp-sink doesn't listen")


# Flags of smtp-sink, what becomes of the three mails, and what the operator reads about them.
SINKS = [
    (["-f", "connect"], {"pending": 3}, "connect: 500 5.3.0"),
    (["-f", "rcpt", "-B", "550 5.1.1 no such user"], {"pending": 3}, "rcpt: 550 5.1.1"),  # all of them: it is us
    (["-f", "."], {"pending": 3}, "dot: 500 5.3.0"),
    (["-r", "rcpt"], {"deferred": 3}, "rcpt: 450 4.3.0"),
    (["-r", "."], {"deferred": 3}, "dot: 450 4.3.0"),
    (["-q", "data"], {"deferred": 3}, "data: the relay closed"),
    (["-q", "."], {"uncertain": 3}, "dot: the relay closed"),
    (["-Q", "."], {"deferred": 3}, "dot: 421"),
    (["-W", ".:3"], {"uncertain": 3}, "dot: no answer in time"),  # slower than we wait
]


@pytest.mark.postfix
@pytest.mark.parametrize(("flags", "expected", "words"), SINKS, ids=[" ".join(flags) for flags, _, _ in SINKS])
def test_what_smtp_sink_can_do_to_a_campaign(
    kept_campaign: App, flags: list[str], expected: dict[str, int], words: str
) -> None:
    app = kept_campaign
    with smtp_sink(*flags) as sink:
        summary = send(app, sink.port, connections=1, timeout=1 if "-W" in flags else 10)
    assert statuses(app) == expected
    campaign = campaign_of(app)
    replies = [row.reply or "" for row in rows(app).values()]
    told = [*replies, summary.trouble or "", campaign.pause_reason or ""]
    assert any(words in one for one in told), told
    # Afterwards the relay works: who may have it already gets no second copy, all others get the one.
    if campaign.status is CampaignStatus.PAUSED:
        with app.database.writing() as session:
            life.resume(session, session.get_one(Campaign, campaign.id), by="ann", now=app.now())
    with smtp_sink() as sink:
        later = replace(app, clock=lambda: app.now() + timedelta(hours=1))
        send(later, sink.port, connections=1)
        had = Counter(sink.recipients())
    ended = rows(app)
    assert had == Counter(address for address, row in ended.items() if row.status == "sent")
    assert (
        Counter(row.status.value for row in ended.values())
        == Counter({"sent": 3 - expected.get("uncertain", 0), "uncertain": expected.get("uncertain", 0)}) - Counter()
    )
