"""The main job from end to end, by the commands that a person would type.

A fresh project folder, an office's contact list and old opt-outs, a catalogue, a segment, a campaign that one person
submits and another approves, the sending, what recipients did with it, and the report. At the end every invariant is
verified.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from outreach.app import App, open_app
from outreach.belgium.calendar import BRUSSELS
from outreach.demo import audience_files, catalogue_file, recipients
from outreach.demo.inbox import Mailbox, free_port
from outreach.demo.invariants import verify
from outreach.errors import Refusal
from outreach.keys import STATE
from outreach.models import Campaign, CampaignStatus, OutboxMail, OutboxStatus

CAMPAIGN = "kennismaking"
MARK = ".demo-project"
STAFF = (("ann@federatie.example", "Ann Voorbeeld", "team"), ("bert@federatie.example", "Bert Voorbeeld", "team"))
ANALYST = ("inge@federatie.example", "Inge Voorbeeld", "analyst")
PASSWORD = "welkom in de demo"  # noqa: S105 - a demo on this machine only, printed for whoever runs it
RECIPIENTS = 500

SETTINGS = """\
[sender]
type = "federation"
name = "Federatie Voorbeeld (demo)"
address = "Voorbeeldstraat 1, 9000 Gent"
enterprise_number = "1999.000.150"
email = "nieuws@federatie.example"
website = "https://www.federatie.example"

[site]
url = "http://127.0.0.1:{site}"
port = {site}

"""

SEGMENT = """\
title: Bedrijven in Vlaanderen en Brussel
description: Alle reguliere bedrijven in de vijf Vlaamse provincies en Brussel, in elke sector.
province: [antwerpen, limburg, oost-vlaanderen, vlaams-brabant, west-vlaanderen, brussel]
"""

CAMPAIGN_FILE = """\
name: {name}
title: Kennismaking met maatwerk in uw buurt
template: monthly
segment: demo-vlaanderen-en-brussel
subject: Wat maatwerkbedrijven in uw buurt voor u kunnen doen
preheader: Drie diensten dicht bij u, gekozen voor uw sector.
send_at: "{send_at}"
archive: true
intro: |
  In Vlaanderen werken meer dan honderd **maatwerkbedrijven**: sociale ondernemingen die werk geven aan mensen voor
  wie dat elders niet lukt. Zij verpakken, monteren, onderhouden, drukken en poetsen voor bedrijven als het uwe.

  Hieronder vindt u diensten bij u in de buurt, gekozen voor uw sector.
spotlights:
  - block: buurt
    title: Bij u in de buurt
    count: 3
    fallback: any_sector
closing: |
  Staat er niets bij voor u? Op onze site vindt u [alle diensten per provincie en per sector]({site}/diensten).
