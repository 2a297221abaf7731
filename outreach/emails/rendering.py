"""From template, model and merge fields to subject, HTML and text: Jinja first, MJML second.

Nothing is kept between two recipients but compiled templates: each render gets its own values and its own output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import mjml
from jinja2 import Template, TemplateError, TemplateSyntaxError
from markupsafe import Markup

from outreach.emails import markup
from outreach.emails.model import DECLARABLE, MailModel, MergeFields, clean, fold
from outreach.emails.sandbox import MARK, TEMPLATE_ERRORS, TemplateEnvironment, wrap
from outreach.emails.templates import TemplateSource, undeclared
from outreach.errors import Refusal

_POSITION = re.compile(r"position (\d+):\d+")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_GAPS = re.compile(r"\n{4,}")
_MISSING = re.compile(r"'(\w+)' is undefined\Z")
_SUBJECTS = 16
# Merge fields that the text part gets broken into lines.
WRAPPED = ("why",)


@dataclass(frozen=True)
class Rendered:
    """A mail's three texts."""

    subject: str
    html: str
    text: str


class RenderError(Refusal):
    """A template that can't be rendered; the text names template, file and line."""


class Renderer:
    """Renders one template; built once, used by any number of threads."""

    def __init__(self, template: TemplateSource) -> None:
        self.template = template
        self._html = TemplateEnvironment(template.loadable, html=True)
        self._text = TemplateEnvironment(template.loadable, html=False)
        self._subjects: dict[str, Template] = {}
        self._kept: tuple[MailModel, dict[str, Any]] | None = None

    def render(self, model: MailModel, fields: MergeFields) -> Rendered:
        """Render one recipient's mail."""
        values = self.values(model, fields)
        everything = values | fields.chosen(DECLARABLE)
        return Rendered(self._subject(model, everything), self._page(values), self._plain(values))

    def page(self, model: MailModel, fields: MergeFields) -> str:
        """Render the HTML of one recipient's mail alone."""
        return self._page(self.values(model, fields))

    def values(self, model: MailModel, fields: MergeFields) -> dict[str, Any]:
        """Give what the template's two parts are rendered with."""
        kept = self._kept
        if kept is None or kept[0] is not model:
            kept = self._kept = (model, _cleaned_items(model))
        return kept[1] | fields.chosen(self.template.fields)

    def subject(self, model: MailModel, fields: MergeFields) -> str:
        """Render the subject alone."""
        return self._subject(model, self.values(model, fields) | fields.chosen(DECLARABLE))

    def _subject(self, model: MailModel, values: dict[str, Any]) -> str:
        source = model.subject or self.template.subject
        try:
            compiled = self._subjects.get(source)
            if compiled is None:
                compiled = self._text.from_string(source)
                if len(self._subjects) < _SUBJECTS:
                    self._subjects[source] = compiled
            self._text.budget.reset()
            return fold(self._text.collected(compiled, values))
        except TEMPLATE_ERRORS as error:
            place = "the campaign's subject" if model.subject else f"{self.template.file('template.toml')}, subject"
            said = _said(error, self.template)
            raise RenderError(f"template {self.template.name}, {place} {source!r}: {said}") from error

    def _plain(self, values: dict[str, Any]) -> str:
        # Broken into lines here: a template that did so would compute with what differs for each recipient.
        broken = {name: wrap(str(values[name])) for name in WRAPPED}
        return tidy(self._jinja(self._text, "body.txt", values | broken))

    def _page(self, values: dict[str, Any]) -> str:
        source = self._jinja(self._html, "body.mjml", values)
        try:
            markup.examine(source)
            html: str = mjml.mjml2html(markup.spell_out(source), fonts={})
        except markup.MarkupFault as fault:
            raise self._fault(values, fault.offset, str(fault)) from None
        except ValueError as error:
            position = _POSITION.search(str(error))
            offset = len(source.encode()[: int(position[1])].decode(errors="ignore")) if position else 0
            raise self._fault(values, offset, f"MJML: {error}") from error
        html = markup.finish(html, str(values["language"]), str(values["title"]))
        for _, address in markup.targets(html):
            fault_text = markup.scheme_fault(address)
            if fault_text:
                raise self._fault(values, _place_of(source, address), fault_text)
        return html

    def _jinja(self, environment: TemplateEnvironment, part: str, values: dict[str, Any]) -> str:
        try:
            return environment.generate(part, values)
        except TEMPLATE_ERRORS as error:
            place = _place_in(error, self.template.file(part))
            raise RenderError(f"template {self.template.name}, {place}: {_said(error, self.template)}") from error

    def _fault(self, values: dict[str, Any], offset: int, text: str) -> RenderError:
        """Find the template's own line for a place in the MJML, by rendering once more with marks."""
        marked = TemplateEnvironment(self.template.loadable, html=True, mark=True).generate("body.mjml", values)
        file, line = self.template.file("body.mjml"), 1
        passed = last = 0
        for found in MARK.finditer(marked):
            passed += found.start() - last
            if passed > offset:
                break
            last, file, line = found.end(), found[1], int(found[2])
        return RenderError(f"template {self.template.name}, {file}:{line}: {text}")


def render(template: TemplateSource, model: MailModel, fields: MergeFields) -> Rendered:
    """Render one mail; build a `Renderer` for more than one."""
    return Renderer(template).render(model, fields)


def tidy(text: str) -> str:
    """Take out of a text part what its tags leave behind: blanks at line ends, and wide gaps."""
    return _GAPS.sub("\n\n\n", _TRAILING.sub("", text)).strip("\n") + "\n"


def _cleaned_items(model: MailModel) -> dict[str, Any]:
    return {field.name: _cleaned(getattr(model, field.name)) for field in fields(model)}


def _cleaned(value: Any) -> Any:
    """Take control characters out of every text of the model: mrml refuses them."""
    if isinstance(value, str):
        # The model's HTML is ours already; cleaning takes characters out and adds none.
        return Markup(clean(value)) if isinstance(value, Markup) else clean(value)  # noqa: S704
    if isinstance(value, tuple):
        return tuple(_cleaned(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _cleaned(getattr(value, field.name)) for field in fields(value)})
    return value


def _said(error: BaseException, template: TemplateSource) -> str:
    if isinstance(error, RecursionError):
        return "parts include or call each other without end"
    text = error.message if isinstance(error, TemplateError) and error.message else str(error)
    missing = _MISSING.match(text or "")
    return f"{text}: {undeclared(missing[1], template)}" if missing else text or type(error).__name__


def _place_in(error: BaseException, file: str) -> str:
    """Name file and line of the innermost template frame; Jinja writes its templates' names into the traceback."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or file}:{error.lineno}"
    places = [place for place in _frames(error) if place.startswith("templates/emails/")]
    return places[-1] if places else file


def _frames(error: BaseException) -> Iterator[str]:
    frame = error.__traceback__
    while frame is not None:
        yield f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
        frame = frame.tb_next


def _place_of(source: str, address: str) -> int:
    written = [str(Markup.escape(address)), address]
    return max(0, *(source.find(text) for text in written if text)) if address else 0
