"""Who may be mailed: Ann may, Bob unsubscribed, Cleo is suppressed, Dan never confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.audience.eligibility import Policy, policy_of, refusal
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
    Suppression,
    SuppressionReason,
)

ALL = frozenset(Basis)


class Office:
    """Companies and contacts of one test, in a transaction of its own."""

    def __init__(self, app: App, session: Session) -> None:
        self.app, self.session, self.now = app, session, app.now()
        self.numbers = count(1)
        self.policy = Policy(self.now, ALL, cap_max=2, cap_window=timedelta(days=30), topic=None)

    def company(self, status: CompanyStatus = CompanyStatus.ACTIVE, legal_person: bool | None = True) -> Company:
        name = f"Bedrijf {next(self.numbers)}"
        made = Company(name=name, name_key=name, postcode="8500", status=status, legal_person=legal_person)
        made.created_at = made.updated_at = self.now
        self.session.add(made)
        self.session.flush()
        return made

    def contact(
        self, name: str, basis: Basis | None = Basis.CONSENT, *, company: Company | None = None, kind: str = "personal"
    ) -> Contact:
        made = Contact(
            company_id=(company or self.company()).id, address=f"{name}@bedrijf.example",
            address_hash=name.encode().ljust(16), address_domain="bedrijf.example", kind=AddressKind(kind),
            created_at=self.now, updated_at=self.now,
        )  # fmt: skip
        self.session.add(made)
        self.session.flush()
        if basis is not None:
            self.basis(made, basis)
        return made

    def basis(self, contact: Contact, basis: Basis, *, withdrawn: bool = False) -> None:
        self.session.add(
            LegalBasis(
                contact_id=contact.id, basis=basis, source="beurs", obtained_on=date(2026, 1, 5), actor="test",
                recorded_at=self.now, withdrawn_at=self.now if withdrawn else None,
            )
        )  # fmt: skip
        self.session.flush()

    def suppress(self, contact: Contact, reason: SuppressionReason, *, lifted: bool = False) -> None:
        self.session.add(
            Suppression(
                address_hash=contact.address_hash, reason=reason, source="test", at=self.now, actor="test",
                lifted_at=self.now if lifted else None,
            )
        )  # fmt: skip
        self.session.flush()

    def mail(
        self,
        contact: Contact,
        *,
        days_ago: float,
        status: DeliveryStatus = DeliveryStatus.SENT,
        reason: str | None = None,
    ) -> Delivery:
        number, at = next(self.numbers), self.now - timedelta(days=days_ago)
        campaign = Campaign(
            name=f"brief-{number}", title="Brief", segment="s", template="t", spec={}, status=CampaignStatus.SENT,
            created_by="test", created_at=at,
        )  # fmt: skip
        self.session.add(campaign)
        self.session.flush()
        made = Delivery(
            campaign_id=campaign.id, contact_id=contact.id, company_id=contact.company_id, status=status,
            address_hash=contact.address_hash, sent_at=at if status == DeliveryStatus.SENT else None, status_at=at,
            reason=reason,
        )  # fmt: skip
        self.session.add(made)
        self.session.flush()
        return made

    def reason(self, contact: Contact, **changes: object) -> str | None:
        policy = replace(self.policy, **changes)  # type: ignore[arg-type]
        query = select(refusal(policy)).select_from(Contact).join(Company).where(Contact.id == contact.id)
        return self.session.execute(query).scalar_one()


@pytest.fixture
def office(both: App):
    with both.database.writing() as session:
        yield Office(both, session)


def test_only_ann_of_the_cast_may_be_mailed(office: Office) -> None:
    ann, bob, cleo = (office.contact(name) for name in ("ann", "bob", "cleo"))
    dan = office.contact("dan", basis=None)
    office.suppress(bob, SuppressionReason.UNSUBSCRIBED)
    office.suppress(cleo, SuppressionReason.MANUAL)
    reasons = [office.reason(contact) for contact in (ann, bob, cleo, dan)]
    assert reasons == [None, "suppressed", "suppressed", "no_legal_basis"]


def test_a_suppression_holds_for_the_address_at_every_company(office: Office) -> None:
    office.suppress(office.contact("cleo"), SuppressionReason.COMPLAINT)
    assert office.reason(office.contact("cleo")) == "suppressed"


def test_a_lifted_suppression_holds_nobody_back(office: Office) -> None:
    ann = office.contact("ann")
    office.suppress(ann, SuppressionReason.UNSUBSCRIBED, lifted=True)
    assert office.reason(ann) is None


def test_an_erased_contact_has_no_address_to_mail(office: Office) -> None:
    ann = office.contact("ann")
    ann.address = ann.address_hash = None
    ann.erased_at = office.now
    office.session.flush()
    assert office.reason(ann) == "invalid_address"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("stopped", "company_closed"), ("insolvent", "company_closed"), ("not_regular", "not_regular"), ("active", None)],
)
def test_only_active_regular_companies_are_mailed(office: Office, status: str, reason: str | None) -> None:
    assert office.reason(office.contact("ann", company=office.company(CompanyStatus(status)))) == reason


@pytest.mark.parametrize("legal_person", [False, None])
def test_an_impersonal_address_counts_only_at_a_proven_legal_person(office: Office, legal_person: bool | None) -> None:
    trader = office.company(legal_person=legal_person)
    info = office.contact("info", Basis.ROLE_ADDRESS, company=trader, kind="role")
    assert office.reason(info) == "no_legal_basis"
    office.basis(info, Basis.CONSENT)
    assert office.reason(info) is None


def test_a_personal_address_is_never_mailed_as_an_impersonal_one(office: Office) -> None:
    assert office.reason(office.contact("jan.peeters", Basis.ROLE_ADDRESS)) == "no_legal_basis"
    assert office.reason(office.contact("info", Basis.ROLE_ADDRESS, kind="role")) is None


def test_a_withdrawn_basis_is_none_but_another_one_may_stand(office: Office) -> None:
    dan = office.contact("dan", basis=None)
    office.basis(dan, Basis.CONSENT, withdrawn=True)
    assert office.reason(dan) == "no_legal_basis"
    office.basis(dan, Basis.CUSTOMER)
    assert office.reason(dan) is None


def test_a_basis_that_the_sender_may_not_use_is_none(office: Office) -> None:
    customer = office.contact("klant", Basis.CUSTOMER)
    assert office.reason(customer, bases=frozenset({Basis.CONSENT, Basis.ROLE_ADDRESS})) == "no_legal_basis"
    assert office.reason(customer, bases=frozenset()) == "no_legal_basis"
    federation = policy_of(office.app.settings, None, office.now)
    assert federation.bases == {Basis.CONSENT, Basis.ROLE_ADDRESS}


def test_who_left_a_topic_gets_no_mail_about_it_at_any_company(office: Office) -> None:
    ann, again = office.contact("ann"), office.contact("ann")
    office.session.add(ContactTopic(topic="groen", contact_id=ann.id, follows=False, chosen=True, at=office.now))
    office.session.flush()
    assert [office.reason(who, topic="groen") for who in (ann, again)] == ["topic_left", "topic_left"]
    assert office.reason(ann, topic="drukwerk") is None
    assert office.reason(ann) is None


def test_a_topic_that_is_followed_or_unknown_holds_nobody_back(office: Office) -> None:
    ann = office.contact("ann")
    office.session.add(ContactTopic(topic="groen", contact_id=ann.id, follows=True, at=office.now))
    office.session.flush()
    assert office.reason(ann, topic="groen") is None


@pytest.mark.parametrize("status", ["sent", "sending", "uncertain"])
def test_mails_that_went_or_perhaps_went_count_for_the_cap(office: Office, status: str) -> None:
    ann, elsewhere = office.contact("ann"), office.contact("ann")
    office.mail(ann, days_ago=3)
    assert office.reason(ann) is None
    office.mail(elsewhere, days_ago=29, status=DeliveryStatus(status))
    assert office.reason(ann) == office.reason(elsewhere) == "frequency_cap"


@pytest.mark.parametrize("status", ["pending", "skipped", "deferred", "rejected", "failed", "cancelled", "held_out"])
def test_mails_that_did_not_go_do_not_count_for_the_cap(office: Office, status: str) -> None:
    ann = office.contact("ann")
    for _ in range(3):
        office.mail(ann, days_ago=1, status=DeliveryStatus(status))
    assert office.reason(ann) is None


def test_mails_before_the_window_do_not_count_for_the_cap(office: Office) -> None:
    ann = office.contact("ann")
    office.mail(ann, days_ago=30.01)
    office.mail(ann, days_ago=2)
    assert office.reason(ann) is None
    assert office.reason(ann, cap_max=1) == "frequency_cap"
    assert office.reason(ann, cap_max=0) is None


def test_the_campaign_that_is_being_sent_does_not_cap_itself(office: Office) -> None:
    ann = office.contact("ann")
    own = office.mail(ann, days_ago=0, status=DeliveryStatus.SENDING)
    assert office.reason(ann, cap_max=1) == "frequency_cap"
    assert office.reason(ann, cap_max=1, campaign_id=own.campaign_id) is None


def test_the_frequency_that_a_person_chose_holds_at_every_company(office: Office) -> None:
    ann, elsewhere = office.contact("ann"), office.contact("ann")
    ann.frequency = Frequency.QUARTERLY
    office.session.flush()
    assert office.reason(elsewhere) is None
    office.mail(ann, days_ago=80)
    assert office.reason(ann) == office.reason(elsewhere) == "chosen_frequency"
    assert office.reason(ann, cap_max=0, cap_window=timedelta(days=1)) == "chosen_frequency"
    assert office.reason(office.contact("carl")) is None


@pytest.mark.parametrize(
    ("chosen", "soon", "late"),
    [(Frequency.MONTHLY, 25, 28), (Frequency.QUARTERLY, 84, 89), (Frequency.HALF_YEARLY, 174, 181)],
)
def test_who_chose_a_frequency_misses_no_newsletter_of_that_frequency(
    office: Office, chosen: Frequency, soon: int, late: int
) -> None:
    """28 days lie between the first Tuesdays of two months, 89 and 181 are the shortest quarter and half year."""
    early, due = office.contact("early"), office.contact("due")
    early.frequency = due.frequency = chosen
    office.session.flush()
    office.mail(early, days_ago=soon)
    office.mail(due, days_ago=late)
    assert (office.reason(early), office.reason(due)) == ("chosen_frequency", None)


def test_the_first_reason_in_the_order_of_the_enum_is_given(office: Office) -> None:
    closed = office.company(CompanyStatus.STOPPED)
    bob = office.contact("bob", basis=None, company=closed)
    assert office.reason(bob) == "company_closed"
    office.suppress(bob, SuppressionReason.UNSUBSCRIBED)
    assert office.reason(bob) == "suppressed"


def test_the_rule_reads_the_same_when_deliveries_are_joined_too(office: Office) -> None:
    ann = office.contact("ann")
    own = office.mail(ann, days_ago=0, status=DeliveryStatus.PENDING)
    office.mail(ann, days_ago=1)
    query = (
        select(Delivery.id, refusal(replace(office.policy, cap_max=1, campaign_id=own.campaign_id)))
        .join(Contact, Contact.id == Delivery.contact_id)
        .join(Company, Company.id == Contact.company_id)
        .where(Delivery.id == own.id)
    )
    assert office.session.execute(query).all() == [(own.id, "frequency_cap")]
