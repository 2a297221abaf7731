"""What one cohort's mail shows: services chosen block by block, and the tracked links of everything it links to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreach.campaigns.cohorts import Group, cell_order
from outreach.campaigns.frozen import Frozen
from outreach.campaigns.spec import TEXTS, EventSpec, SpotlightSpec
from outreach.catalogue.matching import Candidate, Cell, choose
from outreach.emails.markdown import links_of_markdown
from outreach.links import Links

INTRO, BODY, CLOSING, EVENT = TEXTS


@dataclass(frozen=True)
class Spotlight:
    """A service in a block; `code` is that of its tracked link, None in previews."""

    service_id: int
    fallback: str | None
    code: str | None = None


@dataclass(frozen=True)
class Block:
    """A block and its services, in order."""

    name: str
    spotlights: tuple[Spotlight, ...]


@dataclass(frozen=True)
class Target:
    """An address that the mail links to, where it stands, and for which service."""

    block: str
    address: str
    service_id: int | None = None


@dataclass(frozen=True)
class Content:
    """A cohort's services and the codes of its links, by block and address."""

    blocks: tuple[Block, ...]
    codes: Mapping[tuple[str, str], str]

    def to_json(self) -> dict[str, Any]:
        return {
            "blocks": [
                {"name": b.name, "spotlights": [[s.service_id, s.fallback, s.code] for s in b.spotlights]}
                for b in self.blocks
            ],
            "links": [[block, address, code] for (block, address), code in self.codes.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Content:
        blocks = (Block(b["name"], tuple(Spotlight(*s) for s in b["spotlights"])) for b in data["blocks"])
        return cls(tuple(blocks), {(block, address): code for block, address, code in data["links"]})


def choose_content(
    frozen: Frozen, cells: Sequence[Cell], exposure: Mapping[int, int], gone: Collection[int] = frozenset()
) -> Content:
    """Choose the services of a cohort; those in `gone` were withdrawn since approval. No links yet."""
    offered = [candidate for candidate in frozen.candidates if candidate.id not in gone]
    shown = {c.id for c in offered for block in frozen.spec.spotlights if c.slug in block.services}
    blocks = []
    for block in frozen.spec.spotlights:
        spotlights = (
            _fixed(block, offered) if block.services else _chosen(frozen, block, offered, cells, exposure, shown)
        )
        shown |= {spotlight.service_id for spotlight in spotlights}
        blocks.append(Block(block.block, tuple(spotlights)))
    return Content(tuple(blocks), {})


def choose_all(
    frozen: Frozen, groups: Mapping[Group, int], exposure: Mapping[int, int], gone: Collection[int] = frozenset()
) -> dict[Group, Content]:
    """Choose the services of every cohort, given its recipients; the same for the preview and for the freeze.

    The largest first, so that the small ones even out the exposure.
    """
    counted = Counter(exposure)
    chosen: dict[Group, Content] = {}
    for group, recipients in sorted(groups.items(), key=lambda pair: (-pair[1], cell_order(pair[0].cells[0]))):
        content = chosen[group] = choose_content(frozen, group.cells, counted, gone)
        for block in content.blocks:
            counted.update({spotlight.service_id: recipients for spotlight in block.spotlights})
    return chosen


def targets(frozen: Frozen, content: Content, links: Links) -> list[Target]:
    """List every address that a cohort's mail links to, each once per block."""
    candidates = {candidate.id: candidate for candidate in frozen.candidates}
    found = [Target(INTRO, address) for address in _web(frozen.spec.intro)]
    for block, spec in zip(content.blocks, frozen.spec.spotlights, strict=True):
        for spotlight in block.spotlights:
            candidate = candidates[spotlight.service_id]
            found.append(Target(block.name, links.service(candidate.slug), candidate.id))
            if spec.text == "full":
                found += [Target(block.name, address, candidate.id) for address in _web(candidate.text)]
    found += [Target(BODY, address) for address in _web(frozen.spec.body)]
    found += [Target(CLOSING, address) for address in _web(frozen.spec.closing)]
    if frozen.spec.event:
        found += [Target(EVENT, address) for address in _of_event(frozen.spec.event, frozen.spec.name, links)]
    return list({(target.block, target.address): target for target in found}.values())


def with_codes(frozen: Frozen, content: Content, links: Links, code_for: Callable[[Target], str]) -> Content:
    """Give every link of a cohort's mail its code."""
    codes = {(target.block, target.address): code_for(target) for target in targets(frozen, content, links)}
    slugs = {candidate.id: candidate.slug for candidate in frozen.candidates}
    blocks = tuple(
        Block(
            block.name,
            tuple(
                Spotlight(s.service_id, s.fallback, codes[block.name, links.service(slugs[s.service_id])])
                for s in block.spotlights
            ),
        )
        for block in content.blocks
    )
    return Content(blocks, codes)


def _fixed(block: SpotlightSpec, offered: Sequence[Candidate]) -> list[Spotlight]:
    by_slug = {candidate.slug: candidate for candidate in offered}
    return [Spotlight(by_slug[slug].id, None) for slug in block.services if slug in by_slug]


def _chosen(
    frozen: Frozen,
    block: SpotlightSpec,
    offered: Sequence[Candidate],
    cells: Sequence[Cell],
    exposure: Mapping[int, int],
    shown: set[int],
) -> list[Spotlight]:
    choices = choose(
        offered,
        count=block.count or 0,
        exposure=exposure,
        fallback=block.fallback,
        cells=cells,
        categories=block.categories,
        exclude=shown,
        seed=f"{frozen.spec.name}:{cells}",
    )
    return [Spotlight(choice.candidate.id, choice.fallback) for choice in choices]


def _of_event(event: EventSpec, campaign: str, links: Links) -> list[str]:
    on_the_web = event.register_at is not None and event.register_at.lower().startswith("https://")
    return [*([event.register_at] if on_the_web and event.register_at else []), links.calendar(campaign)]


def _web(text: str) -> list[str]:
    return [target for target in links_of_markdown(text) if target.lower().startswith(("http://", "https://"))]
