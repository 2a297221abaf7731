"""NACE-BEL 2008 and 2025: codes, sections, labels, and how a text names a sector.

A code means nothing without its version: 88993 is help to addicts in 2008 and sheltered workshops in 2025. So nothing
is converted silently: every `Sector` says by which rule its columns were filled.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources

VERSIONS = (2008, 2025)

# Sheltered and social workshops, and reuse centres: where the register puts most maatwerkbedrijven, incompletely.
MAATWERK_CODES: dict[int, tuple[str, ...]] = {2008: ("88995", "4779303"), 2025: ("88993", "4779303")}

_WRITTEN = re.compile(
    r"(?:NACE(?:-?BEL)?[\s:]*)?([A-V])?\s*(\d[\d. ]*)(?:(?:\s*[-–—:|(]\s*|\s+)[^\W\d].*)?", re.I | re.S
)
# A Belgian spreadsheet writes the code 41.20 as the number 41,2: without a space, a comma is the dot.
_DECIMAL_COMMA = re.compile(r"((?:NACE(?:-?BEL)?[\s:]*)?[A-V]?\s*\d{1,2}),(\d{1,5})(?![\d,])", re.I)
_FLOAT = re.compile(r"(\d+)\.0+")


class SectorError(ValueError):
    """The text names no sector; the message says why and what would."""


class Rule(StrEnum):
    """How the columns of a `Sector` came about."""

    GIVEN_2025 = "given_2025"
    GIVEN_2008_DIVISION = "given_2008_division"  # the 2025 section follows from the 2008 division
    ONLY_IN_2008 = "only_in_2008"
    ONLY_IN_2025 = "only_in_2025"
    DEFAULT_VERSION = "default_version"
    SECTION_GIVEN = "section_given"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class NaceCode:
    """One row of the classification; `level` is 1 for a section letter, else the number of digits."""

    version: int
    code: str
    level: int
    section: str
    label_nl: str
    label_fr: str
    label_en: str

    def label(self, language: str) -> str:
        """Return the label in `nl`, `fr` or `en`."""
        return {"nl": self.label_nl, "fr": self.label_fr, "en": self.label_en}[language]


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector in both versions as far as known, and the rule that says how it is known."""

    nace_2008: str | None
    nace_2025: str | None
    section_2008: str | None
    section_2025: str | None
    rule: Rule


def nace(version: int, code: str) -> NaceCode | None:
    """Return the entry of a code without dots (or of a section letter) in one version, or None."""
    return _table()[version].get(code)


def sections(version: int) -> tuple[NaceCode, ...]:
    """Return the sections of one version in order of their letters."""
    return tuple(entry for entry in _table()[version].values() if entry.level == 1)


def section_label(version: int, letter: str, language: str) -> str:
    """Return the label of a section in `nl`, `fr` or `en`."""
    return _table()[version][letter].label(language)


def section_2025_of_2008(code: str) -> tuple[str | None, Rule]:
    """Return the 2025 section of a 2008 code by its division, None where the division (45) has no counterpart.

    A 2008 section letter is converted only if all its divisions agree, so neither G (holds 45) nor J (was split) is.
    """
    if not code[:1].isalpha():
        division = nace(2025, code[:2])
        return (division.section if division else None), Rule.GIVEN_2008_DIVISION
    divisions = [entry.code for entry in _table()[2008].values() if entry.level == 2 and entry.section == code]
    letters = {section_2025_of_2008(division)[0] for division in divisions}
    return (letters.pop() if len(letters) == 1 else None), Rule.GIVEN_2008_DIVISION


def parse_version(text: str) -> int | None:
    """Return 2008 or 2025 from `2008`, `NACE-BEL 2025`, `Rev. 2`, `Rev. 2.1`; None if empty; raise `SectorError`."""
    words = text.strip().casefold()
    if not words:
        return None
    years = set(re.findall(r"(?<!\d)(?:2008|2025)(?!\d)", words))
    if len(years) == 1:
        return int(years.pop())
    if revision := re.search(r"rev\.?\s*2(\.1)?(?![\d.])", words):
        return 2025 if revision[1] else 2008
    raise SectorError(f"{text!r} is not a version of NACE-BEL: write 2008 or 2025")


