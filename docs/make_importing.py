"""Write the table of columns in docs/importing.md from outreach/audience/columns.py."""

from __future__ import annotations

import re
from pathlib import Path

from outreach.audience.columns import HEADERS

PAGE = Path(__file__).parent / "importing.md"
START = "<!-- columns: written by `python docs/make_importing.py`; a test compares -->\n"
END = "<!-- end of columns -->"


def table() -> str:
    """Return the table: each field with the headers that are known for it."""
    lines = ["| field | headers |", "| --- | --- |"]
    for field, synonyms in HEADERS.items():
        names = ", ".join(" ".join(name.split()) for name in synonyms.split(";"))
        lines.append(f"| `{field.value}` | {names} |")
    return "\n" + "\n".join(lines) + "\n\n"


def page_with_table(text: str) -> str:
    """Return the page with its table renewed."""
    return re.sub(f"{re.escape(START)}.*?{re.escape(END)}", lambda _: START + table() + END, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
