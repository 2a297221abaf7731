"""Pictures: those of sent mails under their digest, for ever; those of the catalogue as the project folder has them."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from outreach.campaigns import pictures
from outreach.catalogue import services
from outreach.catalogue.pictures import check_picture
from outreach.web.door import Opened, is_slug, page

router = APIRouter()

_NAME = re.compile(r"([0-9a-f]{64})\.(png|jpg|jpeg|webp|gif)")
_TYPES = {"image/png", "image/jpeg", "image/webp", "image/gif"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "cross-origin"}


@page(router, "/media/{name}")
def sent(name: str, app: Opened) -> Response:
    match = _NAME.fullmatch(name)
    with app.database.reading() as session:
        picture = pictures.find(session, match[1]) if match else None
    if picture is None or picture.media_type not in _TYPES:
        raise HTTPException(404)
    return Response(picture.data, media_type=picture.media_type, headers=FOR_EVER)


@page(router, "/beeld/{slug}")
def shown(slug: str, app: Opened) -> Response:
    """Answer with the picture of a service; the address names the service, never a file."""
    with app.database.reading() as session:
        service = services.find_service(session, slug) if is_slug(slug) else None
    try:
        file = check_picture(app.project, service.picture) if service and service.picture else None
    except (ValueError, OSError):  # a fault of the picture, or a path that no file system takes
        file = None
    if file is None:
        raise HTTPException(404)
    return FileResponse(file, headers={"Cache-Control": "public, max-age=3600"})
