"""What `preview` writes of a mail: both parts, what it shows and carries, and its pictures on screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from outreach.emails.assembly import Attachment
from outreach.emails.photographing import Picture, find_chromium, photograph
from outreach.emails.rendering import Rendered
from outreach.errors import Refusal

png_option = click.option(
    "--png/--no-png", default=True, help="With --out: photograph it on a screen and a phone, light and dark."
)
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}
NO_CHROMIUM = "Chromium isn't installed (Debian: apt install chromium)"


@dataclass(frozen=True)
class Written:
    """The files, why there is no PNG among them, if so, and the addresses that weren't loaded for the PNG."""

    files: tuple[Path, ...]
    no_png: str | None
    not_loaded: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"files": self.files, "no_png": self.no_png, "not_loaded": self.not_loaded}

    def tell(self) -> None:
        """Print what was written and what wasn't."""
        for path in self.files:
            click.echo(f"{path}: written")
        if self.no_png:
            click.echo(f"note: no PNG: {self.no_png}", err=True)
        for address in self.not_loaded:
            click.echo(f"note: not loaded for the PNG, since nothing leaves this machine: {address}", err=True)


NOTHING = Written((), None)


def write(
    folder: Path,
    name: str,
    rendered: Rendered,
    pictures: Mapping[str, Picture],
    attachments: Sequence[Attachment] = (),
    *,
    png: bool,
) -> Written:
    """Write a mail into a folder, with its pictures (by their address in it) beside it."""
    html, files = rendered.html, dict[str, bytes]()
    for number, (address, picture) in enumerate(pictures.items(), 1):
        file = f"{name}-picture-{number}{_SUFFIXES.get(picture.media_type, '')}"
        html, files[file] = html.replace(address, file), picture.data
    files |= {attachment.name: attachment.data for attachment in attachments}
    files = {f"{name}.html": html.encode(), f"{name}.txt": rendered.text.encode(), **files}
    chromium = find_chromium() if png else None
    if chromium is None:
        return Written(tuple(_saved(folder, files)), NO_CHROMIUM if png else "left out (--no-png)")
    try:
        taken = photograph(chromium, rendered.html, pictures)
    except Refusal as refusal:  # a browser that doesn't work here is no reason to have no preview
        return Written(tuple(_saved(folder, files)), str(refusal))
    files |= {f"{name}-{shot.name}.png": data for shot, data in taken.files.items()}
    return Written(tuple(_saved(folder, files)), None, taken.refused)


def _saved(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written: {error.strerror}") from error
    return [folder / name for name in files]
