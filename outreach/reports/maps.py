"""The reach on a map: the five Flemish provinces and Brussels, as SVG or PNG, with the figures written in them.

Colours are five steps of one hue from light to dark, so they can be told apart without seeing colours, and dark text
stands out on each of them; the figures are there in words too. Source, licence and day of the data belong to the map.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from outreach.belgium.calendar import BRUSSELS
from outreach.belgium.places import PROVINCES
from outreach.reports.reach import By, Counts, Reach

LANGUAGES = ("nl", "en")
WIDTH, HEIGHT = 860, 400
INK, MUTED, EDGE, PAPER = "#1d2b30", "#4c5a5e", "#0c3c47", "#ffffff"
NOTHING = "#efeae0"
STEPS = ("#e6f3f0", "#c3e1dc", "#a0cfc8", "#7dbab1", "#58a299")
FONT, TITLE_FONT = "Liberation Sans, Arial, Helvetica, sans-serif", "Liberation Serif, Georgia, serif"
_NICE = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
# Where a province's words stand (degrees). Those of Brussels stand beneath it, at the end of a line.
_SPOTS = {
    "10000": (4.80, 51.24),
    "20001": (4.785, 50.885),
    "30000": (3.02, 51.02),
    "40000": (3.83, 51.02),
    "70000": (5.43, 50.985),
    "04000": (4.365, 50.56),
}
_BRUSSELS, _BENEATH = (4.365, 50.82), (4.365, 50.64)


class Figure(StrEnum):
    """What a map shows, as a share of the register's regular companies."""

    MAILED = "mailed"
    MAILABLE = "mailable"
    OURS = "ours"


# Title, and what a province's line says beneath its share: (Dutch, English).
_TITLES = {
    Figure.MAILED: ("Hoeveel reguliere bedrijven we mailden", "How many regular companies we mailed"),
    Figure.MAILABLE: ("Hoeveel reguliere bedrijven we mogen mailen", "How many regular companies we may mail"),
    Figure.OURS: ("Hoeveel reguliere bedrijven we kennen", "How many regular companies we know"),
}
_OF = ("{count} van {register}", "{count} of {register}")
_LEGEND = ("Aandeel van de reguliere bedrijven", "Share of the regular companies")
_NONE = ("geen", "none")
_BY = {
    By.SEAT: ("per provincie van de zetel", "by province of the seat"),
    By.ESTABLISHMENT: (
        "in elke provincie met een zetel of vestiging",
        "in every province with a seat or establishment",
    ),
}
_SINCE = ("sinds {day}", "since {day}")
_MADE = ("stand van {day}", "as of {day}")
_SOURCE = (
    "Bron: KBO Open Data, FOD Economie, gegevens van {day} (extract {number}); "
    "persoonsgegevens eruit mogen niet dienen voor direct marketing.",
    "Source: KBO/BCE Open Data, FPS Economy (Belgium), data of {day} (extract {number}); "
    "its personal data may not be used for direct marketing.",
)
_GROUND = (
    "Kaart: NGI, grenzen van 2025, CC BY 4.0. Postcodes: Statbel, CC BY 4.0.",
    "Map: NGI, borders of 2025, CC BY 4.0. Postcodes: Statbel, CC BY 4.0.",
)


@dataclass(frozen=True)
class Words:
    """Numbers, days and phrases in a language."""

    language: str

    def of(self, pair: tuple[str, str]) -> str:
        return pair[self.language == "en"]

    @property
    def locale(self) -> str:
        return "en_GB" if self.language == "en" else "nl_BE"

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        digits = "0.##" if 0 < share < 0.01 else "0.#"
        return format_percent(share, f"{digits} %" if self.language == "nl" else f"{digits}%", locale=self.locale)

    def day(self, value: Any) -> str:
        return format_date(value, "d MMMM y", locale=self.locale)

    def province(self, nis: str) -> str:
        if nis == "04000":
            return "Brussels Gewest" if self.language == "nl" else "Brussels Region"
        return PROVINCES[nis].name_en if self.language == "en" else PROVINCES[nis].name_nl


def as_svg(reach: Reach, figure: Figure = Figure.MAILED, language: str = "nl") -> str:
    """Return the map as SVG; its styles are attributes, so a strict policy doesn't stop them."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(drawn(reach, figure, language)))


def as_png(reach: Reach, figure: Figure = Figure.MAILED, language: str = "nl") -> bytes:
    """Return the map as PNG, twice as large as its points for sharp screens and print."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(drawn(reach, figure, language), scale=2))


def drawn(reach: Reach, figure: Figure, language: str) -> dict[str, Any]:
    """Return the map's Vega-Lite specification."""
    import altair  # a second to load, and only who draws needs it

    alt: Any = altair
    words = Words(language)
    rows = _rows(reach, figure, words)
    chart = (
        alt.layer(_ground(alt, rows, words), _line(alt), *_labels_on(alt, rows))
        .project(type="mercator")
        .properties(width=WIDTH, height=HEIGHT, title=_title(alt, reach, figure, words))
    )
    whole = alt.vconcat(chart, _sources(alt, reach, words), spacing=18).resolve_scale(fill="independent")
    whole = whole.configure(background=PAPER, padding=20, font=FONT).configure_view(stroke=None)
    return dict(whole.to_dict())


