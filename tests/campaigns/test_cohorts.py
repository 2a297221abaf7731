"""Merging cells: every cohort large enough, every recipient in exactly one, the same every time."""

from __future__ import annotations

from collections import Counter

import pytest
import world
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from outreach.app import App
from outreach.campaigns.cohorts import companies_by_cells, distinct, merge, planned
from outreach.models import Company, Contact

provinces = st.sampled_from([None, "10000", "20001", "30000", "40000", "70000"])
sections = st.sampled_from([None, "A", "C", "F", "G", "N"])
cells = st.tuples(provinces, sections)
companies = st.dictionaries(st.frozensets(cells, min_size=1, max_size=3), st.integers(1, 25), max_size=30)


@given(companies, st.integers(2, 30))
def test_every_cohort_holds_the_minimum_unless_the_whole_is_too_small(
    found: dict[frozenset[tuple[str | None, str | None]], int], minimum: int
) -> None:
    groups = merge(found, minimum)
    assert all(group.companies == distinct(found, group.cells) for group in groups)
    if sum(found.values()) >= minimum:
        assert all(group.companies >= minimum for group in groups)
    else:
        assert len(groups) <= 1


@given(companies, st.integers(2, 30))
def test_every_cell_is_in_exactly_one_cohort(
    found: dict[frozenset[tuple[str | None, str | None]], int], minimum: int
) -> None:
    merged = Counter(cell for group in merge(found, minimum) for cell in group.cells)
    assert set(merged) == {cell for together in found for cell in together}
    assert set(merged.values()) <= {1}


@given(companies, st.integers(2, 30), st.randoms())
def test_merging_is_the_same_whatever_the_order(
    found: dict[frozenset[tuple[str | None, str | None]], int], minimum: int, random: object
) -> None:
    shuffled = list(found.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(dict(shuffled), minimum) == merge(found, minimum)


def one(province: str | None, section: str | None) -> frozenset[tuple[str | None, str | None]]:
    return frozenset([(province, section)])


def test_large_cells_stand_alone_and_small_ones_merge_over_sectors_first() -> None:
    found = {one("10000", "A"): 4, one("10000", "C"): 12, one("10000", "F"): 7, one("40000", "C"): 10}
    assert [group.cells for group in merge(found, 10)] == [
        (("10000", "A"), ("10000", "F")),
        (("10000", "C"),),
        (("40000", "C"),),
    ]


def test_provinces_merge_only_where_a_whole_province_is_too_small() -> None:
    found = {one("10000", "A"): 4, one("20001", "A"): 7, one("40000", "C"): 10}
    groups = merge(found, 10)
    assert [group.cells for group in groups] == [(("10000", "A"), ("20001", "A")), (("40000", "C"),)]
    assert (groups[0].province, groups[0].section) == (None, "A")
    assert (groups[1].province, groups[1].section) == ("40000", "C")


def test_a_company_with_recipients_in_two_cells_counts_once_in_their_cohort() -> None:
    both = frozenset([("10000", "C"), ("40000", "C")])
    assert [group.companies for group in merge({both: 6, one("10000", "C"): 5}, 10)] == [11]
    assert merge({both: 9}, 10)[0].companies == 9


@pytest.mark.parametrize("minimum", [2, 5])
def test_the_database_counts_companies_and_not_contacts(both: App, minimum: int) -> None:
    app, now = both, both.now()
    with app.database.writing() as session:
        for number in range(6):
            company = world.add_company(session, now, province="40000", section="C")
            for copy in range(3):
                world.add_contact(session, company, f"p{copy}@b{number}.example", key=app.suppression_key, now=now)
        spread = world.add_company(session, now, province="10000", section="C")
        mechelen = world.add_establishment(session, spread, "10000")
        gent = world.add_establishment(session, spread, "40000")
        for place in (mechelen, gent):
            world.add_contact(
                session,
                spread,
                f"at{place.id}@spread.example",
                key=app.suppression_key,
                now=now,
                establishment_id=place.id,
            )
        world.add_company(session, now, province=None, section=None)
        mailed = select(Contact.company_id, Company.province_nis, Company.section_2025).join(Company)
        counted = companies_by_cells(session, mailed)
        sizes = planned(session, mailed, minimum)
    assert counted == {one("40000", "C"): 6, one("10000", "C"): 1}
    assert sum(sizes.values()) == 20
    assert all(group.companies >= minimum for group in sizes)
