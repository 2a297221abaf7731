"""Pictures as pages show them: in modern formats and several widths, made when first asked for and kept on the disk.

A rendition holds pixels and nothing else: EXIF (which may say where somebody lives) is dropped after its turning is
obeyed, and colours are brought to sRGB. Everything in the folder may be thrown away: it is made again.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, features

from outreach.catalogue.pictures import FORMATS, PictureFault, check_picture
from outreach.keys import STATE

WIDTHS = (320, 640, 960, 1280)
MAX_KEPT = 300_000_000  # bytes; the oldest go first
# Two at once: encoding takes a processor, and visitors want it too.
_TURN = threading.BoundedSemaphore(2)
_RECIPE = "1"  # of how renditions are made: another one gives other names

# Kind → format as Pillow names it, media type, how it is written. The better kinds first.
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "avif": ("AVIF", "image/avif", {"quality": 60, "speed": 7}),
    "webp": ("WEBP", "image/webp", {"quality": 80, "method": 4}),
    "jpg": ("JPEG", "image/jpeg", {"quality": 82, "optimize": True, "progressive": True}),
    "png": ("PNG", "image/png", {"optimize": True}),
}


@dataclass(frozen=True)
class Shown:
    """A picture of the catalogue: its size as it is seen, and what it can be had in; the last kind every browser knows.

    `version` changes with the content of the file.
    """

    file: Path
    version: str
    width: int
    height: int
    widths: tuple[int, ...]
    kinds: tuple[str, ...]


def look(project: Path, name: str | None) -> Shown | None:
    """Return what is known of a picture named in the catalogue; None if there is none, or if it can't be shown."""
    if not name:
        return None
    try:
        return _known(project, name)
    except (PictureFault, OSError, ValueError):  # a fault of the picture, or a path that no file system takes
        return None


def _known(project: Path, name: str) -> Shown:
    """Look at a picture; at its content only if the file has changed."""
    stat = (project / name).stat()
    return _look(project, name, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2048)
def _look(project: Path, name: str, _mtime: int, _size: int) -> Shown:
    file = check_picture(project, name)
    version = hashlib.sha256(file.read_bytes() + _RECIPE.encode()).hexdigest()[:16]
    with _opened(file) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = reversed(image.size) if turned else image.size
        fallback = "png" if image.format == "PNG" else "jpg"
    widths = tuple(sorted({*(one for one in WIDTHS if one < width), min(width, WIDTHS[-1])}))
    kinds = [kind for kind in ("avif", "webp") if features.check(kind)]
    return Shown(file, version, width, height, widths, (*kinds, fallback))


def rendition(project: Path, shown: Shown, width: int, kind: str) -> Path:
    """Return the file of one rendition, made if it isn't there; PictureFault if the picture is damaged."""
    folder = project / STATE / "pictures"
    file = folder / f"{shown.version}-{width}.{kind}"
    if file.exists():
        return file
    with _TURN:
        if not file.exists():
            data = _made(shown.file, width, kind)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _put(file, data)
            _forget_oldest(folder, file)
    return file


def media_type(kind: str) -> str:
    return KINDS[kind][1]


def _made(file: Path, width: int, kind: str) -> bytes:
    form, _, options = KINDS[kind]
    try:
        with _opened(file) as image:
            image.draft("RGB", (width, width * image.height // image.width))  # a large JPEG is read smaller
            seen = _in_srgb(ImageOps.exif_transpose(image), alpha=form != "JPEG")
            height = max(1, round(width * seen.height / seen.width))
            small = seen.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
            small.info.clear()  # whatever came with the file stays behind
            buffer = io.BytesIO()
            small.save(buffer, form, **options)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise PictureFault(f"{file.name!r} is damaged") from error
    return buffer.getvalue()


def _in_srgb(image: Image.Image, *, alpha: bool) -> Image.Image:
    """Return the pixels in sRGB, on white where the format knows no transparency."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
            image = changed or image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a damaged profile: shown as most programs do, as if it were sRGB
    if not image.has_transparency_data:
        return image.convert("RGB")
    if alpha:
        return image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Open a picture that was checked; one that was exchanged for a bomb meanwhile is an error all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=list(FORMATS)) as image:
                yield image
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PictureFault(f"{file.name!r} has too many pixels") from error


def _put(file: Path, data: bytes) -> None:
    """Write a file whole: another process sees all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".")
    with os.fdopen(handle, "wb") as output:
        output.write(data)
    Path(name).replace(file)


def _forget_oldest(folder: Path, newest: Path) -> None:
    """Keep the folder within its bound; what was made first goes first."""
    found = [(entry.stat().st_mtime_ns, entry.stat().st_size, Path(entry.path)) for entry in os.scandir(folder)]
    total = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if total <= MAX_KEPT:
            return
        if file != newest:
            file.unlink(missing_ok=True)
            total -= size
