"""Pictures of mails: what Chromium makes of them, and that nothing gets out."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from outreach.emails import photographing
from outreach.emails.photographing import Picture, Shot, photograph
from outreach.errors import Refusal

LIGHT, DARK = Shot(360, False), Shot(360, True)
PAGE = """<!doctype html><html><head><meta name="color-scheme" content="light dark"><style>
body {{ margin: 0; background: #ffffff; }} p {{ margin: 0; height: 1500px; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #000000; }} }}
</style></head><body>{}<p></p></body></html>"""


class Ear:
    """A server that remembers who so much as connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.heard = self._socket.getsockname()[1], 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.heard += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.close()


def look(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (100, 50), colour).save(file, "PNG")
    return file.getvalue()


@pytest.mark.chromium
def test_a_mail_is_photographed_whole_light_and_dark(chromium: str) -> None:
    taken = photograph(chromium, PAGE.format(""), {}, (LIGHT, DARK))
    light, dark = look(taken.files[LIGHT]), look(taken.files[DARK])
    assert light.size == dark.size == (360, 1500)
    assert light.getpixel((5, 1490)) == (255, 255, 255)
    assert dark.getpixel((5, 1490)) == (0, 0, 0)
    assert taken.refused == ()


@pytest.mark.chromium
def test_a_picture_that_we_hold_is_shown(chromium: str) -> None:
    address = "https://news.example/media/a.png"
    html = PAGE.format(f'<img src="{address}" style="display:block">')
    taken = photograph(chromium, html, {address: Picture("image/png", png("#ff0000"))}, (LIGHT,))
    assert look(taken.files[LIGHT]).getpixel((50, 25)) == (255, 0, 0)


@pytest.mark.chromium
def test_a_template_can_not_make_the_browser_reach_internal_services(chromium: str, ear: Ear, tmp_path: Path) -> None:
    here = f"http://127.0.0.1:{ear.port}"
    secret = tmp_path / "secret.png"
    secret.write_bytes(png("#ff0000"))
    tags = (
        f'<img src="{here}/1"><img src="http://localhost:{ear.port}/2" srcset="{here}/3 2x">'
        f'<iframe src="{here}/4"></iframe><link rel="stylesheet" href="{here}/5"><link rel="preconnect" href="{here}">'
        f'<link rel="dns-prefetch" href="{here}"><link rel="prefetch" href="{here}/6">'
        f'<object data="{here}/7"></object><embed src="{here}/8"><video src="{here}/9" poster="{here}/10"></video>'
        f'<div style="background:url({here}/11)">x</div><style>@import url("{here}/12");'
        f'@font-face {{ font-family: f; src: url("{here}/13") }} b {{ font-family: f }}</style><b>x</b>'
        f'<img src="{secret.as_uri()}" style="display:block"><script>fetch("{here}/15");'
        f'new WebSocket("ws://127.0.0.1:{ear.port}/"); navigator.sendBeacon("{here}/16")</script>'
        f'<svg><image href="{here}/17"/></svg><form action="{here}/18"></form><a ping="{here}" href="{here}">x</a>'
    )
    taken = photograph(chromium, PAGE.format(tags), {}, (LIGHT,))
    time.sleep(0.3)
    assert ear.heard == 0
    assert f"{here}/1" in taken.refused
    assert (255, 0, 0) not in {colour for _, colour in look(taken.files[LIGHT]).getcolors(1 << 24) or []}


@pytest.mark.chromium
def test_a_mail_that_leads_the_browser_away_neither_hangs_it_nor_gets_out(chromium: str, ear: Ear) -> None:
    away = f'<meta http-equiv="refresh" content="0;url=http://127.0.0.1:{ear.port}/14">'
    with contextlib.suppress(Refusal):
        photograph(chromium, PAGE.format(away), {}, (LIGHT, DARK), seconds=30)
    assert ear.heard == 0


@pytest.mark.chromium
def test_scripts_do_not_run(chromium: str) -> None:
    html = PAGE.format("<script>document.body.style.background = '#00ff00'</script>")
    assert look(photograph(chromium, html, {}, (LIGHT,)).files[LIGHT]).getpixel((5, 1490)) == (255, 255, 255)


@pytest.mark.chromium
def test_nothing_of_the_browser_is_left_behind(chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographing.tempfile, "tempdir", str(tmp_path))
    photograph(chromium, PAGE.format(""), {}, (LIGHT,))
    assert list(tmp_path.iterdir()) == []
    running = [line.read_bytes() for line in Path("/proc").glob("[0-9]*/cmdline") if line.exists()]
    assert not any(str(tmp_path).encode() in line for line in running)


@pytest.mark.parametrize(("program", "why"), [("exit 0", "ended by itself"), ("exec sleep 60", "takes too long")])
def test_a_browser_that_dies_or_hangs_is_a_refusal(tmp_path: Path, program: str, why: str) -> None:
    fake = tmp_path / "chromium"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    started = time.monotonic()
    with pytest.raises(Refusal, match=why):
        photograph(str(fake), PAGE.format(""), {}, (LIGHT,), seconds=1)
    assert time.monotonic() - started < 30


def test_a_picture_is_named_by_width_and_light() -> None:
    names = [shot.name for shot in photographing.SHOTS]
    assert names == ["640-light", "640-dark", "360-light", "360-dark"]
    assert all(re.fullmatch(r"[0-9]+-(light|dark)", name) for name in names)
