"""Where leads come in: the contact form, a call, a fair, a list.

A lead is matched to a company by its enterprise number, else by the e-mail address of a contact, else by name and
postcode, which are a company's key while its number is unknown; else it stays without.
A double (the same company and enterprise, and not another service, within 30 days) is kept whole and `merged` into the
lead that was there, which takes over the stronger evidence if it is from the same address; the enterprise still gets
what the person wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from outreach.audience.addresses import AddressError, hash_within, parse_address
from outreach.audience.companies import name_key
from outreach.belgium.numbers import NumberError, parse_enterprise_number
from outreach.emails.model import clean, fold
from outreach.errors import NotFound, Refusal
from outreach.leads import evidence as proofs
from outreach.leads import notices
from outreach.leads.cards import find, listed
from outreach.leads.deciding import confirm, refuse
from outreach.leads.evidence import NOTHING, Proof
from outreach.leads.notices import remind_due
from outreach.links import Links
from outreach.models import Channel, Company, Contact, Enterprise, Evidence, Lead, LeadStage, Service
from outreach.settings import Settings

__all__ = ["LeadForm", "add", "confirm", "find", "listed", "receive", "refuse", "remind_due"]

MERGE_WITHIN = timedelta(days=30)
_LENGTHS = {
    "company_name": 320,
    "person": 200,
    "email": 320,
    "phone": 40,
    "wanted_when": 100,
    "message": 10_000,
    "postcode": 12,
}


@dataclass(frozen=True)
class LeadForm:
    """What is known of a lead: `service_id` or `enterprise_id`, who got in contact, and what they wrote."""

    company_name: str
    service_id: int | None = None
    enterprise_id: int | None = None
    enterprise_number: str | None = None
    postcode: str | None = None
    person: str | None = None
    email: str | None = None
    phone: str | None = None
    message: str = ""
    wanted_when: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a lead comes from: channel, when it happened, who entered it, and what that alone proves."""

    channel: Channel
    happened_at: datetime
    actor: str
    proof: Proof = NOTHING
    simulated: bool = False
    notify: bool = True
    import_key: bytes | None = None


def receive(
    session: Session,
    form: LeadForm,
    *,
    code: str | None,
    channel: Channel = Channel.FORM,
    links: Links,
    settings: Settings,
    now: datetime,
    simulated: bool = False,
    suppression_key: bytes,
) -> Lead:
    """Keep a lead that a company sent itself, and tell the enterprise; `code` is the link's that led to the form."""
    origin = Origin(channel, now, "company", proofs.by_code(session, code), simulated)
    return record(session, form, origin, links=links, settings=settings, now=now, suppression_key=suppression_key)


def add(
    session: Session,
    form: LeadForm,
    *,
    channel: Channel,
    happened_at: datetime,
    actor: str,
    declared_campaign: str | None = None,
    notify: bool = True,
    links: Links,
    settings: Settings,
    now: datetime,
    suppression_key: bytes,
) -> Lead:
    """Keep a lead that the team enters; `declared_campaign` is what the company or the enterprise named."""
    check_address(form.email)
    if happened_at > now:
        raise Refusal(f"{happened_at:%Y-%m-%d %H:%M} UTC lies in the future: give the day of the contact")
    proof = proofs.by_declaration(session, declared_campaign, happened_at)
    origin = Origin(channel, happened_at, actor, proof, notify=notify)
    return record(session, form, origin, links=links, settings=settings, now=now, suppression_key=suppression_key)


def check_address(email: str | None) -> None:
    """Refuse an address that is none; a form's own page says so before it comes here."""
    try:
        if email:
            parse_address(email)
    except AddressError as error:
        raise Refusal(str(error)) from error


def record(
    session: Session,
    form: LeadForm,
    origin: Origin,
    *,
    links: Links,
    settings: Settings,
    now: datetime,
    suppression_key: bytes,
) -> Lead:
    """Keep a lead with its evidence, merge it if it is a double, and put the notice into the outbox."""
    enterprise_id, service_id = _offered(session, form)
    # Locks the enterprise, so that a form sent twice at once is one lead and its double (SQLite locks it all anyhow).
    session.execute(select(Enterprise.id).where(Enterprise.id == enterprise_id).with_for_update())
    form = _cleaned(form)
    address_hash = hash_within(suppression_key, form.email)
    company_id = _company_of(session, form, address_hash)
    lead = _lead(form, origin, company_id, enterprise_id, service_id, now)
    lead.address_hash = address_hash
    _prove(session, lead, origin.proof, timedelta(days=settings.leads.window_days))
    known = _doubles_of(session, lead)
    session.add(lead)
    if known:
        _merge(lead, known[0])
    session.flush()
    if origin.notify and not _says_nothing_new(session, lead, known):
        notices.notify(session, lead, follows=known[0].id if known else None, settings=settings, links=links, now=now)
    session.flush()
    return lead


def _lead(
    form: LeadForm, origin: Origin, company_id: int | None, enterprise_id: int, service_id: int | None, now: datetime
) -> Lead:
    return Lead(
        company_id=company_id,
        company_name=form.company_name,
        enterprise_number=form.enterprise_number,
        postcode=form.postcode,
        enterprise_id=enterprise_id,
        service_id=service_id,
        channel=origin.channel,
        stage=LeadStage.NEW,
        person=form.person,
        email=form.email,
        phone=form.phone,
        message=form.message,
        wanted_when=form.wanted_when,
        happened_at=origin.happened_at,
        created_at=now,
        created_by=origin.actor[:200],
        reminders=0,
        import_key=origin.import_key,
        simulated=origin.simulated,
    )


