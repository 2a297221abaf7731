"""What the invented maatwerkbedrijven sell: the texts of `offerings.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Offering:
    """A service as several enterprises could sell it; without `sectors` it suits everybody."""

    category: str
    name: str
    summary: str
    text: str
    forms: list[str]
    sectors: list[str]


def offerings() -> list[Offering]:
    """Read them all."""
    entries = yaml.safe_load((Path(__file__).parent / "offerings.yaml").read_text())
    return [Offering(**entry) for entry in entries]
