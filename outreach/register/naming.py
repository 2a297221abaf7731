"""What is searched while somebody types: the words of all names of a company, folded, and where it stands among
others.

`words` holds, between spaces: each word of two letters or more of every name, without case and accents, and once more
behind `=` if it is one of the name that is shown; what a word is when its points and apostrophes are left out
(`d'hondt` → `dhondt`, `v.z.w.` → `vzw`); and each name as a whole with `_` for spaces, behind `^` if it is the one
that is shown and behind `~` if it is another. Each starts with the letter of its size (`SIZES`), which says about how
long the shown name is: so the shortest names are found without going through the 50,000 companies that have a "van".

`rank` is ten digits of enterprise number behind the length of the name: of many companies that fit, the shortest name
comes first, since it is most nearly what was typed. It needs no other company, so an update changes no other row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only looks for a name has no use for it
    import duckdb

INDEX = "register_words"  # the FTS5 table on SQLite, the GIN index on PostgreSQL
VECTOR = "array_to_tsvector(string_to_array(words, ' '))"
NUMBERS = 10_000_000_000
WHOLE_LENGTH = 60
# The longest name of each size but the last; about equally many companies have each.
_LONGEST = (7, 10, 13, 15, 17, 19, 21, 24, 28, 34, 40)
SIZES = "abcdefghijkl"
_WORD = r"[\p{L}\p{N}]+"


def rank(name: str, enterprise_number: str) -> int:
    """Return the place of a company among others that fit what was typed."""
    return len(name) * NUMBERS + int(enterprise_number)


def fold(text: str) -> str:
    """Reduce a text as `compose_words` reduces the names: small letters without accents."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark)).lower()


def words_of(text: str) -> list[str]:
    """Return the words of a text as they stand in the index."""
    return re.findall(r"[^\W_]+", fold(text))


def whole(words: Sequence[str]) -> str:
    """Return a name as a whole, as it stands in the index behind `^` or `~`."""
    return "_".join(words)[:WHOLE_LENGTH]


def compose_words(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table `name_row` (rank, words) of everybody in the table `named` (number, name)."""
    size = " + ".join(f"(length(name) > {longest})::INTEGER" for longest in _LONGEST)
    connection.execute(
        rf"""CREATE OR REPLACE TEMP TABLE name_row AS
        WITH names AS (
            SELECT e.enterprise AS number, lower(strip_accents(d.name)) AS folded, bool_or(d.name = n.name) AS shown
            FROM scope_denomination d JOIN scope_entity e USING (entity) JOIN named n ON n.number = e.enterprise
            WHERE d.name <> '' GROUP BY ALL
        ),
        split AS (
            SELECT number, shown, regexp_extract_all(folded, '{_WORD}') AS parts,
                CASE WHEN regexp_matches(folded, '[^\p{{L}}\p{{N}} ]')
                     THEN string_split(regexp_replace(folded, '[^\p{{L}}\p{{N}} ]', '', 'g'), ' ') ELSE [] END AS joined
            FROM names
        ),
        told AS (
            SELECT number, shown, list_concat(parts, joined) AS words,
                left(array_to_string(parts, '_'), {WHOLE_LENGTH}) AS whole
            FROM split
        ),
        listed AS (
            SELECT number, list_distinct(flatten(list(CASE WHEN shown
                THEN list_concat(['^' || whole], words, ['=' || word for word in words if length(word) > 1])
                ELSE list_concat(['~' || whole], words) END))) AS words
            FROM told GROUP BY number
        ),
        sized AS (SELECT number, name, '{SIZES}'[1 + {size}] AS size FROM named)
        SELECT length(n.name)::BIGINT * {NUMBERS} + n.number AS rank,
            array_to_string(list_sort([n.size || word for word in l.words if length(word) > 1]), ' ') AS words
        FROM sized n JOIN listed l USING (number)
        ORDER BY rank"""
    )
