"""Imports run downhill only: a module may use its own floor's folder and the floors beneath it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "outreach"

# From the ground up, as docs/architecture.md section 3 draws the house.
FLOORS = (
    {"errors", "formulas", "queue_tables"},
    {"documents", "relays", "values", "settings", "keys", "links", "models"},
    {"database", "logs"},
    {"place", "holding"},
    {"migrations"},
    {"attempts", "backup", "starter", "users"},
    {"attempts", "users"},
    {"belgium"},
    {"audience"},
    {"register"},
    {"catalogue"},
    {"emails"},
    {"campaigns"},
    {"delivery"},
    {"subscriptions", "doctor"},
    {"leads"},
    {"inbox"},
    {"reports"},
    {"app"},
    {"intake"},
    {"jobs", "checkup", "restoring"},
    {"queue"},
    {"scheduler", "metrics"},
    {"serving_metrics"},
    {"web"},
    {"demo"},
    {"commands"},
    {"__main__"},
)
# Siblings on the second floor use each other in this order only.
GROUND = ("documents", "relays", "values", "settings", "keys", "links", "models")


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"outreach/{room} stands on no floor: give it one in tests/test_floors.py and the docs")


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"]


def imports(path: Path) -> Iterator[str]:
    """Yield the room of every import of ours in a module, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the floor"
            module = node.module or ""
            names = [f"outreach.{alias.name}" for alias in node.names] if module == "outreach" else [module]
        for name in names:
            parts = name.split(".")
            ours = parts[0] == "outreach" and len(parts) > 1
            if ours and ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists()):
                yield parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downhill_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imports(path):
        if other == room:
            continue
        below = floor_of(other) < floor_of(room)
        beside = room in GROUND and other in GROUND and GROUND.index(other) < GROUND.index(room)
        assert below or beside, f"{path.relative_to(ROOT)} imports outreach.{other}, which is not beneath it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_refuses_nothing_by_its_name(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "base"}


def test_the_domain_never_commits() -> None:
    doors = {"commands", "web", "demo", "jobs", "app", "database", "backup", "migrations", "delivery"}
    for path in modules():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in doors:
            continue
        calls = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
        ]
        assert not calls, f"{path.relative_to(ROOT)}:{calls[0]} commits; the door opens and ends the transaction"
