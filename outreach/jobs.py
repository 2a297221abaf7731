"""What falls due: campaigns to start, mail to send, leads to remind of, unconfirmed sign-ups to erase.

Each step may be done twice, late, or again after a crash: the tables say what is due. One that fails stops no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from outreach import intake, place
from outreach.app import App
from outreach.campaigns import holding_back, starting, verdicts
from outreach.campaigns.starting import Paused, Started
from outreach.campaigns.verdicts import Classified
from outreach.delivery import resting, sending, watching
from outreach.delivery.sending import Progress, Summary
from outreach.inbox import keeping
from outreach.leads import notices
from outreach.place import Standing
from outreach.subscriptions import asking

_NOT_OURS = (
    "this database was restored or copied, or its folder moved: "
    "if it is the one that sends from now on, run `outreach db adopt`"
)
_NOT_JOINED = "this host isn't one of those that send from the database yet: run `outreach db join` here"

# So long a host that takes its work from the queue sends of one campaign; then another may have its turn.
SHIFT_SECONDS = 60.0

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Starts:
    """How many campaigns were started, and how many wait for a person instead."""

    started: int = 0
    paused: int = 0


@dataclass(frozen=True)
class Done:
    """What a run did; `faults` names each step that failed and why."""

    starts: Starts = Starts()
    sending: Summary = field(default_factory=Summary)
    reminders: int = 0
    faults: tuple[str, ...] = ()

    @property
    def worked(self) -> bool:
        """Tell whether anything changed, so that more may have fallen due."""
        return bool(self.starts.started or self.reminders or self.sending.worked)

    def __add__(self, later: Done) -> Done:
        """Add a later run."""
        starts = Starts(self.starts.started + later.starts.started, self.starts.paused + later.starts.paused)
        reminders, faults = self.reminders + later.reminders, (*self.faults, *later.faults)
        return Done(starts, self.sending + later.sending, reminders, faults)


@dataclass
class _Steps:
    """Does steps one after the other, whatever becomes of each."""

    faults: list[str] = field(default_factory=list)

    def do(self, name: str, step: Callable[[], T], otherwise: T) -> T:
        try:
            return step()
        except (OperationalError, OSError) as error:  # a full disk, a database that is away: its words say all
            log.warning("%s failed: %s", name, getattr(error, "orig", error))
            self.faults.append(f"{name}: {getattr(error, 'orig', error)}")
            return otherwise
        except Exception as error:
            log.exception("%s failed", name)
            self.faults.append(f"{name}: {type(error).__name__}: {error}")
            return otherwise


def run_due(app: App, *, stop: threading.Event | None = None, progress: Progress | None = None) -> Done:
    """Do everything that is due now."""
    steps = _Steps()
    starts = steps.do("starting campaigns", lambda: start_due(app), Starts())
    reminders = steps.do("reminding of leads", lambda: remind_due(app), 0)
    steps.do("erasing unconfirmed sign-ups", lambda: forget_due(app), 0)
    steps.do("erasing old answers", lambda: forget_answers(app), 0)
    steps.do("reading what came back", lambda: read_inbox(app), None)
    steps.do("watching campaigns", lambda: watch(app), None)
    sent = steps.do("sending", lambda: send(app, stop or threading.Event(), progress), Summary())
    return Done(starts, sent, reminders, tuple(steps.faults))


def start_due(app: App) -> Starts:
    """Start the campaigns whose time has come, each in a transaction of its own."""
    steps, outcomes = _Steps(), list[Started | Paused | None]()
    for campaign_id in due_campaigns(app):
        outcomes.append(steps.do(f"starting campaign {campaign_id}", partial(start, app, campaign_id), None))
    if steps.faults:
        raise RuntimeError("; ".join(steps.faults))
    return Starts(
        sum(isinstance(outcome, Started) for outcome in outcomes),
        sum(isinstance(outcome, Paused) for outcome in outcomes),
    )


def due_campaigns(app: App) -> list[int]:
    """Return the campaigns whose time has come; none on a host that hasn't joined: those that have start them."""
    with app.database.reading() as session:
        due = starting.due(session, app.now())
    return due if due and _standing(app) is not Standing.STRANGER else []


def start(app: App, campaign_id: int) -> Started | Paused | None:
    """Start a campaign that is due; None if another process did."""
    standing = _standing(app)
    return None if standing is Standing.STRANGER else _start(app, campaign_id, standing)


def _start(app: App, campaign_id: int, standing: Standing) -> Started | Paused | None:
    with app.database.writing() as session:
        outcome = starting.start(
            session,
            campaign_id,
            settings=app.settings,
            links=app.links,
            now=app.now(),
            instance_id=_instance_id(app, standing),
            simulated=app.simulated,
        )
    if isinstance(outcome, Started):
        log.info("campaign %s starts: %s of %s to be mailed", campaign_id, outcome.mailable, outcome.audience)
    elif isinstance(outcome, Paused):
        log.warning("campaign %s waits for a person: %s", campaign_id, outcome.reason)
    return outcome


def _instance_id(app: App, standing: Standing) -> str:
    """Return the database's id as our folder has it; none if the database isn't ours, whatever its id says."""
    return app.keys.instance_id if standing is Standing.OURS else ""


def send(
    app: App, stop: threading.Event, progress: Progress | None = None, *, only: frozenset[int] | None = None
) -> Summary:
    """Send what is due now, of campaigns `only` these; nothing at all from a database that was restored or copied."""
    if (trouble := _not_from_here(app)) is not None:
        return Summary(trouble=trouble)
    _hold_back(app)
    return sending.send_due(
        app.database,
        app.settings,
        app.links,
        clock=app.clock,
        stop=stop,
        until_idle=True,
        progress=progress,
        note=app.vitals.outcomes.note,
        simulated=app.simulated,
        only=only,
    )


