"""Which file and line of the template a finding about the rendered mail belongs to."""

from __future__ import annotations

import re
from functools import cached_property
from xml.etree.ElementTree import Element

from markupsafe import escape

from outreach.emails import markup
from outreach.emails.checking.markup_source import Tag, pieces
from outreach.emails.checking.masking import mask
from outreach.emails.checking.page import Page
from outreach.emails.model import MailModel
from outreach.emails.templates import TemplateSource


class Placing:
    """Looks up places in one template: by the element if the page was rendered with numbers, else by what it says."""

    def __init__(self, template: TemplateSource) -> None:
        self.template = template

    @property
    def whole(self) -> str:
        return self.template.file("body.mjml")

    @cached_property
    def _sources(self) -> list[tuple[str, str]]:
        parts = ["body.mjml", *(name for name in self.template.parts if name.endswith(".mjml"))]
        return [(self.template.file(part), (self.template.loadable(part) or ("",))[0]) for part in parts]

    def element(self, page: Page, element: Element) -> str:
        return page.place(element) or self.whole

    def link(self, page: Page, link: Element) -> str:
        return page.place(link) or self.address(link.get("href", ""))

    def picture(self, page: Page, image: Element) -> str:
        place = page.place(image)
        if place:
            return place
        found = self.address(image.get("src", ""))
        if found != self.whole:
            return found
        without = (place for place, tag in self._tags("img", "mj-image") if tag.get("alt") is None)
        return next(without, found)

    def address(self, address: str) -> str:
        """Name the file and line where an address stands as such; else the body."""
        wanted = '="#"' if address == "#" else address
        for file, source in self._sources:
            at = max(source.find(form) for form in (wanted, str(escape(wanted)))) if wanted else -1
            if at >= 0:
                return f"{file}:{source.count(chr(10), 0, at) + 1}"
        return self.whole

    def tag(self, name: str) -> str:
        """Name the place of the first tag of a name; else the body."""
        return next((place for place, _ in self._tags(name)), self.whole)

    def _tags(self, *names: str) -> list[tuple[str, Tag]]:
        found = []
        for file, source in self._sources:
            masked = mask(source)
            for piece in pieces(masked.text):
                if isinstance(piece, Tag) and piece.name in names and not piece.closing:
                    line, column = masked.place(piece.start)
                    found.append((f"{file}:{line}:{column}", piece))
        return found

    def word(self, part: str, name: str) -> str:
        """Name the place where a name stands in the Jinja of a part or of what it includes; else the part."""
        seen, waiting = set[str](), [part]
        while waiting:
            one = waiting.pop(0)
            loaded = self.template.loadable(one)
            if loaded is None or one in seen:
                continue
            seen.add(one)
            masked = mask(loaded[0])
            for code in masked.codes:
                found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code.text)
                if found:
                    line, column = masked.place(code.start + found.start())
                    return f"{self.template.file(one)}:{line}:{column}"
                named = re.search(r"\"(_parts/[^\"]+)\"", code.text)
                waiting += [named[1]] if named else []
        return self.template.file(part)

    def written_elsewhere(self, model: MailModel) -> set[str]:
        """Return the links of the campaign's and the services' own texts, and of the sender: not the template's."""
        texts = [model.intro_html, model.body_html, model.closing_html]
        texts += [spotlight.text_html for block in model.blocks for spotlight in block.spotlights]
        own = {model.sender.website, model.event.register_url if model.event else ""}
        return {address for text in texts for address in markup.links_in(str(text))} | own - {""}