"""


@dataclass(frozen=True)
class Place:
    """Where the demo lives."""

    project: Path
    site: str


@dataclass(frozen=True)
class Teller:
    """Tells a person what happens: a heading, a line, and a progress bar."""

    heading: Callable[[str], None]
    line: Callable[[str], None]
    progress: Callable[[str, int | None], Any]


def run(project: Path, *, once: bool, teller: Teller) -> list[str]:
    """Run the demo in `project` and return the invariants that did not hold; without `once` wait for Ctrl-C."""
    place = _prepare(project)
    with ExitStack() as stack:
        app = open_app(place.project)
        stack.callback(app.close)
        _fill(place, teller)
        _plan(place, teller)
        printed = stack.enter_context(_up(place))
        mailbox = Mailbox(place.project / STATE / "inbox.db")
        stack.callback(mailbox.close)
        _send(place, app, mailbox, teller)
        tally = _answer(place, app, mailbox, teller)
        teller.heading("What it led to")
        _outreach(place, teller, "report", "campaign", CAMPAIGN)
        faults = [*tally.faults, *verify(app, mailbox, CAMPAIGN)]
        _tell_invariants(faults, teller)
        if once:
            teller.line(f"everything stops now; the data stays in {place.project} until the next demo")
        else:
            _tell_addresses(printed, teller)
            teller.line("Ctrl-C stops everything; the data stays in the folder until the next demo.")
            _wait_for_interrupt()
    return faults


def _prepare(project: Path) -> Place:
    """Make an empty project; only a folder that an earlier demo made is removed."""
    if project.exists():
        if not (project / MARK).exists():
            raise Refusal(f"{project}: exists and was not made by the demo; name another folder with --folder")
        shutil.rmtree(project)
    site = free_port(8000)
    _call([sys.executable, "-m", "outreach", "init", str(project)])
    (project / MARK).write_text("made by the demo, and removed by the next one\n")
    (project / "outreach.toml").write_text(SETTINGS.format(site=site))
    return Place(project, f"http://127.0.0.1:{site}")


def _fill(place: Place, teller: Teller) -> None:
    today = datetime.now(BRUSSELS).date()
    contacts = place.project / "contacten.csv"
    audience_files.write_contacts(contacts, seed=2026, today=today)
    old = place.project / "uitschrijvingen-mailchimp.csv"
    audience_files.write_suppressions(old, contacts)
    catalogue = catalogue_file.write_catalogue(place.project, seed=1958)
    (place.project / "segments" / "demo-vlaanderen-en-brussel.yaml").write_text(SEGMENT)
    teller.heading("Suppressions first, then the contact list (with a few faulty rows), then the catalogue")
    _outreach(place, teller, "import", "suppressions", old.name)
    _outreach(place, teller, "import", "contacts", contacts.name, expected=1)
    _outreach(place, teller, "catalogue", "import", catalogue.name)
    for email, name, role in (*STAFF, ANALYST):
        arguments = ("user", "add", email, "--name", name, "--role", role, "--password-stdin")
        _outreach(place, teller, *arguments, typed=PASSWORD, quiet=True)


def _plan(place: Place, teller: Teller) -> None:
    (ann, *_), (bert, *_) = STAFF
    file = place.project / "campaigns" / f"{CAMPAIGN}.yaml"
    teller.heading("A segment, explained rule by rule")
    _write_campaign(place, file, after=600)
    started = time.monotonic()
    _outreach(place, teller, "segment", "explain", "demo-vlaanderen-en-brussel")
    _outreach(place, teller, "campaign", "check", f"campaigns/{file.name}", quiet=True)
    teller.heading("A campaign: written, checked, submitted by Ann, approved by Bert, scheduled")
    # The steps to come take about four times as long as these two: on a slow machine the time must not pass meanwhile.
    _write_campaign(place, file, after=20 + 4 * (time.monotonic() - started))
    _outreach(place, teller, "campaign", "new", f"campaigns/{file.name}", "--as", ann)
    _outreach(place, teller, "campaign", "check", CAMPAIGN)
    _outreach(place, teller, "campaign", "submit", CAMPAIGN, "--as", ann)
    _outreach(place, teller, "campaign", "approve", CAMPAIGN, "--as", bert)
    _outreach(place, teller, "campaign", "schedule", CAMPAIGN, "--as", bert)


def _write_campaign(place: Place, file: Path, *, after: float) -> None:
    """Write the campaign's file, to be sent so many seconds from now."""
    send_at = (datetime.now(BRUSSELS) + timedelta(seconds=after)).isoformat(sep=" ", timespec="seconds")
    file.write_text(CAMPAIGN_FILE.format(name=CAMPAIGN, send_at=send_at, site=place.site))


def _send(place: Place, app: App, mailbox: Mailbox, teller: Teller) -> None:
    teller.heading("`outreach up --inbox` sends it when it is due, to the built-in inbox")
    total = 0
    with teller.progress("sent", None) as advance:
        seen = 0

        def finished() -> bool:
            nonlocal seen, total
            count = mailbox.count(campaign=True)
            advance(count - seen)
            seen = total = count
            return _status(app) in (CampaignStatus.SENT, CampaignStatus.PAUSED, CampaignStatus.CANCELLED)

        if not recipients.wait_until(finished, seconds=900, pause=1.0):
            raise Refusal("the campaign was not sent within 15 minutes; `outreach campaign status` says why")
    teller.line(f"{total:,} mails arrived in the inbox")
    _outreach(place, teller, "campaign", "status", CAMPAIGN)


