"""The two kinds of mail that connections carry: a campaign's deliveries, and the outbox."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, func, select
from sqlalchemy.orm import Session

from outreach.audience import eligibility
from outreach.audience.legal_basis import ALLOWED
from outreach.belgium.windows import Window
from outreach.campaigns import canaries, life, mailing, recipients
from outreach.campaigns.mailing import Mailing
from outreach.campaigns.recipients import Recipient
from outreach.campaigns.spec import window_of
from outreach.delivery import claiming
from outreach.delivery.claiming import Attempts, Mails, Result
from outreach.delivery.replies import Reply, Verdict
from outreach.delivery.smtp import canonical
from outreach.delivery.turns import Turns
from outreach.emails.signing import Signer
from outreach.errors import NotFound
from outreach.links import Links
from outreach.models import (
    Campaign,
    CampaignStatus,
    Company,
    Contact,
    Delivery,
    DeliveryStatus,
    OutboxMail,
    PauseKind,
    SkipReason,
    given,
)
from outreach.models.prepared import Prepared
from outreach.relays import OTHER, provider_of
from outreach.settings import Settings

# So many refusals in a row and no mail taken: it is more likely us than all these addresses.
REFUSED_IN_A_ROW = 20
LEAST_REFUSED = 3


@dataclass(frozen=True, slots=True)
class Content:
    """A mail as the relay gets it; `wired` says that the message is in wire form already (`smtp.wire_form`)."""

    sender: str
    recipient: str
    message: bytes = field(repr=False)
    wired: bool = False


class Mail(NamedTuple):
    """A claimed row: what its retries are judged by, and what its message is made from."""

    tried: Attempts
    contact_id: int = 0
    address_hash: bytes | None = None
    recipient: Recipient | None = None
    content: Content | None = None
    provider: str = OTHER

    @property
    def id(self) -> int:
        return self.tried.id


@dataclass
class Refused:
    """The first tries that the relay refused since it last took a mail of the campaign, and how many are too many."""

    most: int = REFUSED_IN_A_ROW
    ids: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, mail: Mail, reply: Reply) -> list[int]:
        """Note an answer; return the refused mails once they are too many, and count anew."""
        with self.lock:
            if reply.verdict is Verdict.DELIVERED:
                self.ids.clear()
            # A second refusal is believed: a person saw the first, and went on.
            if reply.verdict is Verdict.REJECT and reply.code is not None and mail.tried.count == 1:
                self.ids.add(mail.id)
            if len(self.ids) < self.most:
                return []
            ids = sorted(self.ids)
            self.ids.clear()
            return ids


@dataclass(frozen=True)
class CampaignLane:
    """The deliveries of one campaign that is being sent."""

    campaign_id: int
    topic: str | None
    mailing: Mailing
    settings: Settings
    now: datetime
    dialect: str
    refused: Refused = field(default_factory=Refused)
    window: Window = field(default_factory=Window)
    turns: Turns = field(default_factory=lambda: Turns({OTHER: 1}))
    mails: Mails = Delivery

    def is_open(self, now: datetime) -> bool:
        """Tell whether mail goes at this hour."""
        return self.window.is_open(now)

    def claim(self, session: Session, worker_id: int, now: datetime, provider: str, limit: int) -> list[Mail]:
        """Claim mail to one provider; of the canary only, until that is judged."""
        ours = [Delivery.campaign_id == self.campaign_id, Delivery.provider == provider]
        if canaries.is_out(session, self.campaign_id):
            ours.append(Delivery.id.in_(canaries.free(session, self.campaign_id, now, limit, provider)))
        ids = claiming.claim(session, Delivery, worker_id, now, limit, *ours)
        if not ids:
            return []
        bases = ALLOWED[self.mailing.sender.type]
        found = {recipient.delivery_id: recipient for recipient in recipients.recipients(session, ids, bases)}
        rows = _CLAIMED.run(session, ids=given.as_parameter([id] for id in ids))
        return [Mail(Attempts(*row[:3]), row[3], row[4], found.get(row[0]), provider=provider) for row in rows]

    def compose(self, mail: Mail, now: datetime) -> Content:
        """Render the mail; whatever is raised is this row's own fault and nobody else's."""
        if mail.recipient is None:
            raise NotFound("the contact has no address or no legal basis any more")
        message = self.mailing.message(mail.recipient, now)
        return Content(self.mailing.envelope_from(mail.id), mail.recipient.address, message, wired=True)

    @cached_property
    def _check(self) -> Prepared:
        # The sender that was approved decides which legal bases count, as when the audience was frozen.
        sender = self.settings.sender.model_copy(update={"type": self.mailing.sender.type})
        settings = self.settings.model_copy(update={"sender": sender})
        policy = eligibility.policy_of(settings, self.topic, self.now, self.campaign_id)
        allowed = select(Contact.id, eligibility.refusal(policy), Contact.address_hash)
        joined = allowed.join(Company, Company.id == Contact.company_id)
        return Prepared(lambda dialect: joined.where(Contact.id.in_(given.ids(dialect))))

    def refusal(self, session: Session, mail: Mail) -> Result | None:
        """Say why the contact may not be mailed any more."""
        return self.refusals(session, [mail]).get(mail.id)

    def refusals(self, session: Session, mails: Sequence[Mail]) -> dict[int, Result]:
        """Say of mails (by id) why they may not go any more; checked in the transaction that takes the rows."""
        if self.dialect == "postgresql":
            _lock_addresses(session, [mail.address_hash for mail in mails if mail.address_hash is not None])
        rows = self._check.run(session, ids=given.as_parameter([mail.contact_id] for mail in mails))
        found = {contact: (reason, address_hash) for contact, reason, address_hash in rows}
        refused = {}
        for mail in mails:
            reason, address_hash = found[mail.contact_id]
            if reason is None and address_hash != mail.address_hash:
                reason = SkipReason.INVALID_ADDRESS.value
            if reason:
                refused[mail.id] = Result("skipped", reason)
        return refused

    def note(self, mail: Mail, reply: Reply) -> None:
        """Note that the relay took a mail."""
        self.refused.note(mail, reply)

    def record(self, session: Session, worker_id: int, mail: Mail, reply: Reply, now: datetime) -> Result | None:
        window = timedelta(hours=self.settings.sending.retry_hours)
        result = claiming.result_of(reply, mail.tried, retry_window=window, now=now)
        if result.status not in ("deferred", "pending"):
            written = _recorded(session, Delivery, worker_id, mail, result, now)
            if too_many := self.refused.note(mail, reply):
                claiming.take_back(session, self.campaign_id, too_many, now)
                said = f"the relay refused {len(too_many)} mails in a row and took none, the last with: {reply}"
                self.give_pause(session, said, now)
            return written
        # Locked first: a cancellation either sees this row waiting, or is seen here.
        status = session.scalar(select(Campaign.status).where(Campaign.id == self.campaign_id).with_for_update())
        written = _recorded(session, Delivery, worker_id, mail, result, now)
        if status is CampaignStatus.CANCELLED:
            life.stop_waiting(session, self.campaign_id, now)
        elif reply.verdict is Verdict.PAUSE:
            self.give_pause(session, f"the relay refuses our mail: {reply}", now)
        return written

    def give_pause(self, session: Session, reason: str, now: datetime) -> None:
        """Pause the campaign for a person, unless it is being sent no more."""
        pause_sending(session, self.campaign_id, reason, PauseKind.POLICY, now)


@dataclass(frozen=True)
class OutboxLane:
    """All other mail."""

    settings: Settings
    signer: Signer | None = None
    mails: Mails = OutboxMail

    def is_open(self, now: datetime) -> bool:
        """Return True: other mail goes at any hour."""
        return True

    def claim(self, session: Session, worker_id: int, now: datetime, limit: int) -> list[Mail]:
        ids = claiming.claim(session, OutboxMail, worker_id, now, limit)
        rows = session.scalars(select(OutboxMail).where(OutboxMail.id.in_(ids)).order_by(OutboxMail.id))
        sender = self.settings.from_address
        return [
            Mail(
                Attempts(row.id, row.attempts, row.first_tried_at),
                content=Content(sender, row.recipient, row.message),
                provider=provider_of(row.recipient.rpartition("@")[2], self.settings.providers),
            )
            for row in rows
        ]

    def compose(self, mail: Mail, now: datetime) -> Content:
        assert mail.content is not None
        if self.signer is None:
            return mail.content
        # Signed here and not when it was written: the key may be another one by now.
        return replace(mail.content, message=self.signer.sign(canonical(mail.content.message), now))

    def refusal(self, session: Session, mail: Mail) -> Result | None:
        """Return None: suppression governs campaigns only."""
        return None

    def refusals(self, session: Session, mails: Sequence[Mail]) -> dict[int, Result]:
        """Return nothing: suppression governs campaigns only."""
        return {}

    def note(self, mail: Mail, reply: Reply) -> None:
        """Do nothing: other mail isn't judged together."""

    def record(self, session: Session, worker_id: int, mail: Mail, reply: Reply, now: datetime) -> Result | None:
        window = timedelta(hours=self.settings.sending.retry_hours)
        result = claiming.result_of(reply, mail.tried, retry_window=window, now=now)
        if reply.verdict is Verdict.PAUSE:
            # There is no campaign to pause; it is retried as if the relay had said 4xx.
            result = claiming.deferred(str(reply), mail.tried, retry_window=window, now=now)
        return _recorded(session, OutboxMail, worker_id, mail, result, now)

    def give_pause(self, session: Session, reason: str, now: datetime) -> None:
        """Do nothing: other mail isn't paused."""


