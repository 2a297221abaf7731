"""Why we may mail a contact: one row of evidence per basis, date and source; withdrawn rows stay as a record.

Economic Law Code XII.13 and the Royal Decree of 4 April 2003 know three bases; the type of the sender decides which
of them it can rely on at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from outreach.errors import Refusal
from outreach.models import Basis, LegalBasis
from outreach.settings import SenderType

# The customers of a maatwerkbedrijf are not those of its federation, and an authority cannot rely on its legitimate
# interest in its tasks (GDPR art. 6.1, last sentence), which both exceptions to consent rest on.
ALLOWED: Mapping[SenderType, frozenset[Basis]] = MappingProxyType(
    {
        SenderType.ENTERPRISE: frozenset({Basis.CONSENT, Basis.CUSTOMER, Basis.ROLE_ADDRESS}),
        SenderType.FEDERATION: frozenset({Basis.CONSENT, Basis.ROLE_ADDRESS}),
        SenderType.AUTHORITY: frozenset({Basis.CONSENT}),
    }
)
# Of evidence of one day the strongest counts.
STRENGTH = (Basis.CONSENT, Basis.CUSTOMER, Basis.ROLE_ADDRESS)


def forbidden(basis: Basis, sender: SenderType) -> str | None:
    """Return why a sender of this type cannot rely on `basis`, None if it can."""
    if basis in ALLOWED[sender]:
        return None
    allowed = ", ".join(kind.value for kind in STRENGTH if kind in ALLOWED[sender])
    return f"the basis {basis.value} is not open to a sender of type {sender.value} (sender.type); allowed: {allowed}"


def require(basis: Basis, sender: SenderType) -> None:
    """Refuse a basis that a sender of this type cannot rely on."""
    if reason := forbidden(basis, sender):
        raise Refusal(reason)


def current(session: Session, contact_id: int) -> LegalBasis | None:
    """Return the live evidence with the latest date; of one date consent, then customer, then role_address."""
    strength = case({kind.value: place for place, kind in enumerate(STRENGTH)}, value=LegalBasis.basis)
    return session.scalars(
        select(LegalBasis)
        .where(LegalBasis.contact_id == contact_id, LegalBasis.withdrawn_at.is_(None))
        .order_by(LegalBasis.obtained_on.desc(), strength, LegalBasis.id.desc())
        .limit(1)
    ).first()


def withdraw(session: Session, contact_id: int, *, now: datetime, basis: Basis | None = None) -> int:
    """Withdraw the live evidence of one basis, or of all; return how many rows. An import does not revive them."""
    live = [LegalBasis.contact_id == contact_id, LegalBasis.withdrawn_at.is_(None)]
    if basis is not None:
        live.append(LegalBasis.basis == basis)
    found = session.scalars(update(LegalBasis).where(*live).values(withdrawn_at=now).returning(LegalBasis.id))
    return len(found.all())
