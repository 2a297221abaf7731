"""A restore never goes under a running process, and never forgets what people asked since the backup was made."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW, ROOT, Ran
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from world import add_cast

from outreach.app import App, open_app
from outreach.audience import erasing, suppressing
from outreach.database import DatabaseReplaced
from outreach.links import hash_address
from outreach.models import Contact, ContactTopic, Frequency, Installation, LegalBasis, Suppression, SuppressionReason
from outreach.web.site import create_site

LATER = NOW + timedelta(days=2)
DATA = 0o777


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "postgres":
        monkeypatch.setenv("OUTREACH_DATABASE__URL", request.getfixturevalue("postgres_url"))
    return str(request.param)


@contextmanager
def running(project: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run `outreach …` in a process of its own until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "OUTREACH_SITE__PORT": str(port), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "outreach", "--project", str(project), *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "stop with Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()


def with_cast(project: Path) -> None:
    app = open_app(project)
    with app.database.writing() as session:
        add_cast(session, key=app.suppression_key, now=NOW)
    app.close()


@pytest.mark.parametrize("command", ["up", "worker"])
def test_a_restore_is_refused_while_another_process_runs(
    backend: str, command: str, project: Path, cli: Callable[..., Ran]
) -> None:
    with_cast(project)
    assert cli("db", "backup", "safe.backup").code == 0
    with running(project, command) as process:
        refused = cli("db", "restore", "safe.backup", "--replace")
        assert refused.code == 1
        assert f"{process.pid}" in refused.err
        assert "in use" in refused.err
        assert "stop `outreach up`" in refused.err
    for _ in range(50):  # PostgreSQL's list forgets a connection a moment after its process
        restored = cli("db", "restore", "safe.backup", "--replace")
        if restored.code == 0:
            break
        time.sleep(0.2)
    assert restored.code == 0, restored.err


def test_a_project_isnt_opened_while_its_database_is_restored(project: Path) -> None:
    from outreach import holding
    from outreach.errors import Refusal

    app = open_app(project)
    database = app.database
    app.close()
    with holding.alone(database), pytest.raises(Refusal, match="being restored this moment"):
        open_app(project)
    open_app(project).close()


def test_who_finds_another_file_under_itself_writes_nothing_more(app: App, project: Path) -> None:
    file = project / "outreach.db"
    with TestClient(create_site(app)) as site:
        assert site.get("/").status_code == 200
        file.rename(project / "moved.db")
        with pytest.raises(DatabaseReplaced, match="removed"), app.database.writing() as session:
            session.execute(update(Contact).values(first_name="ghost"))
        assert not file.exists()
        (project / "outreach.db").write_bytes((project / "moved.db").read_bytes())
        with pytest.raises(DatabaseReplaced, match="stop the process"), app.database.writing() as session:
            session.execute(update(Contact).values(first_name="ghost"))
        answer = site.get("/")
        assert answer.status_code == 503
        assert "Even niet bereikbaar" in answer.text


def ask_much(app: App) -> None:
    """After the backup: Ann opts out, Bob withdraws two consents and chooses, Dan is erased."""
    with app.database.writing() as session:
        people = {person.first_name: person for person in session.scalars(select(Contact))}
        ann, bob, dan = people["Ann"], people["Bob"], people["Dan"]
        assert ann.address_hash
        assert dan.address
        suppressing.suppress(
            session,
            ann.address_hash,
            reason=SuppressionReason.UNSUBSCRIBED,
            source="delivery 1, page",
            actor="recipient",
            now=LATER,
        )
        bob.tracking_consent_at = None
        bob.frequency, bob.chosen_at = Frequency.QUARTERLY, LATER
        session.add(ContactTopic(topic="drukwerk", contact_id=bob.id, follows=False, chosen=True, at=LATER))
        session.execute(update(LegalBasis).where(LegalBasis.contact_id == bob.id).values(withdrawn_at=LATER))
        erasing.erase(session, dan.address, key=app.suppression_key, actor="test", now=LATER)


def test_a_restore_keeps_what_people_asked_since_the_backup(
    backend: str, project: Path, cli: Callable[..., Ran]
) -> None:
    app = open_app(project)
    with app.database.writing() as session:
        cast = add_cast(session, key=app.suppression_key, now=NOW)
        session.execute(update(Contact).where(Contact.id == cast.bob.id).values(tracking_consent_at=NOW))
    assert cli("db", "backup", "safe.backup").code == 0
    ask_much(app)
    app.close()

    restored = json.loads(cli("db", "restore", "safe.backup", "--replace", "--json").out)

    carried = restored["carried_over"]
    assert carried["addresses"] == [cast.ann.address]
    # Ann's opt-out and Dan's erasure; Bob and Cleo were suppressed before the backup.
    assert {name: carried[name] for name in carried if name != "addresses"} == {
        "suppressions": 2,
        "erasures": 1,
        "withdrawn_bases": 1,
        "withdrawn_tracking_consents": 1,
        "choices": 2,
    }
    app = open_app(project)
    with app.database.reading() as session:
        ann, bob, dan = (session.get_one(Contact, person.id) for person in (cast.ann, cast.bob, cast.dan))
        assert ann.address_hash
        assert cast.dan.address
        kept = suppressing.live(session, ann.address_hash)
        assert kept
        assert (kept.reason, kept.at) == (SuppressionReason.UNSUBSCRIBED, LATER)
        assert bob.tracking_consent_at is None
        assert (bob.frequency, bob.chosen_at) == (Frequency.QUARTERLY, LATER)
        assert session.scalars(select(LegalBasis.withdrawn_at).where(LegalBasis.contact_id == bob.id)).one() == LATER
        assert session.scalars(select(ContactTopic.follows).where(ContactTopic.contact_id == bob.id)).one() is False
        assert dan.address is None
        assert dan.first_name is None
        erased = suppressing.live(session, hash_address(app.suppression_key, cast.dan.address))
        assert erased
        assert erased.reason is SuppressionReason.ERASED
    app.close()


def test_a_backup_that_knows_it_all_is_told_so_and_nothing_is_changed(project: Path, cli: Callable[..., Ran]) -> None:
    with_cast(project)
    assert cli("db", "backup", "safe.backup").code == 0
    said = cli("db", "restore", "safe.backup", "--replace").out
    assert "nobody opted out, withdrew, chose or was erased since" in said


def test_a_later_choice_in_the_backup_outlives_an_older_one(project: Path, cli: Callable[..., Ran]) -> None:
    with_cast(project)
    chosen = update(Contact).where(Contact.first_name == "Ann")
    app = open_app(project)
    with app.database.writing() as session:
        session.execute(chosen.values(frequency=Frequency.MONTHLY, chosen_at=LATER))
    assert cli("db", "backup", "safe.backup").code == 0
    with app.database.writing() as session:
        session.execute(chosen.values(frequency=None, chosen_at=NOW))
    app.close()
    cli("db", "restore", "safe.backup", "--replace")
    app = open_app(project)
    with app.database.reading() as session:
        assert session.scalars(select(Contact.frequency).where(Contact.first_name == "Ann")).one() is Frequency.MONTHLY
    app.close()


def test_a_replaced_database_that_cannot_be_read_is_told_aloud(project: Path, cli: Callable[..., Ran]) -> None:
    with_cast(project)
    assert cli("db", "backup", "safe.backup").code == 0
    (project / "outreach.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 2000)
    assert cli("db", "restore", "safe.backup").code == 1
    restored = cli("db", "restore", "safe.backup", "--replace")
    assert restored.code == 0, restored.err
    assert "WARNING: nothing was carried over" in restored.err
    assert "is mailed again unless" in restored.err


def test_a_database_with_another_key_is_told_aloud(project: Path, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    with_cast(project)
    other = tmp_path / "other.backup"
    assert cli("db", "backup", other).code == 0
    assert cli("init", tmp_path / "new").code == 0
    with_cast(tmp_path / "new")
    restored = json.loads(cli("--project", tmp_path / "new", "db", "restore", other, "--replace", "--json").out)
    assert restored["carried_over"] is None
    assert "another suppression key" in restored["not_carried_over"]


def test_a_restored_database_belongs_to_no_host_whatever_its_keys(
    backend: str, project: Path, cli: Callable[..., Ran]
) -> None:
    with_cast(project)
    of_other_hosts = json.loads((project / ".state" / "keys.json").read_text())["instance_id"]
    assert cli("db", "backup", "safe.backup").code == 0
    assert cli("db", "restore", "safe.backup", "--replace").code == 0
    app = open_app(project)
    with app.database.reading() as session:
        found = session.scalars(select(Installation.instance_id)).one()
    assert found not in (of_other_hosts, app.keys.instance_id)
    app.close()


def test_the_replaced_file_is_named_and_can_be_deleted(project: Path, cli: Callable[..., Ran]) -> None:
    with_cast(project)
    assert cli("db", "backup", "safe.backup").code == 0
    said = cli("db", "restore", "safe.backup", "--replace").out
    assert "outreach.db.before-restore: the replaced database, with all its people" in said
    assert "outreach db discard" in said
    # The one before it isn't lost when a second restore follows.
    assert cli("db", "restore", "safe.backup", "--replace").code == 0
    kept = sorted(file.name for file in project.glob("*.before-restore*"))
    assert kept == ["outreach.db.before-restore", "outreach.db.before-restore.2"]
    assert all(file.stat().st_mode & DATA == 0o600 for file in project.glob("*.before-restore*"))
    assert len(json.loads(cli("db", "discard", "--yes", "--json").out)["deleted"]) == 2
    assert not list(project.glob("*.before-restore*"))
    assert "there is none" in cli("db", "discard").out


def test_only_its_owner_reads_a_database_and_what_stands_beside_it(
    project: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    before = os.umask(0o022)
    try:
        app = open_app(project)
        with app.database.writing() as session:
            add_cast(session, key=app.suppression_key, now=NOW)
        names = {file.name: file.stat().st_mode & DATA for file in project.glob("outreach.db*")}
        assert set(names) == {"outreach.db", "outreach.db-wal", "outreach.db-shm"}
        assert set(names.values()) == {0o600}
        app.close()
        (tmp_path / "list.csv").write_text("e-mail;bedrijf;postcode\nno address;Bakker;9000\n")
        told = ("--basis", "consent", "--source", "fair", "--date", "2026-01-31")
        refused = cli("import", "contacts", tmp_path / "list.csv", *told)
        assert refused.code == 1, refused.err
        assert "list.rejects.csv" in refused.out, refused
        assert cli("db", "backup", "safe.backup").code == 0
        assert cli("db", "restore", "safe.backup", "--replace").code == 0
        written = (tmp_path / "list.rejects.csv", project / "safe.backup", project / "outreach.db")
        assert {file.stat().st_mode & DATA for file in written} == {0o600}
    finally:
        os.umask(before)


def test_nothing_with_people_in_it_goes_into_a_repository(tmp_path: Path, cli: Callable[..., Ran]) -> None:
    assert cli("init", tmp_path / "new").code == 0
    for ignored in ((tmp_path / "new" / ".gitignore").read_text(), (ROOT / ".gitignore").read_text()):
        wanted = {".state/", "*.db", "*.db-*", "*.before-restore*", "*.backup", "*.rejects*.csv", "preview/"}
        assert wanted <= set(ignored.splitlines())


def test_opposed_people_of_the_replaced_database_are_refused_by_their_hash_alone(
    project: Path, cli: Callable[..., Ran]
) -> None:
    """Somebody who was never a contact here opts out: no address is known, the hash is carried."""
    app = open_app(project)
    stranger = hash_address(app.suppression_key, "stranger@elsewhere.example")
    assert cli("db", "backup", "safe.backup").code == 0
    assert cli("contact", "suppress", "stranger@elsewhere.example", "--reason", "phoned").code == 0
    app.close()
    said = cli("db", "restore", "safe.backup", "--replace").out
    assert "carried over from the replaced database: 1 suppression," in said
    app = open_app(project)
    with app.database.reading() as session:
        assert session.scalars(select(Suppression)).one().address_hash == stranger
    app.close()