def _status(app: App) -> CampaignStatus:
    with app.database.reading() as session:
        return session.scalars(select(Campaign.status).where(Campaign.name == CAMPAIGN)).one()


def _answer(place: Place, app: App, mailbox: Mailbox, teller: Teller) -> recipients.Tally:
    teller.heading("Recipients, scanners and enterprises answer (simulated, with real HTTP requests)")
    with teller.progress("recipients", RECIPIENTS) as advance:
        tally = recipients.play(mailbox, place.site, seed=7, limit=RECIPIENTS, step=advance)
    expected = tally.forms + tally.opt_outs

    def arrived() -> bool:
        return mailbox.count(campaign=False) >= expected * 0.8 and _outbox_is_empty(app)

    recipients.wait_until(arrived, seconds=120, pause=1.0)
    recipients.decide_leads(mailbox, place.site, seed=8, tally=tally)
    teller.line(
        f"{tally.scanners} scanners opened every link; people clicked {tally.clicks} times, sent {tally.forms} forms "
        f"and opted out {tally.opt_outs} times; enterprises confirmed {tally.confirmed} leads "
        f"and refused {tally.refused}"
    )
    return tally


def _outbox_is_empty(app: App) -> bool:
    waiting = (OutboxStatus.PENDING, OutboxStatus.SENDING, OutboxStatus.DEFERRED)
    with app.database.reading() as session:
        return session.scalar(select(func.count()).where(OutboxMail.status.in_(waiting))) == 0


def _tell_invariants(faults: list[str], teller: Teller) -> None:
    teller.heading("Invariants")
    if not faults:
        teller.line(
            "all hold: nobody twice, nobody lost, nobody who opted out, every row of the audience accounted for"
        )
    for fault in faults:
        teller.line(f"BROKEN: {fault}")


def _tell_addresses(printed: Path, teller: Teller) -> None:
    teller.heading("Open in a browser (as `outreach up --inbox` printed)")
    for line in printed.read_text().splitlines():
        if line.startswith(("inbox ", "site ", "staff ")):
            teller.line(line)
    teller.line(f"Log in as {STAFF[0][0]}, password: {PASSWORD}")


@contextmanager
def _up(place: Place) -> Iterator[Path]:
    """Run `outreach up --inbox` as a process of its own while the block runs; give the file with what it prints."""
    log = (place.project / "up.log").open("w")
    process = subprocess.Popen(
        [*_command(place), "up", "--inbox"], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        if not recipients.wait_until(lambda: _answers(place) or process.poll() is not None, seconds=60):
            raise Refusal(f"`outreach up` does not answer; see {log.name}")
        if process.poll() is not None:
            raise Refusal(f"`outreach up` stopped; see {log.name}")
        yield Path(log.name)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def _answers(place: Place) -> bool:
    try:
        return recipients.ask("GET", f"{place.site}/healthz", agent="demo").status == 200
    except OSError:
        return False


def _command(place: Place) -> list[str]:
    return [sys.executable, "-m", "outreach", "--project", str(place.project)]


def _outreach(
    place: Place, teller: Teller, *arguments: str, expected: int = 0, typed: str | None = None, quiet: bool = False
) -> None:
    """Run a command as a person would, show it and what it printed, and insist on its exit code."""
    if not quiet:
        teller.line(f"$ outreach {' '.join(arguments)}")
    done = _call([*_command(place), *arguments], typed=typed, expected=expected, folder=place.project)
    if not quiet:
        for line in (done.stdout + done.stderr).rstrip().splitlines():
            teller.line(f"  {line}")


def _call(
    command: list[str], *, typed: str | None = None, expected: int = 0, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUTREACH_")}
    environment["COLUMNS"] = str(max(shutil.get_terminal_size((140, 40)).columns - 2, 80))  # the tour indents by two
    done = subprocess.run(command, input=typed, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode != expected:
        told = (done.stdout + done.stderr).strip()
        raise Refusal(f"`{' '.join(command[3:])}` ended with exit code {done.returncode}, not {expected}:\n{told}")
    return done


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
