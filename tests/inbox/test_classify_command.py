"""`outreach inbox classify` prints one JSON line per file, and needs no project."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mailbag
import pytest
from conftest import Ran


def sample(name: str) -> bytes:
    return next(one.raw for one in mailbag.bounces() if one.name == name)


def test_one_line_per_file_says_kind_and_recipients(cli: Callable[..., Ran], tmp_path: Path) -> None:
    first, second = tmp_path / "first.eml", tmp_path / "second.eml"
    first.write_bytes(sample("qmail, remote host, two recipients"))
    second.write_bytes(b"From: ann@firma.example\nSubject: Re: Nieuws\n\nGraag een offerte.\n")
    ran = cli("inbox", "classify", first, second)
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert lines == [
        {
            "file": str(first),
            "kind": "bounce",
            "recipients": [
                {"address": "ann@firma.example", "class": "soft", "reason": "mailbox_full", "status": "5.2.2"},
                {"address": "bob@zaak.example", "class": "hard", "reason": "unknown_user", "status": None},
            ],
        },
        {"file": str(second), "kind": "answer", "recipients": []},
    ]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_classified(
    cli: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "there.eml").write_bytes(sample("qmail"))
    ran = cli("inbox", "classify", tmp_path / "gone.eml", tmp_path / "there.eml")
    assert ran.code == 1
    assert "gone.eml" in ran.err
    assert "Traceback" not in ran.err
    assert json.loads(ran.out)["kind"] == "bounce"


def test_a_folder_stands_for_its_files_and_a_maildir_for_its_messages(cli: Callable[..., Ran], tmp_path: Path) -> None:
    for place in ("new/1", "cur/2:2,S", "tmp/3"):
        path = tmp_path / "Maildir" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample("qmail"))
    ran = cli("inbox", "classify", tmp_path / "Maildir")
    assert [Path(json.loads(line)["file"]).name for line in ran.out.splitlines()] == ["2:2,S", "1"]


def test_standard_input_is_read_too(cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sample("qmail"))))
    assert json.loads(cli("inbox", "classify", "-").out)["kind"] == "bounce"


def test_without_a_file_the_usage_is_shown(cli: Callable[..., Ran]) -> None:
    assert cli("inbox", "classify").code == 2


def test_it_starts_without_a_project_and_without_what_takes_long_to_load(tmp_path: Path) -> None:
    file = tmp_path / "one.eml"
    file.write_bytes(sample("qmail"))
    code = (
        "import sys; from outreach.commands import inbox_classifying as c;"
        f"c.classify.main([{str(file)!r}], standalone_mode=False);"
        "assert not {'sqlalchemy', 'fastapi', 'holidays'} & set(sys.modules), 'slow to start'"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["kind"] == "bounce"
