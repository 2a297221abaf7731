"""What must not be sent: every reason at once, so that a campaign is mended in one go."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from outreach.audience.eligibility import policy_of
from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.numbers import parse_enterprise_number
from outreach.campaigns import previewing, selection
from outreach.campaigns.composing import attachments, sample_fields
from outreach.campaigns.content import Block, Content
from outreach.campaigns.frozen import Frozen, gather
from outreach.campaigns.life import shown_time
from outreach.campaigns.mailing import headers
from outreach.campaigns.previewing import Plan, preview_model
from outreach.campaigns.selection import AudienceCount
from outreach.campaigns.sources import Sources
from outreach.campaigns.spec import CampaignSpec, send_time, wished_time
from outreach.catalogue import matching
from outreach.catalogue.matching import Cell, TooFewServices
from outreach.emails import checking as mails
from outreach.emails.assembly import Headers, Mailbox, assemble, message_id
from outreach.emails.model import greeting_for
from outreach.errors import Refusal
from outreach.links import Links
from outreach.models import Campaign

# Cohorts differ in little more than their services: the largest few show what is wrong with any.
SAMPLES = 4


@dataclass(frozen=True)
class Reason:
    """Something that keeps a campaign from being sent, or (as a warning) that somebody should know.

    `finding` is the code of what the check of the mail found (docs/checking.md), empty for anything else.
    """

    code: str
    text: str
    finding: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Checked:
    """What a check found: reasons against sending, warnings, and what would be sent to whom and when."""

    name: str
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    send_at: datetime | None
    wished_at: datetime | None
    audience: AudienceCount | None
    cohorts: int
    frozen: Frozen | None = field(repr=False)

    @property
    def moved(self) -> bool:
        """Tell whether office hours or a holiday moved the time that was asked for."""
        return self.send_at != self.wished_at


class CheckFailed(Refusal):
    """A campaign that must not be sent as it is; `reasons` says why."""

    def __init__(self, checked: Checked) -> None:
        lines = [f"campaign {checked.name!r} can't be sent as it is:", *(f"- {reason}" for reason in checked.reasons)]
        super().__init__("\n".join(lines))
        self.reasons = checked.reasons


def check(session: Session, campaign: Campaign | CampaignSpec, *, sources: Sources, now: datetime) -> list[Reason]:
    """Return every reason why a campaign must not be sent as it is."""
    return list(examine(session, campaign, sources=sources, now=now).reasons)


def examine(session: Session, campaign: Campaign | CampaignSpec, *, sources: Sources, now: datetime) -> Checked:
    """Check a campaign by bringing its parts together, counting its audience and rendering its mails."""
    spec = campaign if isinstance(campaign, CampaignSpec) else CampaignSpec.from_json(campaign.spec)
    campaign_id = campaign.id if isinstance(campaign, Campaign) else None
    reasons = [*_time(spec, sources, now), *_event(spec, sources, now), *_sender(sources)]
    warnings = list(_site(sources))
    frozen, complaints = gather(session, spec, sources)
    reasons += [Reason("file", str(complaint)) for complaint in complaints]
    reasons += _services(session, spec)
    audience, plan = None, None
    if frozen is not None:
        # The cap and "not mailed within" are those of the moment of sending: what the check counts is what will go.
        at = max(now, frozen.send_at or now)
        policy = policy_of(sources.settings, spec.topic, at, campaign_id)
        with selection.gathered(session, frozen.segment, policy) as rows:
            audience = selection.count(session, rows)
            reasons += _audience(spec, audience)
            try:
                plan = previewing.plan_of(session, frozen, rows, sources.settings.tracking.min_cohort)
            except TooFewServices as few:
                reasons.append(Reason("spotlights", str(few)))
    if frozen is not None and plan is not None:
        warnings += _texts(frozen)
        warnings += _thin(spec, plan)
        for found, severe in _mails(frozen, plan, sources, now):
            (reasons if severe else warnings).append(found)
    return Checked(
        name=spec.name,
        reasons=tuple(dict.fromkeys(reasons)),
        warnings=tuple(dict.fromkeys(warnings)),
        send_at=send_time(spec, sources.settings.sending),
        wished_at=wished_time(spec),
        audience=audience,
        cohorts=len(plan.sizes) if plan else 0,
        frozen=frozen,
    )


def _time(spec: CampaignSpec, sources: Sources, now: datetime) -> Iterator[Reason]:
    send_at = send_time(spec, sources.settings.sending)
    if send_at is None:
        yield Reason("time", "no time is set: add send_at, e.g. `send_at: 2027-03-02 10:00` (Brussels time)")
    elif send_at <= now:
        yield Reason("time", f"send_at {shown_time(send_at)} is past (it is {shown_time(now)}): write a later time")


def _event(spec: CampaignSpec, sources: Sources, now: datetime) -> Iterator[Reason]:
    """Refuse a mail that arrives after what it invites to, or after the last day to register."""
    event, send_at = spec.event, send_time(spec, sources.settings.sending)
    if event is None:
        return
    at = max(send_at or now, now)
    if event.starts <= at:
        text = f"the event begins at {shown_time(event.starts)}, and the mail goes at {shown_time(at)}"
        yield Reason("event", f"{text}: write another starts_at or send_at")
    elif event.register_by and event.register_by < at.astimezone(BRUSSELS).date():
        yield Reason("event", f"register_by {event.register_by} is past when the mail goes ({shown_time(at)})")


def _sender(sources: Sources) -> Iterator[Reason]:
    sender = sources.settings.sender
    wanted = {"name": sender.name, "address": sender.address, "email": sender.email}
    for name, value in wanted.items():
        if not value.strip():
            yield Reason("sender", f"outreach.toml: [sender] {name} is empty; the law wants it in every mail")
    if not sender.enterprise_number.strip():
        yield Reason("sender", "outreach.toml: [sender] enterprise_number is empty; the law wants it in every mail")
    else:
        try:
            parse_enterprise_number(sender.enterprise_number)
        except ValueError as error:
            yield Reason("sender", f"outreach.toml: [sender] enterprise_number: {error}")


def _site(sources: Sources) -> Iterator[Reason]:
    parts = urlsplit(sources.settings.site.url)
    if parts.scheme == "http":
        where = "on this machine only" if parts.hostname in ("127.0.0.1", "localhost", "::1") else "without TLS"
        yield Reason("site", f"site.url {sources.settings.site.url} works {where}: one-click opting out takes https://")


def _services(session: Session, spec: CampaignSpec) -> Iterator[Reason]:
    slugs = [slug for block in spec.spotlights for slug in block.services]
    if not slugs:
        return
    there = [candidate.slug for candidate in matching.candidates(session)]
    for slug in slugs:
        if slug not in there:
            near = difflib.get_close_matches(slug, there, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            yield Reason("spotlights", f"service {slug!r} isn't in the catalogue, or takes no customers now{hint}")


def _audience(spec: CampaignSpec, audience: AudienceCount) -> Iterator[Reason]:
    if audience.contacts == 0:
        yield Reason("audience", f"the segment holds nobody: `outreach segment explain {spec.segment}` says why")
    elif audience.mailable == 0:
        why = ", ".join(f"{count} {reason}" for reason, count in audience.by_reason.items())
        yield Reason("audience", f"none of the {audience.contacts} contacts of the segment may be mailed: {why}")


def _thin(spec: CampaignSpec, plan: Plan) -> Iterator[Reason]:
    """Warn of blocks that show less, or something else, than their author asked for."""
    for place, block in enumerate(spec.spotlights):
        if not block.count:
            continue
        shown = [content.blocks[place].spotlights for content in plan.contents.values()]
        fewer = sum(len(spotlights) < block.count for spotlights in shown)
        if fewer:
            text = f"block {block.block!r}: {fewer} of {len(shown)} cohorts get fewer than {block.count} services"
            yield Reason("spotlights", text)
        others = sum(any(spotlight.fallback for spotlight in spotlights) for spotlights in shown)
        if others:
            text = (
                f"block {block.block!r}: {others} of {len(shown)} cohorts get services outside their sector or province"
            )
            yield Reason("spotlights", text)


def _texts(frozen: Frozen) -> Iterator[Reason]:
    """Warn of what readers can't use in the texts: of the campaign, and of the services shown in full."""
    texts = {f"campaign, {name}": getattr(frozen.spec, name) for name in ("intro", "body", "closing")}
    if any(block.text == "full" for block in frozen.spec.spotlights):
        texts |= {f"service {candidate.slug}, text": candidate.text for candidate in frozen.candidates}
    for name, text in texts.items():
        with contextlib.suppress(Refusal):  # rendering tells of it
            yield from (Reason("text", str(finding), finding.code) for finding in mails.text_findings(name, text))


