"""Template folders: read, checked and frozen.

A template is a folder with `template.toml`, `body.mjml` and `body.txt`; pieces that several templates share stand in
`_parts/` beside it. `load` reads all of it into a `TemplateSource`, which a campaign keeps as JSON from approval on.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, meta, nodes

from outreach.emails.model import ALWAYS, DECLARABLE, MODEL_NAMES, OFFERED
from outreach.emails.sandbox import TEMPLATE_ERRORS, TemplateEnvironment
from outreach.errors import Complaint, FileRefused, NotFound, Refusal

_KEYS = {"title": str, "description": str, "subject": str, "fields": list, "needs": list}
# What a template may ask of a campaign's file, and refuse to be sent without.
GIVEN = ("body", "event", "pictures", "quote", "spotlights")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_INCLUDE = re.compile(r"<\s*mj-include", re.IGNORECASE)
_DUTCH = {
    **{"voornaam": "first_name", "achternaam": "last_name", "naam": "last_name", "familienaam": "last_name"},
    **{"bedrijf": "company", "firma": "company", "onderneming": "company", "aanhef": "greeting"},
}
PARTS = "_parts"
MAX_PARTS = 200
MAX_TOLD = 100
MAX_FILE = 1024 * 1024
# Of so many templates it is remembered what was found in their texts, on which alone it depends: a campaign is looked
# through at every step of its life, and its template takes most of that time.
REMEMBERED = 16


@dataclass(frozen=True)
class TemplateSource:
    """A template with its parts, whole: rendering needs no file any more."""

    name: str
    title: str
    description: str
    subject: str
    fields: tuple[str, ...]
    body_mjml: str
    body_txt: str
    parts: dict[str, str]
    needs: tuple[str, ...] = ()
    # Of the keys of template.toml, for messages; no part of what a template is.
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    def to_json(self) -> str:
        """Write the copy that a campaign keeps; equal templates give equal texts."""
        kept = {name: value for name, value in asdict(self).items() if name != "lines"}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TemplateSource:
        """Read the copy that a campaign kept."""
        kept: dict[str, Any] = json.loads(text)
        return cls(**{**kept, "fields": tuple(kept["fields"]), "needs": tuple(kept.get("needs", ()))})

    @property
    def names(self) -> frozenset[str]:
        """The names that this template may use."""
        return frozenset({*MODEL_NAMES, *self.fields, *ALWAYS, *OFFERED})

    @property
    def subject_names(self) -> frozenset[str]:
        """The names that a subject may use: it is the campaign's, so nothing need be declared."""
        return frozenset({*MODEL_NAMES, *DECLARABLE, *ALWAYS, *OFFERED})

    def file(self, part: str) -> str:
        """Say which file a piece came from, for messages."""
        return f"templates/emails/{part}" if part.startswith(f"{PARTS}/") else f"templates/emails/{self.name}/{part}"

    def setting(self, key: str) -> str:
        """Say where in template.toml a key stands, for messages."""
        line = self.lines.get(key)
        return self.file("template.toml") + (f":{line}" if line else "")

    def loadable(self, part: str) -> tuple[str, str, None] | None:
        """Give a piece to Jinja's loader, under the name of its file; None for what isn't part of the template."""
        own = {"body.mjml": self.body_mjml, "body.txt": self.body_txt, "subject": self.subject}
        source = own.get(part, self.parts.get(part))
        return None if source is None else (source, self.file("template.toml" if part == "subject" else part), None)


def available(folder: Path) -> list[str]:
    """List the templates of a folder by name."""
    return sorted(path.parent.name for path in folder.glob("*/template.toml") if _NAME.match(path.parent.name))


def load(folder: Path, name: str) -> TemplateSource:
    """Read and check a template; every fault found is told at once, with file and line."""
    source = read(folder, name)
    complaints = faults(source)
    if complaints:
        raise FileRefused(complaints)
    return source


