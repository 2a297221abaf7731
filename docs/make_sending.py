"""Write the table of replies in docs/sending.md from outreach/delivery/replies.py."""

from __future__ import annotations

import re
from pathlib import Path

from outreach.delivery.replies import TABLE, Rule

PAGE = Path(__file__).parent / "sending.md"
START = "<!-- replies: written by `python docs/make_sending.py`; a test compares -->\n"
END = "<!-- end of replies -->"


def table() -> str:
    """Return the table: where and how the relay answers, and what that means."""
    lines = ["| at | code | enhanced code | words about | it means | reason |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(_cells(rule))} |" for rule in TABLE]
    return "\n" + "\n".join(lines) + "\n\n"


def _cells(rule: Rule) -> tuple[str, ...]:
    code = "none" if rule.code == "-" else rule.code.replace(" ", ", ")
    return rule.at, code, rule.enhanced.replace(" ", ", "), rule.words, f"**{rule.verdict.value}**", rule.reason


def page_with_table(text: str) -> str:
    """Return the page with its table renewed."""
    return re.sub(f"{re.escape(START)}.*?{re.escape(END)}", lambda _: START + table() + END, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
