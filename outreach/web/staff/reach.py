"""Reach for the team and the analysts: figures per province and sector, a map, and both to take along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from markupsafe import Markup

from outreach.app import App
from outreach.audience.eligibility import policy_of
from outreach.belgium.calendar import local_to_utc
from outreach.register import entries
from outreach.reports import exports, maps, reach_tables
from outreach.reports.maps import Figure
from outreach.reports.reach import By, Reach, Row, reach
from outreach.web.door import Opened, page
from outreach.web.staff.door import Somebody, language_of, show_to

router = APIRouter()

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
}
# The columns of the table of sectors: the provinces of the map; the rest of Belgium and abroad stand together.
SHOWN = ("10000", "20001", "30000", "40000", "70000", "04000")


@dataclass(frozen=True)
class Asked:
    """What a person chose on the page; whatever isn't understood is as if it weren't chosen."""

    by: By
    figure: Figure
    since: date | None

    @property
    def start(self) -> datetime | None:
        return local_to_utc(datetime.combine(self.since, time())) if self.since else None

    @property
    def query(self) -> str:
        chosen = {
            "by": self.by.value,
            "figure": self.figure.value,
            "since": self.since.isoformat() if self.since else "",
        }
        return urlencode({name: value for name, value in chosen.items() if value})


@page(router, "/reach")
def overview(request: Request, app: Opened, who: Somebody) -> Response:
    asked = _asked(request)
    with app.database.reading() as session:
        if entries.current(session) is None:
            return show_to(who, request, "staff/reach.html", reach=None)
    found = _reach(app, asked)
    picture = maps.as_svg(found, asked.figure, language_of(request, app))
    return show_to(
        who,
        request,
        "staff/reach.html",
        reach=found,
        asked=asked,
        figures=list(Figure),
        table=_table(found),
        columns=SHOWN,
        picture=Markup(picture),  # noqa: S704 - drawn by us; the names in it are escaped
    )


@page(router, "/reach.{kind}")
def take_along(request: Request, kind: Literal["csv", "json", "svg", "png"], app: Opened, who: Somebody) -> Response:
    asked, language = _asked(request), language_of(request, app)
    found = _reach(app, asked)
    headers = {"Content-Disposition": f'attachment; filename="reach-{found.source.snapshot_date}.{kind}"'}
    if kind == "json":
        return JSONResponse(jsonable_encoder(reach_tables.plain(found, language)), headers=headers)
    return Response(_file(found, kind, asked.figure, language), media_type=TYPES[kind], headers=headers)


def _asked(request: Request) -> Asked:
    told = request.query_params
    by = By(told["by"]) if told.get("by") in set(By) else By.SEAT
    figure = Figure(told["figure"]) if told.get("figure") in set(Figure) else Figure.MAILED
    try:
        since = date.fromisoformat(told.get("since", ""))
    except ValueError:
        since = None
    return Asked(by, figure, since if since and since.year > 1970 else None)


def _reach(app: App, asked: Asked) -> Reach:
    with app.database.reading() as session:
        return reach(session, policy_of(app.settings, None, app.now()), by=asked.by, since=asked.start)


def _table(found: Reach) -> list[tuple[Row, dict[str, Row]]]:
    """Return the sectors, each with its total and its cells by province."""
    cells: dict[str | None, dict[str, Row]] = {}
    for row in found.cells:
        if row.province_nis in SHOWN:
            cells.setdefault(row.section, {})[row.province_nis] = row
    return [(row, cells.get(row.section, {})) for row in found.sections]


def _file(found: Reach, kind: str, figure: Figure, language: str) -> bytes:
    if kind == "svg":
        return maps.as_svg(found, figure, language).encode()
    if kind == "png":
        return maps.as_png(found, figure, language)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reach.csv"
        exports.write_csv(path, reach_tables.COLUMNS, reach_tables.long_rows(found, language))
        return path.read_bytes()
