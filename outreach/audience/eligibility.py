"""Whether a contact may be mailed now: the one rule behind every count, the freeze, and the recheck before a send.

An address is one person's, however many companies list it: its suppression, the mails it got, the topics it left and
the limit it chose are looked up by `address_hash`. A legal basis belongs to the contact whose evidence it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal_column, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from outreach.audience.legal_basis import ALLOWED
from outreach.models import (
    AddressKind,
    Basis,
    Campaign,
    Company,
    CompanyStatus,
    Contact,
    ContactTopic,
    Delivery,
    DeliveryStatus,
    Frequency,
    LegalBasis,
    SkipReason,
    Suppression,
)
from outreach.settings import Settings

# At most one mail within so many days, as the contact chose on the preference page. A little less than the period has:
# from the first Tuesday of a month to the next are 28 days, and with 30 a monthly reader would miss every other mail.
CHOSEN = {Frequency.MONTHLY: 26, Frequency.QUARTERLY: 85, Frequency.HALF_YEARLY: 175}
# EXISTS (SELECT 1 …) is answered from an index alone; with SELECT *, SQLite fetches the row.
ONE: ColumnElement[int] = literal_column("1")
# It may or may not have gone; to the person it counts as a mail.
UNSURE = (DeliveryStatus.SENDING, DeliveryStatus.UNCERTAIN)
_REAL = Delivery.campaign_id.not_in(select(Campaign.id).where(Campaign.simulated.is_(True)).correlate(None))


@dataclass(frozen=True)
class Policy:
    """What a sender may do at `now`; `cap_max` 0 is no cap, `campaign_id` the campaign whose own mail doesn't count."""

    now: datetime
    bases: frozenset[Basis]
    cap_max: int
    cap_window: timedelta
    topic: str | None
    campaign_id: int | None = None


def policy_of(settings: Settings, topic: str | None, now: datetime, campaign_id: int | None = None) -> Policy:
    """Return the policy of this sender for a mail about `topic`."""
    frequency = settings.frequency
    return Policy(now, ALLOWED[settings.sender.type], frequency.max, frequency.window, topic, campaign_id)


def refusal(policy: Policy) -> ColumnElement[str | None]:
    """Return the first SkipReason that holds for a row of `Contact` joined to `Company`, NULL if it may be mailed.

    Every reason but `duplicate_address`, which only the whole audience can tell.
    """
    closed = (CompanyStatus.STOPPED, CompanyStatus.INSOLVENT)
    return case(
        (Contact.address_hash.is_(None), SkipReason.INVALID_ADDRESS.value),
        (_is_suppressed(), SkipReason.SUPPRESSED.value),
        (Company.status.in_(closed), SkipReason.COMPANY_CLOSED.value),
        (Company.status != CompanyStatus.ACTIVE, SkipReason.NOT_REGULAR.value),
        (~_has_basis(policy.bases), SkipReason.NO_LEGAL_BASIS.value),
        (_left(policy.topic), SkipReason.TOPIC_LEFT.value),
        (_is_capped(policy), SkipReason.FREQUENCY_CAP.value),
        (_wants_less(policy), SkipReason.CHOSEN_FREQUENCY.value),
        else_=null(),
    )


def mailed_since(since: datetime | None) -> ColumnElement[bool]:
    """Return whether a row of `Delivery` is a mail that went out, or perhaps did, at or after `since` (None: ever).

    A mail of a simulated campaign went to nobody.
    """
    if since is None:
        return and_(Delivery.status.in_((DeliveryStatus.SENT, *UNSURE)), _REAL)
    sent = and_(Delivery.status == DeliveryStatus.SENT, Delivery.sent_at >= since)
    return and_(or_(sent, and_(Delivery.status.in_(UNSURE), Delivery.status_at >= since)), _REAL)


def _is_suppressed() -> ColumnElement[bool]:
    live = and_(Suppression.address_hash == Contact.address_hash, Suppression.lifted_at.is_(None))
    return exists(ONE).where(live).correlate(Contact)


def _has_basis(bases: frozenset[Basis]) -> ColumnElement[bool]:
    # "Unknown" is no legal person: only a source that attests it opens an impersonal address.
    impersonal = and_(Contact.kind == AddressKind.ROLE, Company.legal_person.is_(True))
    counts = [LegalBasis.basis == basis for basis in sorted(bases - {Basis.ROLE_ADDRESS})]
    if Basis.ROLE_ADDRESS in bases:
        counts.append(and_(LegalBasis.basis == Basis.ROLE_ADDRESS, impersonal))
    if not counts:
        return false()
    live = and_(LegalBasis.contact_id == Contact.id, LegalBasis.withdrawn_at.is_(None), or_(*counts))
    return exists(ONE).where(live).correlate(Contact, Company)


def _left(topic: str | None) -> ColumnElement[bool]:
    if topic is None:
        return false()
    same = aliased(Contact)
    left = and_(ContactTopic.topic == topic, ContactTopic.contact_id == same.id, ContactTopic.follows.is_(False))
    return exists(ONE).where(same.address_hash == Contact.address_hash, left).correlate(Contact)


def _is_capped(policy: Policy) -> ColumnElement[bool]:
    if policy.cap_max == 0:
        return false()
    since = policy.now - policy.cap_window
    return _mails(Contact.address_hash, Contact, since, policy.campaign_id) >= policy.cap_max


def _wants_less(policy: Policy) -> ColumnElement[bool]:
    """Return whether the person chose, at whichever company, to get less than one more mail now."""
    same = aliased(Contact)
    too_soon = [
        and_(same.frequency == chosen, _mails(same.address_hash, same, since, policy.campaign_id) > 0)
        for chosen, since in ((chosen, policy.now - timedelta(days=days)) for chosen, days in CHOSEN.items())
    ]
    own = exists(ONE).where(same.address_hash == Contact.address_hash, same.frequency.is_not(None))
    return own.where(or_(*too_soon)).correlate(Contact)


def _mails(
    address_hash: InstrumentedAttribute[bytes | None], outer: type[Contact], since: datetime, campaign_id: int | None
) -> ColumnElement[int]:
    query = select(func.count()).where(Delivery.address_hash == address_hash, mailed_since(since))
    if campaign_id is not None:
        query = query.where(Delivery.campaign_id != campaign_id)
    return query.select_from(Delivery).correlate(outer).scalar_subquery()
