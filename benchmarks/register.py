"""How long do an import, an update, a look-up and a suggestion take on a register of full size?

Scan = DuckDB reading the same files once as text with all threads: `count(*)` and `max(length(column))` over every
column. Imports run through the real command in a process of their own, whose memory is that of its whole tree; the
time of the name index is shown beside them. What is typed for the recall is the beginning of a company's own name, as
soon as at most ten companies have names that fit, counted by brute force; and fixed beginnings that fit thousands
count for the time. Update, look-up and suggestion are those of the slower database.

SIZE=0.05 is a quick one, 1 (the default) has 1.94 million enterprises; FOLDER keeps the extracts for the next run;
DATABASE=sqlite or postgres measures that one; LIMITS=0 only measures. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import select

ROOT = Path(__file__).parent.parent
sys.path += [str(ROOT), str(ROOT / "tests" / "register")]

import extracts  # noqa: E402

from outreach.app import App, open_app  # noqa: E402
from outreach.models import RegisterEntry  # noqa: E402
from outreach.register import entries, naming, suggesting  # noqa: E402

SIZE = float(os.environ.get("SIZE", "1"))
DATABASES = ("sqlite", "postgres")
SAMPLE, LOOKUPS = 300, 1000
FREQUENT = ["va", "van", "bo", "bouw", "de", "van de", "van den b", "im", "immo", "vme", "vme residentie", "garage",
            "café", "holding", "invest", "bouw van", "st", "be", "no", "logistics sol", "transport", "zonen", "bv",
            "bakkerij van", "vereniging voor", "'t", "les", "1700.1"]  # fmt: skip
LIMITS = {"ratio": 4, "peak_mb": 2000, "update_s": 5, "lookup_ms": 1, "suggest_p95_ms": 50}


def main() -> int:
    kept = os.environ.get("FOLDER")
    with tempfile.TemporaryDirectory(prefix="outreach-bench-", dir=kept) as work:
        folder = Path(kept or work)
        world = extracts.World(SIZE)
        full = _made(folder, "Full", lambda: extracts.full(world, folder))
        update = _made(folder, "Update", lambda: extracts.update(world, folder, 1))
        scan_s, rows = scan(full)
        say(f"{rows:,} rows scanned in {scan_s:.1f} s")
        result: dict[str, Any] = {"rows": rows, "scan_s": round(scan_s, 2)}
        rest: list[dict[str, float]] = []
        for name in DATABASES:
            if os.environ.get("DATABASE", name) != name:
                result[name] = None
                continue
            with database(name, Path(work)) as url:
                if url is None:
                    result[name] = None
                    continue
                figures, measured = measure(Path(work) / name, url, full, update, scan_s)
                result[name] = figures
                rest.append(measured)
        for figure in ("update_s", "lookup_ms", "suggest_p95_ms"):
            result[figure] = max(measured[figure] for measured in rest)
        result["suggest_recall"] = min(measured["suggest_recall"] for measured in rest)
    faults = too_much(result)
    for fault in faults:
        say(fault)
    print(json.dumps(result))
    return 1 if faults and os.environ.get("LIMITS") != "0" else 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _made(folder: Path, type: str, make: Any) -> Path:
    there = sorted(folder.glob(f"KboOpenData_*_{type}"))
    if there:
        return there[0]
    started = time.perf_counter()
    made: Path = make()
    say(f"{made.name} made in {time.perf_counter() - started:.0f} s")
    return made


def scan(folder: Path) -> tuple[float, int]:
    """Read every file once; return the seconds and the rows."""
    connection = duckdb.connect()
    rows = 0
    started = time.perf_counter()
    for file in sorted(folder.glob("*.csv")):
        source = f"read_csv('{file}', all_varchar = true)"
        columns = [column[0] for column in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
        lengths = ", ".join(f'max(length("{column}"))' for column in columns)
        found = connection.execute(f"SELECT count(*), {lengths} FROM {source}").fetchone()
        rows += found[0] if found else 0
    return time.perf_counter() - started, rows


@contextmanager
def database(name: str, work: Path) -> Iterator[str | None]:
    """Give the address of an empty database, None if there are no programs to make one with."""
    if name == "sqlite":
        yield "sqlite:///outreach.db"
        return
    binaries = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if not binaries:
        say("no PostgreSQL (Debian: postgresql): not measured")
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="outreach-pg-", dir=work if os.getuid() else None))
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: object) -> None:
        told = [*user, str(max(binaries) / program), *map(str, arguments)]
        subprocess.run(told, check=True, capture_output=True, cwd="/")

    run("initdb", "-D", folder / "data", "-U", "outreach", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-k {folder} -c listen_addresses='' -c shared_buffers=512MB -c max_wal_size=4GB"
    run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://outreach@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def measure(
    project: Path, url: str, full: Path, update: Path, scan_s: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Import, update, look up and suggest on one database."""
    project.mkdir()
    (project / "outreach.toml").write_text(f'[database]\nurl = "{url}"\n')
    open_app(project).close()  # the program's own tables are there long before an extract comes
    seconds, peak, told = import_(project, full)
    index_s = told["seconds"]["index names"]
    say(f"{project.name}: {told['entries']:,} entries; seconds by stage: {told['seconds']}")
    figures = {
        "import_s": round(seconds - index_s, 2),
        "name_index_s": round(index_s, 2),
        "ratio": round((seconds - index_s) / scan_s, 2),
        "peak_mb": round(peak),
    }
    update_s, _, told = import_(project, update)
    say(f"{project.name}: update of {_rows(update):,} rows, {told['touched']:,} enterprises: {told['seconds']}")
    app = open_app(project)
    measured = {"update_s": round(update_s, 2), **look_up(app), **suggest(app)}
    app.close()
    return figures, measured


