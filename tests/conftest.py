"""What tests share: an open project on a real SQLite file, PostgreSQL where it is there, and one cast of people.

Ann may be mailed, Bob unsubscribed, Cleo is suppressed, Dan never confirmed: a test that mails anyone but Ann is wrong.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import namespaces
import postoffice
import pytest
from argon2 import PasswordHasher
from federation import SENDER
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from outreach import users
from outreach.app import App, open_app
from outreach.database import open_database, upgrade

ROOT = Path(__file__).parent.parent
SANDBOX = ["--no-sandbox"]  # tests run as root, whom Chromium gives none
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

# The first example loads tables, and the machine may be busy: time says nothing about a property.
settings.register_profile("outreach", deadline=None)
settings.load_profile("outreach")


class Clock:
    """A clock that tests set and move."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


SETTINGS = f"""\
{SENDER}[site]
url = "http://news.example"

[tracking]
min_cohort = 2
"""


def make_project(folder: Path) -> Path:
    """Make a project folder as `project` is."""
    folder.mkdir()
    (folder / "outreach.toml").write_text(SETTINGS)
    shutil.copytree(ROOT / "templates", folder / "templates")
    shutil.copytree(ROOT / "segments", folder / "segments")
    return folder


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file in which the migrations made the tables: once, since that takes longer than most tests."""
    folder = tmp_path_factory.mktemp("tables")
    _make_tables("sqlite:///outreach.db", folder)
    return folder / "outreach.db"


def _make_tables(url: str, folder: Path) -> None:
    database = open_database(url, folder)
    upgrade(database)
    database.close()


@pytest.fixture
def new_project(tmp_path: Path) -> Path:
    """A project folder with the templates and segments that the project ships, and no database yet."""
    return make_project(tmp_path / "project")


@pytest.fixture
def project(new_project: Path, tables: Path) -> Path:
    """A new project folder whose database has its tables."""
    shutil.copy(tables, new_project / "outreach.db")
    return new_project


@pytest.fixture
def app(project: Path, clock: Clock) -> Iterator[App]:
    """The project, open on SQLite."""
    app = open_app(project, clock=clock)
    yield app
    app.close()


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords kept by argon2id with a thousandth of the work, for tests that log in to do something else."""
    users._nobody.cache_clear()
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def lacking(part: str) -> NoReturn:
    """Skip for want of a real part, or fail where all of them must be there (REAL_PARTS=required)."""
    if os.environ.get("REAL_PARTS") == "required":
        pytest.fail(f"{part} is not installed, and REAL_PARTS=required")
    pytest.skip(f"{part} is not installed")


def _postgres_binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    return None


@pytest.fixture(scope="session")
def postgres_binaries() -> Path:
    """The folder of PostgreSQL's programs, for a server that the test may stop and start."""
    return _postgres_binaries() or lacking("PostgreSQL (Debian: postgresql)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of our own on a socket; the URL lacks the database.

    It waits for no disk, as nothing cuts its power; a test that does makes a cluster of its own (`clusters`).
    """
    binaries = _postgres_binaries()
    if binaries is None:
        lacking("PostgreSQL (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="outreach-pg-"))
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    run = lambda *arguments: subprocess.run([*user, *map(str, arguments)], check=True, capture_output=True, cwd="/")  # noqa: E731
    run(binaries / "initdb", "-D", data, "-U", "outreach", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-k {folder} -c listen_addresses='' -c max_connections=100 -c fsync=off -c full_page_writes=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    yield f"postgresql://outreach@/{{database}}?host={folder}"
    run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a PostgreSQL database in which the migrations made the tables."""
    name = "tables"
    _ask(postgres_server, f"CREATE DATABASE {name}")
    _make_tables(postgres_server.format(database=name), tmp_path_factory.mktemp("postgres"))
    return name


def _ask(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def postgres_url(postgres_server: str, postgres_tables: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database that has its tables."""
    name = f"test_{secrets.token_hex(6)}"
    _ask(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_tables}")
    yield postgres_server.format(database=name)
    _ask(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def new_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database."""
    name = f"test_{secrets.token_hex(6)}"
    _ask(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.format(database=name)
    _ask(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def on_postgres(project: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> Iterator[App]:
    """The project, open on PostgreSQL."""
    monkeypatch.setenv("OUTREACH_DATABASE__URL", postgres_url)
    app = open_app(project, clock=clock)
    yield app
    app.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest, project: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The project, open on SQLite and then on PostgreSQL."""
    if request.param == "postgres":
        monkeypatch.setenv("OUTREACH_DATABASE__URL", request.getfixturevalue("postgres_url"))
    app = open_app(project, clock=clock)
    yield app
    app.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    lacking("Chromium (Debian: chromium)")


@pytest.fixture(scope="module")
def running_chromium(chromium: str) -> Iterator[Browser]:
    """A Chromium that the tests of a file share, each with pages or a context of its own."""
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, args=SANDBOX) as browser:
        yield browser


@pytest.fixture(scope="session")
def spamassassin() -> str:
    """The path of SpamAssassin."""
    return shutil.which("spamassassin") or lacking("SpamAssassin (Debian: spamassassin)")


@pytest.fixture(scope="session")
def postfix_installed() -> None:
    """Ask for a Postfix that `postoffice.running_postfix` can run."""
    if not postoffice.can_run(postoffice.POSTFIX_PARTS):
        lacking("Postfix (Debian: postfix), or the right to start it,")


@pytest.fixture(scope="session")
def dovecot_installed() -> None:
    """Ask for a Dovecot that `postoffice.running_dovecot` can run."""
    if not postoffice.can_run(postoffice.DOVECOT_PARTS):
        lacking("Dovecot (Debian: dovecot-imapd), or the right to start it,")


@pytest.fixture(scope="session")
def namespaces_allowed() -> None:
    """Ask for hosts as `namespaces.hosts` makes them."""
    if not namespaces.can_make():
        lacking("ip (Debian: iproute2), or the right to make network namespaces,")


@pytest.fixture(scope="session")
def mail_dkim() -> str:
    """The path of a Perl that has Mail::DKIM."""
    perl = shutil.which("perl")
    if perl is None or subprocess.run([perl, "-MMail::DKIM::Verifier", "-e", "1"], capture_output=True).returncode:
        lacking("Mail::DKIM (Debian: libmail-dkim-perl)")
    return perl


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What outreach keeps in the user's state folder stays in the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _as_wide_as_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run in parallel inherit a COLUMNS of the runner's; tables would be cut to it."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """A command that logs writes to the standard error of its own test, which is closed at the end of it."""
    root, ours = logging.getLogger(), logging.getLogger("outreach")
    levels, hooks = (root.level, ours.level), (sys.excepthook, threading.excepthook)
    yield
    root.handlers[:] = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `outreach …` on the project through its real door; paths may be given as arguments."""
    from outreach.commands import outreach as group
    from outreach.commands.door import run

    monkeypatch.chdir(project)

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["outreach", *map(str, arguments)])
        capsys.readouterr()
        code = run(group)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return call
