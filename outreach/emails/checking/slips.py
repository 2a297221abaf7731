"""What is well formed and still not meant: classes that nobody defines, fields of other programs, words to be replaced.

MJML and Jinja pass over all of it, and it reaches the readers as it stands.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterator
from itertools import islice

from outreach.emails.checking.finding import Finding, Severity, did_you_mean
from outreach.emails.checking.markup_source import Attribute, Tag, Words, pieces
from outreach.emails.checking.masking import EXPRESSION, GAP, Kind, Masked, mask
from outreach.emails.templates import TemplateSource

WIDTH = 600
_MAX_FINDINGS = 50
_SILENT = frozenset(["mj-style", "style", "script", "mj-raw", "mj-title"])
# Merge fields of Mailchimp, Flexmail and Brevo, of mail merges in Word, and a field with a brace too few or too many.
_FOREIGN = re.compile(
    r"\*\|[\w:]+\|\*|\[\[[\w .-]+\]\]|%%[\w.-]+%%|<<[\w .-]+>>|«[\w .-]+»|\$\{[\w.]+\}"
    r"|(?<![{\w])\{\s*[a-z_]+\s*\}(?!\})"
)
_UNFINISHED = re.compile(
    r"\blorem ipsum\b|\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX+\b|\[(?:naam|titel|tekst|datum|link|hier)[^\]]{0,30}\]", re.I
)
_LOUD = re.compile(r"TODO|TBD|FIXME|XXX|\[|lorem ipsum", re.I)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_MARKUP = re.compile(r"</?(?:a|b|br|div|em|h[1-6]|i|img|li|ol|p|span|strong|table|td|tr|ul)\b[^<>]*>", re.I)
_KINDS = re.compile(r"\b(?:intro|body|closing)_(html|text)\b|\.(text_html)\b")


def check(template: TemplateSource) -> list[Finding]:
    """List the slips of a template and of its parts."""
    files = [part for part in ("body.mjml", "body.txt", *template.parts) if template.loadable(part) is not None]
    classes = {name for part in files if part.endswith(".mjml") for name in _classes(_text(template, part))}
    found: list[Finding] = []
    for part in files:
        text = _text(template, part)
        masked, file = mask(text), template.file(part)
        look = _in_mjml(masked, classes) if part.endswith(".mjml") else _in_text(masked)
        for at, one in islice(look, _MAX_FINDINGS):
            line, column = masked.place(at)
            severity = Severity.WARNING if one[3:] else Severity.ERROR
            found.append(Finding(severity, f"{file}:{line}:{column}", one[1], one[2], one[0]))
    return found


Slip = tuple[int, tuple[str, ...]]


def _text(template: TemplateSource, part: str) -> str:
    loaded = template.loadable(part)
    return loaded[0] if loaded else ""


def _classes(text: str) -> Iterator[str]:
    for piece in pieces(mask(text).text):
        if isinstance(piece, Tag) and piece.name == "mj-class" and (name := piece.get("name")):
            yield name.value


def _in_mjml(masked: Masked, classes: set[str]) -> Iterator[Slip]:
    opened = ""
    for piece in pieces(masked.text):
        if isinstance(piece, Words) and opened not in _SILENT:
            yield from _in_words(masked.text[piece.start : piece.end], piece.start)
        if isinstance(piece, Tag):
            opened = "" if piece.closing or piece.empty else piece.name
            if not piece.closing:
                yield from _in_tag(piece, classes)
    yield from _fields(masked, "text", "body.mjml shows it without its links and bold words", "html")


def _in_text(masked: Masked) -> Iterator[Slip]:
    yield from _in_words(masked.text, 0)
    for found in _MARKUP.finditer(masked.text):
        what = f"{found[0][:30]!r} in the text part: readers see the tag"
        yield found.start(), ("text-markup", what, "write plain text", "warning")
    yield from _fields(masked, "html", "readers of the text part see its tags", "text")


def _fields(masked: Masked, wrong: str, what: str, right: str) -> Iterator[Slip]:
    """Yield the fields that are made for the other part of the mail."""
    for code in masked.codes:
        if code.kind is not Kind.EXPRESSION:
            continue
        for found in _KINDS.finditer(code.text):
            kind = found[1] or "html"
            if kind == wrong:
                name = found[0].lstrip(".")
                mend = "write text" if name == "text_html" else f"write {name.replace(wrong, right)}"
                yield (
                    code.start + found.start(),
                    ("field-kind", f"{name} is for the other part: {what}", mend, "warning"),
                )


def _in_words(words: str, at: int) -> Iterator[Slip]:
    bare = words.replace(EXPRESSION, " ").replace(GAP, " ")
    for found in _FOREIGN.finditer(bare):
        what = f"{found[0][:40]!r} stays as it is: it is no field of ours"
        yield (
            at + found.start(),
            ("field-foreign", what, "write {{ name }}, with a name of docs/templates.md", "warning"),
        )
    for found in _UNFINISHED.finditer(bare):
        if _LOUD.match(found[0]) and (found[0].lower().startswith(("lorem", "[")) or found[0].isupper()):
            what = f"{found[0][:40]!r} looks like something still to be written"
            yield at + found.start(), ("text-unfinished", what, "write what readers are to see", "warning")
    for found in _ENTITY.finditer(bare):
        if f"{found[1]};" not in html.entities.html5:
            near = did_you_mean(f"{found[1]};", html.entities.html5)
            what = f"HTML knows no character {found[0]!r}{near}"
            yield at + found.start(), ("html-entity", what, "readers see it as it is written", "warning")


def _in_tag(tag: Tag, classes: set[str]) -> Iterator[Slip]:
    for one in tag.attributes:
        if one.dynamic:
            continue
        if one.name == "mj-class":
            for name in one.value.split():
                if name not in classes:
                    what = f"no <mj-class> is called {name!r}{did_you_mean(name, classes)}"
                    mend = f'define <mj-class name="{name}" … /> in <mj-attributes>'
                    yield one.at, ("mjml-unknown-class", what, mend)
        elif one.name == "width" and tag.name in ("mj-image", "mj-column", "mj-button", "mj-divider", "mj-table"):
            yield from _width(tag, one)
    ground = tag.get("background-url")
    if ground is not None and tag.get("background-color") is None:
        what = f"<{tag.name}> has a picture as its ground and no colour"
        mend = "write background-color too: it shows where pictures are off"
        yield ground.at, ("picture-ground", what, mend, "warning")


def _width(tag: Tag, one: Attribute) -> Iterator[Slip]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(px|%)", one.value)
    if found and float(found[1]) > (100 if found[2] == "%" else WIDTH):
        what = f"width={one.value!r} of <{tag.name}> is more than there is"
        yield one.at, ("mjml-wide", what, f"write at most {WIDTH}px or 100%", "warning")
