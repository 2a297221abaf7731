"""What people asked of us, carried from a database that is replaced into the backup that takes its place.

A backup is older than the database: whoever opted out, withdrew a consent, chose something or was erased since then
must not be forgotten by a restore (GDPR art. 7(3), 17 and 21). Only what restricts us or was the person's own choice is
carried over; nobody may be mailed because of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.audience import erasing, suppressing
from outreach.audience.suppressing import GRAVITY, OPT_OUTS
from outreach.models import (
    Basis,
    Contact,
    ContactTopic,
    Frequency,
    Lead,
    LegalBasis,
    Suppression,
    SuppressionReason,
)

_BATCH = 10_000
Evidence = tuple[bytes, Basis, date, str]  # whose, and what makes a legal basis the same one
Person = tuple[int, datetime]  # id and time of creation of a contact: two databases that parted don't share them


class Opposed(NamedTuple):
    """A suppression in force, without what belongs to the database it was found in."""

    reason: SuppressionReason
    source: str
    at: datetime
    actor: str


class Choice(NamedTuple):
    """How often a person wants mail, and since when."""

    frequency: Frequency | None
    at: datetime


class TopicChoice(NamedTuple):
    """What a person chose about one topic, and when."""

    follows: bool
    at: datetime


@dataclass
class Wishes:
    """What people asked, by the keyed hash of their address; those who were erased also by their row."""

    opposed: dict[bytes, Opposed] = field(default_factory=dict)
    opposed_under: dict[bytes, Opposed] = field(default_factory=dict)  # opt-outs that stand under something graver
    erased: set[Person] = field(default_factory=set)
    withdrawn: dict[Evidence, datetime] = field(default_factory=dict)
    untracked: set[bytes] = field(default_factory=set)  # known here, at no company with a tracking consent
    choices: dict[bytes, Choice] = field(default_factory=dict)
    topics: dict[tuple[bytes, str], TopicChoice] = field(default_factory=dict)


@dataclass(frozen=True)
class CarriedOver:
    """How many wishes the backup didn't know; `addresses` are those of contacts that are suppressed because of it."""

    suppressions: int
    erasures: int
    withdrawn_bases: int
    withdrawn_tracking_consents: int
    choices: int
    addresses: tuple[str, ...]

    @property
    def anything(self) -> bool:
        return bool(
            self.suppressions
            or self.erasures
            or self.withdrawn_bases
            or self.withdrawn_tracking_consents
            or self.choices
        )


def read(session: Session) -> Wishes:
    """Return what people asked, as this database knows it."""
    wishes = Wishes()
    live = select(
        Suppression.address_hash, Suppression.reason, Suppression.source, Suppression.at, Suppression.actor
    ).where(Suppression.lifted_at.is_(None))
    for address_hash, reason, source, at, actor in session.execute(live.execution_options(yield_per=_BATCH)):
        wishes.opposed[address_hash] = Opposed(reason, source, at, actor)
    for row in suppressing.opt_outs_set_aside(session):
        wishes.opposed_under[row.address_hash] = Opposed(row.reason, row.source, row.at, row.actor)
    gone = select(Contact.id, Contact.created_at).where(Contact.erased_at.is_not(None))
    wishes.erased = {(id, created_at) for id, created_at in session.execute(gone)}
    _read_withdrawals(session, wishes)
    _read_choices(session, wishes)
    return wishes


def _read_withdrawals(session: Session, wishes: Wishes) -> None:
    withdrawn = (
        select(
            Contact.address_hash, LegalBasis.basis, LegalBasis.obtained_on, LegalBasis.source, LegalBasis.withdrawn_at
        )
        .join(Contact, Contact.id == LegalBasis.contact_id)
        .where(LegalBasis.withdrawn_at.is_not(None), Contact.address_hash.is_not(None))
    )
    for address_hash, basis, obtained_on, source, at in session.execute(withdrawn):
        if address_hash is not None and at is not None:
            wishes.withdrawn[address_hash, basis, obtained_on, source] = at
    known = select(Contact.address_hash).where(Contact.address_hash.is_not(None))
    without = set(session.scalars(known.where(Contact.tracking_consent_at.is_(None))))
    with_consent = set(session.scalars(known.where(Contact.tracking_consent_at.is_not(None))))
    wishes.untracked = {each for each in without - with_consent if each is not None}


def _read_choices(session: Session, wishes: Wishes) -> None:
    chosen = select(Contact.address_hash, Contact.frequency, Contact.chosen_at).where(
        Contact.chosen_at.is_not(None), Contact.address_hash.is_not(None)
    )
    for address_hash, frequency, at in session.execute(chosen):
        known = wishes.choices.get(address_hash) if address_hash else None
        if address_hash is not None and at is not None and (known is None or known.at < at):
            wishes.choices[address_hash] = Choice(frequency, at)
    topics = (
        select(Contact.address_hash, ContactTopic.topic, ContactTopic.follows, ContactTopic.at)
        .join(Contact, Contact.id == ContactTopic.contact_id)
        .where(ContactTopic.chosen.is_(True), Contact.address_hash.is_not(None))
    )
    for address_hash, topic, follows, at in session.execute(topics):
        if address_hash is None:
            continue
        before = wishes.topics.get((address_hash, topic))
        if before is None or before.at < at:
            wishes.topics[address_hash, topic] = TopicChoice(follows, at)


