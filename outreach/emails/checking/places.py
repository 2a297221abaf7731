"""Where in the template a piece of the rendered page comes from.

A copy of the template carries a number in each of its tags, as `data-at` or as a class; it goes through Jinja and MJML
like the template itself, and each element of the page that comes out names the tag it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

from outreach.emails.checking import styles
from outreach.emails.checking.markup_source import Broken, Tag, Words, pieces
from outreach.emails.checking.masking import Masked, mask
from outreach.emails.templates import TemplateSource

ATTRIBUTE = "data-at"
CLASS = re.compile(r"(?:^|\s)at-(\d+)(?=\s|$)")
_CLASSED = re.compile(
    r"mj-(?:body|wrapper|section|column|group|hero|text|button|image|table|divider|spacer|social|social-element|navbar|"
    r"navbar-link|accordion|accordion-element|accordion-title|accordion-text|carousel|carousel-image)\Z"
)
_JINJA = re.compile("[\ue002\ue003]")


@dataclass(frozen=True)
class Places:
    """A template with numbers in it, and what each number stands for; and where each rule of its sheets is."""

    template: TemplateSource
    places: tuple[str, ...]
    tags: tuple[str, ...]
    rules: dict[tuple[str, str, str, str], str]
    whole: str

    def of(self, number: str | None) -> str | None:
        """Return `file:line:column` of a number."""
        return self.places[int(number)] if self._known(number) else None

    def tag(self, number: str | None) -> str | None:
        """Return the name of the tag that has a number."""
        return self.tags[int(number)] if self._known(number) else None

    def _known(self, number: str | None) -> TypeGuard[str]:
        return number is not None and number.isdecimal() and int(number) < len(self.places)


def numbered(template: TemplateSource) -> Places:
    """Put numbers into a copy of a template."""
    places: list[tuple[str, str]] = []
    rules: dict[tuple[str, str, str, str], str] = {}
    texts: dict[str, str] = {}
    for part in ("body.mjml", *(name for name in template.parts if name.endswith(".mjml"))):
        loaded = template.loadable(part)
        if loaded is not None:
            texts[part] = _numbered(loaded[0], loaded[1] or part, places, rules)
    parts = {name: texts.get(name, text) for name, text in template.parts.items()}
    copy = replace(template, body_mjml=texts.get("body.mjml", template.body_mjml), parts=parts)
    return Places(
        copy, tuple(place for place, _ in places), tuple(tag for _, tag in places), rules, template.file("body.mjml")
    )


def _numbered(text: str, file: str, places: list[tuple[str, str]], rules: dict[tuple[str, str, str, str], str]) -> str:
    masked = mask(text)
    found = list(pieces(masked.text))
    if any(isinstance(piece, Broken) for piece in found):
        return text
    for at, new in reversed(list(_insertions(found, masked, file, places, rules))):
        text = text[:at] + new + text[at:]
    return text


def _insertions(
    found: list[Tag | Words | Broken],
    masked: Masked,
    file: str,
    places: list[tuple[str, str]],
    rules: dict[tuple[str, str, str, str], str],
) -> Iterator[tuple[int, str]]:
    shared = opened = None
    for piece in found:
        if isinstance(piece, Words) and opened == "mj-style":
            _note_rules(masked, piece, file, rules)
        opened = None
        if not isinstance(piece, Tag):
            continue
        if piece.name == "mj-attributes":
            shared = not piece.closing
        if piece.closing or shared:
            continue
        opened = piece.name
        number = len(places)
        if not piece.name.startswith("mj"):
            yield piece.start + 1 + len(piece.name), f' {ATTRIBUTE}="{number}"'
        elif _CLASSED.match(piece.name):
            classes = piece.get("css-class")
            if classes is not None:
                yield classes.value_at + len(classes.value), f" at-{number}"
            else:
                yield piece.start + 1 + len(piece.name), f' css-class="at-{number}"'
        else:
            continue
        line, column = masked.place(piece.start)
        places.append((f"{file}:{line}:{column}", piece.name))


def _note_rules(masked: Masked, words: Words, file: str, rules: dict[tuple[str, str, str, str], str]) -> None:
    sheet = _JINJA.sub(" ", masked.text[words.start : words.end])
    for one in styles.sheet_declarations(sheet):
        line, column = masked.place(words.start + one.at)
        rules[one.media, one.selector, one.name, one.value] = f"{file}:{line}:{column}"
