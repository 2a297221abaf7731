"""A project's SQLite file is opened by SQLite alone: whoever else closes it drops all locks of the process on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Clock, Ran
from sqlalchemy import text

from outreach.app import open_app
from outreach.campaigns.pictures import read_pictures
from outreach.catalogue.pictures import PictureFault, check_picture
from outreach.database import open_database

READ = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute('SELECT count(*) FROM mark').fetchone())"
)


def _counted_elsewhere(file: Path) -> int:
    """Count in a process of its own, which ends like any command: the last to close a file removes its log."""
    ran = subprocess.run([sys.executable, "-c", READ, file], capture_output=True, text=True, check=True)
    return int(ran.stdout)


def test_a_second_engine_of_a_process_leaves_the_locks_of_the_first(project: Path, clock: Clock) -> None:
    app, file = open_app(project, clock=clock), project / "outreach.db"
    with app.database.engine.connect() as connection:
        connection.execute(text("CREATE TABLE mark (id INTEGER PRIMARY KEY)"))
        connection.commit()
        other = open_database("sqlite:///outreach.db", project)
        with other.writing() as session:
            session.execute(text("INSERT INTO mark DEFAULT VALUES"))
        other.close()
        assert _counted_elsewhere(file) == 1
        log = Path(f"{file}-wal")
        assert log.exists(), "another program took itself for the last, and removed the log that we go on writing"
        connection.execute(text("INSERT INTO mark DEFAULT VALUES"))
        connection.commit()
        assert _counted_elsewhere(file) == 2
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    app.close()


@pytest.mark.parametrize("link", ["outreach.db", "pictures/x.png", "pictures/hard.png", "outreach.db-wal"])
def test_a_picture_that_is_the_database_is_refused_unopened(project: Path, clock: Clock, link: str) -> None:
    app, file = open_app(project, clock=clock), project / "outreach.db"
    (project / "pictures").mkdir(exist_ok=True)
    (project / "pictures" / "x.png").symlink_to(file)
    (project / "pictures" / "hard.png").hardlink_to(file)
    with app.database.engine.connect() as connection:
        connection.execute(text("CREATE TABLE mark (id INTEGER PRIMARY KEY)"))
        connection.commit()
        pictures, complaints = read_pictures(project, [], [link])
        assert not pictures
        assert "is the database: name a picture" in str(complaints[0])
        with pytest.raises(PictureFault, match="is the database"):
            check_picture(project, link)
        assert _counted_elsewhere(file) == 0
        assert Path(f"{file}-wal").exists()
    app.close()


def test_a_damaged_file_is_told_with_the_way_out_and_no_traceback(
    project: Path, clock: Clock, cli: Callable[..., Ran]
) -> None:
    open_app(project, clock=clock).close()
    file = project / "outreach.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\x5a" * (len(whole) - 4096))
    ran = cli("campaign", "list")
    assert ran.code == 1
    assert "the database is damaged" in ran.err
    assert "outreach db restore" in ran.err
    assert "Traceback" not in ran.err
