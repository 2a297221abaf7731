"""What makes two spellings of a company's name the same company."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What people add to a name or leave out; "nv" in the middle of a name stays, since only an end says the legal form.
_FORMS = frozenset(
    """
    bv nv cv vof vzw bvba ebvba sbvba cvba cvoa gcv commv commva ivzw esv eesv cvso se sce
    srl sa sc snc asbl sprl sprlu scrl scri scs sca aisbl gie geie ltd gmbh sarl sas inc llc plc ag ez lv
    """.split()  # noqa: SIM905
)
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.\s?){2,}")
_WORDS = re.compile(r"[^\W_]+")


@lru_cache(maxsize=10_000)
def _bare(word: str) -> str:
    """Return a word without accents. Words repeat where names don't: most names of a list are never seen again."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", word) if not unicodedata.combining(mark))


def name_key(name: str) -> str:
    """Return a name without case, accents, punctuation and legal form: `Bakkerij Jansen B.V.` → `bakkerij jansen`."""
    if not name.isascii():
        name = " ".join(map(_bare, name.split(" ")))
    if "." in name:
        name = _INITIALS.sub(lambda found: found[0].replace(".", "").replace(" ", "") + " ", name + " ")
    folded = name.casefold()
    words = folded.split() if folded.replace(" ", "").isalnum() else _WORDS.findall(folded)
    if words and words[0] not in _FORMS and words[-1] not in _FORMS:
        return " ".join(words)[:320]
    bare = words[:]
    while len(bare) > 1 and bare[-1] in _FORMS:
        bare.pop()
    if len(bare) == len(words) and len(bare) > 1 and bare[0] in _FORMS:
        del bare[0]
    return " ".join(bare)[:320] or name.casefold().strip()[:320]
