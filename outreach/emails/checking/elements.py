"""What HTML knows, as far as mails use it: elements, attributes, what may stand in what (HTML Living Standard, 4)."""

from __future__ import annotations

import csv

from outreach.emails.checking.components import TABLES


def _kinds() -> dict[str, frozenset[str]]:
    with (TABLES / "html.csv").open(encoding="utf-8", newline="") as file:
        return {row["element"]: frozenset(row["kind"].split()) for row in csv.DictReader(file)}


_KINDS = _kinds()
ELEMENTS = frozenset(_KINDS)
VOID = frozenset(name for name, kind in _KINDS.items() if "void" in kind)
BLOCK = frozenset(name for name, kind in _KINDS.items() if "block" in kind)
ATTRIBUTES = frozenset((TABLES / "html_attributes.txt").read_text(encoding="utf-8").split())
_NARROW = "p h1 h2 h3 h4 h5 h6 span b i em strong small code abbr cite s u sub sup mj-button"
# Only phrasing content may stand in these.
NARROW = frozenset(_NARROW.split(" "))
PARENTS = {
    "li": {"ul", "ol", "menu"},
    "td": {"tr"},
    "th": {"tr"},
    "tr": {"table", "tbody", "thead", "tfoot", "mj-table"},
    "tbody": {"table", "mj-table"},
    "thead": {"table", "mj-table"},
    "tfoot": {"table", "mj-table"},
    "caption": {"table", "mj-table"},
    "colgroup": {"table", "mj-table"},
    "dt": {"dl", "div"},
    "dd": {"dl", "div"},
}
# These hold no text and no other element than those named.
STRICT = {
    "ul": {"li"},
    "ol": {"li"},
    "tr": {"td", "th"},
    "tbody": {"tr"},
    "thead": {"tr"},
    "tfoot": {"tr"},
    "table": {"tr", "tbody", "thead", "tfoot", "caption", "colgroup", "col"},
    "mj-table": {"tr", "tbody", "thead", "tfoot", "caption", "colgroup", "col"},
}
REFUSED = {
    "script": "no mail program runs scripts, and many refuse the whole mail",
    "iframe": "mail programs take it out",
    "object": "mail programs take it out",
    "embed": "mail programs take it out",
    "base": "it would turn every address of the mail",
    "link": "a mail fetches nothing that it doesn't show",
    "style": "only <mj-style> in the head reaches the reader",
    "marquee": "moving text can't be read by everybody",
}
