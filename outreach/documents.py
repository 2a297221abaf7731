"""Files that people write (YAML, TOML), read with the line of every value, so that a refusal can name it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from outreach.errors import Complaint, FileRefused

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

MAX_BYTES = 2_000_000
MAX_DEPTH = 60
_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
_OPENING = (
    yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken, yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken
)  # fmt: skip
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
# No database takes a NUL, and half of a surrogate pair can't be written as UTF-8.
_UNFIT = re.compile("[\0\ud800-\udfff]")
# By pydantic's names of faults; its own words are for programmers.
_PLAIN = {
    **dict.fromkeys(("bool_type", "bool_parsing"), "write true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "write a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_parsing"), "write a number"),
    "string_type": "write a text; put quotes around it if it looks like a number, a date or true",
    "list_type": "write a list",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "write names and values, one to a line"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "write a date such as 2026-03-31"),
}


class Section(BaseModel):
    """A part of a file in which a name that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Document:
    """The data of a file and the line (from 1) on which each value starts, by its location."""

    file: Path
    data: Any
    lines: Mapping[Location, int]

    def line_of(self, location: Location) -> int | None:
        """Return the line of the nearest enclosing value that has one."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return None

    def complaint(self, location: Location, text: str) -> Complaint:
        return Complaint(self.file, self.line_of(location), text)


def refuse(file: Path, line: int | None, text: str) -> FileRefused:
    """Return the refusal of one fault in a file."""
    return FileRefused([Complaint(file, line, text)])


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refuse(path, None, f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise refuse(path, None, f"is {len(data):,} bytes long; at most {MAX_BYTES:,} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse(path, line, f"byte {data[error.start]:#04x} is not UTF-8: save the file as UTF-8") from error


def read_text(path: Path) -> str:
    """Return the text of a file that a person wrote; FileRefused if it is too long or not UTF-8."""
    return _read(path)


def read_yaml(path: Path) -> Document:
    """Read a YAML file; aliases, doubled keys and anything but plain data are refused with their line."""
    return parse_yaml(_read(path), path)


def parse_yaml(text: str, path: Path, *, as_written: bool = False) -> Document:
    """Read YAML from a text; `path` is what refusals name.

    With `as_written` every scalar stays the text that was typed: a NACE code 01 is no octal number, 41.20 no 41.2.
    """
    try:
        depth = 0
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAX_DEPTH:  # before anything is built: the parser takes a minute for a page of brackets
                raise refuse(path, token.start_mark.line + 1, _TOO_DEEP)
            if isinstance(token, yaml.AliasToken):
                raise refuse(path, token.start_mark.line + 1, "aliases (*name) are not allowed: write the value out")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = "use spaces, not tabs" if _has_tab(text, mark) else getattr(error, "problem", None) or str(error)
        raise refuse(path, mark.line + 1 if mark else None, f"is not YAML: {problem}") from error
    except RecursionError as error:
        raise refuse(path, None, "is nested too deeply") from error
    if node is None:
        raise refuse(path, 1, "is empty")
    lines: dict[Location, int] = {}
    complaints: list[Complaint] = []
    _walk(node, (), lines, complaints, path)
    if complaints:
        raise FileRefused(complaints)
    if as_written:
        return Document(path, yaml.BaseLoader("").construct_document(node), lines)
    try:
        data = _Loader("").construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise refuse(path, mark.line + 1 if mark else None, f"is not plain YAML: {error}") from error
    return Document(path, data, lines)


def _has_tab(text: str, mark: yaml.Mark | None) -> bool:
    """Tell whether a tab stands before the first word of the line that YAML stumbled over, or right where it did."""
    if mark is None:
        return False
    line = (text.split("\n")[mark.line :] or [""])[0]
    return "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t"


class _Loader(yaml.SafeLoader):
    """Leaves a day that the calendar doesn't have as it was typed: who reads the field refuses it with its line."""


