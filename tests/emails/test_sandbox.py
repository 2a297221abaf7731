"""Attacks by a template: on the server's files and secrets, on other recipients, on time and memory."""

from __future__ import annotations

import contextlib
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.emails import templates
from outreach.emails.rendering import Renderer, RenderError
from outreach.emails.sandbox import wrap

ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ sender.__init__.__globals__ }}",
    "{{ sender.__dataclass_fields__ }}",
    "{{ sender['__class__'] }}",
    "{{ sender|attr('__class__') }}",
    "{{ '%s'|format(sender) }}",
    "{{ '{0.__class__}'.format(sender) }}",
    "{{ '{0.__class__}'.format_map({'0': sender}) }}",
    "{{ greeting.format.__self__ }}",
    "{{ intro_html.format(sender) }}",
    "{{ intro_html.unescape() }}",
    "{{ ['a']|map('attr', '__class__')|list }}",
    "{{ blocks|map(attribute='__class__')|list }}",
    "{{ [sender]|map(attribute='name.__class__')|join }}",
    "{{ blocks|sort(attribute='__class__') }}",
    "{{ [sender]|join(attribute='__class__') }}",
    "{{ [sender]|groupby('__class__')|list }}",
    "{{ [sender]|sum(attribute='__class__') }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace() }}",
    "{{ joiner }}",
    "{{ dict(a=1) }}",
    "{{ request }}",
    "{{ config }}",
    "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% for x in blocks %}{{ loop.__class__ }}{% endfor %}",
    "{{ blocks.__reduce__() }}",
    "{{ fields }}",
    "{{ email }}",
    "{{ company|safe }}",
    "{% autoescape false %}{{ company }}{% endautoescape %}",
    "{% include '/etc/passwd' %}",
    "{% include ['/etc/passwd', 'outreach.toml'] %}",
    "{% extends '../monthly/body.mjml' %}",
    "{% import '/proc/self/environ' as x %}{{ x }}",
    "{% do blocks.append(1) %}",
    "{{ debug() }}{% debug %}",
]
BOMBS = [
    "{{ 'x' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 999999999 * 999999999 * 999999999 * 999999999 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ 'x'|center(999999999) }}",
    "{{ 'x'.ljust(999999999) }}",
    "{{ 'x'.zfill(999999999) }}",
    "{{ 'aaaa'.replace('a', 'aaaaaaaaaaaaaaaaaa') }}",
    "{% for a in range(1000000000) %}x{% endfor %}",
    "{% set x = 'xxxxxxxxxx' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'xxxxxxxxxx' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x }}",
    "{% set a = 'x' %}" + "{% with a = a ~ a %}" * 15 + "{{ a ~ a }}" * 30 + "{% endwith %}" * 15,
    "{% set s = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}"
    + "".join(f"{{% for {name} in s %}}" for name in "abcd")
    + "{% endfor %}" * 4,
    "".join(f"{{% for a{n} in blocks %}}" for n in range(5)) + "{% endfor %}" * 5,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro a(x) %}{{ a(x ~ x) }}{% endmacro %}{{ a('xx') }}",
    "{% macro m0() %}x{% endmacro %}"
    + "".join(f"{{% macro m{n} () %}}{{{{ m{n - 1}() }}}}{{{{ m{n - 1}() }}}}{{% endmacro %}}" for n in range(1, 40))
    + "{{ m39() }}",
    "{% macro m0() %}x{% endmacro %}"
    + "".join(
        f"{{% macro m{n}() %}}{{% call m{n - 1}() %}}{{% endcall %}}" * 2 + "{% endmacro %}" for n in range(1, 30)
    )
    + "{{ m29() }}",
    "{{ [intro_text, intro_text]|join(intro_text)|join(intro_text)|join(intro_text)|join(intro_text) }}",
    "{% for b in blocks recursive %}{{ loop(blocks) }}{% endfor %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ intro_text|wrap(indent=1000000000, width=100)|wrap(indent=1000000000) }}{{ nothing }}",
    "{% set x %}{% for a in " + str([*range(3000)]) + " %}" + "y" * 200_000 + "{% endfor %}{% endset %}",
    "{% macro m() %}" + "y" * 200_000 + "{% endmacro %}{% set x = [" + "m()," * 3000 + "] %}",
    "x" * 300_000,
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("part", ["body", "text", "subject"])
def test_a_template_reads_no_secret_and_no_file_of_the_server(small, model, ann, attack, part):
    source = small(f"<mj-text>{attack}</mj-text>") if part == "body" else small(**{part: attack})
    faults = templates.faults(source)
    with pytest.raises(RenderError) as refused:
        Renderer(source).render(model if part != "subject" else _without_subject(model), ann)
    assert "template small" in str(refused.value)
    assert "root:" not in str(refused.value) + str(faults)


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_template_can_not_use_up_time_or_memory(small, model, ann, bomb):
    started = time.monotonic()
    for source in (small(f"<mj-text>{bomb}</mj-text>"), small(text=bomb)):
        templates.faults(source)
        with pytest.raises(RenderError):
            Renderer(source).render(model, ann)
    assert time.monotonic() - started < 20