def _rows(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") - 1 for file in folder.glob("*_*.csv"))


def import_(project: Path, extract: Path) -> tuple[float, float, dict[str, Any]]:
    """Run the command; return its seconds, the peak of its memory in MB, and what it said."""
    command = [
        sys.executable,
        "-m",
        "outreach",
        "--project",
        str(project),
        "register",
        "import",
        str(extract),
        "--json",
    ]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"the import of {extract.name} failed")
    return seconds, peak[0], json.loads(out)


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _memory(process.pid))
        time.sleep(0.05)


def _memory(pid: int) -> float:
    """Return the resident memory of a process and all its children in MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)
    return own + sum(_memory(int(child)) for child in children)


def look_up(app: App) -> dict[str, float]:
    with app.database.reading() as session:
        numbers = session.scalars(select(RegisterEntry.enterprise_number)).all()
        drawn = random.Random(1).sample(list(numbers), min(LOOKUPS, len(numbers)))
        times = []
        for number in drawn:
            started = time.perf_counter()
            assert entries.find(session, number) is not None
            times.append((time.perf_counter() - started) * 1000)
    return {"lookup_ms": round(statistics.median(times), 3)}


def suggest(app: App) -> dict[str, float]:
    """Time suggestions, and see whether who is meant is among the first ten."""
    typed = _allowed(app)
    times, hits = [], 0
    with app.database.reading() as session:
        for text in FREQUENT:
            suggesting.suggest(session, text)  # the cache of a server that has been up for a while
        for text, number in [*((text, "") for text in FREQUENT * 10), *typed]:
            started = time.perf_counter()
            found = suggesting.suggest(session, text)
            times.append((time.perf_counter() - started) * 1000)
            hits += bool(number) and number in [one.enterprise_number for one in found]
    p95 = statistics.quantiles(times, n=20)[-1]
    say(f"suggestions: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, most {max(times):.1f} ms")
    return {"suggest_p95_ms": round(p95, 1), "suggest_recall": round(hits / len(typed), 4)}


def _allowed(app: App) -> list[tuple[str, str]]:
    """Draw companies; return how much of each name must be typed until at most ten companies fit, and its number."""
    with app.database.reading() as session:
        rows = session.execute(select(RegisterEntry.enterprise_number, RegisterEntry.name)).all()
    names = duckdb.connect()
    names.execute("CREATE TABLE name (number VARCHAR, words VARCHAR)")
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for number, name in rows:
            file.write(f"{number}\t {' '.join(naming.words_of(name))}\n")
        file.flush()
        names.execute(f"COPY name FROM '{file.name}' (DELIMITER '\t', HEADER false, QUOTE '')")
    drawn = random.Random(2).sample([tuple(row) for row in rows], min(SAMPLE, len(rows)))
    return [(text, number) for number, name in drawn if (text := _enough(names, name))]


def _enough(names: duckdb.DuckDBPyConnection, name: str) -> str | None:
    for length in range(2, len(name) + 1):
        words = naming.words_of(name[:length])
        if length % 2 or not words or sum(map(len, words)) < 2:
            continue
        fits = " AND ".join(f"contains(words, ' {word}')" for word in words if len(word) > 1) or "true"
        found = names.execute(f"SELECT count(*) FROM name WHERE {fits}").fetchone()
        if found and found[0] <= 10:
            return name[:length]
    return None


def too_much(result: dict[str, Any]) -> list[str]:
    """Return what is over its limit."""
    figures = {name: result[name] for name in ("update_s", "lookup_ms", "suggest_p95_ms")}
    for backend in DATABASES:
        if result[backend]:
            figures |= {f"{backend} {name}": result[backend][name] for name in ("ratio", "peak_mb")}
    faults = [
        f"{name} {value}: over {LIMITS[name.split()[-1]]}"
        for name, value in figures.items()
        if value > LIMITS[name.split()[-1]]
    ]
    return faults + (["suggest_recall under 0.95"] if result["suggest_recall"] < 0.95 else [])


if __name__ == "__main__":
    sys.exit(main())
