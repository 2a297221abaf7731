"""How much memory does sending take, and does it grow with the audience?

N_SMALL (50,000) and N_LARGE (1,000,000) recipients get the monthly newsletter on SQLite by `outreach worker
--until-idle`, freeze included. Twenty times a second the memory of the worker and of all its children is looked at:
the sum of their proportional set sizes (PSS), in which what processes share counts once. SQLite's mapping of the
database file counts as far as it is in memory, though the kernel may take it back at any time, so beside the peak
there is the peak of what is the processes' own (`private_mb`).
The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import newsletter
import parts
from sqlalchemy import func, select

from outreach.app import open_app
from outreach.models import Delivery, DeliveryStatus

N_SMALL = int(os.environ.get("N_SMALL", "50000"))
N_LARGE = int(os.environ.get("N_LARGE", "1000000"))
EACH_SECONDS = 0.05


@dataclass
class Peak:
    """The most that was seen, in MB: all, and what is in no file."""

    whole: float = 0.0
    private: float = 0.0


def watched(project: Path) -> Peak:
    """Run the worker and look at its memory until it ends."""
    peak = Peak()
    environment = os.environ | {"OUTREACH_PROJECT": str(project), "PYTHONPATH": str(parts.HERE.parent)}
    command = [sys.executable, "-m", "outreach", "worker", "--until-idle"]
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        sizes = [_sizes(pid) for pid in _family(process.pid)]
        peak.whole = max(peak.whole, sum(whole for whole, _ in sizes))
        peak.private = max(peak.private, sum(private for _, private in sizes))
        time.sleep(EACH_SECONDS)
    if process.returncode:
        raise SystemExit(f"the worker ended with {process.returncode}")
    return peak


def _family(pid: int) -> list[int]:
    return [pid, *(one for child in parts.children(pid) for one in _family(child))]


def _sizes(pid: int) -> tuple[float, float]:
    """Return the proportional set size of a process, and the part of it that is in no file, in MB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0, 0.0
    sizes = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return sizes["Pss"], sizes["Pss_Anon"]


def measure(recipients: int) -> Peak:
    with tempfile.TemporaryDirectory(prefix="outreach-memory-") as folder, parts.sink() as sink:
        project = Path(folder) / "project"
        newsletter.make(project, recipients, port=sink.port)
        peak = watched(project)
        app = open_app(project)
        with app.database.reading() as session:
            sent = session.scalar(select(func.count()).where(Delivery.status == DeliveryStatus.SENT))
        app.close()
        if not sent == sink.messages == recipients:
            raise SystemExit(f"{recipients} recipients, {sent} sent, {sink.messages} taken by the sink")
    print(f"{recipients} recipients: at most {peak.whole:.1f} MB, of which {peak.private:.1f} MB in no file")
    return peak


def main() -> None:
    parts.only_two_cores()
    small, large = measure(N_SMALL), measure(N_LARGE)
    print(
        json.dumps(
            {
                "peak_mb_50k": round(small.whole, 1),
                "peak_mb_1m": round(large.whole, 1),
                "ratio": round(large.whole / small.whole, 3),
                "private_mb_50k": round(small.private, 1),
                "private_mb_1m": round(large.private, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