def _offered(session: Session, form: LeadForm) -> tuple[int, int | None]:
    if form.service_id is not None:
        service = session.get(Service, form.service_id)
        if service is None:
            raise NotFound(f"{form.service_id} is no service: `outreach catalogue list` shows them all")
        if form.enterprise_id is not None and form.enterprise_id != service.enterprise_id:
            raise Refusal(f"service {service.slug!r} is not one of this enterprise")
        return service.enterprise_id, service.id
    if form.enterprise_id is None or session.get(Enterprise, form.enterprise_id) is None:
        raise NotFound("name the enterprise or the service: `outreach catalogue list` shows them all")
    return form.enterprise_id, None


def _cleaned(form: LeadForm) -> LeadForm:
    number = form.enterprise_number
    try:
        number = parse_enterprise_number(number) if number and number.strip() else None
    except NumberError as error:
        raise Refusal(str(error)) from error
    values = {
        "company_name": fold(form.company_name),
        "postcode": fold(form.postcode or "") or None,
        "person": fold(form.person or "") or None,
        "email": fold(form.email or "") or None,
        "phone": fold(form.phone or "") or None,
        "wanted_when": fold(form.wanted_when or "") or None,
        "message": clean(form.message or "").strip(),
    }
    for name, value in values.items():
        if value and len(value) > _LENGTHS[name]:
            raise Refusal(f"{name} has {len(value)} characters; at most {_LENGTHS[name]}")
    if not values["company_name"]:
        raise Refusal("the name of the company is missing")
    return replace(form, enterprise_number=number, **values)  # type: ignore[arg-type]


def _company_of(session: Session, form: LeadForm, address_hash: bytes | None) -> int | None:
    number = form.enterprise_number
    if number and (found := session.scalar(select(Company.id).where(Company.enterprise_number == number))):
        return found
    of_contact = Company.id.in_(select(Contact.company_id).where(Contact.address_hash == address_hash))
    of_name = (Company.name_key == name_key(form.company_name)) & (Company.postcode == form.postcode)
    # The mailbox of an accountant stands for many companies, and another number names another company.
    by_contact = _only_company(session, of_contact, number) if address_hash is not None else None
    return by_contact or (_only_company(session, of_name, number) if form.postcode else None)


def _only_company(session: Session, described: ColumnElement[bool], number: str | None) -> int | None:
    """Return the id of the one company that is described; None if several are, or if it has another number."""
    found = session.execute(select(Company.id, Company.enterprise_number).where(described).limit(2)).all()
    if len(found) != 1 or (number and found[0].enterprise_number not in (None, number)):
        return None
    return int(found[0].id)


def _prove(session: Session, lead: Lead, proof: Proof, window: timedelta) -> None:
    if proof.evidence is Evidence.NONE:
        proof = proofs.by_showing(
            session,
            company_id=lead.company_id,
            enterprise_id=lead.enterprise_id,
            service_id=lead.service_id,
            happened_at=lead.happened_at,
            window=window,
        )
    lead.evidence, lead.campaign_id, lead.link_id = proof.evidence, proof.campaign_id, proof.link_id


def _doubles_of(session: Session, lead: Lead) -> list[Lead]:
    """Return the leads that a new one is a double of, same service and nearest in time first."""
    near = session.scalars(
        select(Lead).where(
            Lead.enterprise_id == lead.enterprise_id,
            Lead.stage.in_((LeadStage.NEW, LeadStage.CONFIRMED)),
            Lead.simulated == lead.simulated,
            Lead.happened_at.between(lead.happened_at - MERGE_WITHIN, lead.happened_at + MERGE_WITHIN),
        )
    )
    same = [other for other in near if _same_service(other, lead) and _same_company(other, lead)]
    order = {
        other.id: (other.service_id != lead.service_id, abs(other.happened_at - lead.happened_at)) for other in same
    }
    return sorted(same, key=lambda other: (*order[other.id], other.id))


def _same_service(one: Lead, other: Lead) -> bool:
    return one.service_id is None or other.service_id is None or one.service_id == other.service_id


def _same_company(one: Lead, other: Lead) -> bool:
    """Tell whether two leads are of one company; of two facts that both leads have, the stronger decides."""
    for name in ("company_id", "enterprise_number"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine is not None and theirs is not None:
            return bool(mine == theirs)
    if one.address_hash and other.address_hash:
        return one.address_hash == other.address_hash
    if one.email and other.email:
        return one.email.casefold() == other.email.casefold()
    return name_key(one.company_name) == name_key(other.company_name)


def _merge(lead: Lead, into: Lead) -> None:
    """Merge a double. Only the same address changes the first lead: anybody can type a company's name or number."""
    lead.stage, lead.merged_into = LeadStage.MERGED, into.id
    if lead.address_hash is None or lead.address_hash != into.address_hash:
        return
    if Proof(lead.evidence).beats(into.evidence):
        into.evidence, into.campaign_id, into.link_id = lead.evidence, lead.campaign_id, lead.link_id
    into.company_id = into.company_id or lead.company_id
    into.service_id = into.service_id or lead.service_id


def _says_nothing_new(session: Session, lead: Lead, known: list[Lead]) -> bool:
    """Tell whether a double repeats word for word what the enterprise was told: a button pressed twice."""
    if not known:
        return False
    told = [known[0], *session.scalars(select(Lead).where(Lead.merged_into == known[0].id, Lead.id != lead.id))]
    return any(other.notified_at is not None and _words(other) == _words(lead) for other in told)


def _words(lead: Lead) -> tuple[str | None, ...]:
    return lead.person, lead.email, lead.phone, lead.message, lead.wanted_when, str(lead.service_id)
