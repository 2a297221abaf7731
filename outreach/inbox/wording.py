"""Lists of words in files beside this one, in small letters, `…` for anything in between; no regular expressions."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

Phrase = tuple[str, ...]
_GAP = "…"
_LONGEST_GAP = 60


@cache
def lists(name: str) -> dict[str, tuple[Phrase, ...]]:
    """Return the lists of a file, in its order, each phrase cut at its gaps; those of a table as `table.key`."""
    data = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    found: dict[str, tuple[Phrase, ...]] = {}
    for key, value in data.items():
        named = value.items() if isinstance(value, dict) else [("", value)]
        for inner, ones in named:
            found[f"{key}.{inner}".strip(".")] = tuple(tuple(x.strip() for x in one.split(_GAP)) for one in ones)
    return found


@cache
def plain(name: str, key: str) -> tuple[str, ...]:
    """Return a list of a file that has no gaps."""
    return tuple(phrase[0] for phrase in lists(name)[key])


def folded(text: str) -> str:
    """Return text as the phrases are written: small letters, straight apostrophes, single blanks."""
    return " ".join(text.lower().replace("’", "'").split())


def holds(text: str, phrase: Phrase) -> bool:
    """Tell whether a folded text has the pieces of a phrase, one after the other with little between."""
    at = text.find(phrase[0])
    if len(phrase) == 1 or at < 0:
        return at >= 0
    while at >= 0:
        end = at + len(phrase[0])
        for piece in phrase[1:]:
            found = text.find(piece, end, end + _LONGEST_GAP + len(piece))
            if found < 0:
                break
            end = found + len(piece)
        else:
            return True
        at = text.find(phrase[0], at + 1)
    return False


def has(name: str, key: str, text: str) -> bool:
    """Tell whether a folded text has any phrase of a list."""
    whole, gapped = _by_gap(name, key)
    for words in whole:  # a loop, and no generator: this is where classifying spends its time
        if words in text:
            return True
    return any(holds(text, phrase) for phrase in gapped)


@cache
def _by_gap(name: str, key: str) -> tuple[tuple[str, ...], tuple[Phrase, ...]]:
    phrases = lists(name)[key]
    return tuple(one[0] for one in phrases if len(one) == 1), tuple(one for one in phrases if len(one) > 1)
