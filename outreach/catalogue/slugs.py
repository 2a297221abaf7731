"""Slugs: the part of an address that names a service or an enterprise."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

MAX_LENGTH = 80
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

# Letters that Unicode doesn't take apart into a letter and an accent.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ĳ": "ij", "þ": "th", "&": " en "}
)


def is_slug(text: str) -> bool:
    """Tell whether a text may be a slug: lower-case letters, digits and single hyphens."""
    return len(text) <= MAX_LENGTH and SLUG.fullmatch(text) is not None


def slug_of(name: str, otherwise: str = "dienst") -> str:
    """Return a name as a slug, without accents; `otherwise` where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['`]", "", plain)).strip("-")
    return slug[: MAX_LENGTH - 5].rstrip("-") or otherwise


def free_slug(name: str, taken: Container[str], otherwise: str = "dienst") -> str:
    """Return the slug of a name, with the first suffix from `-2` on that is not taken."""
    slug = slug_of(name, otherwise)
    if slug not in taken:
        return slug
    number = 2
    while f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"