def _mails(frozen: Frozen, plan: Plan, sources: Sources, now: datetime) -> Iterator[tuple[Reason, bool]]:
    """Render the mails of the largest cohorts and yield what is wrong with them, and whether that keeps them back."""
    links = sources.links
    checker = mails.Checker(frozen.template, sources.settings.checking.programs)
    named = sample_fields(frozen.spec.language, links)
    greeting = greeting_for("", "", "role", frozen.spec.language)
    nameless = replace(named, greeting=greeting, first_name="", last_name="")
    found = list(checker.source)
    for number, (cells, content) in enumerate(_samples(frozen, plan)):
        try:
            model = preview_model(frozen, cells, content, links)
            # The first mail with a name, the next without: a template may make something else of it.
            rendered, faults = checker.tried(model, nameless if number else named)
            found += faults
            if rendered is not None:
                head = _sample_headers(frozen, named.unsubscribe_url, links, now)
                assemble(head, rendered, attachments(frozen, links))
        except Refusal as refusal:
            yield Reason("mail", str(refusal)), True
    for one in mails.ordered(found):
        if one.severity is not mails.Severity.HINT:
            yield Reason("mail", str(one), one.code), one.severity is mails.Severity.ERROR


def _samples(frozen: Frozen, plan: Plan) -> list[tuple[tuple[Cell, ...], Content]]:
    largest = sorted(plan.sizes, key=lambda group: -plan.sizes[group])[:SAMPLES]
    if largest:
        return [(group.cells, plan.contents[group]) for group in largest]
    # Nobody would be mailed; the texts are looked at all the same.
    nowhere: tuple[Cell, ...] = ((None, None),)
    return [(nowhere, Content(tuple(Block(block.block, ()) for block in frozen.spec.spotlights), {}))]


def _sample_headers(frozen: Frozen, unsubscribe_url: str, links: Links, now: datetime) -> Headers:
    sender = frozen.sender
    return headers(
        sender,
        frozen.spec,
        recipient=Mailbox(sender.email or sender.from_address),
        date=now,
        message_id=message_id("check", frozen.spec.name, sender.domain, links.key),
        unsubscribe_url=unsubscribe_url,
    )