def _ground(alt: Any, rows: list[dict[str, Any]], words: Words) -> Any:
    """Return the provinces, coloured by class; and note in each row which class that is."""
    steps = _steps([row["share"] for row in rows])
    classes, colours = _labels(steps, words), list(STEPS)
    for row in rows:
        row["class"] = _class(row["share"], steps, words)
    if not any(row["share"] for row in rows):
        classes, colours = [words.of(_NONE)], [NOTHING]
    elif not all(row["share"] for row in rows):
        classes, colours = [words.of(_NONE), *classes], [NOTHING, *colours]
    legend = alt.Legend(
        title=words.of(_LEGEND), orient="bottom", direction="horizontal", columns=6, offset=24, symbolType="square",
        symbolSize=260, symbolStrokeColor=EDGE, symbolStrokeWidth=1, titleLimit=500, labelFontSize=13,
        titleFontSize=13, labelColor=INK, titleColor=INK, titlePadding=8, columnPadding=18,
    )  # fmt: skip
    scale = alt.Scale(domain=classes, range=colours)
    return (
        alt.Chart(alt.Data(values=_outlines(rows)))
        .mark_geoshape(stroke=EDGE, strokeWidth=1.1)
        .encode(fill=alt.Fill("properties.class:N", scale=scale, legend=legend))
    )


def _labels_on(alt: Any, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return a layer for each of the three lines that stand in a province."""
    lines = (("name", 14, "bold", -19), ("percent", 17, "bold", 0), ("of", 12, "normal", 17))
    return [_text(alt, rows, field, size=size, weight=weight, dy=dy) for field, size, weight, dy in lines]


def _title(alt: Any, reach: Reach, figure: Figure, words: Words) -> Any:
    parts = [words.of(_BY[reach.by])]
    if reach.since is not None:
        parts.append(words.of(_SINCE).format(day=words.day(reach.since.astimezone(BRUSSELS))))
    parts.append(words.of(_MADE).format(day=words.day(reach.at.astimezone(BRUSSELS))))
    return alt.TitleParams(
        text=words.of(_TITLES[figure]), subtitle=", ".join(parts), anchor="start", font=TITLE_FONT, fontSize=24,
        color=EDGE, subtitleFont=FONT, subtitleFontSize=15, subtitleColor=MUTED, subtitlePadding=6, offset=14,
    )  # fmt: skip


def _sources(alt: Any, reach: Reach, words: Words) -> Any:
    source = reach.source
    first = words.of(_SOURCE).format(day=words.day(source.snapshot_date), number=source.extract_number)
    lines = [{"text": text, "line": line} for line, text in enumerate((first, words.of(_GROUND)))]
    return (
        alt.Chart(alt.Data(values=lines))
        .mark_text(align="left", fontSize=12, color=MUTED, limit=WIDTH + 20, baseline="top")
        .encode(x=alt.value(0), y=alt.Y("line:O", axis=None), text="text:N")
        .properties(width=WIDTH, height=36)
    )


def _text(alt: Any, rows: Sequence[dict[str, Any]], field: str, *, size: int, weight: str, dy: int) -> Any:
    return (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_text(fontSize=size, fontWeight=weight, color=INK, dy=dy)
        .encode(longitude="longitude:Q", latitude="latitude:Q", text=f"{field}:N")
    )


def _line(alt: Any) -> Any:
    """Return the line from Brussels, too small for its words, to where they stand."""
    (x, y), (x2, y2) = _BRUSSELS, _BENEATH
    return (
        alt.Chart(alt.Data(values=[{"x": x, "y": y, "x2": x2, "y2": y2}]))
        .mark_rule(color=EDGE, strokeWidth=1.2)
        .encode(longitude="x:Q", latitude="y:Q", longitude2="x2:Q", latitude2="y2:Q")
    )


def _rows(reach: Reach, figure: Figure, words: Words) -> list[dict[str, Any]]:
    found = {row.province_nis: row for row in reach.provinces}
    rows = []
    for nis, (longitude, latitude) in _SPOTS.items():
        counts = found.get(nis, Counts())
        count = int(getattr(counts, figure.value))
        share = count / counts.register if counts.register else 0.0
        told = words.of(_OF).format(count=words.number(count), register=words.number(counts.register))
        rows.append(
            {"nis": nis, "name": words.province(nis), "share": share, "percent": words.percent(share), "of": told,
             "longitude": longitude, "latitude": latitude}
        )  # fmt: skip
    return rows


def _steps(shares: Sequence[float]) -> list[float]:
    """Return the lower edges of the classes: five equal steps of a round width that reach the largest share."""
    largest = max(shares, default=0.0)
    width = next((width for width in _NICE if width * len(STEPS) >= largest), _NICE[-1])
    return [width * place for place in range(len(STEPS))]


def _labels(steps: Sequence[float], words: Words) -> list[str]:
    edges = [words.percent(edge) for edge in (*steps, steps[1] * len(steps))]
    return [f"{low.rstrip(' %')}–{high}" for low, high in pairwise(edges)]


def _class(share: float, steps: Sequence[float], words: Words) -> str:
    if not share:
        return words.of(_NONE)
    # A share on an edge belongs to the class beneath it, so the largest is in the last.
    place = max(at for at, low in enumerate(steps) if share > low or at == 0)
    return _labels(steps, words)[place]


def _outlines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    told = {row["nis"]: {"class": row["class"], "name": row["name"]} for row in rows}
    return [{**shape, "properties": told[shape["id"]]} for shape in _shapes()]


@cache
def _shapes() -> tuple[dict[str, Any], ...]:
    source = resources.files("outreach.belgium").joinpath("data", "provinces.geojson")
    return tuple(json.loads(source.read_text(encoding="utf-8"))["features"])
