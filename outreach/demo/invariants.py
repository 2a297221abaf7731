"""What must hold after a send, read from the database on one side and from the kept mails on the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.demo.inbox import Mailbox
from outreach.links import hash_address
from outreach.models import Campaign, CampaignStatus, Contact, Delivery, DeliveryStatus, Lead, Suppression

GONE = (DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN)


def verify(app: App, mailbox: Mailbox, name: str) -> list[str]:
    """Return every invariant of the campaign that does not hold, in words."""
    mails = Counter(kept.recipient for kept, _ in mailbox.messages(campaign=True))
    ids = Counter(kept.message_id for kept, _ in mailbox.messages(campaign=True))
    with app.database.reading() as session:
        campaign = session.scalars(select(Campaign).where(Campaign.name == name)).one()
        return [
            *_nobody_twice(mails, ids),
            *_nobody_lost(session, campaign, mails),
            *_nobody_suppressed(session, campaign, mails, app.suppression_key),
            *_led_to_something(session, campaign),
        ]


def _nobody_twice(mails: Counter[str], ids: Counter[str]) -> Iterator[str]:
    doubled = [recipient for recipient, count in mails.items() if count > 1]
    if doubled:
        yield f"{len(doubled)} addresses got the campaign more than once, such as {doubled[0]}"
    if any(count > 1 for count in ids.values()):
        yield "a Message-ID was used twice"


def _nobody_lost(session: Session, campaign: Campaign, mails: Counter[str]) -> Iterator[str]:
    if campaign.status is not CampaignStatus.SENT:
        yield f"the campaign is {campaign.status.value}, not sent: {campaign.pause_reason}"
    of_campaign = Delivery.campaign_id == campaign.id
    open_rows = session.scalar(
        select(func.count()).where(
            of_campaign,
            Delivery.status.in_((DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)),
        )
    )
    if open_rows:
        yield f"{open_rows} rows of the audience have no final status"
    sent = set(
        session.scalars(
            select(Contact.address).join(Delivery).where(of_campaign, Delivery.status == DeliveryStatus.SENT)
        )
    )
    if missing := sent - set(mails):
        yield f"{len(missing)} rows say sent, but their mail never arrived"
    if strangers := set(mails) - set(session.scalars(_addresses(campaign))):
        yield f"{len(strangers)} mails arrived that no row accounts for"


def _addresses(campaign: Campaign) -> Select[str | None]:
    return select(Contact.address).join(Delivery).where(Delivery.campaign_id == campaign.id, Delivery.status.in_(GONE))


def _nobody_suppressed(session: Session, campaign: Campaign, mails: Counter[str], key: bytes) -> Iterator[str]:
    before = select(Suppression.address_hash).where(Suppression.at < campaign.frozen_at)
    suppressed = set(session.scalars(before))
    mailed = [recipient for recipient in mails if hash_address(key, recipient) in suppressed]
    if not suppressed:
        yield "no suppression was imported, so none could be obeyed"
    if mailed:
        yield f"{len(mailed)} suppressed addresses were mailed, such as {mailed[0]}"


def _led_to_something(session: Session, campaign: Campaign) -> Iterator[str]:
    if not session.scalar(select(func.count()).where(Lead.campaign_id == campaign.id)):
        yield "no lead is owed to the campaign"
