"""`/metrics`: figures for Prometheus, for this machine or by a token, and for nobody else."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from outreach.metrics import CONTENT_TYPE
from outreach.serving_metrics import may_read
from outreach.web.door import Opened

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, app: Opened) -> Response:
    """Answer with the figures, or as if there were no such page."""
    client = request.client.host if request.client else None
    if not may_read(app, client, request.headers):
        raise HTTPException(404)
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
