"""The check of a template and of its mails: what is wrong, where, why, and how to mend it.

`source_findings` reads the template as it is written; `findings` and `tried` look at a mail that was rendered from it.
`docs/checking.md` lists the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from outreach.emails import templates
from outreach.emails.checking import clients, lawful, legible, names, readable, slips, texts
from outreach.emails.checking.addresses import is_vague
from outreach.emails.checking.cascade import Cascade, TooMuch, View
from outreach.emails.checking.finding import Finding, Severity, ordered
from outreach.emails.checking.page import Page
from outreach.emails.checking.places import Places, numbered
from outreach.emails.checking.placing import Placing
from outreach.emails.checking.structure import Structure
from outreach.emails.checking.writing import text_findings
from outreach.emails.model import MailModel, MergeFields
from outreach.emails.rendering import Rendered, Renderer, RenderError
from outreach.emails.templates import TemplateSource

__all__ = [
    "Checker",
    "Finding",
    "Severity",
    "findings",
    "is_vague",
    "ordered",
    "source_findings",
    "text_findings",
]


# Such a mail is refused for its size anyway.
_LOOKED_AT = 256 * 1024
_MAX_ELEMENTS = 8000


def source_findings(template: TemplateSource, programs: Sequence[str] = ()) -> list[Finding]:
    """List what is wrong with a template as it is written."""
    return list(_source_findings(template.to_json(), tuple(template.lines.items()), tuple(programs)))


@lru_cache(maxsize=templates.REMEMBERED)
def _source_findings(kept: str, lines: tuple[tuple[str, int], ...], programs: tuple[str, ...]) -> tuple[Finding, ...]:
    template = replace(TemplateSource.from_json(kept), lines=dict(lines))
    structure = Structure(template)
    found = [*names.check(template), *structure.walk(), *clients.source_findings(template, clients.chosen(programs))]
    found += slips.check(template)
    if not any(one.severity is Severity.ERROR for one in found if one.code.startswith(("jinja", "include"))):
        found += lawful.always(template)
    return tuple(ordered(found))


def findings(
    template: TemplateSource, model: MailModel, rendered: Rendered, fields: MergeFields | None = None
) -> list[Finding]:
    """List what is wrong with a template and with a mail rendered from it: no hints, and no places of its elements."""
    found = [*source_findings(template), *_subject_source(template, model)]
    found += _outcome(template, model, rendered, fields, Page(rendered.html))
    return ordered(one for one in found if one.severity is not Severity.HINT)


class Checker:
    """Checks one template and any number of mails made of it."""

    def __init__(self, template: TemplateSource, programs: Sequence[str] = ()) -> None:
        self.template = template
        self.source = source_findings(template, programs)
        self._plain = Renderer(template)
        self._places: Places = numbered(template)
        self._numbered = Renderer(self._places.template)

    def tried(self, model: MailModel, fields: MergeFields) -> tuple[Rendered | None, list[Finding]]:
        """Render a mail; return it, if it can be made, and what is wrong with it."""
        try:
            rendered = self._plain.render(model, fields)
        except RenderError as error:
            return None, [_refused(error, self.template)]
        try:
            page = Page(self._numbered.page(model, fields), self._places)
        except RenderError:  # the numbers took it over a limit
            page = Page(rendered.html)
        found = [*_subject_source(self.template, model), *_outcome(self.template, model, rendered, fields, page)]
        return rendered, ordered(found)


def _outcome(
    template: TemplateSource, model: MailModel, rendered: Rendered, fields: MergeFields | None, page: Page
) -> Iterator[Finding]:
    placing = Placing(template)
    yield from lawful.subject(rendered.subject)
    yield from lawful.size(template, rendered.html)
    yield from lawful.shown(placing, model, rendered, fields)
    try:
        if len(rendered.html) > _LOOKED_AT or len(page.parents) > _MAX_ELEMENTS:
            raise TooMuch("it is too large to be looked at")
        cascade = Cascade(page)
        looks = {view: cascade.looks(view) for view in View}
    except TooMuch as too:
        yield Finding(Severity.ERROR, placing.whole, f"the mail can't be checked: {too}", "make it smaller", "too-much")
        return
    yield from readable.check(page, placing, model, looks[View.LIGHT])
    yield from legible.check(page, placing, looks)
    yield from texts.check(page, placing, model, rendered, looks[View.LIGHT])


def _subject_source(template: TemplateSource, model: MailModel) -> Iterator[Finding]:
    for complaint in templates.subject_faults(template, model.subject):
        yield Finding(Severity.ERROR, f"{complaint.file}:{complaint.line or 1}", complaint.text, "", "subject-faulty")


def _refused(error: RenderError, template: TemplateSource) -> Finding:
    """Turn what keeps a mail from being rendered into a finding at its place."""
    where, _, what = str(error).partition(": ")
    _, comma, place = where.partition(", ")
    if place.startswith(f"{template.file('template.toml')}, "):
        what, place = str(error).rpartition("': ")[2], template.setting("subject")
    return Finding(Severity.ERROR, place if comma else where, what, "", "render")
