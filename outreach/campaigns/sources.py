"""Where the parts of a campaign come from until approval freezes them: the project's files and settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from outreach.links import Links
from outreach.settings import Settings


@dataclass(frozen=True)
class Sources:
    """A project's folder, settings and links; a door makes it of the open project."""

    project: Path
    settings: Settings
    links: Links

    @property
    def templates(self) -> Path:
        return self.project / "templates" / "emails"

    @property
    def segments(self) -> Path:
        return self.project / "segments"
