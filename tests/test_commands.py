"""Every command is documented, says what it does, and can be scripted where it reports."""

from __future__ import annotations

import importlib.util
import json
import re
import types
from collections.abc import Callable

import click
import pytest
from conftest import ROOT, Ran

from outreach.commands import outreach

# These write a file, talk to a person, run until they are stopped, or do one thing of which the exit code says all.
SILENT = {
    "outreach catalogue restore",
    "outreach catalogue withdraw",
    "outreach inbox receive",
    "outreach contact lift",
    "outreach lead confirm",
    "outreach lead refuse",
    "outreach user add",
    "outreach user disable",
    "outreach user password",
    "outreach campaign export",
    "outreach contact export",
    "outreach inbox classify",  # prints JSON lines anyway
    "outreach demo",
    "outreach segment schema",
    "outreach template preview",
    "outreach up",
}


def documentation() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("make_commands", ROOT / "docs" / "make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def every_command() -> list[tuple[str, click.Command]]:
    return list(documentation().commands(outreach, "outreach"))


def test_the_commands_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert page == documentation().page(), "run: python docs/make_commands.py > docs/commands.md"


@pytest.mark.parametrize(
    ("path", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_says_what_it_does_and_what_each_option_is(path: str, command: click.Command) -> None:
    assert command.help, f"{path} has no help"
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.opts[0]} has no help"


@pytest.mark.parametrize(
    ("path", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_can_be_scripted(path: str, command: click.Command) -> None:
    takes_json = any("--json" in option.opts for option in command.params)
    assert takes_json or path in SILENT


@pytest.mark.parametrize(
    "arguments",
    [
        ("segment", "list"),
        ("campaign", "list"),
        ("catalogue", "list"),
        ("catalogue", "categories"),
        ("lead", "list"),
        ("template", "list"),
        ("user", "list"),
        ("contact", "find", "ann"),
        ("db", "upgrade"),
        ("worker", "--until-idle"),
    ],
)
def test_json_is_json_on_an_empty_project(arguments: tuple[str, ...], cli: Callable[..., Ran]) -> None:
    ran = cli(*arguments, "--json")
    assert ran.code == 0, ran.err
    json.loads(ran.out)


@pytest.mark.parametrize(
    ("arguments", "meant"), [(("campign",), "campaign"), (("campaign", "chekc"), "check"), (("inbox", "lst"), "list")]
)
def test_a_command_typed_wrong_is_told_what_was_meant(
    arguments: tuple[str, ...], meant: str, cli: Callable[..., Ran]
) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert f"No such command {arguments[-1]!r}. Did you mean {meant!r}?" in ran.err


def test_wrong_usage_ends_with_2_and_shows_no_traceback(cli: Callable[..., Ran]) -> None:
    for arguments in (("segment", "count"), ("campaign",), ("nonsense",), ("import", "contacts", "--colour", "x")):
        ran = cli(*arguments)
        assert ran.code == 2, arguments
        assert "Traceback" not in ran.err


def test_a_folder_without_a_project_is_refused_with_the_way_out(
    cli: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    ran = cli("segment", "list")
    assert ran.code == 1
    assert "outreach init" in ran.err


def test_every_command_that_the_docs_name_exists() -> None:
    """Of `outreach one two …` each word must be a command of the one before, until a command takes arguments."""
    known = {path for path, _ in every_command()}
    groups = {path.rpartition(" ")[0] for path in known}
    missing = []
    for page in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]):
        for named in re.findall(r"(?:`|^ {4}|^)(outreach(?: [a-z][a-z-]*)+)", page.read_text(), re.M):
            path = "outreach"
            for word in named.split()[1:]:
                if path not in groups:
                    break  # what follows a command are its arguments
                path = f"{path} {word}"
            if path not in known | groups:
                missing.append(f"{page.name}: {named}")
    assert not missing