Lane = CampaignLane | OutboxLane


def open_campaign(
    session: Session,
    campaign_id: int,
    *,
    settings: Settings,
    links: Links,
    now: datetime,
    signer: Signer | None = None,
) -> CampaignLane:
    """Load what is needed to compose a campaign's mails."""
    campaign = session.get_one(Campaign, campaign_id)
    loaded = mailing.load(session, campaign_id, settings=settings, links=links, signer=signer)
    mails = (
        select(Delivery.provider, func.count().label("mails"))
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.status.not_in((DeliveryStatus.SKIPPED, DeliveryStatus.HELD_OUT, DeliveryStatus.CANCELLED)),
        )
        .group_by(Delivery.provider)
        .order_by(Delivery.provider)
    )
    weights = {row.provider: int(row.mails) for row in session.execute(mails)}
    most = max(LEAST_REFUSED, min(REFUSED_IN_A_ROW, sum(weights.values())))
    dialect = session.get_bind().dialect.name
    window = window_of(loaded.spec.window, loaded.spec.office_hours, settings.sending)
    return CampaignLane(
        campaign_id, campaign.topic, loaded, settings, now, dialect, Refused(most), window, Turns(weights)
    )


def pause_sending(session: Session, campaign_id: int, reason: str, kind: PauseKind, now: datetime) -> bool:
    """Pause a campaign that is being sent and say why; False if it isn't being sent any more."""
    campaign = session.get_one(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    if campaign.status is not CampaignStatus.SENDING:
        return False
    life.pause(session, campaign, by="sender", now=now, reason=reason, kind=kind)
    return True


def _recorded(
    session: Session, mails: Mails, worker_id: int, mail: Mail, result: Result, now: datetime
) -> Result | None:
    return result if claiming.record(session, mails, worker_id, mail.id, result, now) else None


def _lock_addresses(session: Session, hashes: Sequence[bytes]) -> None:
    """Lock addresses until the end of the transaction, in one order so that two workers never wait for each other.

    Two campaigns that take the same address at once would each miss the other under the frequency cap.
    """
    halves = [
        [int.from_bytes(address_hash[start : start + 4], signed=True) for start in (0, 4)]
        for address_hash in sorted(set(hashes))
    ]
    session.connection().execute(_LOCKS, {"rows": given.as_parameter(halves)}).all()


# The rows come in the order in which they stand in the parameter.
_TO_LOCK = given.rows("postgresql", (("high", Integer()), ("low", Integer())))
_LOCKS = select(func.pg_advisory_xact_lock(_TO_LOCK.c.high, _TO_LOCK.c.low))


def _claimed(dialect: str) -> Select[*tuple[Any, ...]]:
    columns = (Delivery.id, Delivery.attempts, Delivery.first_tried_at, Delivery.contact_id, Delivery.address_hash)
    # A mail that made the campaign pause comes last, also within its batch.
    untried_first = (Delivery.retry_at.is_not(None), Delivery.id)
    return select(*columns).where(Delivery.id.in_(given.ids(dialect))).order_by(*untried_first)


_CLAIMED = Prepared(_claimed)
