"""The Markdown of campaigns and services: what readers can't use, by line."""

from __future__ import annotations

from outreach.emails.checking.addresses import is_vague
from outreach.emails.checking.finding import Finding, Severity
from outreach.emails.markdown import mentions_in_markdown
from outreach.emails.model import fold


def text_findings(name: str, text: str) -> list[Finding]:
    """List what readers can't use in a Markdown text, by its name and line."""
    found = []
    for mention in mentions_in_markdown(text):
        where = f"{name}, line {mention.line}"
        if mention.picture:
            what = f"the picture {mention.address!r} isn't shown: only its words {mention.words!r} are"
            mend = "pictures come with a service of the catalogue (`picture`), or stand in the template as <mj-image>"
            found.append(Finding(Severity.WARNING, where, what, mend, "text-picture"))
            continue
        if mention.address.lower().startswith("http://"):
            what = f"the link to {mention.address!r} goes without encryption (http://)"
            found.append(Finding(Severity.WARNING, where, what, "write https://", "link-http"))
        if not mention.words.strip():
            what = f"the link to {mention.address!r} has no text"
            found.append(Finding(Severity.WARNING, where, what, "write where it leads", "link-empty"))
        elif is_vague(mention.words):
            what = f"the link {fold(mention.words)!r} to {mention.address!r} doesn't say where it leads"
            mend = "name in its text what the reader finds there"
            found.append(Finding(Severity.WARNING, where, what, mend, "link-vague"))
    return found
