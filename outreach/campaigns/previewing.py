"""A mail as one contact or cohort would get it, before or after the audience is frozen.

Its links lead straight to their address and its opt-out opts nobody out, so that whoever looks at it counts nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import FromClause, select
from sqlalchemy.orm import Session

from outreach.audience.eligibility import policy_of, refusal
from outreach.audience.legal_basis import ALLOWED
from outreach.campaigns import cohorts, life, selection
from outreach.campaigns.cohorts import Group
from outreach.campaigns.composing import attachments, compose, sample_fields
from outreach.campaigns.content import Content, choose_all, choose_content
from outreach.campaigns.frozen import Frozen, assemble, store_pictures
from outreach.campaigns.mailing import headers
from outreach.campaigns.pictures import FrozenPicture, with_data
from outreach.campaigns.recipients import evidence_of, fields_for, latest, recipient_of
from outreach.campaigns.sources import Sources
from outreach.campaigns.spec import CampaignSpec
from outreach.campaigns.starting import withdrawn
from outreach.catalogue import matching
from outreach.catalogue.matching import Cell, cells_of
from outreach.emails.assembly import Attachment, Mailbox, message_id
from outreach.emails.assembly import assemble as write_message
from outreach.emails.model import MailModel, MergeFields
from outreach.emails.rendering import Rendered, render
from outreach.errors import NotFound
from outreach.links import NO_ADDRESS, NOBODY, Links
from outreach.models import Campaign, Cohort, Company, Contact, Delivery, Establishment
from outreach.settings import Settings

TEST_MARK = "[TEST] "


@dataclass(frozen=True)
class Preview:
    """A rendered mail, whom it is for, why that contact isn't mailed, if so, and the pictures that it shows.

    The address of a picture answers from approval on; until then whoever shows the mail brings them along.
    """

    rendered: Rendered
    cells: tuple[Cell, ...]
    contact_id: int | None
    refusal: str | None
    pictures: tuple[FrozenPicture, ...] = field(default=(), repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Plan:
    """The cohorts that an audience would form now, their sizes, and what each would be shown."""

    sizes: Mapping[Group, int]
    contents: Mapping[Group, Content]

    def largest(self) -> Group | None:
        return max(self.sizes, key=lambda group: self.sizes[group], default=None)


def copy_of(session: Session, campaign: Campaign, sources: Sources) -> Frozen:
    """Return the approved copy of a campaign, or its parts as they are now while none is approved."""
    approval = life.live_approval(session, campaign.id)
    if approval is not None:
        return Frozen.from_json(approval.frozen)
    return assemble(session, CampaignSpec.from_json(campaign.spec), sources)


def plan(session: Session, frozen: Frozen, settings: Settings, now: datetime, campaign_id: int | None = None) -> Plan:
    """Cut the audience into cohorts and choose their services as the freeze would now."""
    policy = policy_of(settings, frozen.spec.topic, max(now, frozen.send_at or now), campaign_id)
    with selection.gathered(session, frozen.segment, policy) as rows:
        return plan_of(session, frozen, rows, settings.tracking.min_cohort)


def plan_of(session: Session, frozen: Frozen, rows: FromClause, minimum: int) -> Plan:
    """Cut an audience that is gathered already."""
    sizes = cohorts.planned(session, selection.mailed(rows), minimum)
    exposure = matching.exposures_so_far(session)
    return Plan(sizes, choose_all(frozen, sizes, exposure, withdrawn(session, frozen)))


def preview(
    session: Session,
    campaign: Campaign,
    *,
    sources: Sources,
    now: datetime,
    contact_id: int | None = None,
    cohort: int | None = None,
) -> Preview:
    """Render a campaign's mail for a contact, for a cohort by its number, or for the largest cohort."""
    frozen = copy_of(session, campaign, sources)
    place = _place(session, frozen, campaign, sources.settings, now, contact_id, cohort)
    model = preview_model(frozen, *place, sources.links)
    fields, reason = sample_fields(frozen.spec.language, sources.links), None
    if contact_id is not None:
        fields, reason = _fields(session, frozen, contact_id, sources, now, fields)
    rendered, links = render(frozen.template, model, fields), sources.links
    used = [one for one in frozen.pictures.values() if links.picture(one.digest, one.suffix) in rendered.html]
    return Preview(rendered, place[0], contact_id, reason, with_data(session, used), attachments(frozen, links))


def preview_model(frozen: Frozen, cells: tuple[Cell, ...], content: Content, links: Links) -> MailModel:
    """Return the model of a cohort's mail with untracked links."""
    untracked = Content(content.blocks, {})
    return compose(frozen, cells, untracked, links, f"{links.base}/")


