"""Settings are refused with file, line and the known names; every one of them is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outreach.errors import FileRefused, Refusal
from outreach.settings import Settings, known_variables, load_settings, sections

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def write(folder: Path, text: str) -> Path:
    (folder / "outreach.toml").write_text(text)
    return folder


def test_an_unknown_name_is_refused_with_line_and_known_names(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        load_settings(write(tmp_path, '[sender]\nname = "x"\n\n[frequency]\nmaximum = 2\n'), {})
    assert f"{tmp_path}/outreach.toml:5: frequency.maximum: unknown name" in str(refused.value)
    assert "known here: days, max" in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        load_settings(write(tmp_path, '[relay]\nport = 99999\n[site]\nurl = "ftp://x"\n[nothing]\n'), {})
    assert [complaint.line for complaint in refused.value.complaints] == [2, 4, 5]


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"outreach\.toml:2: is not TOML"):
        load_settings(write(tmp_path, "[sender]\nname = x\n"), {})


def test_the_environment_overrules_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path, '[relay]\nhost = "localhost"\nport = 25\n')
    variables = {"OUTREACH_RELAY__PORT": "2525", "OUTREACH_LEADS__REMINDER_DAYS": "2,5"}
    variables |= {"OUTREACH_SITE__TRUSTED_PROXIES": "10.0.0.2, 10.1.0.0/16"}
    settings = load_settings(folder, variables)
    assert settings.relay.port == 2525
    assert settings.leads.reminder_days == [2, 5]
    assert settings.site.trusted_proxies == ["10.0.0.2", "10.1.0.0/16"]


def test_a_proxy_is_named_by_its_address(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, ""), {}).site.trusted_proxies == []
    assert load_settings(tmp_path, {"OUTREACH_SITE__TRUSTED_PROXIES": ""}).site.trusted_proxies == []
    with pytest.raises(FileRefused, match="IP address or network"):
        load_settings(write(tmp_path, '[site]\ntrusted_proxies = ["*"]\n'), {})


def test_a_misspelt_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="OUTREACH_RELAY__PROT is no setting; known: OUTREACH_"):
        load_settings(write(tmp_path, ""), {"OUTREACH_RELAY__PROT": "25"})


def test_a_bad_variable_is_named_as_a_variable(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="environment, OUTREACH_RELAY__port"):
        load_settings(write(tmp_path, ""), {"OUTREACH_RELAY__PORT": "many"})


@pytest.mark.parametrize(
    "text",
    [
        '[relay]\nhost = "mail.example"\n',
        '[relay]\nusername = "ann"\npassword = "x"\n',
    ],
)
def test_passwords_and_mail_never_leave_this_machine_in_the_clear(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileRefused, match="starttls or tls"):
        load_settings(write(tmp_path, text), {})


def test_the_password_shows_nowhere(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""), {"OUTREACH_RELAY__PASSWORD": "geheim"})
    assert "geheim" not in repr(settings)


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    documented = set(re.findall(r"^\| `([a-z_]+(?:\.NAME)?\.[a-z_0-9]+)` \|", text, re.M))
    known = {".".join((*place, name)) for place, model in sections() for name in model.model_fields}
    assert {place[0] for place, _ in sections()} == set(Settings.model_fields)
    assert documented == known
    assert len(known_variables()) == len(known)
