"""What kind of thing a name of a template is, so that `spotlight.servce` is found without rendering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from jinja2 import nodes
from markupsafe import Markup

from outreach.emails.checking.finding import did_you_mean
from outreach.emails.model import ALWAYS, DECLARABLE, OFFERED, MailModel

_LOOP = "index index0 first last length revindex revindex0 cycle changed previtem nextitem depth depth0"
_TEXT = "lower upper title capitalize strip lstrip rstrip startswith endswith"
_SAME = {"list", "sort", "reverse", "select", "reject", "selectattr", "rejectattr", "unique"}
_ONE = {"first", "last"}


def known_kinds(trees: list[nodes.Template]) -> dict[str, object]:
    """Return the kind of each name of the model, and of the names that loops give to what is in it."""
    known: dict[str, object] = {**_fields_of(MailModel), **dict.fromkeys((*DECLARABLE, *ALWAYS, *OFFERED), str)}
    for _ in range(3):  # a loop within a loop is known once the outer one is
        for tree in trees:
            for loop in tree.find_all(nodes.For):
                if isinstance(loop.target, nodes.Name):
                    item = _item(_kind(loop.iter, known))
                    if is_dataclass(item):
                        known.setdefault(loop.target.name, item)
    return known


def wrong_members(tree: nodes.Template, known: dict[str, object]) -> Iterator[tuple[str, int, str, str]]:
    """Yield name, line, what and how to mend for each `x.y` where x is known and has no y."""
    shadowed = _shadowed(tree, known)
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "loop":
            there = _LOOP.split()
            said = "a loop"
        else:
            kind = _bare(_kind(node.node, {name: one for name, one in known.items() if name not in shadowed}))
            if is_dataclass(kind) and isinstance(kind, type):
                there, said = [field.name for field in fields(kind)], _called(kind)
            elif kind in (str, Markup):
                there, said = _TEXT.split(), "a text"
            else:
                continue
        if node.attr not in there:
            what = f"{said} has no '{node.attr}'{did_you_mean(node.attr, there)}"
            yield node.attr, node.lineno, what, f"there are: {', '.join(there)}"


def _called(kind: type) -> str:
    name = kind.__name__.removesuffix("View").lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _shadowed(tree: nodes.Template, known: dict[str, object]) -> set[str]:
    """Return the names that this file gives to something else than the model does."""
    found = set()
    for one in tree.find_all((nodes.Assign, nodes.For)):
        target = getattr(one, "target", None)
        source = one.node if isinstance(one, nodes.Assign) else getattr(one, "iter", None)
        if not isinstance(target, nodes.Name):
            continue
        kind = _kind(source, known) if isinstance(one, nodes.Assign) else _item(_kind(source, known))
        if target.name in known and kind is not known[target.name]:
            found.add(target.name)
    return found


def _kind(node: nodes.Node | None, known: dict[str, object]) -> object:
    if isinstance(node, nodes.Name):
        return known.get(node.name)
    if isinstance(node, nodes.Getattr):
        owner = _bare(_kind(node.node, known))
        return _fields_of(owner).get(node.attr) if isinstance(owner, type) and is_dataclass(owner) else None
    if isinstance(node, nodes.Getitem):
        return _item(_kind(node.node, known)) if isinstance(node.arg, nodes.Const) else _kind(node.node, known)
    if isinstance(node, nodes.Filter):
        if node.name in _SAME:
            return _kind(node.node, known)
        return _item(_kind(node.node, known)) if node.name in _ONE else None
    return None


@cache
def _fields_of(kind: Any) -> dict[str, object]:
    return dict(get_type_hints(kind))


def _bare(kind: object) -> object:
    """Return a kind without "or none"."""
    if get_origin(kind) in (Union, UnionType):
        rest = [one for one in get_args(kind) if one is not type(None)]
        return rest[0] if len(rest) == 1 else None
    return kind


def _item(kind: object) -> object:
    kind = _bare(kind)
    return get_args(kind)[0] if get_origin(kind) in (tuple, list) and get_args(kind) else None
