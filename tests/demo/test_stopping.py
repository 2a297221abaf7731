"""The demo ends when it is asked to, with all that it started."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from outreach.demo.recipients import wait_until


def running(folder: Path) -> list[int]:
    """Return the processes that were started with this folder as an argument."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        if str(folder).encode() in arguments and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def test_a_demo_in_the_background_ends_on_sigterm_with_its_children(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo = shlex.join([sys.executable, "-m", "outreach", "demo", "--folder", str(folder)])
    # So a shell without job control starts what ends in `&`.
    process = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {demo}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        assert wait_until(lambda: len(running(folder)) > 1 and (folder / "contacten.csv").exists(), seconds=60)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (1, b"\nstopped\n")  # as for Ctrl-C
        assert running(folder) == []
    finally:
        process.kill()
        process.wait()