def read(folder: Path, name: str) -> TemplateSource:
    """Read a template as it is, faults in its texts included."""
    if not _NAME.match(name) or name not in available(folder):
        known = ", ".join(available(folder)) or "none; a template is a folder with a template.toml"
        raise NotFound(f"{folder}/{name}: no such template; there are: {known}")
    path = folder / name / "template.toml"
    settings = _settings(path, folder)
    return TemplateSource(
        name=name,
        title=settings["title"],
        description=settings.get("description", ""),
        subject=settings["subject"],
        fields=tuple(settings.get("fields", [])),
        needs=tuple(settings.get("needs", [])),
        body_mjml=_read(folder / name / "body.mjml", folder),
        body_txt=_read(folder / name / "body.txt", folder),
        parts={f"{PARTS}/{path.name}": _read(path, folder) for path in _parts(folder)},
        lines={key: line for key in settings if (line := _line_of(_read(path, folder), key))},
    )


def _parts(folder: Path) -> list[Path]:
    found = [path for path in sorted((folder / PARTS).glob("*.*")) if not path.is_dir()]
    if len(found) > MAX_PARTS:
        raise Refusal(f"{folder / PARTS}: {len(found)} files are too many; keep at most {MAX_PARTS}")
    return found


def faults(source: TemplateSource) -> list[Complaint]:
    """Find what is wrong with a template before anything is rendered."""
    return list(_faults(source.to_json()))


@lru_cache(maxsize=REMEMBERED)
def _faults(kept: str) -> tuple[Complaint, ...]:
    source = TemplateSource.from_json(kept)
    found = [
        Complaint(
            source.file("template.toml"),
            None,
            f"fields: {_unknown(field, DECLARABLE)} There are: {', '.join(DECLARABLE)}",
        )
        for field in source.fields
        if field not in DECLARABLE
    ]
    for need in source.needs:
        if need not in GIVEN:
            text = f"needs: {need!r} is nothing that a campaign gives; there are: {', '.join(GIVEN)}"
            found.append(Complaint(source.file("template.toml"), None, text))
    for part, html in (("body.mjml", True), ("body.txt", False), ("subject", False)):
        found += _part_faults(source, part, html=html, seen=set())
    return tuple(found)


def names_used(source: TemplateSource, part: str) -> set[str]:
    """Name what a body or part uses, in the parts that it includes too."""
    return set(_names_used(source.to_json(), part))


@lru_cache(maxsize=2 * REMEMBERED)
def _names_used(kept: str, part: str) -> frozenset[str]:
    source = TemplateSource.from_json(kept)
    environment = TemplateEnvironment(source.loadable, html=part.endswith(".mjml"))
    used: set[str] = set()
    waiting, seen = [part], {part}
    while waiting:
        loaded = source.loadable(waiting.pop())
        if loaded is None:
            continue
        tree = environment.parse(loaded[0])
        used |= meta.find_undeclared_variables(tree)
        found = {name for name in meta.find_referenced_templates(tree) if name} - seen
        seen |= found
        waiting += found
    return frozenset(used)


def shows(source: TemplateSource, given: str) -> bool:
    """Tell whether a template shows what a campaign's file gives under a name of `GIVEN`."""
    names = {"body": {"body_html", "body_text"}, "spotlights": {"blocks"}}.get(given, {given})
    return any(names & names_used(source, part) for part in ("body.mjml", "body.txt"))


def subject_faults(source: TemplateSource, subject: str) -> list[Complaint]:
    """Find what is wrong with a campaign's own subject line."""
    environment = TemplateEnvironment(source.loadable, html=False)
    return list(_text_faults(source, environment, subject, "subject", "subject"))


def _part_faults(
    source: TemplateSource, part: str, *, html: bool, seen: set[str], bound: frozenset[str] = frozenset()
) -> Iterator[Complaint]:
    environment = TemplateEnvironment(source.loadable, html=html)
    loaded = source.loadable(part)
    if loaded is None or part in seen:
        return
    seen.add(part)
    text, file, _ = loaded
    for match in _INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        way_out = f'use {{% include "{PARTS}/….mjml" %}} with a file of {PARTS}/'
        yield Complaint(file, line, f"mj-include isn't available; {way_out}")
    yield from _text_faults(source, environment, text, file, part, bound)
    try:
        tree = environment.parse(text, part, file)
    except TemplateSyntaxError:
        return
    # A part included inside a loop sees the loop's own names.
    bound |= {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    for included in meta.find_referenced_templates(tree):
        if included is not None:
            yield from _part_faults(source, included, html=html, seen=seen, bound=bound)


def _text_faults(
    source: TemplateSource,
    environment: TemplateEnvironment,
    text: str,
    file: str,
    part: str,
    bound: frozenset[str] = frozenset(),
) -> Iterator[Complaint]:
    try:
        tree = environment.parse(text, part, file)
        environment.compile(tree, part, file)
        known = source.subject_names if part == "subject" else source.names
        unknown = meta.find_undeclared_variables(tree) - known - bound
    except TemplateSyntaxError as error:
        yield Complaint(file, error.lineno, error.message or "can't be read")
        return
    except TEMPLATE_ERRORS as error:
        yield Complaint(file, None, f"can't be read: {error}")
        return
    told = 0
    for node in tree.find_all(nodes.Name):
        if node.name in unknown and told < MAX_TOLD:
            told += 1
            unknown.discard(node.name)
            yield Complaint(file, node.lineno, undeclared(node.name, source))
    yield from _include_faults(source, tree, file)


def _include_faults(source: TemplateSource, tree: nodes.Template, file: str) -> Iterator[Complaint]:
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        named = getattr(node, "template", None)
        wanted = named.value if isinstance(named, nodes.Const) else None
        if wanted not in source.parts:
            shown = repr(wanted) if wanted is not None else "a computed name"
            there = ", ".join(sorted(source.parts)) or "nothing yet"
            yield Complaint(file, node.lineno, f"{shown} can't be included; in {PARTS}/ there is: {there}")


def undeclared(name: str, source: TemplateSource) -> str:
    """Say of a name that isn't there what there is, and how to come by it."""
    if name in DECLARABLE:
        declared = ", ".join(source.fields) or "none"
        return f"the field '{name}' isn't declared; add it to 'fields' in template.toml (declared: {declared})"
    return (
        f"{_unknown(name, source.subject_names)} There are: of the recipient "
        f"{', '.join((*DECLARABLE, *ALWAYS, *OFFERED))} "
        f"(template.toml must list {', '.join(DECLARABLE)} in 'fields' before a body uses them; a subject may use "
        f"them as they are); of the campaign {', '.join(MODEL_NAMES)}"
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    close = _DUTCH.get(name.lower()) or next(iter(get_close_matches(name, known, 1)), None)
    return f"unknown field '{name}'" + (f"; did you mean '{close}'?" if close else ".")


def _read(path: Path, folder: Path) -> str:
    """Read a file of the templates' folder: a link out of it, a pipe, a device or a huge file is refused."""
    try:
        there = path.resolve(strict=True)
        if not there.is_relative_to(folder.resolve()):
            raise Refusal(f"{path}: leads out of {folder}; put the file itself there")
        # Opened without waiting: a pipe that nobody writes to would hang the server.
        with os.fdopen(os.open(there, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refusal(f"{path}: no plain file")
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise Refusal(f"{path}: the file is missing; a template has template.toml, body.mjml and body.txt") from None
    except (OSError, RuntimeError) as error:
        raise Refusal(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_FILE:
        raise Refusal(f"{path}: over {MAX_FILE // 1024} KB, too large for a mail")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _settings(path: Path, folder: Path) -> dict[str, Any]:
    text = _read(path, folder)
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise Refusal(f"{path}{f':{line[1]}' if line else ''}: is not TOML: {error}") from None
    complaints = [
        Complaint(path, _line_of(text, key), f"unknown key '{key}'; known: {', '.join(_KEYS)}")
        for key in settings
        if key not in _KEYS
    ]
    for key, kind in _KEYS.items():
        if key in ("title", "subject") and not settings.get(key):
            complaints.append(Complaint(path, None, f"'{key}' is missing"))
        elif key in settings and not isinstance(settings[key], kind):
            wanted = "a list of names" if kind is list else "a text"
            complaints.append(Complaint(path, _line_of(text, key), f"'{key}' must be {wanted}, not {settings[key]!r}"))
    for key in ("fields", "needs"):
        if not complaints and not all(isinstance(name, str) for name in settings.get(key, [])):
            complaints.append(Complaint(path, _line_of(text, key), f"'{key}' must be a list of names"))
    if complaints:
        raise FileRefused(complaints)
    return settings


def _line_of(text: str, key: str) -> int | None:
    found = re.search(rf"^\s*\[*{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None
