"""Person or scanner: what the hits around a hit show.

Hits are judged in the order of their time, each among those of the last quarter of an hour, so that a hit can change
the verdict on the ones before it: the fourth link within a second shows what the first three were. What a person can't
or hardly does is a reason; a group is a cohort, whose members share their links, and a source is one place within the
hour (`outreach.web.sources`). A demo squeezes days into seconds, so simulated hits are judged by what they show alone.

The numbers, and where they are from: a finger doesn't reach four links in a second; 2.7 % of measured sweeps begin
within 20 s of sending (putyourlightson/craft-campaign 546), and before 10 s a mail is hardly delivered; gateways that
open link after link need about one second for each (mautic 9798). `make measure-bots` measures what they lead to.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from outreach.campaigns.visitors import Reason, visible_reasons

# How far evidence reaches, in seconds: a hit's verdict is final when the next ones come later than this.
REACH = 900.0
# Under a flood evidence reaches less far: memory has an end.
MOST_HITS = 200_000
MOST_NEIGHBOURS = 2_000
MOST_SUSPECTS = 20_000
MOST_IN_BURST = 100

TOO_SOON = 10.0
BURST_SECONDS, BURST_LINKS = 1.0, 4
# From several sources the links must stand out from what the group usually opens; under several names they must be
# more than half of the mail besides.
GROUP_BURST_SHARE, GROUP_BURST_LINKS, OUTSTANDING = 0.6, 5, 3.0
SWEEP_SHARE, SWEEP_LINKS, SWEEP_PAUSE, SWEEP_SECONDS = 0.8, 5, 120.0, 10.0
# Only while mails go out and shortly after: later one source is as well the proxy of many people.
MANY_GROUPS, MANY_GROUPS_UNTIL = 4, 120.0
MINUTE = 60.0

# What spreads to other hits of one source. Not a preview or a prefetch: those come from a person's own telephone too.
DEFINITE = frozenset({Reason.HEAD, Reason.NOT_A_BROWSER, Reason.MANY_LINKS_AT_ONCE, Reason.NEARLY_ALL_LINKS})


@dataclass(frozen=True, slots=True)
class Group:
    """Those who got one mail: how many links it has, and when the first and the last of them got it.

    Moments are seconds since 1970; None = nobody yet.
    """

    links: int
    first_sent: float | None
    last_sent: float | None


@dataclass(slots=True, eq=False)
class Hit:
    """A hit as the rules see it; `at` in seconds since 1970, `group` any key. `reasons` grow as more is seen."""

    id: int
    at: float
    group: Hashable
    link: int
    method: str
    agent: str
    signs: str
    source: int | None
    simulated: bool
    reasons: set[Reason]

    @property
    def who(self) -> tuple[Hashable, Hashable]:
        """Who asked, within the group: the source, or the program's name if the source isn't known."""
        return self.group, self.agent if self.source is None else self.source


class Judge:
    """Takes hits in the order of their time, and gives each back when no later hit can change its verdict."""

    def __init__(self, group: Callable[[Hashable], Group]) -> None:
        self._group = group
        self.open: deque[Hit] = deque()
        self._near = _Neighbours(MINUTE)
        self._around = _Neighbours(2 * MINUTE + BURST_SECONDS)
        self._suspects: deque[tuple[float, list[Hit], deque[Hit]]] = deque()
        self._runs: OrderedDict[Hashable, list[Hit]] = OrderedDict()

    def see(self, hit: Hit) -> Iterator[Hit]:
        """Judge a hit; return those whose verdict is final by now."""
        self._settle(hit.at)
        hit.reasons.update(visible_reasons(hit.method, hit.agent, hit.signs))
        if not hit.simulated:
            self._look_around(hit)
        self.open.append(hit)
        while self.open[0].at < hit.at - REACH or len(self.open) > MOST_HITS:
            yield self.open.popleft()

    def rest(self) -> Iterator[Hit]:
        """Return those that are left when no more hits come."""
        self._settle(math.inf)
        while self.open:
            yield self.open.popleft()

    def _look_around(self, hit: Hit) -> None:
        group = self._group(hit.group)
        if group.first_sent is None or hit.at < group.first_sent + TOO_SOON:
            hit.reasons.add(Reason.SECONDS_AFTER_SENDING)
        own = self._near.add(hit.who, hit)
        self._burst(hit, own, group)
        self._sweep(hit, own, group)
        if hit.source is not None and group.last_sent is not None and hit.at < group.last_sent + MANY_GROUPS_UNTIL:
            self._many_recipients(hit, self._near.add(("source", hit.source), hit))
        self._beside(hit, own)

    def _burst(self, hit: Hit, own: deque[Hit], group: Group) -> None:
        """Four links within a second from one source; or from several that ask like one program, see `_outstanding`."""
        last = _within(own, hit.at - BURST_SECONDS)
        if _links(last) >= BURST_LINKS:
            self._mark(last, Reason.MANY_LINKS_AT_ONCE)
        nearly_all = max(GROUP_BURST_LINKS, GROUP_BURST_SHARE * group.links)
        for key, least in (((hit.group, hit.agent), BURST_LINKS), (hit.group, nearly_all)):
            around = self._around.add(key, hit)
            last = _within(around, hit.at - BURST_SECONDS)
            if len(last) <= MOST_IN_BURST and _links(last) >= least:
                self._suspects.append((hit.at, last, around))

    def _settle(self, now: float) -> None:
        """Decide on suspects when the minute after them is known, and the oldest at once if there are too many."""
        while self._suspects and (self._suspects[0][0] < now - MINUTE or len(self._suspects) > MOST_SUSPECTS):
            at, last, around = self._suspects.popleft()
            if _links(last) >= BURST_LINKS + OUTSTANDING * _usual(around, at):
                self._mark(last, Reason.MANY_LINKS_AT_ONCE)

    def _sweep(self, hit: Hit, own: deque[Hit], group: Group) -> None:
        """Nearly all links of the mail from one source: within seconds, or one after the other and none twice."""
        enough = max(SWEEP_LINKS, SWEEP_SHARE * group.links)
        last = _within(own, hit.at - SWEEP_SECONDS)
        if _links(last) >= enough:
            self._mark(last, Reason.NEARLY_ALL_LINKS)
        run = self._runs.setdefault(hit.who, [])
        self._runs.move_to_end(hit.who)
        if run and (hit.at > run[-1].at + SWEEP_PAUSE or hit.link in {other.link for other in run[:-1]}):
            run.clear()
        if not run or run[-1].link != hit.link:  # HEAD and then GET, or a double, is one step
            run.append(hit)
        if _links(run) >= enough:
            self._mark(run, Reason.NEARLY_ALL_LINKS)
        while self._runs and next(iter(self._runs.values()))[-1].at < hit.at - SWEEP_PAUSE:
            self._runs.popitem(last=False)

    def _many_recipients(self, hit: Hit, everywhere: deque[Hit]) -> None:
        """One source opens the mails of several groups within a minute."""
        last = _within(everywhere, hit.at - MINUTE)
        if len({other.group for other in last}) >= MANY_GROUPS:
            for other in last:
                other.reasons.add(Reason.ONE_SOURCE_MANY_RECIPIENTS)

    def _beside(self, hit: Hit, own: deque[Hit]) -> None:
        """A scanner that shows itself in one request shows what its others from the same source were."""
        for other in own:
            if other is not hit and other.reasons & DEFINITE and _same_program(other, hit):
                hit.reasons.add(Reason.BESIDE_A_SCANNER)
                break
        if hit.reasons & DEFINITE:
            self._taint(hit, own)

    def _mark(self, hits: Iterable[Hit], reason: Reason) -> None:
        for hit in hits:
            if reason not in hit.reasons:
                hit.reasons.add(reason)
                self._taint(hit, self._near.of(hit.who))

    def _taint(self, hit: Hit, own: Iterable[Hit]) -> None:
        for other in own:
            if other is not hit and _same_program(hit, other):
                other.reasons.add(Reason.BESIDE_A_SCANNER)


def _same_program(scanner: Hit, other: Hit) -> bool:
    """Tell whether two hits of one source are one program's: by its name, or as a HEAD and what follows it."""
    return scanner.agent == other.agent or (Reason.HEAD in scanner.reasons and scanner.link == other.link)


