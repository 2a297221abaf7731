"""A backup brings back everything, keys included, and a restored copy mails nobody by itself."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import NOW, Ran
from sqlalchemy import select

from outreach.app import App, open_app
from outreach.errors import Refusal
from outreach.keys import keys_file, read_keys
from outreach.models import Installation, Suppression, SuppressionReason


def suppress_bob(app: App) -> None:
    with app.database.writing() as session:
        session.add(
            Suppression(
                address_hash=b"b" * 16, reason=SuppressionReason.UNSUBSCRIBED, source="test", at=NOW, actor="test"
            )
        )


def suppressions(app: App) -> int:
    with app.database.reading() as session:
        return len(session.scalars(select(Suppression)).all())


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_backup_brings_back_suppressions_and_keys(
    backend: str,
    request: pytest.FixtureRequest,
    project: Path,
    cli: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backend == "postgres":
        monkeypatch.setenv("OUTREACH_DATABASE__URL", request.getfixturevalue("postgres_url"))
    app = open_app(project)
    suppress_bob(app)
    assert cli("db", "backup", "safe.backup").code == 0
    with app.database.writing() as session:
        session.scalars(select(Suppression)).one().address_hash = b"c" * 16
    keys_file(project).unlink()
    app.close()

    refused = cli("db", "restore", "safe.backup")
    assert refused.code == 1
    assert "--replace" in refused.err
    assert cli("db", "restore", "safe.backup", "--replace").code == 0

    app = open_app(project)
    with app.database.reading() as session:
        # Bob's comes from the backup, the other one was made since and is carried over.
        assert set(session.scalars(select(Suppression.address_hash))) == {b"b" * 16, b"c" * 16}
    app.close()


def test_a_restored_copy_belongs_to_nobody_until_it_is_adopted(project: Path, cli: Callable[..., Ran]) -> None:
    cli("db", "upgrade")
    cli("db", "backup", "safe.backup")
    cli("db", "restore", "safe.backup", "--replace")

    def ids() -> tuple[str, str]:
        app = open_app(project)
        with app.database.reading() as session:
            found = session.scalars(select(Installation)).one().instance_id
        app.close()
        return found, app.keys.instance_id

    in_database, in_folder = ids()
    assert in_database != in_folder
    assert json.loads(cli("db", "adopt", "--yes", "--json").out)["adopted"] is True
    in_database, in_folder = ids()
    assert in_database == in_folder


def test_a_lost_key_file_is_refused_rather_than_made_anew(app: App, project: Path) -> None:
    keys_file(project).unlink()
    with pytest.raises(Refusal, match="restore the file from your backup"):
        open_app(project)


def test_a_foreign_key_file_is_refused(app: App, project: Path) -> None:
    other = json.loads(keys_file(project).read_text())
    other["suppression"] = "00" * 32
    keys_file(project).write_text(json.dumps(other))
    with pytest.raises(Refusal, match="isn't the one this database was made with"):
        open_app(project)


def test_a_damaged_backup_changes_nothing(project: Path, cli: Callable[..., Ran]) -> None:
    app = open_app(project)
    suppress_bob(app)
    before = read_keys(project)
    cli("db", "backup", "safe.backup")
    whole = (project / "safe.backup").read_bytes()
    (project / "half.backup").write_bytes(whole[: len(whole) // 2])
    refused = cli("db", "restore", "half.backup", "--replace")
    assert refused.code == 1
    assert "in use" in refused.err  # the test itself has it open
    app.close()
    refused = cli("db", "restore", "half.backup", "--replace")
    assert refused.code == 1
    assert "no backup" in refused.err
    assert read_keys(project) == before
    app = open_app(project)
    assert suppressions(app) == 1
    app.close()


def test_keys_and_backups_are_readable_by_their_owner_only(project: Path, cli: Callable[..., Ran]) -> None:
    cli("db", "upgrade")
    cli("db", "backup", "safe.backup")
    assert keys_file(project).stat().st_mode & 0o777 == 0o600
    assert (project / "safe.backup").stat().st_mode & 0o777 == 0o600
    with tarfile.open(project / "safe.backup") as tar:
        assert {member.name for member in tar} == {"manifest.json", "keys.json", "database.sqlite"}


def test_a_backup_goes_into_a_project_that_was_just_made(
    project: Path, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    app = open_app(project)
    suppress_bob(app)
    app.close()
    saved = tmp_path / "safe.backup"
    assert cli("db", "backup", str(saved)).code == 0
    assert cli("init", str(tmp_path / "new")).code == 0
    restored = cli("--project", str(tmp_path / "new"), "db", "restore", str(saved))
    assert restored.code == 0, restored.err
    app = open_app(tmp_path / "new")
    assert suppressions(app) == 1
    app.close()
    assert cli("--project", str(tmp_path / "new"), "db", "restore", str(saved)).code == 1