def carry_over(session: Session, wishes: Wishes, *, key: bytes, actor: str, now: datetime) -> CarriedOver:
    """Write into this database what it doesn't know of `wishes`; what it knows better stays."""
    untracked = _withdraw_tracking(session, wishes, now)
    withdrawn = _withdraw_bases(session, wishes)
    choices = _choose(session, wishes, now) + _choose_topics(session, wishes)
    newly = _suppress(session, wishes)
    session.flush()
    erased = _erase(session, wishes, key=key, actor=actor, now=now)
    return CarriedOver(len(newly), erased, withdrawn, untracked, choices, _addresses(session, newly))


def _suppress(session: Session, wishes: Wishes) -> set[bytes]:
    live = select(Suppression.address_hash, Suppression.reason).where(Suppression.lifted_at.is_(None))
    known = {row.address_hash: row.reason for row in session.execute(live)}
    newly = set()
    for address_hash, told in wishes.opposed.items():
        before = known.get(address_hash)
        if before is not None and GRAVITY[before] >= GRAVITY[told.reason] and told.reason not in OPT_OUTS:
            continue
        _write(session, address_hash, told)
        if before is None or GRAVITY[before] < GRAVITY[told.reason]:
            newly.add(address_hash)
    for address_hash, told in wishes.opposed_under.items():
        _write(session, address_hash, told)
    return newly


def _write(session: Session, address_hash: bytes, told: Opposed) -> None:
    suppressing.suppress(session, address_hash, reason=told.reason, source=told.source, actor=told.actor, now=told.at)


def _erase(session: Session, wishes: Wishes, *, key: bytes, actor: str, now: datetime) -> int:
    """Erase again who was erased: by the hash that stayed, or by the row that lost it."""
    hashes = {each for each, told in wishes.opposed.items() if told.reason is SuppressionReason.ERASED}
    found: dict[bytes, str] = {}
    for id, created_at, address_hash, address in session.execute(
        select(Contact.id, Contact.created_at, Contact.address_hash, Contact.address).where(
            Contact.address.is_not(None)
        )
    ):
        if address_hash is not None and address and (address_hash in hashes or (id, created_at) in wishes.erased):
            found[address_hash] = address
    for address_hash, address in session.execute(select(Lead.address_hash, Lead.email)):
        if address_hash is not None and address and address_hash in hashes:
            found.setdefault(address_hash, address)
    for address in found.values():
        erasing.erase(session, address, key=key, actor=actor, now=now)
    return len(found)


def _withdraw_bases(session: Session, wishes: Wishes) -> int:
    standing = (
        select(LegalBasis, Contact.address_hash)
        .join(Contact, Contact.id == LegalBasis.contact_id)
        .where(LegalBasis.withdrawn_at.is_(None), Contact.address_hash.is_not(None))
    )
    if not wishes.withdrawn:
        return 0
    count = 0
    for basis, address_hash in session.execute(standing.execution_options(yield_per=_BATCH)):
        at = wishes.withdrawn.get((address_hash or b"", basis.basis, basis.obtained_on, basis.source))
        if at is not None:
            basis.withdrawn_at = at
            count += 1
    return count


def _withdraw_tracking(session: Session, wishes: Wishes, now: datetime) -> int:
    """End consents that no longer stand: the newer database knows the address and knows of none."""
    count = 0
    for contact in session.scalars(select(Contact).where(Contact.tracking_consent_at.is_not(None))):
        if contact.address_hash in wishes.untracked:
            contact.tracking_consent_at, contact.updated_at = None, now
            count += 1
    return count


def _choose(session: Session, wishes: Wishes, now: datetime) -> int:
    count = 0
    for contact in _of(session, wishes.choices):
        choice = wishes.choices[contact.address_hash or b""]
        if contact.chosen_at is None or contact.chosen_at < choice.at:
            contact.frequency, contact.chosen_at, contact.updated_at = choice.frequency, choice.at, now
            count += 1
    return count


def _choose_topics(session: Session, wishes: Wishes) -> int:
    by_address: dict[bytes, list[tuple[str, TopicChoice]]] = defaultdict(list)
    for (address_hash, topic), choice in wishes.topics.items():
        by_address[address_hash].append((topic, choice))
    count = 0
    for contact in _of(session, by_address):
        for topic, choice in by_address[contact.address_hash or b""]:
            row = session.get(ContactTopic, (topic, contact.id))
            if row is None:
                row = ContactTopic(topic=topic, contact_id=contact.id, follows=False, chosen=False, at=choice.at)
                session.add(row)
            elif row.chosen and row.at >= choice.at:
                continue
            row.follows, row.chosen, row.at = choice.follows, True, choice.at
            count += 1
    return count


def _of(session: Session, hashes: Iterable[bytes]) -> list[Contact]:
    wanted, found = list(hashes), list[Contact]()
    for start in range(0, len(wanted), 500):
        found += session.scalars(select(Contact).where(Contact.address_hash.in_(wanted[start : start + 500])))
    return found


def _addresses(session: Session, hashes: set[bytes]) -> tuple[str, ...]:
    """Return the addresses of contacts that are still known by one; the erased have none any more."""
    return tuple(sorted({contact.address for contact in _of(session, hashes) if contact.address}))
