"""A first look at a rendered mail: what the law wants shown, what mail programs cut off, what readers can't use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from html import unescape

from markupsafe import escape

from outreach.emails import markup, templates
from outreach.emails.markdown import mentions_in_markdown
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
# A link can't stand in a link: stopping there keeps this linear.
_LINK = re.compile(r"<a\b((?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+)>", re.IGNORECASE)
_LINK_END = re.compile(r"</a\s*>", re.IGNORECASE)
_PICTURE_TAG = re.compile(r"<(?:img|mj-image)\b((?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+)>", re.IGNORECASE)
_VAGUE = "hier|klik hier|klik|lees meer|lees verder|meer|meer info|meer lezen|meer weten|link|deze link|website"
_VAGUE += "|here|click here|click|read more|more|more info|this link|learn more"
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

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.mend}" if self.mend else "")


def findings(
    template: TemplateSource, model: MailModel, rendered: Rendered, fields: MergeFields | None = None
) -> list[Finding]:
    """List what is wrong with a rendered mail; with the merge fields it was rendered with, these are looked for too."""
    return [
        *_template(template, model),
        *_subject(rendered.subject),
        *_size(template, rendered.html),
        *_images(template, rendered.html),
        *_links(template, model, rendered.html),
        *_required(template, model, rendered, fields),
        *_texts(template, model, rendered),
    ]


def _template(template: TemplateSource, model: MailModel) -> Iterator[Finding]:
    complaints = templates.faults(template) + templates.subject_faults(template, model.subject)
    for complaint in complaints:
        yield Finding(Severity.ERROR, f"{complaint.file}:{complaint.line or 1}", complaint.text, "")
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


def _size(template: TemplateSource, html: str) -> Iterator[Finding]:
    size = len(html.encode())
    if size > HTML_WARNING:
        severity = Severity.ERROR if size > HTML_LIMIT else Severity.WARNING
        what = f"the HTML has {size // 1024} KB; Gmail cuts it off at about 102 KB, the way out included"
        yield Finding(
            severity,
            template.file("body.mjml"),
            what,
            f"leave out services or text, to under {HTML_WARNING // 1024} KB",
        )


def _images(template: TemplateSource, html: str) -> Iterator[Finding]:
    for image in _IMAGE.findall(html):
        if not _ALT.search(image):
            source = dict(markup.targets(f"<img {image}>")).get("src", "")
            what = f"the picture {source!r} has no alt text"
            mend = 'add alt="…": what it shows, or alt="" if it only decorates'
            yield Finding(Severity.ERROR, _picture_place(template, source), what, mend)


def _links(template: TemplateSource, model: MailModel, html: str) -> Iterator[Finding]:
    for attribute, address in markup.targets(html):
        fault = markup.scheme_fault(address)
        if fault:
            yield Finding(Severity.ERROR, _place(template, address), f"{attribute}: {fault}", "give the whole address")
        elif address == "#":
            what = "a link leads nowhere ('#')"
            yield Finding(Severity.ERROR, _place(template, '="#"'), what, "give the whole address")
    written = _written_elsewhere(model)
    for attribute, address in markup.targets(html):
        if _is_plain(address) and address not in written and not _same_site(address, model.view_url):
            yield _plain_address(_place(template, address), f"{attribute}: {address!r}")
    for attributes, content in _anchors(html):
        address = dict(markup.targets(f"<a {attributes}>")).get("href", "")
        alts = [alt for image in _IMAGE.findall(content) for alt in re.findall(r'\balt="([^"]+)"', image)]
        words = " ".join([unescape(_TAG.sub("", content)).strip(), *alts]).strip()
        if not words:
            what = f"the link to {address!r} has no text"
            yield Finding(Severity.ERROR, _place(template, address), what, "write where it leads")
        elif is_vague(words) and address not in written:
            yield _vague(_place(template, address), words, address)


def _anchors(html: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes and the content of every link.

    In two steps: Python before 3.11.5 misreads one pattern for both (possessive repeats within a group).
    """
    for opened in _LINK.finditer(html):
        closed = _LINK_END.search(html, opened.end())
        if closed is None:
            return
        yield opened[1], html[opened.end() : closed.start()]