def parse_code(text: str, version: int | None = None) -> str:
    """Return the code that a text stands for: digits without dots, or a section letter; raise `SectorError`.

    A code is taken as written if it exists (in `version`, or in either). Spreadsheets turn 01.110 into 1.11 and 01110
    into 1110 or 1110.0, so only what doesn't exist as written is tried without `.0` and then with a leading zero.
    Dots show a lost zero for certain: 1.11 can only be 01.11. A decimal comma is read as the dot. What a number loses
    at its end, 41.20 written as 41.2, is the group 41.2: a code with a 0 added is the only one beneath it.
    """
    text = _DECIMAL_COMMA.sub(r"\1.\2", text.strip())
    versions = VERSIONS if version is None else (version,)
    letter = text.strip().upper()
    if len(letter) == 1 and any(nace(v, letter) for v in versions):
        return letter
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise SectorError(f"{text!r} is not a NACE code: write it as 41.201, 41201 or F")
    candidates = _candidates(match[2].strip())
    for candidate in candidates:
        found = [entry for v in versions if (entry := nace(v, candidate))]
        if found and (not match[1] or match[1].upper() in {entry.section for entry in found}):
            return candidate
    if version is None:
        raise SectorError(f"{text!r} does not exist in NACE-BEL 2008 or 2025")
    elsewhere = [str(v) for v in VERSIONS if v != version and any(nace(v, each) for each in candidates)]
    but = f", but it does in NACE-BEL {elsewhere[0]}: name that version in the header or beside it" if elsewhere else ""
    raise SectorError(f"{text!r} does not exist in NACE-BEL {version}{but}")


def resolve(text: str, version: int | None, default_version: int = 2025) -> Sector:
    """Return the sector that a code, section letter or exact label (nl, fr, en) names; raise `SectorError`.

    Without a version, a code that exists in one version only is that one; in both, it is taken as `default_version`.
    """
    return _resolve(_DECIMAL_COMMA.sub(r"\1.\2", " ".join(text.split())), version, default_version)


@lru_cache(maxsize=20_000)
def _resolve(text: str, version: int | None, default_version: int) -> Sector:
    if labelled := _by_label(text, version, default_version):
        return _sector(labelled, Rule.LABEL)
    code = parse_code(text, version)
    if version is not None:
        given = Rule.GIVEN_2025 if version == 2025 else Rule.GIVEN_2008_DIVISION
        return _sector(_entry(version, code), Rule.SECTION_GIVEN if code.isalpha() else given)
    known = [v for v in VERSIONS if nace(v, code)]
    if (letter := _leading_letter(text)) and len(
        by_letter := [v for v in known if _entry(v, code).section == letter]
    ) == 1:
        return _resolve(text, by_letter[0], default_version)  # J62 can only be 2008, K62 only 2025
    chosen = default_version if default_version in known else known[0]
    if code.isalpha():
        return _sector(_entry(chosen, code), Rule.SECTION_GIVEN)
    if len(known) == 2:
        return _sector(_entry(chosen, code), Rule.DEFAULT_VERSION)
    return _sector(_entry(chosen, code), Rule.ONLY_IN_2008 if chosen == 2008 else Rule.ONLY_IN_2025)


def _sector(entry: NaceCode, rule: Rule) -> Sector:
    code = None if entry.level == 1 else entry.code
    if entry.version == 2025:
        return Sector(None, code, None, entry.section, rule)
    return Sector(code, None, entry.section, section_2025_of_2008(entry.code)[0], rule)


def _entry(version: int, code: str) -> NaceCode:
    return _table()[version][code]


def _leading_letter(text: str) -> str | None:
    match = _WRITTEN.fullmatch(text)
    return match[1].upper() if match and match[1] else None


def _candidates(written: str) -> list[str]:
    head, dot, _ = written.partition(".")
    bare = re.sub(r"[. ]", "", written)
    if dot and len(head) == 1:
        bare = "0" + bare
        return [bare, *(["0" + head] if _FLOAT.fullmatch(written) else [])]
    whole = _FLOAT.fullmatch(written)
    forms = [bare, whole[1]] if whole else [bare]
    return [*forms, *("0" + form for form in reversed(forms))]


def _by_label(text: str, version: int | None, default_version: int) -> NaceCode | None:
    key = _fold(text)
    order = (version,) if version is not None else (default_version, *(v for v in VERSIONS if v != default_version))
    for v in order:
        entries = _labels()[v].get(key)
        if entries is None:
            continue
        top = entries[0]  # the shallowest; a label repeated further down its own branch is the same sector
        if all(e.code.startswith(top.code) or (top.level == 1 and e.section == top.code) for e in entries):
            return top
        raise SectorError(f"{text!r} names several sectors ({', '.join(e.code for e in entries)}): write the code")
    return None


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).replace("’", "'").casefold().split())


@cache
def _table() -> dict[int, dict[str, NaceCode]]:
    table: dict[int, dict[str, NaceCode]] = {version: {} for version in VERSIONS}
    source = resources.files("outreach.belgium").joinpath("data", "nace.csv")
    rows = csv.reader(source.read_text(encoding="utf-8").splitlines())
    next(rows)
    for version, code, level, *rest in rows:
        table[int(version)][code] = NaceCode(int(version), code, int(level), *rest)
    return table


@cache
def _labels() -> dict[int, dict[str, list[NaceCode]]]:
    labels: dict[int, dict[str, list[NaceCode]]] = {version: {} for version in VERSIONS}
    for version, entries in _table().items():
        for entry in sorted(entries.values(), key=lambda e: e.level):
            for key in {_fold(entry.label_nl), _fold(entry.label_fr), _fold(entry.label_en)}:
                labels[version].setdefault(key, []).append(entry)
    return labels
