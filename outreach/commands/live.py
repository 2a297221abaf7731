"""Progress that moves, on a terminal; in a pipe nothing, or a line for each change."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from outreach.belgium.calendar import BRUSSELS
from outreach.campaigns.progress import CampaignProgress
from outreach.commands.door import as_json_text, printable
from outreach.delivery.looking import Rest, Watched
from outreach.models import CampaignStatus

LOOK_SECONDS = 1.0
# Looking may cost this share of the time at most: a million rows are counted less often.
_SHARE = 10
_COLOURS = {"sent": "green", "deferred": "yellow", "uncertain": "magenta", "rejected": "red", "failed": "red"}
_BAR = 30
_ENDS = (CampaignStatus.SENT, CampaignStatus.CANCELLED, CampaignStatus.PAUSED)


class Looking:
    """Looks again when it is time to, and draws what was seen last."""

    def __init__(self, look: Callable[[], Watched]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._seen: Watched | None = None
        self._next = 0.0

    def seen(self, *, now: bool = False) -> Watched:
        """Return what was seen last, after looking again if it is time; a database that is busy is asked later."""
        with self._lock:
            if now or self._seen is None or time.monotonic() >= self._next:
                started = time.monotonic()
                try:
                    self._seen = self._look()
                finally:
                    ended = time.monotonic()
                    self._next = ended + max(LOOK_SECONDS, _SHARE * (ended - started))
            return self._seen

    def __rich__(self) -> RenderableType:
        try:
            watched = self.seen()
        except Exception as error:
            return Text(f"can't be looked at just now: {type(error).__name__}", style="dim")
        return drawn(watched)


@contextmanager
def shown(look: Callable[[], Watched]) -> Iterator[None]:
    """Show how it stands on a terminal while the block runs, and leave the last look there; nothing in a pipe."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield
        return
    looking = Looking(look)
    with Live(looking, console=console, refresh_per_second=4):
        yield
        looking.seen(now=True)


def follow(look: Callable[[], Watched], seconds: int, *, as_json: bool) -> Watched:
    """Show one campaign until it is sent, cancelled or paused; return the last look."""
    moves = sys.stdout.isatty() and not as_json
    if moves:
        looking = Looking(look)
        with Live(looking, refresh_per_second=4):
            while (seen := looking.seen()).campaigns[0].status not in _ENDS:
                time.sleep(seconds)
        return seen
    told = ""
    while True:
        seen = look()
        found = seen.campaigns[0]
        text = as_json_line(seen) if as_json else line_of(found, seen.at)
        key = repr((found.status, found.counts, seen.rests))
        if key != told:
            click.echo(text)
            told = key
        if found.status in _ENDS:
            return seen
        time.sleep(seconds)


def as_json_line(watched: Watched) -> str:
    """Return the look as one line of JSON: the campaign's keys as `status --json` has them, and the rests."""
    found = {"at": watched.at, **asdict(watched.campaigns[0]), "rests": [asdict(rest) for rest in watched.rests]}
    return json.dumps(json.loads(as_json_text(found)), ensure_ascii=False)


def drawn(watched: Watched) -> RenderableType:
    """Draw how it stands."""
    parts: list[RenderableType] = []
    for campaign in watched.campaigns:
        parts += _campaign(campaign, watched.at)
    parts += [_rest(rest) for rest in watched.rests]
    return Group(*parts) if parts else Text("nothing is being sent", style="dim")


def _campaign(found: CampaignProgress, now: datetime) -> Iterator[RenderableType]:
    done = found.audience - found.remaining
    line = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(found.audience, 1), completed=done, width=_BAR)
    state = found.status.value + (" (simulated)" if found.simulated else "")
    rate = f"{found.per_minute:,.0f} a minute" if found.per_minute else ""
    line.add_row(
        Text(found.name, style="bold"), Text(state), bar, f"{done:,} of {found.audience:,}", rate, _left(found, now)
    )
    yield line
    yield _counts(found.counts)
    for status, kinds in found.by_class.items():
        yield Text.assemble("  ", (status, _COLOURS.get(status, "")), f": {_list(kinds)}")
    if len(found.by_provider) > 1:
        yield Text("  to " + "; ".join(f"{name}: {_list(counts)}" for name, counts in found.by_provider.items()))
    if found.canary is not None and found.canary.passed_at is None:
        yield Text(f"  {found.canary.size:,} go first; the others wait until these are judged", style="yellow")
    if found.pause_reason:
        yield Text(f"  waits because: {printable(found.pause_reason)}", style="yellow")


def _counts(counts: Mapping[str, int]) -> Text:
    text = Text("  ")
    for status, count in counts.items():
        if count:
            text.append(f"{count:,} {status}  ", style=_COLOURS.get(status, ""))
    return text


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {printable(name)}" for name, count in counts.items())


def _left(found: CampaignProgress, now: datetime) -> str:
    if found.ends_at is None:
        return f"{found.remaining:,} to go" if found.remaining else ""
    return f"{duration(found.ends_at - now)} left"


def _rest(rest: Rest) -> Text:
    until = f"{rest.until.astimezone(BRUSSELS):%H:%M:%S}"
    words = f"{rest.relay} rests until {until}: {printable(rest.reply)}"
    return Text(words if rest.mended_by_waiting else f"{words} (mend the settings)", style="yellow")


def duration(span: timedelta) -> str:
    """Return a span as a person reads it: 45 s, 12 min, 3 h 20 min."""
    seconds = max(round(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def line_of(found: CampaignProgress, now: datetime) -> str:
    """Return how a campaign stands on one line, for a pipe."""
    counts = ", ".join(f"{count} {status}" for status, count in found.counts.items() if count)
    why = f"; waits because: {printable(found.pause_reason)}" if found.pause_reason else ""
    left = f"; {_left(found, now)}" if found.remaining else ""
    return f"{found.name}: {found.status.value}; {counts or 'nobody yet'}{left}{why}"
