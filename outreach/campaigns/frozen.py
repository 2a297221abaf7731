"""What approval copies: everything that decides how a campaign's mails look and whom they reach.

From approval on no file is read: mails are made from this copy alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from outreach.audience import segments
from outreach.audience.segments import Segment
from outreach.campaigns import pictures as picture_files
from outreach.campaigns.pictures import FrozenPicture, read_pictures
from outreach.campaigns.sources import Sources
from outreach.campaigns.spec import CampaignSpec, send_time
from outreach.catalogue import matching
from outreach.catalogue.matching import Candidate
from outreach.emails import templates
from outreach.emails.model import Sender
from outreach.emails.templates import TemplateSource
from outreach.errors import Complaint, FileRefused, Refusal
from outreach.settings import SenderType, Settings

# The parts that are compared between submission and approval, as refusals name them.
PARTS = ("texts", "template", "sender", "segment", "time", "services", "pictures")


@dataclass(frozen=True)
class FrozenSender:
    """Who sends, in the mail and on its envelope."""

    type: SenderType
    name: str
    address: str
    enterprise_number: str
    email: str
    website: str
    from_name: str
    from_address: str
    reply_to: str
    list_id: str
    bounce_domain: str
    brand: str = ""
    tagline: str = ""
    reply_domain: str = ""  # of Reply-To addresses that say campaign and service

    def shown(self) -> Sender:
        """Return what the mail shows of the sender."""
        return Sender(self.name, self.address, self.enterprise_number, self.email, self.website)

    @property
    def domain(self) -> str:
        return self.from_address.rpartition("@")[2] or "localhost.localdomain"


@dataclass(frozen=True)
class Frozen:
    """A campaign's parts, whole; `pictures` by their path in the project folder."""

    spec: CampaignSpec
    template: TemplateSource
    sender: FrozenSender
    segment: Segment
    send_at: datetime | None
    candidates: tuple[Candidate, ...]
    pictures: Mapping[str, FrozenPicture]

    def to_json(self) -> dict[str, Any]:
        return {
            "spec": self.spec.to_json(),
            "template": json.loads(self.template.to_json()),
            "sender": asdict(self.sender),
            "segment": self.segment.to_json(),
            "send_at": self.send_at.isoformat() if self.send_at else None,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "pictures": {name: picture.to_json() for name, picture in sorted(self.pictures.items())},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Frozen:
        sender = {**data["sender"], "type": SenderType(data["sender"]["type"])}
        return cls(
            spec=CampaignSpec.from_json(data["spec"]),
            template=TemplateSource.from_json(json.dumps(data["template"])),
            sender=FrozenSender(**sender),
            segment=Segment.from_json(data["segment"]),
            send_at=datetime.fromisoformat(data["send_at"]) if data["send_at"] else None,
            candidates=tuple(Candidate.from_json(candidate) for candidate in data["candidates"]),
            pictures={name: FrozenPicture(**picture) for name, picture in data["pictures"].items()},
        )

    def digests(self) -> dict[str, str]:
        """Return a digest of each part, to see later whether it is still the same."""
        data = self.to_json()
        parts = ("spec", "template", "sender", "segment", "send_at", "candidates", "pictures")
        return {part: _digest(data[name]) for part, name in zip(PARTS, parts, strict=True)}


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name the parts that differ."""
    return [part for part in PARTS if before.get(part) != after.get(part)]


def assemble(session: Session, spec: CampaignSpec, sources: Sources) -> Frozen:
    """Bring the parts of a campaign together; one FileRefused lists every part that can't be used."""
    frozen, complaints = gather(session, spec, sources)
    if frozen is None or complaints:
        raise FileRefused(complaints)
    return frozen


def gather(session: Session, spec: CampaignSpec, sources: Sources) -> tuple[Frozen | None, list[Complaint]]:
    """Bring the parts together as far as they can be used, with a complaint for each that can't."""
    complaints: list[Complaint] = []
    template = segment = None
    try:
        template = templates.load(sources.templates, spec.template)
    except Refusal as refusal:
        complaints += _complaints(f"template {spec.template}", refusal)
    try:
        segment = segments.load(sources.segments, spec.segment)
    except Refusal as refusal:
        complaints += _complaints(f"segment {spec.segment}", refusal)
    candidates = tuple(c for c in matching.candidates(session) if _wanted(c, spec))
    pictures, faults = read_pictures(sources.project, candidates, (picture.file for picture in spec.pictures))
    complaints += faults
    if template is not None:
        complaints += _misfits(spec, template)
    if template is None or segment is None:
        return None, complaints
    sender = sender_of(sources.settings, spec)
    send_at = send_time(spec, sources.settings.sending)
    return Frozen(spec, template, sender, segment, send_at, candidates, pictures), complaints


def sender_of(settings: Settings, spec: CampaignSpec) -> FrozenSender:
    """Return who sends: the settings, with what the campaign file says otherwise."""
    sender, mail = settings.sender, settings.mail
    return FrozenSender(
        type=sender.type,
        name=sender.name,
        address=sender.address,
        enterprise_number=sender.enterprise_number,
        email=sender.email,
        website=sender.website or settings.site.url,
        from_name=spec.from_name or settings.from_name,
        from_address=settings.from_address,
        # An address that the campaign names itself is where its answers shall go.
        reply_to=spec.reply_to or ("" if settings.inbox.reply_domain else mail.reply_to),
        list_id=mail.list_id or f"outreach.{settings.mail_domain}",
        bounce_domain=mail.bounce_domain,
        brand=settings.site.name,
        tagline=settings.site.tagline,
        reply_domain="" if spec.reply_to else settings.inbox.reply_domain,
    )


def store_pictures(session: Session, frozen: Frozen, now: datetime) -> None:
    """Keep the pictures of what was approved."""
    picture_files.store_pictures(session, frozen.pictures.values(), now)


def _misfits(spec: CampaignSpec, template: TemplateSource) -> Iterator[Complaint]:
    """Name what a template can't do without and the campaign lacks, and what the campaign has and nobody would see."""
    file = f"campaign {spec.name}"
    for name in templates.GIVEN:
        given = bool(getattr(spec, name))
        if name in template.needs and not given:
            yield Complaint(file, None, f"template {template.name} needs `{name}:` (docs/campaigns.md)")
        elif given and not templates.shows(template, name):
            text = f"template {template.name} doesn't show `{name}`: take it out, or choose another template"
            yield Complaint(file, None, text)


def _wanted(candidate: Candidate, spec: CampaignSpec) -> bool:
    """Tell whether a block of the campaign could show a service."""
    return any(
        candidate.slug in block.services
        or (block.count and (not block.categories or candidate.category in block.categories))
        for block in spec.spotlights
    )


def _complaints(place: str, refusal: Refusal) -> list[Complaint]:
    return list(refusal.complaints) if isinstance(refusal, FileRefused) else [Complaint(place, None, str(refusal))]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
