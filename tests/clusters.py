"""PostgreSQL servers that a test may stop and start: a cluster of its own, with the durable settings it comes with."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cluster:
    """A cluster in a folder of its own, reached by a socket there, and by TCP where it listens."""

    folder: Path
    binaries: Path
    options: str = ""
    within: tuple[str, ...] = ()  # what to put before its commands, such as a network namespace

    @property
    def url(self) -> str:
        return f"postgresql://outreach@/postgres?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' {self.options}"
        self._control("-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is what a power cut leaves: the log is read again at the next start."""
        self._control("-m", mode, "stop")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _control(self, *arguments: object) -> None:
        self._run(self.binaries / "pg_ctl", "-D", self.folder / "data", *arguments)

    def _run(self, *arguments: object) -> None:
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*self.within, *user, *map(str, arguments)], check=True, capture_output=True, cwd="/")

    def make(self, hosts: str = "") -> None:
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        data = self.folder / "data"
        self._run(
            self.binaries / "initdb", "-D", data, "-U", "outreach", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        if hosts:
            with (data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {hosts} trust\n")


@contextmanager
def cluster(binaries: Path, *, options: str = "", within: tuple[str, ...] = (), hosts: str = "") -> Iterator[Cluster]:
    """Make a cluster and start it; at the end it is gone."""
    made = Cluster(Path(tempfile.mkdtemp(prefix="outreach-pg-")), binaries, options, within)
    try:
        made.make(hosts)
        made.start()
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):  # it is stopped already
            made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)
