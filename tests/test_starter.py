"""A new project folder has what a team needs to begin, also where outreach was installed without its checkout."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

from conftest import ROOT, Ran


def test_a_new_project_passes_its_examination_but_for_what_only_its_team_knows(
    tmp_path: Path,
    cli: Callable[..., Ran],
) -> None:
    folder = tmp_path / "nieuw"
    assert cli("init", folder).code == 0
    examined = cli("--project", folder, "check", "--json")
    assert examined.code == 1
    wrong = {finding["area"] for finding in json.loads(examined.out)["findings"] if not finding["ok"]}
    assert wrong == {"settings", "relay"}
    assert "sender.name: is empty" in examined.out


def test_an_existing_project_is_left_alone(tmp_path: Path, cli: Callable[..., Ran]) -> None:
    folder = tmp_path / "nieuw"
    cli("init", folder)
    (folder / "outreach.toml").write_text("# ours\n")
    again = cli("init", folder)
    assert again.code == 1
    assert "is a project folder already" in again.err
    assert (folder / "outreach.toml").read_text() == "# ours\n"


def test_every_shipped_template_and_segment_is_installed() -> None:
    installed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    folders = [path for path in (ROOT / "templates" / "emails").iterdir() if path.is_dir()]
    wanted = {f"share/outreach/{path.relative_to(ROOT)}" for path in [*folders, ROOT / "segments"]}
    assert set(installed) == wanted


def test_a_wrong_number_of_the_sender_is_told_with_its_line(project: Path, cli: Callable[..., Ran]) -> None:
    text = (project / "outreach.toml").read_text().replace("1999.000.150", "1999.000.151")
    (project / "outreach.toml").write_text(text)
    line = 1 + text.splitlines().index('enterprise_number = "1999.000.151"')
    said = cli("check").out
    assert "sender.enterprise_number: " in said
    assert f"(line {line})" in said


def test_an_address_that_can_not_be_mailed_is_told_before_it_is_needed(project: Path, cli: Callable[..., Ran]) -> None:
    text = (project / "outreach.toml").read_text()
    (project / "outreach.toml").write_text(f'{text}\n[limits]\nnotify = "het team"\n')
    examined = cli("check")
    assert examined.code == 1
    assert "limits.notify: 'het team'" in examined.out