def _day(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except (ValueError, OverflowError):
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)


def _walk(node: yaml.Node, at: Location, lines: dict[Location, int], complaints: list[Complaint], path: Path) -> None:
    if len(at) > MAX_DEPTH:
        raise refuse(path, node.start_mark.line + 1, _TOO_DEEP)
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode) and _UNFIT.search(node.value):
        complaints.append(Complaint(path, node.start_mark.line + 1, "holds half a character or a NUL: type it anew"))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if _UNFIT.search(name):
                raise refuse(path, line, "holds half a character or a NUL: type it anew")
            if name in seen:
                complaints.append(Complaint(path, line, f"{name!r} stands twice: keep one"))
            seen.add(name)
            lines[(*at, name)] = line
            _walk(value, (*at, name), lines, complaints, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*at, index), lines, complaints, path)


_TABLE = re.compile(r"^\s*\[+\s*([A-Za-z0-9_.\"'-]+)\s*\]+")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\"'-]+)\s*=")


def read_toml(path: Path) -> Document:
    """Read a TOML file; the lines are those of tables and keys."""
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise refuse(path, int(found[1]) if found else None, f"is not TOML: {error}") from error
    return Document(path, data, dict(_toml_lines(text)))


def _toml_lines(text: str) -> Iterator[tuple[Location, int]]:
    table: Location = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = tuple(found[1].replace('"', "").replace("'", "").split("."))
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, found[1].strip("\"'")), number


def validate(model: type[Model], document: Document) -> Model:
    """Return `document` as `model`; FileRefused lists every fault with its line and the known names."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise FileRefused(complaints_of(model, document, error)) from error


def complaints_of(model: type[BaseModel], document: Document, error: ValidationError) -> list[Complaint]:
    """Return a complaint per fault that pydantic found, in the order of the file."""
    found = _complaints(model, document, error)
    return sorted(found, key=lambda complaint: complaint.line or 0)


def _complaints(model: type[BaseModel], document: Document, error: ValidationError) -> Iterator[Complaint]:
    for fault in error.errors():
        location = _as_written(document.data, fault["loc"])
        where = ".".join(str(part) for part in location) or "the file"
        if fault["type"] == "extra_forbidden":
            text = f"{where}: unknown name{_known_names(model, location)}"
        elif fault["type"] == "missing":
            text = f"{where}: is required"
        else:
            message = _PLAIN.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
            value = repr(fault["input"]) if _is_short(fault["input"]) else ""
            text = f"{where}: {message}" + (f" (found {value})" if value and value not in message else "")
        yield document.complaint(location, text)


def _is_short(value: object) -> bool:
    if isinstance(value, int) and value.bit_length() > 200:
        return False  # Python refuses to write it out, and nobody would read it
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 80


def _as_written(data: Any, location: Location) -> Location:
    """Return `location` without the parts that a short form left out, such as the 0 of a lone value for a list."""
    written: list[str | int] = []
    for part in location:
        if isinstance(part, str) and isinstance(data, dict):
            data = data.get(part, {})
        elif isinstance(part, int) and isinstance(data, list):
            data = data[part]
        else:
            continue
        written.append(part)
    return tuple(written)


def _known_names(model: type[BaseModel], location: Location) -> str:
    current: type[BaseModel] | None = model
    own_name = False  # the next part is a name of the writer's own, as in [relays.first]
    for part in location[:-1]:
        if own_name:
            own_name = False
        elif current is not None and isinstance(part, str):
            by_name = {field.alias or name: field for name, field in current.model_fields.items()}
            annotation = by_name[part].annotation if part in by_name else None
            current, own_name = _model_within(annotation), get_origin(annotation) is dict
    if current is None:
        return ""
    names = sorted(field.alias or name for name, field in current.model_fields.items())
    near = difflib.get_close_matches(str(location[-1]), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint}; known here: {', '.join(names)}"


def _model_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_within(part))), None)
