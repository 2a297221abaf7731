"""Pictures of services: checked where they are read, since a mail that shows a broken one can't be called back."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from outreach.database import is_open_here

MAX_BYTES = 1_500_000
MAX_PIXELS = 12_000_000

# Format as Pillow names it → the suffixes it may have.
FORMATS = {"PNG": (".png",), "JPEG": (".jpg", ".jpeg"), "WEBP": (".webp",)}


class PictureFault(ValueError):
    """The file can't be shown in a mail; the message says why."""


def check_picture(project: Path, name: str) -> Path:
    """Return the file of a picture named relative to the project folder; raise `PictureFault`."""
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts or "\\" in name or any(part.startswith(".") for part in parts):
        raise PictureFault(f"{name!r} must be a path inside the project folder, such as pictures/groen.jpg")
    file = (project / name).resolve()
    if not file.is_relative_to(project.resolve()):
        raise PictureFault(f"{name!r} leads out of the project folder: copy the picture into it")
    if not file.is_file():
        raise PictureFault(f"{name!r} is not there: put the picture into {project}")
    if is_open_here(file):
        raise PictureFault(f"{name!r} is the database: name a picture")
    if (size := file.stat().st_size) > MAX_BYTES:
        raise PictureFault(f"{name!r} is {size:,} bytes; at most {MAX_BYTES:,} fit a mail: make it smaller")
    _check_content(file, name)
    return file


def _check_content(file: Path, name: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=list(FORMATS)) as image:
                width, height = image.size
                kind = image.format or ""
                image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureFault(f"{name!r} is no PNG, JPEG or WebP picture, or is damaged") from error
    except Image.DecompressionBombWarning as error:
        raise PictureFault(f"{name!r} has too many pixels; at most {MAX_PIXELS:,}") from error
    if width * height > MAX_PIXELS:
        raise PictureFault(f"{name!r} is {width} × {height} pixels; at most {MAX_PIXELS:,} in all: make it smaller")
    if file.suffix.lower() not in FORMATS[kind]:
        raise PictureFault(f"{name!r} is a {kind} picture: name it with {' or '.join(FORMATS[kind])}")
