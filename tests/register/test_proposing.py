"""Proposals are accepted or rejected by a person, and two rows of one company become one without losing anything."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Ran
from registry import take_in
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from world import add_catalogue, add_company, add_contact, add_establishment, add_segment, sending

from outreach.app import App
from outreach.errors import Refusal
from outreach.models import (
    Campaign,
    Collaboration,
    CollaborationKind,
    Company,
    CompanyAlias,
    Contact,
    Delivery,
    Enterprise,
    LegalBasis,
    Proposal,
    ProposalState,
)
from outreach.register import proposing

NUMBER = "1999000150"


def numberless(app: App, session: Session, name: str = "Jansen Verpakking nv") -> Company:
    company = add_company(session, app.now() - timedelta(days=100), name=name)
    company.enterprise_number = None
    company.name_key = "jansen verpakking"
    company.municipality_nis = "44021"
    session.flush()
    return company


def proposed(app: App) -> tuple[int, int]:
    """A company without number and the proposal that it has: company and proposal id."""
    with app.database.writing() as session:
        company = numberless(app, session)
        add_contact(session, company, "ann@jansenverpakking.example", key=app.suppression_key, now=app.now())
        take_in(app, session, {"enterprise_number": NUMBER, "name": "Jansen Verpakking", "postcode": "9000"})
        proposing.propose(session, now=app.now())
        return company.id, session.scalars(select(Proposal.id)).one()


def test_nothing_is_linked_before_a_person_accepts_and_then_the_register_tells(both: App) -> None:
    company_id, proposal = proposed(both)
    with both.database.reading() as session:
        company = session.get(Company, company_id)
        assert company is not None
        assert company.enterprise_number is None
    with both.database.writing() as session:
        assert proposing.accept(session, proposal, by="ann", now=both.now()) == company_id
    with both.database.reading() as session:
        company = session.get(Company, company_id)
        assert company is not None
        assert (company.enterprise_number, company.section_2025) == (NUMBER, "F")


def test_a_rejected_pair_is_not_proposed_again(both: App) -> None:
    _, proposal = proposed(both)
    with both.database.writing() as session:
        proposing.reject(session, proposal, by="ann", now=both.now())
    with both.database.writing() as session:
        again = proposing.propose(session, now=both.now())
        assert (again.new, again.certain, again.rejected) == (0, 0, 1)
        assert proposing.listed(session) == []


def test_a_proposal_is_decided_on_once(app: App) -> None:
    _, proposal = proposed(app)
    with app.database.writing() as session:
        proposing.accept(session, proposal, by="ann", now=app.now())
    with app.database.writing() as session, pytest.raises(Refusal, match="accepted already, by ann"):
        proposing.reject(session, proposal, by="bob", now=app.now())


def test_proposing_again_keeps_what_waits(app: App) -> None:
    proposed(app)
    with app.database.writing() as session:
        again = proposing.propose(session, now=app.now())
    assert (again.new, again.certain + again.doubtful) == (0, 1)


def two_rows(app: App) -> tuple[int, int]:
    """The company without number and the row that has it, with everything at both."""
    with app.database.writing() as session:
        add_catalogue(session, app.now())
        one = numberless(app, session)
        two = add_company(session, app.now(), name="Jansen Verpakking")
        two.enterprise_number = NUMBER
        key, now = app.suppression_key, app.now()
        at_one = add_contact(session, one, "ann@jansen.example", key=key, now=now, source="lijst A")
        at_one.establishment_id = add_establishment(session, one, "10000").id
        add_contact(session, two, "ann@jansen.example", key=key, now=now, source="lijst B", first_name="Ann")
        add_contact(session, one, "info@jansen.example", key=key, now=now)
        enterprise = session.scalars(select(Enterprise).order_by(Enterprise.id)).first()
        assert enterprise is not None
        for company, source, end in ((one, "lijst A", None), (two, "lijst B", 2020)):
            session.add(
                Collaboration(
                    company_id=company.id,
                    enterprise_id=enterprise.id,
                    kind=CollaborationKind.CUSTOMER,
                    from_year=2015,
                    to_year=end,
                    source=source,
                    recorded_at=now,
                )
            )
        add_segment(app.project)
        return one.id, two.id


def test_two_rows_become_one_and_no_delivery_is_lost(both: App) -> None:
    one, two = two_rows(both)
    with both.database.writing() as session:
        campaign = sending(both, session).id
        before = session.scalar(select(func.count()).select_from(Delivery))
        take_in(both, session, {"enterprise_number": NUMBER, "name": "Jansen Verpakking", "postcode": "9000"})
        proposing.propose(session, now=both.now())
        proposal = session.scalars(select(Proposal.id).where(Proposal.company_id == one)).one()
        assert proposing.accept(session, proposal, by="ann", now=both.now()) == two
    with both.database.reading() as session:
        assert session.get(Company, one) is None
        assert session.scalar(select(func.count()).select_from(Delivery)) == before
        frozen = session.get(Campaign, campaign)
        assert frozen is not None
        assert frozen.frozen_count == before
        assert set(session.scalars(select(Delivery.company_id))) == {two}
        present = session.scalars(select(Contact).where(Contact.erased_at.is_(None))).all()
        assert sorted(str(contact.address) for contact in present) == ["ann@jansen.example", "info@jansen.example"]
        ann = next(contact for contact in present if contact.address == "ann@jansen.example")
        sources = session.scalars(select(LegalBasis.source).where(LegalBasis.contact_id == ann.id))
        assert sorted(sources) == ["lijst A", "lijst B"]
        live = session.scalars(select(Delivery.status).where(Delivery.contact_id == ann.id)).one()
        assert live == "pending"
        together = session.scalars(select(Collaboration)).one()
        assert (together.company_id, together.to_year, together.source) == (two, None, "lijst B; lijst A")
        alias = session.scalars(select(CompanyAlias)).one()
        assert (alias.name_key, alias.postcode, alias.company_id) == ("jansen verpakking", "9000", two)
        accepted = session.scalars(select(Proposal)).one()
        assert (accepted.state, accepted.company_id) == (ProposalState.ACCEPTED, None)


def test_a_review_is_exported_filled_in_and_taken_in(app: App, cli: Callable[..., Ran], tmp_path: Path) -> None:
    company_id, _ = proposed(app)
    file = tmp_path / "review.csv"
    ran = cli("register", "match", "--csv", file)
    assert ran.code == 0, ran.err
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0]["enterprise_number"] == NUMBER
    bad = tmp_path / "bad.csv"
    bad.write_text(file.read_text(encoding="utf-8-sig").replace("\n;", "\nmisschien;"), encoding="utf-8")
    refused = cli("register", "review", bad)
    assert refused.code == 1
    assert "misschien" in refused.err
    good = tmp_path / "good.csv"
    good.write_text(file.read_text(encoding="utf-8-sig").replace("\n;", "\nja;"), encoding="utf-8")
    assert json.loads(cli("register", "review", good, "--json").out) == {"accepted": 1, "rejected": 0}
    assert json.loads(cli("register", "review", good, "--json").out) == {"accepted": 0, "rejected": 0}
    with app.database.reading() as session:
        company = session.get(Company, company_id)
        assert company is not None
        assert company.enterprise_number == NUMBER


def test_match_says_what_it_found_with_its_source(app: App, cli: Callable[..., Ran]) -> None:
    proposed(app)
    told = json.loads(cli("register", "match", "--json").out)
    assert told["companies"] == 1
    assert told["proposals"][0]["enterprise_number"] == NUMBER
    shown = cli("register", "match", "--waiting").out
    assert "1999.000.150" in shown
    assert "data of 2026-11-01" in shown


def test_match_without_a_register_names_the_way_out(app: App, cli: Callable[..., Ran]) -> None:
    ran = cli("register", "match")
    assert ran.code == 1
    assert "outreach register import" in ran.err
