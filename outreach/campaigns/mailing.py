"""The mails of a campaign that is being sent: made from the frozen copy alone, one message per delivery."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.campaigns import life
from outreach.campaigns.composing import attachments, browser_fields, calendar_of, compose
from outreach.campaigns.content import Content
from outreach.campaigns.frozen import Frozen, FrozenSender
from outreach.campaigns.recipients import Recipient, fields_for
from outreach.campaigns.spec import CampaignSpec
from outreach.catalogue.matching import cells_of
from outreach.emails.assembly import Attachment, Headers, Mailbox, SharedHead, assemble, message_id
from outreach.emails.model import MailModel, MergeFields
from outreach.emails.rendering import Renderer, RenderError
from outreach.emails.signing import Signer
from outreach.emails.stencil import Computes, Cutter, Stencil
from outreach.errors import NotFound
from outreach.links import Links, Purpose
from outreach.models import (
    Campaign,
    Cohort,
    Delivery,
)
from outreach.settings import Settings

log = logging.getLogger(__name__)

REPLIES = "antwoord"  # the local part of Reply-To addresses, before the token


@dataclass
class Cut:
    """A cohort's stencil, its subject, and its headers once they were written for somebody."""

    stencil: Stencil
    subject: str
    head: SharedHead | None = None


class Stencils:
    """The stencils of a campaign's cohorts, each cut when it is first needed; None where the plain path is."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter
        self._cut: dict[int | None, Cut | None] = {}

    def of(self, cohort_id: int | None, model: MailModel, attachments: tuple[Attachment, ...]) -> Cut | None:
        if cohort_id not in self._cut:
            self._cut[cohort_id] = self._made(cohort_id, model, attachments)
        return self._cut[cohort_id]

    def _made(self, cohort_id: int | None, model: MailModel, attachments: tuple[Attachment, ...]) -> Cut | None:
        subject = self.cutter.shared_subject(model)
        if subject is None:
            return None
        try:
            return Cut(self.cutter.cut(model, f"cohort-{cohort_id}", attachments), subject)
        except (Computes, RenderError) as reason:
            log.info("the plain path is taken: %s", reason)
            return None


@dataclass(frozen=True)
class Mailing:
    """Everything that the mails of one campaign are made from; immutable but for the stencils cut on the way."""

    campaign_id: int
    spec: CampaignSpec
    sender: FrozenSender
    frozen: bytes  # when the audience was: with it a delivery's number is nobody else's, even in a database put back
    renderer: Renderer = field(repr=False)
    models: Mapping[int, MailModel] = field(repr=False)
    links: Links = field(repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    services: Mapping[int, int] = field(default_factory=dict, repr=False)  # of cohorts that are shown one only
    signer: Signer | None = field(default=None, repr=False)
    stencils: Stencils = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stencils", Stencils(Cutter(self.renderer.template)))

    def message(self, recipient: Recipient, at: datetime | None = None) -> bytes:
        """Return the message for a recipient; `at` is its Date, by default this moment. RenderError if it can't be."""
        fields = fields_for(recipient, self.spec.language, self.links)
        at = at or datetime.now(UTC)
        return self._quickly(recipient, fields, at) or self._plainly(recipient, fields, at)

    def plain_message(self, recipient: Recipient, at: datetime | None = None) -> bytes:
        """Return the same message, rendered for this recipient alone."""
        return self._plainly(recipient, fields_for(recipient, self.spec.language, self.links), at or datetime.now(UTC))

    def _plainly(self, recipient: Recipient, fields: MergeFields, at: datetime) -> bytes:
        rendered = self.renderer.render(self._model(recipient), fields)
        message = assemble(self._headers(recipient, at, fields.unsubscribe_url), rendered, self.attachments)
        return self.signer.sign(message, at) if self.signer else message

    def _quickly(self, recipient: Recipient, fields: MergeFields, at: datetime) -> bytes | None:
        cut = self.stencils.of(recipient.cohort_id, self._model(recipient), self.attachments)
        if cut is None:
            return None
        if cut.head is None:
            # Campaign and sender are everybody's; the four headers that differ are put in for each.
            headers = self._headers(recipient, at, fields.unsubscribe_url)
            cut.head = SharedHead(headers, cut.subject)
        id = message_id(self.campaign_id, recipient.contact_id, self.sender.domain, self.links.key)
        head = cut.head.with_own(recipient.address, at, id, fields.unsubscribe_url)
        sign = partial(self.signer.fields, at=at) if self.signer else None
        return cut.stencil.message(head, self.stencils.cutter.fields(fields), sign)

    def envelope_from(self, delivery_id: int) -> str:
        """Return the address that bounces of this delivery go to."""
        if not self.sender.bounce_domain:
            return self.sender.from_address
        return f"bounces+{self.links.token(Purpose.BOUNCE, delivery_id, self.frozen)}@{self.sender.bounce_domain}"

    def reply_to(self, cohort_id: int | None) -> Mailbox | None:
        """Return where answers go: an address that says campaign, and the service if the mail shows one; no person."""
        if not self.sender.reply_domain:
            return Mailbox(self.sender.reply_to) if self.sender.reply_to else None
        service_id = self.services.get(cohort_id) if cohort_id is not None else None
        token = self.links.reply_token(self.campaign_id, service_id, self.frozen)
        return Mailbox(f"{REPLIES}+{token}@{self.sender.reply_domain}", self.sender.from_name)

    def _model(self, recipient: Recipient) -> MailModel:
        if recipient.cohort_id is None or recipient.cohort_id not in self.models:
            raise NotFound(f"delivery {recipient.delivery_id}: no cohort, so no content")
        return self.models[recipient.cohort_id]

    def _headers(self, recipient: Recipient, at: datetime, unsubscribe_url: str) -> Headers:
        return headers(
            self.sender,
            self.spec,
            recipient=Mailbox(recipient.address),
            date=at,
            message_id=message_id(self.campaign_id, recipient.contact_id, self.sender.domain, self.links.key),
            unsubscribe_url=unsubscribe_url,
            reply_to=self.reply_to(recipient.cohort_id),
        )


