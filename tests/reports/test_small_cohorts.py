"""A figure about one company must never happen, however few of a cohort got their mail in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from outreach.app import App, open_app
from outreach.models import Campaign, Cohort, DeliveryStatus, Service
from outreach.reports import tables
from outreach.reports.campaigns import Figures, report
from outreach.reports.clicks import ALL_LINKS, TOO_FEW, ClickRow
from tests.leads.world import World

MINIMUM = 3
SENT, FAILED = DeliveryStatus.SENT, DeliveryStatus.FAILED


def cohort(w: World, campaign: Campaign, service: Service, section: str, *, sent: int, failed: int = 0) -> Cohort:
    """A cohort of one sector, whose every reached company clicked once."""
    made = w.cohort(campaign, [service], section=section)
    for n, status in enumerate([SENT] * sent + [FAILED] * failed):
        w.delivery(
            campaign, w.contact(w.company(f"{section}{n}"), f"{n}@{section}.{campaign.name}.example"), made, status
        )
    w.hits(w.link(campaign, made, service), human=sent, scanner=1)
    return made


def figures(app: App, name: str = "herfst") -> Figures:
    with app.database.reading() as session:
        return report(session, [name], min_cohort=MINIMUM).total


def few(found: Figures) -> list[ClickRow]:
    return [row for row in found.clicks if row.province == TOO_FEW]


def assert_totals_hold(found: Figures) -> None:
    assert sum(row.human for row in found.clicks) == found.funnel.hits_human
    assert sum(row.raw for row in found.clicks) == found.funnel.hits_raw
    assert sum(row.recipients for row in found.clicks) == found.funnel.sent


def fill(app: App, cohorts: dict[str, tuple[int, int]], name: str = "herfst") -> None:
    """Make a campaign with a service of its own for each cohort (sector → sent, failed)."""
    with app.database.writing() as session:
        w = World(session, app.suppression_key, _made=sum(map(ord, name)) * 10)
        campaign, enterprise = w.campaign(name), w.enterprise()
        for section, (sent, failed) in cohorts.items():
            cohort(w, campaign, w.service(enterprise, f"dienst {section}"), section, sent=sent, failed=failed)


def test_a_cohort_of_which_one_company_was_reached_shows_no_figure_of_its_own(both: App) -> None:
    fill(both, {"C": (1, 9), "F": (4, 0), "G": (5, 0)})
    found = figures(both)
    assert_totals_hold(found)
    assert {row.section for row in found.clicks} == {None, "G"}
    assert min(row.recipients for row in found.clicks) >= MINIMUM


def test_one_small_cohort_cannot_be_found_by_subtracting_the_others_from_the_total(both: App) -> None:
    fill(both, {"C": (1, 9), "F": (4, 0), "G": (5, 0), "K": (6, 0)})
    found = figures(both)
    others = [row for row in found.clicks if row.province != TOO_FEW]
    assert {row.section for row in others} == {"G", "K"}
    assert found.funnel.sent - sum(row.recipients for row in others) == 1 + 4
    assert found.funnel.hits_human - sum(row.human for row in others) == 1 + 4
    (row,) = few(found)
    assert (row.recipients, row.human, row.raw, row.service, row.service_slug) == (5, 5, 7, ALL_LINKS, None)


def test_small_cohorts_that_are_enough_together_take_no_other_with_them(both: App) -> None:
    fill(both, {"C": (1, 9), "F": (2, 8), "G": (3, 0)})
    found = figures(both)
    assert_totals_hold(found)
    (row,) = few(found)
    assert (row.recipients, row.human) == (3, 3)
    assert [row.section for row in found.clicks if row.province != TOO_FEW] == ["G"]


def test_two_mailboxes_of_one_company_are_one_company(both: App) -> None:
    with both.database.writing() as session:
        w = World(session, both.suppression_key)
        campaign, service = w.campaign("herfst"), w.service(w.enterprise())
        made, company = w.cohort(campaign, [service]), w.company()
        for n in range(MINIMUM):
            w.delivery(campaign, w.contact(company, f"{n}@b.example"), made)
        w.hits(w.link(campaign, made, service), human=1)
        cohort(w, campaign, service, "F", sent=MINIMUM)
    found = figures(both)
    assert_totals_hold(found)
    assert [row.province for row in found.clicks] == [TOO_FEW]


def test_a_cohort_that_everybody_got_stays_as_it_is(both: App) -> None:
    fill(both, {"C": (3, 0), "F": (4, 0)})
    assert few(figures(both)) == []


def test_of_a_campaign_that_reached_too_few_nothing_is_told_that_companies_did(both: App) -> None:
    fill(both, {"C": (1, 9), "F": (1, 9)})
    found = figures(both)
    assert (found.withheld, found.clicks) == (True, ())
    funnel = found.funnel
    assert (funnel.sent, funnel.companies_reached) == (2, 2)
    assert {funnel.hits_human, funnel.hits_raw, funnel.unsubscribed, funnel.leads, funnel.leads_confirmed} == {None}
    assert set(found.leads_by_evidence.values()) == {None}


def test_what_one_company_did_cannot_be_found_by_subtracting_a_campaign_from_the_total(both: App) -> None:
    fill(both, {"C": (1, 0)}, "alleen")
    fill(both, {"G": (5, 0)}, "rest")
    with both.database.reading() as session:
        together = report(session, ["alleen", "rest"], min_cohort=MINIMUM)
    assert [each.figures.withheld for each in together.campaigns] == [True, False]
    assert together.total.withheld
    for row in tables.long_rows(together):
        if row[1] in ("alleen", tables.TOTAL) and str(row[3]).startswith(("hits", "leads", "unsubscribed")):
            assert row[-1] == TOO_FEW
    assert tables.plain(together)["campaigns"][0]["funnel"]["hits_human"] is None


def test_the_row_of_several_campaigns_is_the_sum_of_theirs(both: App) -> None:
    fill(both, {"C": (1, 9), "G": (5, 0)})
    fill(both, {"C": (2, 9), "G": (5, 0)}, "winter")
    with both.database.reading() as session:
        together = report(session, ["herfst", "winter"], min_cohort=MINIMUM)
    assert_totals_hold(together.total)
    (row,) = few(together.total)
    assert row.recipients == sum(few(each.figures)[0].recipients for each in together.campaigns) == 1 + 5 + 2 + 5


@pytest.fixture
def sent(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTREACH_TRACKING__MIN_COHORT", str(MINIMUM))
    app = open_app(project)
    fill(app, {"C": (1, 9), "F": (4, 0), "G": (5, 0)})
    app.close()
    return project


def test_no_form_of_the_report_shows_the_small_cohort(cli: Callable[..., Any], sent: Path) -> None:
    ran = cli("report", "campaign", "herfst", "--csv", "r.csv", "--xlsx", "r.xlsx")
    assert ran.code == 0
    as_json = cli("report", "campaign", "herfst", "--json").out
    clicks = json.loads(as_json)["campaigns"][0]["clicks"]
    assert sorted(row["recipients"] for row in clicks) == [5, 5]
    sheet = load_workbook(sent / "r.xlsx")["clicks"]
    assert sorted(row[5] for row in sheet.iter_rows(min_row=2, values_only=True)) == [5, 5]
    for text in (ran.out, as_json, (sent / "r.csv").read_text("utf-8-sig")):
        assert TOO_FEW in text
        assert "dienst C" not in text
        assert "dienst F" not in text