def text_findings(name: str, text: str) -> list[Finding]:
    """List what readers can't use in a Markdown text, by its name and line."""
    found = []
    for mention in mentions_in_markdown(text):
        where = f"{name}, line {mention.line}"
        if mention.picture:
            what = f"the picture {mention.address!r} isn't shown: only its words {mention.words!r} are"
            mend = "pictures come with a service of the catalogue (`picture`), or stand in the template as <mj-image>"
            found.append(Finding(Severity.WARNING, where, what, mend))
            continue
        if _is_plain(mention.address):
            found.append(_plain_address(where, f"the link to {mention.address!r}"))
        if not mention.words.strip():
            what = f"the link to {mention.address!r} has no text"
            found.append(Finding(Severity.WARNING, where, what, "write where it leads"))
        elif is_vague(mention.words):
            found.append(_vague(where, mention.words, mention.address))
    return found


def is_vague(words: str) -> bool:
    """Tell whether the words of a link say nothing of where it leads (WCAG 2.4.4)."""
    return " ".join(re.findall(r"\w+", words.lower())) in _VAGUE.split("|")


def _vague(where: str, words: str, address: str) -> Finding:
    what = f"the link {fold(words)!r} to {address!r} doesn't say where it leads"
    return Finding(Severity.WARNING, where, what, "name in its text what the reader finds there")


def _plain_address(where: str, what: str) -> Finding:
    return Finding(Severity.WARNING, where, f"{what} goes without encryption (http://)", "write https://")


def _is_plain(address: str) -> bool:
    return address.lower().startswith("http://")


def _same_site(address: str, own: str) -> bool:
    return address.split("/")[2:3] == own.split("/")[2:3]


def _written_elsewhere(model: MailModel) -> set[str]:
    """Return the links of the campaign's and the services' own texts, and of the sender: not the template's."""
    texts = [model.intro_html, model.closing_html]
    texts += [spotlight.text_html for block in model.blocks for spotlight in block.spotlights]
    return {address for text in texts for address in markup.links_in(str(text))} | {model.sender.website}


def _place(template: TemplateSource, wanted: str) -> str:
    """Name the file and line of the template where an address stands as such; else the body."""
    for part in ("body.mjml", *(name for name in template.parts if name.endswith(".mjml"))):
        source = (template.loadable(part) or ("",))[0]
        at = max(source.find(form) for form in (wanted, str(escape(wanted)))) if wanted else -1
        if at >= 0:
            return f"{template.file(part)}:{source.count(chr(10), 0, at) + 1}"
    return template.file("body.mjml")


def _picture_place(template: TemplateSource, address: str) -> str:
    place = _place(template, address)
    if place != template.file("body.mjml"):
        return place
    for part in ("body.mjml", *(name for name in template.parts if name.endswith(".mjml"))):
        source = (template.loadable(part) or ("",))[0]
        for tag in _PICTURE_TAG.finditer(source):
            if not _ALT.search(tag[1]):
                return f"{template.file(part)}:{source.count(chr(10), 0, tag.start()) + 1}"
    return place


def _required(
    template: TemplateSource, model: MailModel, rendered: Rendered, fields: MergeFields | None
) -> Iterator[Finding]:
    html, plain = template.file("body.mjml"), template.file("body.txt")
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
        for part, text in ((html, shown), (plain, written)):
            if bare not in text:
                yield Finding(Severity.ERROR, part, f"{name} isn't in it", 'keep {% include "_parts/footer…" %}')
    if fields and fields.unsubscribe_url not in markup.links_in(rendered.html):
        yield Finding(Severity.ERROR, html, "no link opts out", "link {{ unsubscribe_url }}")
    if fields and fields.unsubscribe_url not in rendered.text:
        yield Finding(Severity.ERROR, plain, "no link opts out", "write {{ unsubscribe_url }}")


def _texts(template: TemplateSource, model: MailModel, rendered: Rendered) -> Iterator[Finding]:
    if not rendered.text.strip():
        yield Finding(Severity.ERROR, template.file("body.txt"), "the text part is empty", "write body.txt")
    headings = len(_HEADING.findall(rendered.html))
    if headings != 1:
        what = f"the mail has {headings} headings of the first level"
        yield Finding(Severity.WARNING, template.file("body.mjml"), what, "put the title, and nothing else, in an h1")
    for name, text in (("intro", model.intro_text), ("closing", model.closing_text)):
        if "{{" in text or "{%" in text:
            what = f"the {name} holds '{{{{' or '{{%', which stays as it is"
            yield Finding(Severity.WARNING, name, what, "fields work in templates and in the subject only")