def headers(
    sender: FrozenSender,
    spec: CampaignSpec,
    *,
    recipient: Mailbox,
    date: datetime,
    message_id: str,
    unsubscribe_url: str,
    reply_to: Mailbox | None = None,
) -> Headers:
    """Return the headers of a campaign's mail; without `reply_to` answers go to the sender's own address for them."""
    return Headers(
        sender=Mailbox(sender.from_address, sender.from_name),
        recipient=recipient,
        date=date,
        message_id=message_id,
        reply_to=reply_to or (Mailbox(sender.reply_to) if sender.reply_to else None),
        list_id=sender.list_id,
        list_name=sender.name,
        unsubscribe_url=unsubscribe_url,
        # Campaign, kind and sender: no value may tell one recipient from another.
        feedback_id=f"{spec.name}:{spec.topic or 'newsletter'}:{spec.template}:outreach",
        bulk=True,
        language=spec.language,
    )


def load(
    session: Session, campaign_id: int, *, settings: Settings, links: Links, signer: Signer | None = None
) -> Mailing:
    """Read the frozen copy and the cohorts of a campaign that is being sent."""
    frozen = _frozen(session, campaign_id)
    found = session.scalars(select(Cohort).where(Cohort.campaign_id == campaign_id)).all()
    models = {cohort.id: _model(frozen, cohort, links) for cohort in found}
    services = {cohort.id: shown[0] for cohort in found if len(shown := _services(cohort)) == 1}
    renderer, attached = Renderer(frozen.template), attachments(frozen, links)
    at = session.scalars(select(Campaign.frozen_at).where(Campaign.id == campaign_id)).one()
    moment = _moment(at)
    return Mailing(campaign_id, frozen.spec, frozen.sender, moment, renderer, models, links, attached, services, signer)


def bounce_bound(session: Session, delivery_id: int) -> bytes | None:
    """Return what the bounce address of a delivery is bound to beside its number; None if there is no such row."""
    query = select(Campaign.frozen_at).join(Delivery, Delivery.campaign_id == Campaign.id)
    row = session.execute(query.where(Delivery.id == delivery_id)).one_or_none()
    return None if row is None else _moment(row[0])


def reply_bound(session: Session, campaign_id: int) -> bytes | None:
    """Return what the Reply-To address of a campaign is bound to beside its number; None if there is none."""
    row = session.execute(select(Campaign.frozen_at).where(Campaign.id == campaign_id)).one_or_none()
    return None if row is None else _moment(row[0])


def _moment(at: datetime | None) -> bytes:
    return at.isoformat().encode() if at else b""


def browser_view(session: Session, cohort_code: str, *, links: Links) -> str | None:
    """Return the page of a cohort's newsletter: no personal value and no live opt-out; None for an unknown code."""
    cohort = session.scalar(select(Cohort).where(Cohort.code == cohort_code))
    if cohort is None or cohort.content is None:
        return None
    frozen = _frozen(session, cohort.campaign_id)
    fields = browser_fields(frozen.spec.language, links)
    return Renderer(frozen.template).render(_model(frozen, cohort, links), fields).html


def calendar_file(session: Session, name: str, *, links: Links) -> bytes | None:
    """Return the calendar entry of an approved campaign's event; None if there is none."""
    campaign = session.scalar(select(Campaign).where(Campaign.name == name))
    approval = life.live_approval(session, campaign.id) if campaign is not None else None
    if approval is None:
        return None
    frozen = Frozen.from_json(approval.frozen)
    return calendar_of(frozen, links) if frozen.spec.event else None


def _frozen(session: Session, campaign_id: int) -> Frozen:
    approval = life.live_approval(session, campaign_id)
    if approval is None:
        name = session.scalar(select(Campaign.name).where(Campaign.id == campaign_id))
        raise NotFound(f"campaign {name or campaign_id!r} has no approval in force, so there is nothing to send")
    return Frozen.from_json(approval.frozen)


def _model(frozen: Frozen, cohort: Cohort, links: Links) -> MailModel:
    content = Content.from_json(cohort.content or {"blocks": [], "links": []})
    return compose(frozen, cells_of(cohort), content, links, links.newsletter(cohort.code))


def _services(cohort: Cohort) -> list[int]:
    """Return the services that a cohort is shown."""
    content = Content.from_json(cohort.content or {"blocks": [], "links": []})
    return list({spotlight.service_id for block in content.blocks for spotlight in block.spotlights})
