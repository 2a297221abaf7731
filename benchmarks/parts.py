"""What the benchmarks of sending stand on: Postfix's smtp-sink and smtp-source, a PostgreSQL, and who used what CPU."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
_COUNT = re.compile(rb"mesg=(\d+)")
_TICKS = os.sysconf("SC_CLK_TCK")


def only_two_cores() -> None:
    """Keep this process and all that it starts to two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/postfix/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed (Debian: postfix)")
    return found


@dataclass
class Sink:
    """A running smtp-sink; it counts what it took."""

    port: int
    output: Path
    process: subprocess.Popen[bytes]

    @property
    def messages(self) -> int:
        counts = _COUNT.findall(self.output.read_bytes()[-400:])
        return int(counts[-1]) if counts else 0


@contextmanager
def sink(*options: str) -> Iterator[Sink]:
    """Run smtp-sink on a free port."""
    with tempfile.TemporaryDirectory(prefix="outreach-sink-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        output = Path(folder) / "counted"
        with output.open("wb") as written:
            command = [program("smtp-sink"), *user, "-c", *options, f"127.0.0.1:{port}", "256"]
            process = subprocess.Popen(command, stdout=written, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield Sink(port, output, process)
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.recv(100)
                line.sendall(b"QUIT\r\n")
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def source_rate(messages: int, size: int, sessions: int = 8) -> float:
    """Return how many messages of `size` octets a second Postfix's load generator delivers to a sink of its own."""
    with sink() as target:
        command = [program("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size)]
        addresses = ["-f", "bounces@federatie.example", "-t", "info@bedrijf.example"]
        started = time.monotonic()
        subprocess.run([*command, *addresses, f"127.0.0.1:{target.port}"], check=True, stderr=subprocess.DEVNULL)
        return messages / (time.monotonic() - started)


@dataclass(frozen=True)
class Run:
    """What a worker's run took: wall seconds, and CPU seconds of its own and of its children."""

    seconds: float
    cpu: float


def worker(project: Path, url: str | None = None) -> Run:
    """Run `outreach worker --until-idle` in a project, as a person would."""
    environment = os.environ | {"OUTREACH_PROJECT": str(project), "PYTHONPATH": str(HERE.parent)}
    environment |= {"OUTREACH_DATABASE__URL": url} if url else {}
    started = time.monotonic()
    command = [sys.executable, "-m", "outreach", "worker", "--until-idle"]
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the worker ended with {process.returncode}")
    return Run(seconds, used.ru_utime + used.ru_stime)


@dataclass
class Postgres:
    """A PostgreSQL server of our own, with its durable settings (fsync, synchronous_commit)."""

    folder: Path
    pid: int

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://outreach@/{database}?host={self.folder}"

    def cpu(self) -> float:
        """Return the CPU seconds of the server and of all its processes so far."""
        return sum(_cpu_of(pid) for pid in (self.pid, *children(self.pid)))


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server on a socket of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise SystemExit("PostgreSQL is not installed (Debian: postgresql)")
    binaries, folder = found[-1].parent, Path(tempfile.mkdtemp(prefix="outreach-pg-"))
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"

    def call(*arguments: object) -> None:
        subprocess.run([*user, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, cwd="/")

    call(binaries / "initdb", "-D", data, "-U", "outreach", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-k {folder} -c listen_addresses=''"
    call(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield Postgres(folder, int((data / "postmaster.pid").read_text().splitlines()[0]))
    finally:
        call(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS
