"""The report of a campaign to take along: every figure as CSV, XLSX or JSON."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from outreach.reports import tables
from outreach.reports.campaigns import CampaignsReport, report
from outreach.reports.exports import write_csv, write_xlsx
from outreach.web.door import Opened, is_slug, page
from outreach.web.staff.door import Somebody

router = APIRouter()

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


@page(router, "/campaigns/{name}/report.{kind}")
def take_along(name: str, kind: Literal["csv", "xlsx", "json"], app: Opened, who: Somebody) -> Response:
    if not is_slug(name):
        raise HTTPException(404)
    with app.database.reading() as session:
        figures = report(session, [name], min_cohort=app.settings.tracking.min_cohort)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == "json":
        return JSONResponse(jsonable_encoder(tables.plain(figures)), headers=headers)
    return Response(_file(figures, kind), media_type=TYPES[kind], headers=headers)


def _file(figures: CampaignsReport, kind: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        if kind == "csv":
            write_csv(path, tables.LONG_COLUMNS, tables.long_rows(figures))
        else:
            write_xlsx(path, [*tables.side_by_side(figures), tables.click_sheet(figures)])
        return path.read_bytes()
