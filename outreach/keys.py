"""The project's keys: made once, kept in `.state/keys.json` (mode 0600) and in every backup.

The suppression key is never rotated: with another key every opt-out would be forgotten. A canary row in the database
proves at each start that key and database belong together.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from outreach.errors import Refusal

STATE = ".state"
KEYS_FILE = "keys.json"
CANARY = b"outreach suppression key canary"


@dataclass(frozen=True, repr=False)
class Keys:
    """Hexadecimal secrets of 32 bytes each, and the id of the database that belongs to this folder."""

    suppression: str
    links: str
    sessions: str
    instance_id: str

    @property
    def canary(self) -> bytes:
        return hmac.digest(bytes.fromhex(self.suppression), CANARY, "sha256")[:16]


def make_keys() -> Keys:
    """Make new keys."""
    return Keys(secrets.token_hex(32), secrets.token_hex(32), secrets.token_hex(32), secrets.token_hex(16))


def keys_file(project: Path) -> Path:
    return project / STATE / KEYS_FILE


def read_keys(project: Path) -> Keys | None:
    """Return the keys of the project, None if it has none yet; Refusal for a damaged file."""
    file = keys_file(project)
    if not file.exists():
        return None
    try:
        data = json.loads(file.read_text())
        keys = Keys(**{field.name: str(data[field.name]) for field in fields(Keys)})
        for name in ("suppression", "links", "sessions"):
            if len(bytes.fromhex(getattr(keys, name))) != 32:
                raise ValueError(f"{name} is not 32 bytes")
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{file}: damaged ({error}); restore it from a backup with `outreach db restore`") from error
    return keys


def write_keys(project: Path, keys: Keys) -> None:
    """Write the keys so that only this user reads them, and a crash leaves the old file or the new one."""
    write_private(keys_file(project), json.dumps(asdict(keys), indent=1))


def write_private(file: Path, text: str) -> None:
    """Write a file that only this user reads; it is on the disk, whole, when this returns."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
