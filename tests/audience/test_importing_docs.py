"""docs/importing.md says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from outreach.audience import legal_basis
from outreach.commands.contact_command import command as contact_command
from outreach.commands.import_command import contacts, suppressions
from outreach.models import Basis

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "importing.md"


def columns_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_importing", DOCS / "make_importing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_columns_is_the_one_in_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert columns_script().page_with_table(text) == text, "run `python docs/make_importing.py`"


def test_every_option_and_command_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    options = [name for command in (contacts, suppressions) for option in command.params for name in option.opts]
    commands = [f"outreach contact {name}" for name in contact_command.commands]
    missing = [name for name in (*options, *commands) if name.startswith(("--", "outreach")) and name not in text]
    assert not missing


def test_the_table_of_bases_says_who_may_rely_on_each() -> None:
    for basis in Basis:
        row = next(
            line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{basis.value}`")
        )
        senders = row.rstrip("| ").rpartition("|")[2]
        for sender, allowed in legal_basis.ALLOWED.items():
            assert (sender.value in senders) == (basis in allowed), (basis, sender)
