"""A process that only sends stays small, whatever the audience."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from outreach.app import open_app

HEAVY = ("duckdb", "altair", "vl_convert", "pandas", "fastapi", "uvicorn", "starlette", "openpyxl", "playwright")


def test_the_sender_loads_no_reports_no_register_and_no_site(project: Path) -> None:
    code = (
        "import sys; sys.argv = ['outreach', 'worker', '--until-idle']\n"
        "from outreach.commands import outreach\nfrom outreach.commands.door import run\n"
        f"assert run(outreach) == 0\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == ""


def test_the_sender_keeps_no_large_cache_and_sorts_on_disk(project: Path) -> None:
    app = open_app(project, lean=True)
    with app.database.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("temp_store", "cache_size", "mmap_size", "synchronous")
        }
    app.close()
    assert found == {"temp_store": 1, "cache_size": -8192, "mmap_size": 0, "synchronous": 2}