def send_for_a_while(app: App, over: threading.Event, campaign_id: int | None) -> Summary:
    """Send what is due of a campaign, and other mail before it, until nothing is or the shift is over."""
    only = frozenset() if campaign_id is None else frozenset((campaign_id,))
    return send(app, _Shift(SHIFT_SECONDS, over), only=only)


class _Shift(threading.Event):
    """Is set by itself after so many seconds, or when `over` is."""

    def __init__(self, seconds: float, over: threading.Event) -> None:
        super().__init__()
        self._end, self._over = time.monotonic() + seconds, over

    def is_set(self) -> bool:
        return self._over.is_set() or time.monotonic() >= self._end

    def wait(self, timeout: float | None = None) -> bool:
        left = max(self._end - time.monotonic(), 0.0)
        self._over.wait(left if timeout is None else min(timeout, left))
        return self.is_set()


def waiting_mail(app: App) -> list[int | None]:
    """Return the campaigns with mail to be sent now, and None for other mail; nothing if it isn't for us to send."""
    if _not_from_here(app) is not None:
        return []
    _hold_back(app)
    with app.database.reading() as session:
        return sending.waiting(session, app.settings, app.now())


def is_ours(app: App) -> bool:
    """Tell whether mail may leave from here."""
    return _standing(app) is Standing.OURS


def is_untidy(app: App) -> bool:
    """Tell whether a worker died, or a campaign came to its end, and nobody has seen to it."""
    with app.database.reading() as session:
        return sending.is_untidy(session, app.settings)


def tidy(app: App) -> Summary:
    """See to what dead workers held, and to campaigns that came to their end."""
    done = sending.tidy(app.database, app.settings, clock=app.clock)
    if done.recovered:
        log.warning("%s mails were on their way when another sender stopped: they are uncertain now", done.recovered)
    return done


def _not_from_here(app: App) -> str | None:
    """Return why no mail may leave from here; campaigns under way in a database that isn't ours are paused."""
    standing = _standing(app)
    if standing is Standing.STRANGER:
        return _NOT_JOINED
    if standing is Standing.FOREIGN:
        with app.database.writing() as session:
            starting.pause_foreign(session, _instance_id(app, standing), app.now())
        return _NOT_OURS
    return None


def _standing(app: App) -> Standing:
    return place.standing(app.database, app.keys.instance_id)


def _hold_back(app: App) -> None:
    """Pause what must not simply go on; then say that a sender is there."""
    now, lateness = app.now(), timedelta(minutes=app.settings.sending.max_lateness_minutes)
    with app.database.reading() as session:
        simulated = not app.simulated and starting.simulated_under_way(session)
        silent = holding_back.silent(session, now, lateness)
        seen = holding_back.is_due_to_be_seen(session, now)
    if simulated or silent:
        with app.database.writing() as session:
            if simulated:
                starting.pause_simulated(session, now)
            for name in holding_back.pause_silent(session, now, lateness):
                log.warning("campaign %s waits for a person: nothing was sent for long", name)
    if seen:
        place.draw(app.database, now)
    place.note(app.database)


def watch(app: App) -> list[str]:
    """Look at what comes of the campaigns under way, also while none of their mails goes; return what was decided."""
    with app.database.reading() as session:
        if not (watching.is_due(session) and is_ours(app)):
            return []
    with app.database.writing() as session:
        decided = watching.watch(session, app.settings, watching.Histories(), app.now())
    for said in decided:
        log.warning("campaign %s", said)
    return decided


def remind_due(app: App) -> int:
    """Remind enterprises of leads that they left unanswered."""
    with app.database.writing() as session:
        return notices.remind_due(session, settings=app.settings, links=app.links, now=app.now())


def judge_hits(app: App, *, everything: bool = False) -> Classified:
    """Tell people from scanners among the hits not judged yet, or among all; a page of hits is a transaction."""
    with app.database.reading() as session:
        since = verdicts.unjudged_since(session)
    if since is None and not everything:
        return Classified()
    reading = verdicts.Reading(None if everything else since)
    more = True
    while more:
        with app.database.reading() as session:
            changed, more = reading.step(session)
        if changed:
            with app.database.writing() as session:
                verdicts.write(session, changed)
    return reading.done


def forget_due(app: App) -> int:
    """Erase what nobody confirmed in time."""
    with app.database.writing() as session:
        return asking.forget(session, app.settings, app.now())


def read_inbox(app: App) -> intake.Read:
    """Take in what came back, understand it, and judge what the relay refused; nothing for a copied database.

    With the built-in inbox nothing left this machine, and mailboxes of the real world are left alone.
    """
    if app.simulated:
        return intake.Read()
    if not is_ours(app):
        return intake.Read(faults=[_NOT_OURS])
    read = intake.read(app)
    intake.follow_up(app)
    return read


def forget_answers(app: App) -> int:
    """Erase the text of answers and of settled mails once it was kept long enough."""
    with app.database.writing() as session:
        return keeping.forget(session, app.settings.inbox, app.now())


def wake_relays(app: App) -> None:
    """Forget that relays rest: a person started the sender anew, perhaps after mending its settings."""
    with app.database.writing() as session:
        for relay in app.settings.all_relays:
            resting.end(session, relay)
