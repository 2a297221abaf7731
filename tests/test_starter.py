"""A new project folder has what a team needs to begin, also where outreach was installed without its checkout."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
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


@pytest.mark.parametrize(
    ("url", "port", "told"),
    [
        ("http://127.0.0.1:8000", 8010, "site.url names port 8000, the site listens on 8010"),
        ("http://localhost:8000", 8010, "write http://localhost:8010 there"),
        ("http://127.0.0.1:8010", 8010, ""),
        ("http://localhost", 8010, ""),  # something of ours may stand before it, at port 80
        ("https://news.example:8443", 8010, ""),
    ],
)
def test_links_to_a_port_of_this_machine_where_no_site_listens_are_told(
    project: Path, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, url: str, port: int, told: str
) -> None:
    monkeypatch.setenv("OUTREACH_SITE__URL", url)
    monkeypatch.setenv("OUTREACH_SITE__PORT", str(port))
    said = cli("check").out
    assert told in said
    assert ("the site listens on" in said) == bool(told)


def test_an_address_that_can_not_be_mailed_is_told_before_it_is_needed(project: Path, cli: Callable[..., Ran]) -> None:
    text = (project / "outreach.toml").read_text()
    (project / "outreach.toml").write_text(f'{text}\n[limits]\nnotify = "het team"\n')
    examined = cli("check")
    assert examined.code == 1
    assert "limits.notify: 'het team'" in examined.out


def test_the_tour_of_the_readme_is_checked_without_a_warning(project: Path, cli: Callable[..., Ran]) -> None:
    catalogue, segment, campaign = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    settings = project / "outreach.toml"
    settings.write_text(settings.read_text().replace("http://news.example", "https://news.example"))
    (project / "catalogue.yaml").write_text(catalogue)
    (project / "segments" / "bouw-en-industrie.yaml").write_text(segment)
    (project / "voorjaar.yaml").write_text(campaign.replace("2027-03-02", "2099-03-03"))
    rows = [f"ann{number}@bouw{number}.example,Bouw {number},9100,41.001" for number in range(6)]
    (project / "contacts.csv").write_text("\n".join(["email,company_name,postcode,sector_2025", *rows]))
    basis = ("--basis", "consent", "--source", "fair in Kortrijk", "--date", "2026-05-12")
    for step in (("import", "contacts", "contacts.csv", *basis), ("catalogue", "import", "catalogue.yaml")):
        assert (ran := cli(*step)).code == 0, ran.err + ran.out
    assert (ran := cli("campaign", "new", "voorjaar.yaml")).code == 0, ran.err
    checked = cli("campaign", "check", "voorjaar")
    assert "audience: 6 contacts; 6 will be mailed" in checked.out
    assert "warning" not in checked.out
    assert "refused" not in checked.out
