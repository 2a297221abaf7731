"""An answer of a company is a lead: threaded to the mail that it answers, and handed to the enterprise it is about.

Which enterprise follows from the service that the Reply-To address names, else from what the mail showed; where that is
several, the team is asked. What proves the campaign is our token or Message-ID, never From; who the company is, a
person's From may say as a form's field may. Only the words go on: no attachment, no HTML, no link of ours that is
somebody's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.audience.addresses import hash_within
from outreach.audience.impersonal import is_free_mail
from outreach.emails.model import clean, fold
from outreach.inbox import acknowledging, acting
from outreach.inbox.acting import Outcome
from outreach.inbox.believing import Belief, Disbelief
from outreach.inbox.kinds import Report
from outreach.leads import receiving
from outreach.leads.evidence import NOTHING, Proof
from outreach.leads.receiving import LeadForm, Origin
from outreach.models import (
    Channel,
    Company,
    Contact,
    Delivery,
    EventKind,
    Evidence,
    Exposure,
    InboxMessage,
    Lead,
    Service,
)
from outreach.subscriptions.asking import Ours

LONGEST = 8_000


@dataclass(frozen=True)
class Offer:
    """A service that an answer may be about."""

    service_id: int
    slug: str
    enterprise_id: int


def answered(
    session: Session, message: InboxMessage, report: Report, belief: Belief | Disbelief, ours: Ours, now: datetime
) -> Outcome:
    """Make a lead of an answer, or let it wait for a person who says what it is about."""
    if isinstance(belief, Disbelief):
        return Outcome(f"somebody wrote, but not in answer to a mail of ours that can be named: {belief.reason}", True)
    if belief.delivery is not None:
        acting.settle_uncertain(session, belief.delivery, "by an answer", now)
        what = (session, belief.delivery.id, EventKind.ANSWERED, "answer", "answer", "")
        acting.record(*what, message.id, now)
    offers = offers_of(session, belief)
    enterprises = {offer.enterprise_id for offer in offers}
    if len(enterprises) != 1:
        slugs = ", ".join(offer.slug for offer in offers[:10]) or "none that is known"
        return Outcome(f"an answer; which service is it about: {slugs}? (outreach inbox assign {message.id} …)", True)
    service_id = offers[0].service_id if len(offers) == 1 else None
    lead = make_lead(
        session,
        message,
        enterprise_id=enterprises.pop(),
        service_id=service_id,
        actor="company",
        ours=ours,
        now=now,
    )
    acknowledging.acknowledge(session, message, report, lead, ours, now)
    return Outcome(f"an answer: lead {lead.id}")


def offers_of(session: Session, belief: Belief) -> list[Offer]:
    """Return the services that an answer may be about: the one its address names, else those its mail showed."""
    query = select(Service.id, Service.slug, Service.enterprise_id)
    if belief.service_id is not None:
        query = query.where(Service.id == belief.service_id)
    elif belief.delivery is not None and belief.delivery.cohort_id is not None:
        shown = select(Exposure.service_id).where(Exposure.cohort_id == belief.delivery.cohort_id)
        query = query.where(Service.id.in_(shown))
    else:
        shown = select(Exposure.service_id).where(Exposure.campaign_id == belief.campaign_id)
        query = query.where(Service.id.in_(shown))
    return [Offer(*row) for row in session.execute(query.order_by(Service.slug))]


def make_lead(
    session: Session,
    message: InboxMessage,
    *,
    enterprise_id: int,
    service_id: int | None,
    actor: str,
    ours: Ours,
    now: datetime,
) -> Lead:
    """Keep an answer as a lead, whose notice tells the enterprise; the campaign is proven only if the mail was ours."""
    proof = Proof(Evidence.ANSWER, message.campaign_id) if message.via is not None else NOTHING
    delivery = session.get(Delivery, message.delivery_id) if message.delivery_id else None
    form = _form(session, message, delivery, enterprise_id, service_id, ours)
    lead = receiving.record(
        session,
        form,
        Origin(Channel.REPLY, message.received_at, actor, proof),
        links=ours.links,
        settings=ours.settings,
        now=now,
        suppression_key=ours.key,
    )
    message.lead_id, message.service_id = lead.id, service_id
    session.flush()
    return lead


def _form(
    session: Session,
    message: InboxMessage,
    delivery: Delivery | None,
    enterprise_id: int,
    service_id: int | None,
    ours: Ours,
) -> LeadForm:
    sender = message.sender if hash_within(ours.key, message.sender) else None
    company = _company_of(session, delivery, sender, ours.key)
    name = company.name if company else (sender or "").rpartition("@")[2]
    return LeadForm(
        company_name=name or "(onbekend)",
        service_id=service_id,
        enterprise_id=enterprise_id,
        enterprise_number=company.enterprise_number if company else None,
        postcode=company.postcode if company else None,
        email=sender,
        message=words_of(message, ours.links.base),
    )


def _company_of(session: Session, delivery: Delivery | None, sender: str | None, key: bytes) -> Company | None:
    """Return the company that was mailed if the answer comes from its address or domain; else the sender's, if known.

    A newsletter is passed on: who answers from elsewhere speaks for another company.
    """
    if sender is None:
        return session.get(Company, delivery.company_id) if delivery else None
    domain = sender.rpartition("@")[2].lower()
    if delivery is not None:
        contact = session.get_one(Contact, delivery.contact_id)
        same_domain = contact.address_domain == domain and not is_free_mail(domain)
        if delivery.address_hash == hash_within(key, sender) or same_domain:
            return session.get(Company, delivery.company_id)
    known = select(Contact.company_id).where(Contact.address_hash == hash_within(key, sender)).distinct().limit(2)
    ids = session.scalars(known).all()
    return session.get(Company, ids[0]) if len(ids) == 1 else None


def words_of(message: InboxMessage, base: str) -> str:
    """Return what an answer says, as it may be passed on: bounded, and without links of ours that are personal.

    A quoted newsletter holds the reader's own opt-out link: in an enterprise's mailbox a scanner would follow it.
    """
    text = clean(message.body or "")
    text = re.sub(re.escape(base) + r"/(u|voorkeuren|bevestig|lead)/\S+", f"{base}/…", text)
    subject = fold(message.subject or "")
    words = "\n\n".join(filter(None, (subject, text.strip())))
    return words if len(words) <= LONGEST else words[:LONGEST].rstrip() + " […]"