class _Neighbours:
    """The newest hits by key, so many seconds of them; keys that nobody used for as long are forgotten."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.by_key: OrderedDict[Hashable, deque[Hit]] = OrderedDict()

    def of(self, key: Hashable) -> deque[Hit]:
        return self.by_key.get(key, deque())

    def add(self, key: Hashable, hit: Hit) -> deque[Hit]:
        """Return the hits of a key, the new one last."""
        hits = self.by_key.setdefault(key, deque(maxlen=MOST_NEIGHBOURS))
        self.by_key.move_to_end(key)
        hits.append(hit)
        while hits[0].at < hit.at - self.seconds:
            hits.popleft()
        while next(iter(self.by_key.values()))[-1].at < hit.at - self.seconds:
            self.by_key.popitem(last=False)
        return hits


def _within(hits: deque[Hit], since: float) -> list[Hit]:
    """Return the hits after a moment, the newest first."""
    found = []
    for hit in reversed(hits):
        if hit.at < since:
            break
        found.append(hit)
    return found


def _links(hits: Iterable[Hit]) -> int:
    return len({hit.link for hit in hits})


def _usual(hits: deque[Hit], at: float) -> float:
    """Return how many hits a second of people had in the minute before or after the second until `at`, the busier."""
    unmarked = [hit.at for hit in hits if not hit.reasons]
    before = sum(at - BURST_SECONDS - MINUTE <= moment < at - BURST_SECONDS for moment in unmarked)
    after = sum(at < moment <= at + MINUTE for moment in unmarked)
    return max(before, after) / MINUTE
