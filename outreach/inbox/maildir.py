"""A Maildir that a mail server of ours delivers to: what stands in new/, oldest first.

A file is moved to cur/, deleted or left only after its message was taken in; one that can't be read stays where it is,
and the others go on.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outreach.errors import Refusal
from outreach.inbox.receiving import Incoming
from outreach.settings import InboxSettings

log = logging.getLogger(__name__)

SOURCE = "maildir"


@dataclass(frozen=True)
class Maildir:
    """The Maildir of the settings."""

    folder: Path
    settings: InboxSettings

    @property
    def name(self) -> str:
        return f"maildir:{self.folder}"[:400]

    def waiting(self) -> list[str]:
        """Return the names of new messages, oldest first: a name starts with the time of its delivery."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder / "new") if not entry.name.startswith("."))
        except OSError as error:
            raise Refusal(f"inbox.maildir {self.folder}: new/ can't be read: {error.strerror}") from error

    def batches(self, names: Sequence[str]) -> Iterator[list[Incoming]]:
        """Yield the messages with these names; one that can't be read is left out, and stays."""
        for start in range(0, len(names), self.settings.batch):
            found = [self._read(name) for name in names[start : start + self.settings.batch]]
            if batch := [incoming for incoming in found if incoming is not None]:
                yield batch

    def done(self, batch: Sequence[Incoming]) -> None:
        """Move or delete what was taken in, or leave it, as the settings say; what is larger than we keep stays."""
        for incoming in batch:
            file = self.folder / "new" / incoming.place
            try:
                if self.settings.maildir_after == "delete" and incoming.size <= len(incoming.raw):
                    file.unlink()
                elif self.settings.maildir_after != "keep":
                    file.rename(self.folder / "cur" / f"{incoming.place}:2,S")
            except OSError as error:
                # It will be read again and recognised.
                log.warning("%s stays in new/: %s", file, error)

    def _read(self, name: str) -> Incoming | None:
        try:
            # Whoever may write here must not have us read a device, or another's file by a link.
            descriptor = os.open(self.folder / "new" / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                return Incoming(file.read(self.settings.max_bytes), name, status.st_size)
        except OSError as error:
            log.warning("%s/new/%s can't be read and stays: %s", self.folder, name, error)
            return None


def of(settings: InboxSettings, project: Path) -> Maildir:
    """Return the Maildir of the settings; a relative path counts from the project folder."""
    return Maildir(project / settings.maildir, settings)
