"""A stencil's message says what the plain path's says, for any template and any recipient."""

from __future__ import annotations

import email
from collections.abc import Callable
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.delivery.smtp import wire_form
from outreach.emails import templates
from outreach.emails.assembly import Attachment, Headers, assemble, head_of
from outreach.emails.model import MailModel, MergeFields
from outreach.emails.rendering import Renderer
from outreach.emails.stencil import Computes, Cutter
from outreach.emails.templates import TemplateSource

TEMPLATES = ("monthly", "spotlight", "invitation", "story", "letter")
ICS = (Attachment("bezoek.ics", "text/calendar; method=PUBLISH", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),)
nasty = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60) | st.sampled_from(
    [".", "..x", "=", "=3D=", "&amp;", "<b>", '"', "'", "{{ x }}", "{% if %}", "é" * 70, "a" * 300, "\\n", "qzx0000xzq"]
)


def parsed(message: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    read = email.message_from_bytes(message, policy=policy.SMTP)
    assert isinstance(read, EmailMessage)
    parts = list(read.walk())
    assert not [defect for part in parts for defect in part.defects]
    heads = [(name, str(value)) for name, value in read.items() if name != "Content-Type"]
    return heads, [(part.get_content_type(), part.get_payload(decode=True) or b"") for part in parts]


def both_ways(
    template: TemplateSource,
    model: MailModel,
    headers: Headers,
    fields: MergeFields,
    attached: tuple[Attachment, ...] = (),
) -> tuple[bytes | None, bytes]:
    cutter, renderer = Cutter(template), Renderer(template)
    stencil = cutter.cut(model, "campagne", attached)
    fast = stencil.message(head_of(headers, renderer.subject(model, fields)), cutter.fields(fields))
    return fast, assemble(headers, renderer.render(model, fields), attached)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_shipped_template_takes_the_fast_path_and_says_the_same(
    folder: Path, name: str, model: MailModel, headers: Headers, ann: MergeFields
) -> None:
    fast, plain = both_ways(templates.load(folder, name), model, headers, ann, ICS)
    assert fast is not None
    assert parsed(fast) == parsed(plain)
    assert b"qzx" not in fast
    assert fast.count(b"\n") == fast.count(b"\r\n")
    assert not any(line.startswith(b".") for line in fast.split(b"\r\n"))
    assert max(map(len, fast.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 78


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.tuples(nasty, nasty, nasty, nasty, nasty))
def test_no_value_comes_out_otherwise_than_on_the_plain_path(
    monthly: TemplateSource, model: MailModel, headers: Headers, ann: MergeFields, values: tuple[str, ...]
) -> None:
    greeting, company, why, one, other = values
    fields = replace(
        ann,
        greeting=greeting,
        company=company,
        why=why,
        unsubscribe_url=f"https://nieuws.example/u/{one}",
        preferences_url=f"https://nieuws.example/p/{other}",
    )
    cutter, renderer = _cut(monthly, model)
    fast = cutter[1].message(head_of(headers, "Dag"), cutter[0].fields(fields))
    if fast is None:
        assert not all(cutter[0].fields(fields)[name] for name in ("greeting", "why"))
        return
    rendered = renderer.render(model, fields)
    assert parsed(fast)[1] == parsed(assemble(headers, replace(rendered, subject="Dag")))[1]


_KEPT: dict[int, tuple[tuple[Cutter, object], Renderer]] = {}


def _cut(template: TemplateSource, model: MailModel):  # type: ignore[no-untyped-def]
    if id(model) not in _KEPT:
        _KEPT.clear()
        cutter = Cutter(template)
        _KEPT[id(model)] = ((cutter, cutter.cut(model, "c")), Renderer(template))
    return _KEPT[id(model)]


@pytest.mark.parametrize(
    "expression",
    [
        "{% if company == 'x' %}a{% endif %}",
        "{{ 'Dag ' ~ company }}",
        "{% for letter in company %}{{ letter }}{% endfor %}",
        "{% set naam = company %}{{ naam }}",
        "{{ company or 'u' }}",
        "{% filter upper %}{{ company }}{% endfilter %}",
        "{{ company.upper() }}",
    ],
)
def test_a_template_that_computes_with_a_personal_value_keeps_to_the_plain_path(
    small: Callable[..., TemplateSource], model: MailModel, expression: str
) -> None:
    template = small(f"<mj-text>{expression} {{{{ why }}}} {{{{ unsubscribe_url }}}}</mj-text>")
    with pytest.raises(Computes):
        Cutter(template).cut(model, "c")


def test_a_missing_value_is_left_to_the_plain_path(monthly: TemplateSource, model: MailModel, ann: MergeFields) -> None:
    cutter = Cutter(monthly)
    assert cutter.cut(model, "c").message(b"", cutter.fields(replace(ann, greeting=""))) is None


def test_what_a_template_may_cost_is_counted_for_each_message_anew(
    monthly: TemplateSource, model: MailModel, ann: MergeFields
) -> None:
    cutter = Cutter(monthly)
    stencil = cutter.cut(model, "c")
    for number in range(12_000):
        fields = replace(ann, unsubscribe_url=f"{ann.unsubscribe_url}{number}")
        assert stencil.message(b"", cutter.fields(fields)) is not None


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_we_assemble_needs_nothing_more_to_go_on_the_wire(
    folder: Path, name: str, model: MailModel, headers: Headers, ann: MergeFields
) -> None:
    dotted = replace(ann, greeting="." * 90, why=".a\n." + "w" * 75 + ".x")
    for fields in (ann, dotted):
        fast, plain = both_ways(templates.load(folder, name), model, headers, fields, ICS)
        assert fast is not None
        assert (wire_form(fast), wire_form(plain)) == (fast, plain)
