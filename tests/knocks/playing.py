"""Letting families loose on a world of mails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random

from .mails import Knock, Mail, World


@dataclass(frozen=True)
class Family:
    """A way of following links: `share` of the companies have it; `group` companies share one machine."""

    name: str
    act: Callable[[Random, list[Mail]], Iterator[Knock]]
    share: float
    group: int = 1
    held_back: bool = False


def play(world: World, families: Iterable[Family], *, seed: int) -> list[Knock]:
    """Return all requests, in the order of their time."""
    by_company = dict[int, list[Mail]]()
    for mail in world.mails:
        by_company.setdefault(mail.company, []).append(mail)
    knocks = list[Knock]()
    for family in families:
        chance = Random(f"{seed}:{family.name}")
        count = max(family.group, round(len(by_company) * family.share))
        chosen = chance.sample(sorted(by_company), min(count, len(by_company)))
        for start in range(0, len(chosen), family.group):
            mails = sorted(
                (m for c in chosen[start : start + family.group] for m in by_company[c]), key=lambda m: m.sent
            )
            knocks += [replace(knock, family=family.name) for knock in family.act(chance, mails)]
    return sorted(knocks, key=lambda knock: knock.at)