def test_parts_that_include_parts_can_not_use_up_time_or_memory(small, model, ann):
    for first in ("", "y" * 1000):
        parts = {f"p{n}": f'{{% include "_parts/p{n - 1}.mjml" %}}' * 10 for n in range(1, 9)}
        source = small('{% include "_parts/p8.mjml" %}', p0=first, **parts)
        started = time.monotonic()
        templates.faults(source)
        assert templates.names_used(source, "body.mjml") == set()
        with pytest.raises(RenderError, match=r"the template (takes|handles|puts out) more than"):
            Renderer(source).render(model, ann)
        assert time.monotonic() - started < 20


def test_a_field_that_is_not_declared_is_not_there_at_all(small, model, ann):
    source = small("<mj-text>{{ company }}</mj-text>")
    undeclared = type(source)(**{**source.__dict__, "fields": ("greeting",)})
    with pytest.raises(RenderError, match="'company' is undefined"):
        Renderer(undeclared).render(model, ann)


def test_a_subject_of_a_campaign_is_held_to_the_same_rules(monthly):
    assert templates.subject_faults(monthly, "Dag {{ greeting }}") == []
    assert templates.subject_faults(monthly, "{{ company }} {{ first_name }} {{ last_name }}") == []
    assert "unknown field 'secret'" in str(templates.subject_faults(monthly, "{{ secret }}")[0])
    assert templates.subject_faults(monthly, "{{ oops")


def _without_subject(model):
    return type(model)(**{**model.__dict__, "subject": ""})


@pytest.mark.parametrize(
    "text",
    [
        "{% if title %}" * 150 + "x" + "{% endif %}" * 150,
        "{{ " + "-" * 3000 + "1 }}",
        "{{ title" + ".x" * 5000 + " }}",
        "{{ [" * 1 + "[" * 300 + "]" * 300 + "] }}",
        "{% macro None() %}{% endmacro %}",
        "{{ 1|upper|sum }}",
        "{{ title|sum }}",
        "{{ blocks|sort }}",
        "{{ sender|wrap }}{{ sender|int|upper|join|groupby(3) }}",
        "{{ title[::0] }}",
        "{{ 'x'|truncate('a') }}",
    ],
)
def test_a_template_that_python_can_not_take_is_refused_or_rendered(small, model, ann, text):
    source = small(text=text)
    templates.faults(source)
    with contextlib.suppress(RenderError):
        Renderer(source).render(model, ann)


@given(st.text("ab - .\t\n\xa0é\x0b12>", max_size=90), st.integers(30, 80), st.integers(0, 6))
def test_lines_that_fit_are_left_as_the_library_would_leave_them(text, width, indent):
    margin = " " * indent
    expected = [
        "\n".join(
            textwrap.wrap(
                line,
                width,
                initial_indent=margin,
                subsequent_indent=margin,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
        for line in text.split("\n")
    ]
    found = wrap(text, width, indent)
    if all(len(margin) + len(line) <= width for line in text.split("\n")):
        assert found == "\n".join(expected)
