"""`outreach segment …` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from outreach.app import App
from outreach.models import AddressKind, Basis, Company, Contact, ContactTag, LegalBasis, Suppression, SuppressionReason


@pytest.fixture
def cast(app: App) -> App:
    """Ann may be mailed, Bob unsubscribed, Cleo is suppressed, Dan never confirmed; all build in Kortrijk."""
    now = app.now()
    with app.database.writing() as session:
        for number, name in enumerate(["ann", "bob", "cleo", "dan"], 1):
            company = Company(
                id=number, name=f"Bouw {name}", name_key=name, postcode="8500", province_nis="30000", section_2025="F",
                nace_2025="41001", created_at=now, updated_at=now,
            )  # fmt: skip
            contact = Contact(
                id=number, company=company, address=f"{name}@bouw.example", address_hash=name.encode().ljust(16),
                kind=AddressKind.PERSONAL, created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(contact)
            session.flush()
            session.add(ContactTag(tag="beurs", contact_id=number))
            if name != "dan":
                session.add(
                    LegalBasis(
                        contact_id=number, basis=Basis.CONSENT, source="beurs", obtained_on=date(2026, 1, 5), actor="t",
                        recorded_at=now,
                    )
                )  # fmt: skip
            if name in ("bob", "cleo"):
                reason = SuppressionReason.UNSUBSCRIBED if name == "bob" else SuppressionReason.MANUAL
                session.add(
                    Suppression(address_hash=contact.address_hash, reason=reason, source="t", at=now, actor="t")
                )
    return app


def test_explain_shows_rule_by_rule_and_reason_by_reason(cast: App, cli: Callable[..., Any]) -> None:
    ran = cli("segment", "explain", "bouw-west-vlaanderen")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ran.out.splitlines() if "│" in line]
    assert ran.code == 0
    assert rows[:4] == [
        ["all contacts", "", "4", "4"],
        ["province: west-vlaanderen", "", "4", "4"],
        ["sector: F", "", "4", "4"],
        ["not_mailed_within: 30 days", "", "4", "4"],
    ]
    assert ["not mailed: suppressed", "-2", "2", ""] in rows
    assert ["not mailed: no_legal_basis", "-1", "1", ""] in rows
    assert rows[-1] == ["would be mailed now", "", "1", ""]


def test_count_and_explain_have_stable_json(cast: App, cli: Callable[..., Any]) -> None:
    counted = json.loads(cli("segment", "count", "alle-bedrijven", "--json").out)
    explained = json.loads(cli("segment", "explain", "alle-bedrijven", "--json").out)
    assert set(counted) == {"segment", "title", "contacts", "companies", "mailable", "by_reason"}
    assert (counted["contacts"], counted["companies"], counted["mailable"]) == (4, 4, 1)
    assert list(counted["by_reason"]) == [
        "invalid_address", "suppressed", "company_closed", "not_regular", "no_legal_basis", "topic_left",
        "frequency_cap", "chosen_frequency", "duplicate_address",
    ]  # fmt: skip
    assert {key: explained[key] for key in counted} == counted
    assert explained["steps"][-1] == {"rule": "company_status: active", "contacts": 4, "companies": 4, "dropped": 0}


def test_sample_shows_who_and_why_not(cast: App, cli: Callable[..., Any]) -> None:
    drawn = json.loads(cli("segment", "sample", "alle-bedrijven", "--json").out)
    assert {row["address"].partition("@")[0]: row["reason"] for row in drawn} == {
        "ann": None, "bob": "suppressed", "cleo": "suppressed", "dan": "no_legal_basis",
    }  # fmt: skip
    assert len(json.loads(cli("segment", "sample", "alle-bedrijven", "-n", "2", "--json").out)) == 2
    assert "West-Vlaanderen" in cli("segment", "sample", "alle-bedrijven").out


def test_list_shows_faulty_segments_too(app: App, project: Path, cli: Callable[..., Any]) -> None:
    (project / "segments" / "stuk.yaml").write_text("title: Stuk\nsectr: F\n")
    listed = {row["name"]: row for row in json.loads(cli("segment", "list", "--json").out)}
    assert listed["alle-bedrijven"]["title"] == "Alle bedrijven"
    assert "stuk.yaml:2: sectr: unknown name; did you mean 'sector'?" in listed["stuk"]["fault"]
    ran = cli("segment", "list")
    assert (ran.code, ran.err.strip()) == (1, "cannot be read: stuk")


def test_a_file_whose_name_cannot_be_used_is_no_existing_segment(
    app: App, project: Path, cli: Callable[..., Any]
) -> None:
    assert cli("segment", "list").code == 0
    (project / "segments" / "Mijn Lijst.yaml").write_text("title: Mijn lijst\n")
    assert "Mijn Lijst" not in cli("segment", "count", "nergens").err
    listed = cli("segment", "list")
    assert listed.code == 1
    assert "rename" in listed.out


def test_the_schema_is_printed(app: App, cli: Callable[..., Any]) -> None:
    assert json.loads(cli("segment", "schema").out)["required"] == ["title"]


@pytest.mark.parametrize("verb", ["count", "sample", "explain"])
def test_names_that_only_the_database_knows_are_refused_with_line(
    cast: App, project: Path, cli: Callable[..., Any], verb: str
) -> None:
    (project / "segments" / "namen.yaml").write_text(
        "title: Namen\ntag: [beurs,\n  beurz]\ntopic: groen\nany:\n  - not_shown: {service: [strijk]}\n"
        "  - not: {collaboration: werkplaats}\n"
    )
    ran = cli("segment", verb, "namen")
    assert ran.code == 1
    assert [line.rpartition("segments/")[2] for line in ran.err.splitlines()] == [
        "namen.yaml:3: tag.1: 'beurz' is no tag of any contact; did you mean 'beurs'? known: beurs",
        "namen.yaml:4: topic: 'groen' is no topic of any contact or campaign; none exist",
        "namen.yaml:6: any.0.not_shown.service.0: 'strijk' is no service; none exist",
        "namen.yaml:7: any.1.not.collaboration: 'werkplaats' is no enterprise; none exist",
    ]


def test_a_segment_that_does_not_exist_is_a_refusal(app: App, cli: Callable[..., Any]) -> None:
    ran = cli("segment", "count", "niets")
    assert (ran.code, ran.out) == (1, "")
    assert "segment 'niets' does not exist; existing: alle-bedrijven" in ran.err


def test_wrong_usage_is_exit_code_2(app: App, cli: Callable[..., Any]) -> None:
    assert cli("segment", "sample", "alle-bedrijven", "-n", "0").code == 2
    assert cli("segment", "count").code == 2
