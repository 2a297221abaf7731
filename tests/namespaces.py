"""Hosts of their own on one machine: network namespaces, joined by cables that a test may pull.

A host `db` in the middle has the one address that the others reach. They reach nothing else, and no address exists
outside the namespaces.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "10.77.9.1"
NETWORK = "10.77.0.0/16"
_CLONE_NEWNET = 0x40000000


def can_make() -> bool:
    """Tell whether we may make a namespace here."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"probe-{secrets.token_hex(4)}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode != 0:
        return False
    _ip("netns", "del", name)
    return True


@dataclass(frozen=True)
class Hosts:
    """A host in the middle, and some that are joined to it alone."""

    prefix: str
    names: tuple[str, ...]

    def within(self, name: str) -> tuple[str, ...]:
        """Return what to put before a command, so that it runs on that host."""
        return ("ip", "netns", "exec", self._space(name))

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Let this thread be on that host while the block runs; a socket made there stays there."""
        ours, theirs = Path("/proc/thread-self/ns/net"), Path(f"/var/run/netns/{self._space(name)}")
        with ours.open() as here, theirs.open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def pull(self, name: str) -> None:
        """Pull the cable: what is said on either side is lost, and nobody is told."""
        _ip("-n", self._space("db"), "link", "set", f"to-{name}", "down")

    def plug(self, name: str) -> None:
        """Put the cable back."""
        _ip("-n", self._space("db"), "link", "set", f"to-{name}", "up")

    def _space(self, name: str) -> str:
        return f"{self.prefix}-{name}"


@contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """Make `db` and the hosts named."""
    made = Hosts(f"outreach-{secrets.token_hex(3)}", names)
    space = made._space
    try:
        for name in ("db", *names):
            _ip("netns", "add", space(name))
            _ip("-n", space(name), "link", "set", "lo", "up")
        _ip("-n", space("db"), "address", "add", f"{ADDRESS}/32", "dev", "lo")
        for number, name in enumerate(names, 1):
            cable = ("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space(name))
            _ip("-n", space("db"), *cable)
            for where, device, end in (("db", f"to-{name}", 1), (name, "eth0", 2)):
                _ip("-n", space(where), "address", "add", f"10.77.{number}.{end}/24", "dev", device)
                _ip("-n", space(where), "link", "set", device, "up")
            _ip("-n", space(name), "route", "add", ADDRESS, "via", f"10.77.{number}.1")
        yield made
    finally:
        for name in ("db", *names):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", space(name))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