def sample_message(
    session: Session,
    campaign: Campaign,
    *,
    sources: Sources,
    now: datetime,
    to: str,
    contact_id: int | None = None,
    cohort: int | None = None,
) -> bytes:
    """Return a mail of the campaign, marked as a test, for somebody who need not be a contact; keeps its pictures."""
    shown = preview(session, campaign, sources=sources, now=now, contact_id=contact_id, cohort=cohort)
    frozen = copy_of(session, campaign, sources)
    store_pictures(session, frozen, now)
    rendered = replace(shown.rendered, subject=TEST_MARK + shown.rendered.subject)
    unique = f"{to}:{now.isoformat()}"
    head = headers(
        frozen.sender,
        frozen.spec,
        recipient=Mailbox(to),
        date=now,
        message_id=message_id(f"test:{campaign.id}", unique, frozen.sender.domain, sources.links.key),
        unsubscribe_url=sources.links.opt_out(NOBODY, NO_ADDRESS),
    )
    return write_message(head, rendered, attachments(frozen, sources.links))


def _place(
    session: Session,
    frozen: Frozen,
    campaign: Campaign,
    settings: Settings,
    now: datetime,
    contact_id: int | None,
    number: int | None,
) -> tuple[tuple[Cell, ...], Content]:
    """Return cells and content of the cohort that is asked for."""
    if campaign.frozen_at is not None:
        found = _frozen_cohort(session, campaign, contact_id, number)
        if found is not None:
            return tuple(cells_of(found)), Content.from_json(found.content or {"blocks": [], "links": []})
        if number is not None:
            raise NotFound(f"campaign {campaign.name!r} has no cohort {number}")
    planned = plan(session, frozen, settings, now, campaign.id)
    cell = _cell_of(session, contact_id) if contact_id is not None else None
    if number is not None:
        groups = list(planned.sizes)
        if not 1 <= number <= len(groups):
            raise NotFound(f"campaign {campaign.name!r} has no cohort {number}; it would have {len(groups)}")
        group: Group | None = groups[number - 1]
    elif cell is not None:
        group = next((group for group in planned.sizes if cell in group.cells), None)
    else:
        group = planned.largest()
    if group is not None:
        return group.cells, planned.contents[group]
    # Nobody of this cell is mailed: show what somebody there would get.
    alone: tuple[Cell, ...] = (cell or (None, None),)
    exposure = matching.exposures_so_far(session)
    return alone, choose_content(frozen, alone, exposure, withdrawn(session, frozen))


def _frozen_cohort(session: Session, campaign: Campaign, contact_id: int | None, number: int | None) -> Cohort | None:
    query = select(Cohort).where(Cohort.campaign_id == campaign.id)
    if contact_id is not None:
        mine = (Delivery.cohort_id == Cohort.id, Delivery.campaign_id == campaign.id, Delivery.contact_id == contact_id)
        query = query.join(Delivery, Delivery.cohort_id == Cohort.id).where(*mine)
    elif number is not None:
        query = query.where(Cohort.number == number)
    return session.scalars(query.order_by(Cohort.contact_count.desc(), Cohort.number).limit(1)).first()


def _cell_of(session: Session, contact_id: int) -> Cell:
    query = (
        select(Establishment.province_nis, Company.province_nis, Company.section_2025)
        .select_from(Contact)
        .join(Company, Company.id == Contact.company_id)
        .outerjoin(Establishment, Establishment.id == Contact.establishment_id)
        .where(Contact.id == contact_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no contact with id {contact_id}")
    at, seat, section = row
    return at or seat, section


def _fields(
    session: Session, frozen: Frozen, contact_id: int, sources: Sources, now: datetime, sample: MergeFields
) -> tuple[MergeFields, str | None]:
    """Return the contact's own values, with an opt-out that opts nobody out; and why it isn't mailed, if so."""
    policy = policy_of(sources.settings, frozen.spec.topic, now)
    query = select(Contact, Company.name, refusal(policy)).join(Company, Company.id == Contact.company_id)
    contact, company, reason = session.execute(query.where(Contact.id == contact_id)).one()
    live = evidence_of(session, [contact_id]).get(contact_id, [])
    usable = [evidence for evidence in live if evidence.basis in ALLOWED[frozen.sender.type]]
    if not usable:
        return replace(sample, company=company), reason
    recipient = recipient_of(NOBODY, None, contact, company, latest(usable))
    return fields_for(recipient, frozen.spec.language, sources.links), reason
