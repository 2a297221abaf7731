"""A first look at a rendered mail: what the law wants shown, what mail programs cut off, what readers can't use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from outreach.emails import markup, templates
from outreach.emails.model import ALWAYS, MailModel, MergeFields, fold
from outreach.emails.rendering import Rendered
from outreach.emails.templates import TemplateSource

# Gmail shows about 102 KB and hides the rest, the way out included.
HTML_WARNING = 80 * 1024
HTML_LIMIT = 100 * 1024
SUBJECT_LENGTH = 78

_ALWAYS = {"why": "the law wants the reader told why he gets this", "unsubscribe_url": "the mail has no way out"}
_FOOTERS = {"body.mjml": "_parts/footer.mjml", "body.txt": "_parts/footer.txt"}
_IMAGE = re.compile(r"<img\b((?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+)>", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_LINK = re.compile(r"<a\b((?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+)>(.*?)</a>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_HEADING = re.compile(r"<h1\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class Severity(StrEnum):
    """Whether a mail may go out with it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """Something to mend, where it is, and how."""

    severity: Severity
    where: str
    what: str
    mend: str


def findings(
    template: TemplateSource, model: MailModel, rendered: Rendered, fields: MergeFields | None = None
) -> list[Finding]:
    """List what is wrong with a rendered mail; with the merge fields it was rendered with, these are looked for too."""
    return [
        *_template(template, model),
        *_subject(rendered.subject),
        *_size(rendered.html),
        *_images(rendered.html),
        *_links(rendered.html),
        *_required(model, rendered, fields),
        *_texts(model, rendered),
    ]


def _template(template: TemplateSource, model: MailModel) -> Iterator[Finding]:
    complaints = templates.faults(template) + templates.subject_faults(template, model.subject)
    for complaint in complaints:
        yield Finding(Severity.ERROR, f"{complaint.file}:{complaint.line or 1}", complaint.text, "mend the template")
    if complaints:
        return
    for part in ("body.mjml", "body.txt"):
        for name in sorted(set(ALWAYS) - templates.names_used(template, part)):
            what = f"{{{{ {name} }}}} isn't in it: {_ALWAYS[name]}"
            yield Finding(Severity.ERROR, template.file(part), what, f'write it, or {{% include "{_FOOTERS[part]}" %}}')


def _subject(subject: str) -> Iterator[Finding]:
    if not subject:
        yield Finding(Severity.ERROR, "subject", "the subject is empty", "write one of 30 to 60 characters")
    elif len(subject) > SUBJECT_LENGTH:
        what = f"the subject has {len(subject)} characters; most programs show 40 to 70"
        yield Finding(Severity.WARNING, "subject", what, f"shorten it to at most {SUBJECT_LENGTH}")


def _size(html: str) -> Iterator[Finding]:
    size = len(html.encode())
    if size > HTML_WARNING:
        severity = Severity.ERROR if size > HTML_LIMIT else Severity.WARNING
        what = f"the HTML has {size // 1024} KB; Gmail cuts it off at about 102 KB, the way out included"
        yield Finding(severity, "html", what, f"leave out services or text, to under {HTML_WARNING // 1024} KB")


def _images(html: str) -> Iterator[Finding]:
    for image in _IMAGE.findall(html):
        if not _ALT.search(image):
            source = dict(markup.targets(f"<img {image}>")).get("src", "")
            yield Finding(Severity.ERROR, "html", f"the picture {source!r} has no alt text", 'add alt="…"')


def _links(html: str) -> Iterator[Finding]:
    for attribute, address in markup.targets(html):
        fault = markup.scheme_fault(address)
        if fault:
            yield Finding(Severity.ERROR, "html", f"{attribute}: {fault}", "give the whole address")
        elif address == "#":
            yield Finding(Severity.ERROR, "html", "a link leads nowhere ('#')", "give the whole address")
    for attributes, content in _LINK.findall(html):
        alts = [alt for image in _IMAGE.findall(content) for alt in re.findall(r'\balt="([^"]+)"', image)]
        if not _TAG.sub("", content).strip() and not alts:
            address = dict(markup.targets(f"<a {attributes}>")).get("href", "")
            yield Finding(Severity.ERROR, "html", f"the link to {address!r} has no text", "write where it leads")


def _required(model: MailModel, rendered: Rendered, fields: MergeFields | None) -> Iterator[Finding]:
    sender = model.sender
    wanted = {
        "the sender's name": sender.name,
        "the sender's postal address": sender.address,
        "the sender's enterprise number": sender.enterprise_number,
        "the sender's e-mail address": sender.email,
    }
    if fields:
        wanted["why the reader gets this"] = fields.why
    shown = _SPACE.sub(" ", markup.text_of(rendered.html))
    written = _SPACE.sub(" ", rendered.text)
    for name, value in wanted.items():
        bare = fold(value)
        if not bare:
            yield Finding(Severity.ERROR, "sender", f"{name} is empty", "fill it in in the settings of the sender")
            continue
        for part, text in (("html", shown), ("text", written)):
            if bare not in text:
                yield Finding(Severity.ERROR, part, f"{name} isn't in it", 'keep {% include "_parts/footer…" %}')
    if fields and fields.unsubscribe_url not in markup.links_in(rendered.html):
        yield Finding(Severity.ERROR, "html", "no link opts out", "link {{ unsubscribe_url }}")
    if fields and fields.unsubscribe_url not in rendered.text:
        yield Finding(Severity.ERROR, "text", "no link opts out", "write {{ unsubscribe_url }}")


def _texts(model: MailModel, rendered: Rendered) -> Iterator[Finding]:
    if not rendered.text.strip():
        yield Finding(Severity.ERROR, "text", "the text part is empty", "write body.txt")
    headings = len(_HEADING.findall(rendered.html))
    if headings != 1:
        what = f"the mail has {headings} headings of the first level"
        yield Finding(Severity.WARNING, "html", what, "put the title, and nothing else, in an h1")
    for name, text in (("intro", model.intro_text), ("closing", model.closing_text)):
        if "{{" in text or "{%" in text:
            what = f"the {name} holds '{{{{' or '{{%', which stays as it is"
            yield Finding(Severity.WARNING, name, what, "fields work in templates and in the subject only")
