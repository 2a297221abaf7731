"""What is logged says what became of every mail, and never to whom."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import world
from conftest import ROOT, Clock
from delivery.processes import make_campaign
from hypothesis import given
from hypothesis import strategies as st
from relays import Drop, Relay, Talk
from sqlalchemy import select

from outreach import logs
from outreach.app import App
from outreach.models import Company, Contact
from outreach.settings import LogSettings


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What goes to standard error."""
    return lambda: capsys.readouterr().err


ADDRESSES = [
    "ann@ann.example",
    "Ann.Peeters+nieuws@bedrijf.example",
    "<ann@ann.example>",
    "mailto:ann@ann.example?subject=x",
    '"ann peeters"@ann.example',
    "ann%40ann.example",
    "jürgen@müller.example",
    "bounces+5.abc@bounce.example",
    "o'hara@ann.example",
    "postgresql://ann:secret@db.example/outreach",
]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_masked_wherever_it_stands(written: Callable[[], str], form: str, address: str) -> None:
    logs.set_up(LogSettings(), form=form)
    log = logging.getLogger("outreach.test")
    log.info("to %s", address, extra={"said": f"550 {address} unknown"})
    try:
        raise ValueError(f"no mailbox {address}")
    except ValueError:
        log.exception("failed for %r", address)
    out = written()
    assert "no mailbox" in out
    assert "…@…" in out
    for part in ("ann@", "%40ann", 'peeters"@', "@bedrijf", "müller", "secret", "hara@"):
        assert part.lower() not in out.lower(), out


@given(st.from_regex(r"[a-z0-9.!#$&*+/?^_`~-]{1,20}@[a-z0-9-]{1,20}\.[a-z]{2,5}", fullmatch=True), st.text(max_size=5))
def test_no_address_survives_masking(address: str, around: str) -> None:
    shown = logs.masked(f"{around} {address} {around}")
    assert address not in shown


def test_addresses_are_shown_where_the_settings_allow_it(written: Callable[[], str]) -> None:
    logs.set_up(LogSettings(addresses=True))
    logging.getLogger("outreach.test").info("to %s", "ann@ann.example")
    assert "to ann@ann.example" in written()


def test_a_json_line_is_one_object_whatever_is_logged(written: Callable[[], str]) -> None:
    logs.set_up(LogSettings(format="json", level="debug"))
    log = logging.getLogger("outreach.test")
    log.debug("two\nlines", extra={"delivery": 5, "campaign": None, "provider": "google"})
    try:
        raise OSError("no")
    except OSError:
        log.exception("failed")
    first, second = (json.loads(line) for line in written().splitlines())
    assert first["message"] == "two\nlines"
    assert (first["level"], first["logger"], first["delivery"], first["campaign"]) == (
        "debug",
        "outreach.test",
        5,
        None,
    )
    assert first["time"].endswith("+00:00")
    assert "OSError: no" in second["exception"]


def test_what_ends_a_thread_is_logged_and_masked(written: Callable[[], str]) -> None:
    logs.set_up(LogSettings(format="json"))

    def broken() -> None:
        raise ValueError("ann@ann.example")

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    told = json.loads(written())
    assert (told["message"], "…@…" in told["exception"]) == ("a thread ended by a defect", True)


def failing(app: App) -> Any:
    """A relay that refuses, puts off, drops and repeats the recipient's address, each for some."""
    with app.database.reading() as session:
        crowd = sorted(session.scalars(select(Contact.address).where(Contact.address.like("info%"))))
    answers = dict(
        zip(crowd, ["450 4.2.0 <{0}> later", "550 5.1.1 {0} unknown", "drop", "552 5.2.2 {0} full"], strict=False)
    )

    def answer(stage: str, talk: Talk) -> str | None:
        said = answers.get(talk.recipient)
        if stage == "rcpt" and said and said != "drop":
            return said.format(talk.recipient)
        if stage == "dot" and said == "drop":
            raise Drop
        return None

    return answer


def test_a_campaign_with_failures_logs_each_outcome_and_nobodys_address_or_name(app: App, clock: Clock) -> None:
    make_campaign(app, clock, crowd=7)
    with app.database.reading() as session:
        people = [str(one) for one in session.scalars(select(Contact.address))]
        names = [*session.scalars(select(Company.name)), *filter(None, session.scalars(select(Contact.first_name)))]
        ids = {number for (number,) in session.execute(select(world.Campaign.id))}
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OUTREACH_PROJECT": str(app.project),
        "OUTREACH_LOG__LEVEL": "debug",
    }
    with Relay(answer=failing(app)) as relay:
        command = [sys.executable, str(ROOT / "cli.py"), "worker", "--once", "--log-format", "json"]
        environment["OUTREACH_RELAY__PORT"] = str(relay.port)
        ran = subprocess.run(command, env=environment, cwd=app.project, capture_output=True, text=True, timeout=60)
    said = ran.stdout + ran.stderr
    assert "mail sent" in said
    assert "mail rejected" in said
    for one in people:
        assert one not in said
        assert one.partition("@")[2] not in said
    for name in names:
        assert name not in said, name
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    mails = [line for line in lines if line.get("mail") == "campaign"]
    counts = Counter(line["message"] for line in mails)
    assert counts["mail sent"] + counts["mail deferred"] + counts["mail rejected"] + counts["mail uncertain"] == 8
    assert {line["campaign"] for line in mails} == ids
    assert {"delivery", "provider", "class", "attempt"} <= set(mails[0])
    rejected = next(line for line in mails if line["message"] == "mail rejected")
    assert (rejected["class"], rejected["level"], rejected["attempt"]) == ("rcpt 5xx", "info", 1)
