"""The invented world of the demo: large enough, everywhere, and nobody's."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreach.belgium.numbers import parse_enterprise_number
from outreach.belgium.places import PROVINCES, place_of
from outreach.belgium.sectors import nace, sections
from outreach.demo.audience_files import FAULTY_ROWS, write_contacts, write_suppressions
from outreach.demo.catalogue_file import write_catalogue

TODAY = date(2026, 11, 23)
RESERVED = (".example", ".test")
# No list of companies holds mines, governments, households or embassies.
NOT_PLAYED = {"B", "P", "U", "V"}
FLEMISH = {"10000", "20001", "30000", "40000", "70000"}
DOMAIN = re.compile(r"(?:@|https?://)([\w.-]+)")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_contacts(folder / "contacts.csv", seed=7, today=TODAY)
    write_catalogue(folder, seed=7)
    return folder


@pytest.fixture(scope="module")
def rows(files: Path) -> list[dict[str, str]]:
    """The rows without those that are wrong on purpose."""
    with (files / "contacts.csv").open(encoding="utf-8-sig", newline="") as handle:
        listed = list(csv.DictReader(handle, delimiter=";"))
    return listed[:100] + listed[100 + FAULTY_ROWS :]


@pytest.fixture(scope="module")
def enterprises(files: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load((files / "catalogue.yaml").read_text())["enterprises"]
    return entries


def test_there_are_over_five_thousand_companies_with_valid_numbers_and_names_of_their_own(
    rows: list[dict[str, str]],
) -> None:
    companies = {parse_enterprise_number(row["Ondernemingsnummer"]): row["Bedrijf"] for row in rows}
    assert len(companies) >= 5000
    assert len(set(companies.values())) == len(companies)


def test_the_companies_are_in_every_province_and_every_section_of_business(rows: list[dict[str, str]]) -> None:
    places = [place_of(row["Postcode"]) for row in rows]
    assert {place.province_nis for place in places if place} == set(PROVINCES)
    assert None not in places
    codes = [nace(2025, row["NACE 2025"].replace(".", "")) for row in rows]
    assert {code.section for code in codes if code} == {entry.code for entry in sections(2025)} - NOT_PLAYED
    assert None not in codes


def test_the_faulty_rows_of_the_list_are_four(files: Path, rows: list[dict[str, str]]) -> None:
    with (files / "contacts.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert sum(1 for _ in csv.DictReader(handle, delimiter=";")) == len(rows) + 4


def test_there_are_twenty_five_enterprises_in_all_flemish_provinces_with_eighty_services(
    files: Path, enterprises: list[dict[str, Any]]
) -> None:
    assert len(enterprises) == 25
    assert len({parse_enterprise_number(entry["enterprise_number"]) for entry in enterprises}) == 25
    assert {place_of(entry["postcode"]).province_nis for entry in enterprises} == FLEMISH  # type: ignore[union-attr]
    services = [service for entry in enterprises for service in entry["services"]]
    assert len(services) == 80
    assert all((files / service["picture"]).is_file() for service in services)


def test_no_number_of_a_company_is_that_of_an_enterprise(
    rows: list[dict[str, str]], enterprises: list[dict[str, Any]]
) -> None:
    companies = {row["Ondernemingsnummer"] for row in rows}
    assert companies.isdisjoint(entry["enterprise_number"] for entry in enterprises)


def test_every_address_and_site_is_on_a_reserved_domain(files: Path) -> None:
    write_suppressions(files / "opt-outs.csv", files / "contacts.csv")
    for name in ("contacts.csv", "catalogue.yaml", "opt-outs.csv"):
        domains = set(DOMAIN.findall((files / name).read_text("utf-8-sig")))
        assert len(domains) > 20
        assert not [domain for domain in domains if not domain.endswith(RESERVED)]


def test_the_same_seed_gives_the_same_world(files: Path, tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.csv", seed=7, today=TODAY)
    assert (tmp_path / "contacts.csv").read_bytes() == (files / "contacts.csv").read_bytes()
