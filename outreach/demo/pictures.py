"""Flat illustrations for the invented services, drawn here so that nobody's picture is borrowed."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

SIZE = (1200, 675)
SCALE = 2  # drawn twice as large and scaled down: Pillow has no smooth edges
INK = "#20354a"
PAPER = "#fdf8ef"
PALETTES = (
    ("#dcebe4", "#2f7d6b", "#f0b14a", "#d8573c"),
    ("#f6e6d2", "#c8622f", "#2f7d6b", "#f3c567"),
    ("#dfe9f3", "#2f5f8f", "#f0b14a", "#5c9aa8"),
    ("#efe3ec", "#7a4a72", "#e7936b", "#3f7f86"),
    ("#e9edd8", "#6f8a37", "#d8573c", "#f0b14a"),
)

Pen = ImageDraw.ImageDraw
Colours = tuple[str, str, str, str]


def draw(category: str, variant: int) -> bytes:
    """Return a JPEG of 1200 × 675 pixels for a service of `category`; the same for the same arguments."""
    chance = random.Random(f"{category}/{variant}")  # noqa: S311 - a drawing, not a secret
    colours = PALETTES[chance.randrange(len(PALETTES))]
    width, height = SIZE[0] * SCALE, SIZE[1] * SCALE
    image = Image.new("RGB", (width, height), colours[0])
    pen = ImageDraw.Draw(image)
    horizon = int(height * 0.72)
    pen.ellipse(_around(width * chance.uniform(0.15, 0.85), height * 0.3, height * 0.18), fill=PAPER)
    pen.rectangle((0, horizon, width, height), fill=colours[3])
    pen.rectangle((0, horizon, width, horizon + 14 * SCALE), fill=INK)
    MOTIFS.get(category, _boxes)(pen, horizon, colours, chance)
    buffer = io.BytesIO()
    image.resize(SIZE, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=82, optimize=True, progressive=True)
    return buffer.getvalue()


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)


def _boxes(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    x = 160 * SCALE
    while x < 1000 * SCALE:
        side = chance.randrange(110, 210) * SCALE
        for level in range(chance.randrange(1, 3)):
            top, bottom = floor - (level + 1) * side, floor - level * side
            pen.rectangle((x, top, x + side, bottom), fill=colours[1 + (level + x) % 2], outline=INK, width=5 * SCALE)
            pen.rectangle((x + side * 0.42, top, x + side * 0.58, bottom), fill=PAPER)
        x += side + chance.randrange(16, 60) * SCALE


def _gears(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    for index, (x, radius) in enumerate(((330, 190), (640, 130), (880, 165))):
        cx, cy, size = x * SCALE, floor - radius * SCALE, radius * SCALE
        turn = chance.random()
        for tooth in range(12):
            angle = turn + tooth * math.tau / 12
            pen.line((cx, cy, cx + math.cos(angle) * size, cy + math.sin(angle) * size), fill=INK, width=size // 4)
        pen.ellipse(_around(cx, cy, size * 0.84), fill=colours[1 + index % 2], outline=INK, width=5 * SCALE)
        pen.ellipse(_around(cx, cy, size * 0.3), fill=PAPER, outline=INK, width=5 * SCALE)


def _trees(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    for x in range(120, 1150, 150):
        height = chance.randrange(180, 380) * SCALE
        cx, radius = (x + chance.randrange(-20, 20)) * SCALE, chance.randrange(70, 105) * SCALE
        pen.rectangle((cx - 9 * SCALE, floor - height, cx + 9 * SCALE, floor), fill=INK)
        pen.ellipse(_around(cx, floor - height, radius), fill=colours[1 + chance.randrange(2)])
        pen.ellipse(_around(cx + radius * 0.45, floor - height + radius * 0.5, radius * 0.6), fill=colours[1])


def _buildings(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    for index, x in enumerate(range(90, 1080, 210)):
        width, height = 180 * SCALE, chance.randrange(200, 400) * SCALE
        left, top = x * SCALE, floor - height
        pen.rectangle((left, top, left + width, floor), fill=colours[1 + index % 2], outline=INK, width=5 * SCALE)
        for row in range(int(top + 30 * SCALE), floor - 70 * SCALE, 70 * SCALE):
            for column in range(3):
                pane = left + (22 + column * 50) * SCALE
                pen.rectangle((pane, row, pane + 34 * SCALE, row + 42 * SCALE), fill=PAPER)


def _wheels(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    radius = 165 * SCALE
    for x in (400, 810):
        cx, cy = x * SCALE, floor - radius
        pen.ellipse(_around(cx, cy, radius), outline=INK, width=20 * SCALE)
        for spoke in range(10):
            angle = spoke * math.tau / 10
            end = (cx + math.cos(angle) * radius, cy + math.sin(angle) * radius)
            pen.line((cx, cy, *end), fill=colours[1], width=4 * SCALE)
    hub, back, seat, bar = (x * SCALE for x in (400, 810, 520, 740))
    axle, top = floor - radius, floor - radius - 230 * SCALE
    frame = ((back, axle), (bar, top), (seat, top), (hub, axle), (600 * SCALE, axle), (bar, top))
    pen.line(frame, fill=colours[2], width=18 * SCALE, joint="curve")
    pen.line((seat - 50 * SCALE, top - 30 * SCALE, seat + 50 * SCALE, top - 30 * SCALE), fill=INK, width=22 * SCALE)


def _sheets(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    for index, x in enumerate(range(150, 1000, 140)):
        left, top = x * SCALE, floor - chance.randrange(260, 400) * SCALE
        pen.rectangle((left, top, left + 200 * SCALE, floor), fill=PAPER, outline=INK, width=5 * SCALE)
        pen.rectangle((left, top, left + 200 * SCALE, top + 44 * SCALE), fill=colours[1 + index % 2])
        for line in range(top + 80 * SCALE, floor - 30 * SCALE, 36 * SCALE):
            pen.line((left + 24 * SCALE, line, left + 160 * SCALE, line), fill=colours[3], width=8 * SCALE)


def _tables(pen: Pen, floor: int, colours: Colours, chance: random.Random) -> None:
    top = floor - 190 * SCALE
    pen.rectangle((140 * SCALE, top, 1060 * SCALE, top + 26 * SCALE), fill=INK)
    for x in (190, 1000):
        pen.rectangle((x * SCALE, top, (x + 20) * SCALE, floor), fill=INK)
    for index, x in enumerate(range(230, 1000, 135)):
        size = chance.randrange(38, 58) * SCALE
        cx = x * SCALE
        fill = colours[1 + index % 2]
        if index % 3:
            pen.ellipse(_around(cx, top - size, size), fill=fill, outline=INK, width=5 * SCALE)
        else:
            pen.rectangle((cx - size, top - 2.6 * size, cx + size, top), fill=fill, outline=INK, width=5 * SCALE)


MOTIFS: dict[str, Callable[[Pen, int, Colours, random.Random], None]] = {
    **dict.fromkeys(("assembly", "electro_assembly", "metal", "plastics", "recycling", "enclave"), _gears),
    **dict.fromkeys(("green",), _trees),
    **dict.fromkeys(("cleaning", "renovation", "energy"), _buildings),
    **dict.fromkeys(("bicycles",), _wheels),
    **dict.fromkeys(("printing", "digitising", "textile", "laundry"), _sheets),
    **dict.fromkeys(("catering", "food", "gifts", "cleanroom"), _tables),
}
