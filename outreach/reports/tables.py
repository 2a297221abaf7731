"""A report as plain tables, the same for the terminal, CSV and XLSX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from outreach.reports.campaigns import CampaignsReport, Figures, Funnel
from outreach.reports.clicks import TOO_FEW, ClickRow
from outreach.reports.exports import Cell, Sheet

TOTAL = "total"
CLICK_COLUMNS = ("province", "sector", "service", "enterprise", "recipients", "human", "raw")
LONG_COLUMNS = (
    "simulated", "campaign", "table", "item", "province", "sector", "service", "enterprise", "count",
)  # fmt: skip


def simulation(report: CampaignsReport) -> tuple[str, ...]:
    """Return the line that says which campaigns left this machine never, and what the demo made of them; or nothing."""
    simulated = [campaign for campaign in report.campaigns if campaign.simulated]
    if not simulated:
        return ()
    names = ", ".join(campaign.name for campaign in simulated)
    played = any(each.figures.simulated_hits or each.figures.simulated_leads for each in simulated)
    demo = "; the demo made hits or leads of them" if played else ""
    return (f"SIMULATED: sent with the built-in inbox, so nothing left this machine: {names}{demo}",)


def plain(report: CampaignsReport) -> dict[str, Any]:
    """Return the report for JSON: the figures of a campaign stand beside its name, not one level deeper."""
    data = asdict(report)
    data["campaigns"] = [each | each.pop("figures") for each in data["campaigns"]]
    return data


def columns_of(report: CampaignsReport) -> list[tuple[str, Figures]]:
    """Return the campaigns with their names, and the total where there are several."""
    columns = [(campaign.name, campaign.figures) for campaign in report.campaigns]
    return columns if len(columns) == 1 else [*columns, (TOTAL, report.total)]


def side_by_side(report: CampaignsReport) -> list[Sheet]:
    """Return the tables with a column per campaign: funnel, reasons of skips and failures, leads by evidence."""
    columns = columns_of(report)
    notes = simulation(report)
    names = [name for name, _ in columns]

    def sheet(title: str, first: str, items: Sequence[str], values: Sequence[Mapping[str, int | None]]) -> Sheet:
        rows: list[list[Cell]] = [[item, *(_told(value.get(item, 0)) for value in values)] for item in items]
        return Sheet(title, [first, *names], rows, notes)

    funnels = [_funnel(figures.funnel) for _, figures in columns]
    skips = [dict(figures.skipped) for _, figures in columns]
    failures = [dict(figures.failed) for _, figures in columns]
    leads = [dict(figures.leads_by_evidence) for _, figures in columns]
    sheets = [
        sheet("funnel", "step", list(funnels[0]), funnels),
        sheet("skipped", "reason", _items(skips), skips),
        sheet("leads", "evidence", _items(leads), leads),
    ]
    return [*sheets, sheet("failed", "reason", _items(failures), failures)] if any(failures) else sheets


def click_sheet(report: CampaignsReport) -> Sheet:
    """Return the clicks of each campaign, with its name in front."""
    rows = [[campaign.name, *_click(row)] for campaign in report.campaigns for row in campaign.figures.clicks]
    return Sheet("clicks", ["campaign", *CLICK_COLUMNS], rows, simulation(report))


def long_rows(report: CampaignsReport) -> list[list[Cell]]:
    """Return every figure as a row of its own, for CSV: one table that a pivot table takes."""
    rows: list[list[Cell]] = []
    simulated = {campaign.name: campaign.simulated for campaign in report.campaigns}
    for name, figures in columns_of(report):
        for table, item, place, count in _long(figures):
            rows.append([simulated.get(name, report.simulated), name, table, item, *place, _told(count)])
    return rows


def _long(figures: Figures) -> Iterator[tuple[str, str, tuple[Cell, ...], int | None]]:
    nowhere = ("", "", "", "")
    for table, counts in (
        ("funnel", _funnel(figures.funnel)),
        ("skipped", figures.skipped),
        ("failed", figures.failed),
        ("leads", figures.leads_by_evidence),
    ):
        for item, count in counts.items():
            yield table, item, nowhere, count
    for row in figures.clicks:
        place = (row.province, row.sector, row.service, row.enterprise)
        for item in ("recipients", "human", "raw"):
            yield "clicks", item, place, getattr(row, item)


def _told(count: int | None) -> Cell:
    return TOO_FEW if count is None else count


def _funnel(funnel: Funnel) -> dict[str, int | None]:
    return {each.name: getattr(funnel, each.name) for each in fields(Funnel)}


def _items(counts: Sequence[Mapping[str, int | None]]) -> list[str]:
    return list(dict.fromkeys(item for count in counts for item in count))


def _click(row: ClickRow) -> list[Cell]:
    return [getattr(row, name) for name in CLICK_COLUMNS]
