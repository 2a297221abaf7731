"""The numbers of a segment add up, and are those of the freeze: the number shown is the number sent."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from outreach.app import App
from outreach.audience import segments
from outreach.audience.eligibility import policy_of
from outreach.campaigns import selection
from outreach.models import (
    AddressKind,
    Basis,
    Campaign,
    CampaignStatus,
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
    SuppressionReason,
)

SEGMENT = """\
title: Bouw en industrie in Limburg
seat_province: limburg
all:
  - sector: [F, C]
  - not: {company_status: insolvent}
any:
  - kind: personal
  - legal_form: bv
"""


@pytest.fixture
def office(both: App) -> App:
    """Ninety-six contacts that differ in everything that a segment or a refusal asks."""
    now = both.now()
    with both.database.writing() as session:
        for n in range(96):
            company = Company(
                id=n + 1, name=f"B{n}", name_key=f"b{n}", province_nis=["70000", "30000", None][n % 8 // 3],
                section_2025="FCGK"[n % 4], legal_form=["bv", None, "nv"][n % 3], legal_person=n % 5 > 0,
                status=list(CompanyStatus)[n % 7 // 2], created_at=now, updated_at=now,
            )  # fmt: skip
            erased = n % 19 == 0
            address = f"a{n % 12}@b.example"  # the same address at two or three companies
            contact = Contact(
                id=n + 1, company=company, address=None if erased else address, erased_at=now if erased else None,
                address_hash=None if erased else address.encode().ljust(16), kind=list(AddressKind)[n % 2],
                created_at=now, updated_at=now,
                frequency=Frequency.QUARTERLY if n % 12 == 2 else None,
            )  # fmt: skip
            session.add(contact)
            session.flush()
            if n % 6:
                session.add(
                    LegalBasis(
                        contact_id=n + 1, basis=list(Basis)[n % 3], source="t", obtained_on=date(2026, 1, 5), actor="t",
                        recorded_at=now,
                    )
                )  # fmt: skip
            if n == 9:
                session.add(ContactTopic(topic="groen", contact_id=n + 1, follows=False, at=now))
        session.add(
            Campaign(
                id=1, name="vorige", title="Vorige", segment="s", template="t", spec={}, status=CampaignStatus.SENT,
                created_by="t", created_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Delivery(
                campaign_id=1, contact_id=15, company_id=15, address_hash=b"a2@b.example".ljust(16),
                status=DeliveryStatus.SENT, sent_at=now - timedelta(days=60), status_at=now,
            )
        )  # fmt: skip
        session.add(
            Suppression(
                address_hash=b"a8@b.example".ljust(16), reason=SuppressionReason.MANUAL, source="t", at=now, actor="t"
            )
        )
    return both


def test_the_numbers_of_explain_add_up_exactly(office: App) -> None:
    segment = segments.parse("proef", SEGMENT, Path("proef.yaml"))
    with office.database.reading() as session:
        explained = segments.explain(session, segment, policy_of(office.settings, "groen", office.now()))
    steps, counted = explained.steps, explained.count
    assert [step.rule for step in steps] == [
        "all contacts", "seat_province: limburg", "all: sector: F, C", "all: not: company_status: insolvent",
        "any: (kind: personal) | (legal_form: bv)",
    ]  # fmt: skip
    assert steps[0].contacts == 96 - 6
    for before, after in pairwise(steps):
        assert before.contacts - after.dropped == after.contacts
        assert before.companies >= after.companies
    assert (steps[-1].contacts, steps[-1].companies) == (counted.contacts, counted.companies)
    assert counted.contacts == counted.mailable + sum(counted.by_reason.values())
    assert list(counted.by_reason) == [reason.value for reason in SkipReason]
    assert min(step.dropped for step in steps[1:]) > 0


@pytest.mark.parametrize("text", [SEGMENT, "title: Iedereen\n", "title: Niemand\nmunicipality: Gent\n"])
def test_the_number_shown_is_the_number_sent(office: App, text: str) -> None:
    """Fault: plunk 337."""
    segment = segments.parse("proef", text, Path("proef.yaml"))
    policy = policy_of(office.settings, "groen", office.now())
    with office.database.reading() as session:
        shown = segments.count(session, segment, policy)
        frozen = selection.count(session, selection.audience(segment, policy))
    assert (shown.contacts, shown.mailable) == (frozen.contacts, frozen.mailable)
    assert {reason: count for reason, count in shown.by_reason.items() if count} == frozen.by_reason


def test_the_whole_office_drops_out_for_every_reason_there_is(office: App) -> None:
    segment = segments.parse("proef", "title: Iedereen\n", Path("proef.yaml"))
    with office.database.reading() as session:
        counted = segments.count(session, segment, policy_of(office.settings, "groen", office.now()))
    assert {reason for reason, count in counted.by_reason.items() if not count} == {"invalid_address", "frequency_cap"}


def test_erased_contacts_never_appear(office: App) -> None:
    segment = segments.parse("proef", "title: Iedereen\nnot: {kind: [role, personal], tag: x}\n", Path("proef.yaml"))
    with office.database.reading() as session:
        found = set(session.scalars(segments.contact_ids(segment, office.now())))
    assert len(found) == 90
    assert not found & {1, 20, 39, 58, 77, 96}
