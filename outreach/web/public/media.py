"""Pictures: those of sent mails under their digest, for ever; those of the catalogue small, and in modern formats."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from outreach.campaigns import pictures
from outreach.catalogue import services
from outreach.catalogue.pictures import PictureFault
from outreach.catalogue.renditions import KINDS, Shown, look, media_type, rendition
from outreach.web.door import Opened, is_slug, page
from outreach.web.keeping import FOR_EVER

router = APIRouter()

_NAME = re.compile(r"([0-9a-f]{64})\.(png|jpg|jpeg|webp|gif)")
_TYPES = {"image/png", "image/jpeg", "image/webp", "image/gif"}
_RENDITION = re.compile(rf"([0-9a-f]{{16}})-(\d{{1,4}})\.({'|'.join(KINDS)})")
# Mails and feed readers show these pictures on pages that aren't ours.
EVERYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}
HOUR = "public, max-age=3600"


@page(router, "/media/{name}")
def sent(name: str, app: Opened) -> Response:
    match = _NAME.fullmatch(name)
    with app.database.reading() as session:
        picture = pictures.find(session, match[1]) if match else None
    if picture is None or picture.media_type not in _TYPES:
        raise HTTPException(404)
    return Response(picture.data, media_type=picture.media_type, headers=EVERYWHERE | {"Cache-Control": FOR_EVER})


@page(router, "/beeld/{slug}")
def shown(slug: str, app: Opened) -> Response:
    """Answer with the picture of a service, as every browser shows it; the address names the service, never a file."""
    picture = _picture(slug, app)
    return _answer(app, picture, picture.widths[-1], picture.kinds[-1], HOUR)


@page(router, "/beeld/{slug}/{name}")
def rendered(slug: str, name: str, app: Opened) -> Response:
    """Answer with one rendition; an address of an earlier picture gets the one of today, for an hour."""
    picture, match = _picture(slug, app), _RENDITION.fullmatch(name)
    if match is None or int(match[2]) not in picture.widths or match[3] not in picture.kinds:
        raise HTTPException(404)
    return _answer(app, picture, int(match[2]), match[3], FOR_EVER if match[1] == picture.version else HOUR)


def _picture(slug: str, app: Opened) -> Shown:
    with app.database.reading() as session:
        service = services.find_service(session, slug) if is_slug(slug) else None
    picture = look(app.project, service.picture) if service else None
    if picture is None:
        raise HTTPException(404)
    return picture


def _answer(app: Opened, picture: Shown, width: int, kind: str, kept: str) -> Response:
    try:
        file = rendition(app.project, picture, width, kind)
    except PictureFault:
        raise HTTPException(404) from None
    return FileResponse(file, media_type=media_type(kind), headers=EVERYWHERE | {"Cache-Control": kept})
