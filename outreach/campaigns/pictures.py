"""Pictures of services: read from the project folder, kept in the database under their digest from approval on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.catalogue.matching import Candidate
from outreach.database import is_open_here
from outreach.errors import Complaint
from outreach.models import Picture

MAX_BYTES = 2_000_000
# What every mail program shows; WebP and SVG are missing in Outlook.
KINDS = {
    b"\x89PNG\r\n\x1a\n": (".png", "image/png"),
    b"\xff\xd8\xff": (".jpg", "image/jpeg"),
    b"GIF8": (".gif", "image/gif"),
}


@dataclass(frozen=True)
class FrozenPicture:
    """A picture by its SHA-256; `data` is at hand until the approval has stored it."""

    digest: str
    suffix: str
    media_type: str
    data: bytes = field(default=b"", compare=False, repr=False)

    def to_json(self) -> dict[str, str]:
        return {"digest": self.digest, "suffix": self.suffix, "media_type": self.media_type}


def find(session: Session, digest: str) -> Picture | None:
    """Return the picture with this SHA-256 in hexadecimal digits, or None."""
    return session.get(Picture, digest)


def read_pictures(
    project: Path, candidates: Iterable[Candidate], own: Iterable[str] = ()
) -> tuple[dict[str, FrozenPicture], list[Complaint]]:
    """Read the pictures of candidates, and the campaign's `own`, by their path in the project folder.

    Complaints name each that can't be used.
    """
    pictures: dict[str, FrozenPicture] = {}
    complaints: list[Complaint] = []
    wanted = [(name, "picture of the campaign") for name in own]
    wanted += [(c.picture, f"picture of service {c.slug}") for c in candidates if c.picture]
    for name, what in wanted:
        if name in pictures:
            continue
        found = _read(project, name)
        if isinstance(found, str):
            complaints.append(Complaint(name, None, f"{found} ({what})"))
        else:
            pictures[name] = found
    return pictures, complaints


def with_data(session: Session, frozen: Iterable[FrozenPicture]) -> tuple[FrozenPicture, ...]:
    """Return pictures with their bytes: at hand in a draft, kept in the database from approval on."""
    wanted = {picture.digest: picture for picture in frozen}
    missing = [digest for digest, picture in wanted.items() if not picture.data]
    for kept in session.scalars(select(Picture).where(Picture.digest.in_(missing))):
        wanted[kept.digest] = replace(wanted[kept.digest], data=kept.data)
    return tuple(wanted.values())


def store_pictures(session: Session, pictures: Iterable[FrozenPicture], now: datetime) -> None:
    """Keep pictures under their digest; what is kept already stays."""
    wanted = {picture.digest: picture for picture in pictures}
    kept = set(session.scalars(select(Picture.digest).where(Picture.digest.in_(wanted))))
    for digest, picture in wanted.items():
        if digest not in kept:
            session.add(Picture(digest=digest, media_type=picture.media_type, data=picture.data, created_at=now))
    session.flush()


def _read(project: Path, name: str) -> FrozenPicture | str:
    try:
        path = (project / name).resolve()
        if not path.is_relative_to(project.resolve()):
            return "lies outside the project folder: put it in pictures/"
        if is_open_here(path):
            return "is the database: name a picture"
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if len(data) > MAX_BYTES:
        return f"is over {MAX_BYTES // 1_000_000} MB: make it smaller (600 pixels wide is enough)"
    for start, (suffix, media_type) in KINDS.items():
        if data.startswith(start):
            return FrozenPicture(hashlib.sha256(data).hexdigest(), suffix, media_type, data)
    return "is no PNG, JPEG or GIF, which is what mail programs show"
