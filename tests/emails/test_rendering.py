"""Rendering: the right words in the right place, each recipient's own and nobody else's."""

from __future__ import annotations

import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from outreach.emails import checking, markup, templates
from outreach.emails.model import MergeFields, fold, greeting_for
from outreach.emails.rendering import Renderer, RenderError, render

NASTY = [
    "{{ 7*7 }}",
    "{% for x in y %}",
    "{# c #}",
    "<mj-raw>",
    "</mj-text><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "-->",
    "]]>",
    "<!--",
    "&lt;b&gt;",
    "&amp;#60;",
    "\\",
    "%0d%0a",
    "O'Neill & Zonen “bv”",
    "ß ü 中 🦊",
]


class Elements(HTMLParser):
    """The elements of a page, as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("name", ["invitation", "letter", "monthly", "spotlight", "story"])
def test_a_mail_says_the_same_in_html_and_in_text(folder, model, ann, name):
    rendered = render(templates.load(folder, name), model, ann)
    shown = re.sub(r"\s+", " ", markup.text_of(rendered.html))
    for word in ("Beste Ann", "De Vlechterij", "Verpakken op maat", "stappenplan", "volgende", "West-Vlaanderen"):
        assert word in shown
        assert word in re.sub(r"\s+", " ", rendered.text)
    for address in (model.view_url, ann.unsubscribe_url, ann.preferences_url, model.blocks[0].spotlights[0].url):
        assert address in markup.links_in(rendered.html)
        assert address in rendered.text
    assert checking.findings(templates.load(folder, name), model, rendered, ann) == []
    assert len(rendered.html.encode()) < 80 * 1024


@pytest.mark.parametrize("name", ["invitation", "letter", "monthly", "spotlight", "story"])
def test_a_mail_is_readable_by_a_screen_reader(folder, model, ann, name):
    page = Elements(render(templates.load(folder, name), model, ann).html)
    assert ("lang", "nl") in page.attributes
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings.count(1) == 1
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_nothing_is_fetched_from_elsewhere_but_the_pictures(monthly, model, ann):
    page = render(monthly, model, ann).html
    assert "fonts.googleapis" not in page
    assert "@import" not in page
    assert "url(" not in page
    sources = [address for attribute, address in markup.targets(page) if attribute != "href"]
    assert set(sources) == {"https://nieuwsbrief.example/pictures/1.png"}


@pytest.mark.parametrize("value", NASTY)
def test_a_value_can_not_open_markup_or_template_code(small, model, ann, value):
    source = small(
        '<mj-text><b title="{{ company }}">{{ company }}</b> {{ first_name }}</mj-text>'
        '<mj-button href="https://x.example/?q={{ company }}&amp;r=1">{{ company }}</mj-button>'
        '<mj-image src="https://x.example/a.png" alt="{{ company }}" />',
        text="{{ company }}|{{ first_name }}",
        subject="Dag {{ company }}",
    )
    plain = render(source, model, replace(ann, company="x"))
    rendered = render(source, replace(model, subject=""), replace(ann, company=value))
    page = Elements(rendered.html)
    assert page.tags == Elements(plain.html).tags
    assert page.attributes.count(("title", value)) == 1
    assert page.attributes.count(("alt", value)) == 1
    assert value in html.unescape(rendered.html)
    assert rendered.text == f"{value}|Ann\n"
    assert rendered.subject == f"Dag {value}"


@given(value=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_value_at_all_stays_the_text_that_it_is(value):
    source = _source('<mj-text><b title="{{ company }}">[{{ company }}]</b></mj-text>')
    rendered = render(source, _model(), _fields(company=value))
    page = Elements(rendered.html)
    assert dict(page.attributes)["title"] == fold(value)
    assert f"[{fold(value)}]" in html.unescape(rendered.html)
    assert "\n" not in fold(value)
    assert page.tags == Elements(render(source, _model(), _fields(company="x")).html).tags


def test_values_with_line_breaks_and_controls_come_on_one_line(small, model, ann):
    source = small("<mj-text>{{ company }}</mj-text>", subject="{{ company }}", text="{{ company }}")
    rendered = render(
        source, replace(model, subject=""), replace(ann, company="a\r\nBcc: b@c.example\x00\x1b\u2028d\ud800")
    )
    assert rendered.subject == "a Bcc: b@c.example d�"
    assert rendered.text == "a Bcc: b@c.example d�\n"
    assert "a Bcc: b@c.example d�" in rendered.html


def test_a_value_given_as_markup_is_escaped_all_the_same(small, model, ann):
    rendered = render(small("<mj-text>{{ company }}</mj-text>"), model, replace(ann, company=Markup("<b>x</b>")))
    assert "&lt;b&gt;x&lt;/b&gt;" in rendered.html


def test_a_value_in_an_address_can_not_change_its_host_or_add_a_parameter(small, model, ann):
    content = '<mj-text><a href="https://x.example/{{ company }}?a={{ company }}">x</a></mj-text>'
    rendered = render(small(content), model, replace(ann, company="../?b=1&c=2#d@evil.example"))
    encoded = "..%2F%3Fb%3D1%26c%3D2%23d%40evil.example"
    assert markup.links_in(rendered.html) == [f"https://x.example/{encoded}?a={encoded}"]


@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", " java\tscript:alert(1)", "data:text/html,x", "//evil.example", ""]
)
def test_a_value_as_an_address_must_be_a_web_address(small, model, ann, value):
    with pytest.raises(RenderError, match=r"small/body\.mjml:1"):
        render(small('<mj-text><a href="{{ company }}">x</a></mj-text>'), model, replace(ann, company=value))


def test_addresses_of_the_model_survive_byte_for_byte(small, model, ann):
    source = small('<mj-text><a href="{{ view_url }}">x</a></mj-text>', text="{{ view_url }}")
    for address in (
        "https://x.example/?a=1&b=2#c",
        "https://x.example/é?q=ü",
        "https://x.example/%C3%A9%20?a=%26",
        "https://x.example/a'b(c)?copy=1&copy=2&lt=3",
        "https://x.example/e\u0301\\a?q=\U00018d1f",
        "https://x.example/?u=https://y.example/?z=1&amp;w=2",
    ):
        rendered = render(source, replace(model, view_url=address), ann)
        assert markup.links_in(rendered.html) == [address]
        assert rendered.text == f"{address}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<mj-text><b style="color:{{ company }}">x</b></mj-text>', "a value can't stand in a style"),
        ("<mj-raw><style>a { color: {{ company }} }</style></mj-raw>", "a value can't stand in a style"),
        ("<mj-text><b {{ company }}>x</b></mj-text>", "between the quotes of an attribute"),
        ("<mj-text><{{ company }}>x</b></mj-text>", "body.mjml:1"),
    ],
)
def test_a_value_stands_only_where_it_can_be_escaped(small, model, ann, content, said):
    with pytest.raises(RenderError, match=re.escape(said)):
        render(small(content), model, ann)


@pytest.mark.parametrize(
    ("mjml", "line", "said"),
    [
        ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", 4, "</mj-body> closes nothing; open is <mj-section>"),
        ("<mjml>\n\n<mj-body>", 3, "<mj-body> is never closed"),
        ("<mjml>\n<mj-body>\n<mj-txt>x</mj-txt>\n</mj-body></mjml>", 3, "there is no MJML tag <mj-txt>"),
        ("<mjml><mj-body>\n<mj-text>1 < 2</mj-text></mj-body></mjml>", 2, "write '&lt;'"),
        ("<mjml><mj-body>\n\n<![CDATA[x]]></mj-body></mjml>", 3, "write '&lt;'"),
        ("{% for b in blocks %}\n{{ b.name }}\n{{ b.nope }}\n{% endfor %}", 3, "no attribute 'nope'"),
        ("a\n{{ 1 / 0 }}", 2, "division by zero"),
        ("a\n{{ oops }}", 2, "'oops' is undefined"),
        ("a\n\n{% if %}", 3, "body.mjml"),
        ("a\n{{ title|nofilter }}", 2, "nofilter"),
        ("<p>\n</p>", 1, "unexpected token"),
    ],
)
def test_a_fault_is_named_with_template_file_and_line(small, model, ann, mjml, line, said):
    with pytest.raises(RenderError) as refused:
        render(small(body=mjml), model, ann)
    assert said in str(refused.value)
    assert f"template small, templates/emails/small/body.mjml:{line}: " in str(refused.value)


def test_a_fault_in_a_part_is_named_with_the_line_of_the_part(small, model, ann):
    part = "{% if title %}\n\n<mj-text>\n<b>\n</mj-text>\n{% endif %}"
    body = '<mjml>\n{% for b in blocks %}\n<mj-body>{% include "_parts/top.mjml" %}</mj-body>\n{% endfor %}</mjml>'
    with pytest.raises(RenderError, match=r"templates/emails/_parts/top\.mjml:5: </mj-text> closes nothing"):
        render(small(body=body, top=part), model, ann)


def test_nesting_that_would_kill_the_process_is_refused(small, model, ann):
    with pytest.raises(RenderError, match="nested more than 100 deep"):
        render(small("<mj-text>" + "<b>" * 5000 + "x" + "</b>" * 5000 + "</mj-text>"), model, ann)


def test_parts_that_include_each_other_are_refused(small, model, ann):
    a, b = '{% include "_parts/b.mjml" %}', '{% include "_parts/a.mjml" %}'
    with pytest.raises(RenderError, match="without end"):
        render(small(body=a, a=a, b=b), model, ann)


def test_a_picture_without_alt_is_left_so_that_the_check_finds_it(small, model, ann):
    page = render(small('<mj-image src="https://x.example/a.png" />'), model, ann).html
    assert re.search(r'<img [^>]*src="https://x.example/a.png"', page)
    assert "alt=" not in page


def test_a_page_without_title_and_language_gets_both(small, model, ann):
    page = render(small("<mj-text>x</mj-text>"), replace(model, title="A & <b>"), ann).html
    assert "<title>A &amp; &lt;b&gt;</title>" in page
    assert re.match(r'\s*<!doctype html><html lang="nl"', page)


def test_the_subject_may_hold_fields_and_comes_from_the_campaign_first(small, model, ann):
    source = small(subject="Sjabloon {{ company }}")
    assert render(source, replace(model, subject=""), ann).subject == "Sjabloon Bakkerij Peeters bv"
    assert render(source, replace(model, subject="Dag {{ first_name }} & co"), ann).subject == "Dag Ann & co"


def test_values_of_one_recipient_never_leak_into_the_next(folder, model):
    renderer = Renderer(templates.load(folder, "monthly"))
    people = [_fields(n) for n in range(60)]
    together = threading.Barrier(4)

    def work(start: int) -> list[tuple[int, str]]:
        together.wait()
        order = range(start, 60) if start % 2 else reversed(range(60))
        return [(n, "".join(vars(renderer.render(model, people[n])).values())) for n in order]

    with ThreadPoolExecutor(4) as pool:
        for n, mail in [pair for done in pool.map(work, range(4)) for pair in done]:
            assert set(re.findall(r"Beste Naam([a-z]+)", mail)) == {_letters(n)}
            assert set(re.findall(r"/u/token(\d+)x", mail)) == {str(n)}


def test_a_failed_render_leaves_nothing_behind_for_the_next(small, model, ann):
    renderer = Renderer(small("{% if company == 'fout' %}{{ 1 / 0 }}{% endif %}<mj-text>{{ first_name }}</mj-text>"))
    with pytest.raises(RenderError):
        renderer.render(model, replace(ann, company="fout", first_name="Bob"))
    assert "Bob" not in renderer.render(model, ann).html


@pytest.mark.parametrize(
    ("first", "kind", "greeting"),
    [
        ("Ann", "personal", "Beste Ann"),
        ("Jean-Pierre", "personal", "Beste Jean-Pierre"),
        ("D'Hondt", "personal", "Beste D'Hondt"),
        ("Ann", "role", "Beste mevrouw, meneer"),
        ("", "personal", "Beste mevrouw, meneer"),
        ("  \n", "personal", "Beste mevrouw, meneer"),
        ("Win 1000 euro op www.evil.example", "personal", "Beste mevrouw, meneer"),
        ("evil.example", "personal", "Beste mevrouw, meneer"),
        ("<b>Ann</b>", "personal", "Beste mevrouw, meneer"),
        ("A" * 41, "personal", "Beste mevrouw, meneer"),
    ],
)
def test_a_greeting_uses_a_credible_first_name_only(first, kind, greeting):
    assert greeting_for(first, "Peeters", kind) == greeting


def _letters(n: int) -> str:
    return chr(97 + n // 26) + chr(97 + n % 26)


def _fields(n: int = 0, company: str = "x") -> MergeFields:
    name = f"Naam{_letters(n)}"
    urls = (f"https://n.example/u/token{n}x", f"https://n.example/voorkeuren/token{n}x")
    return MergeFields(f"Beste {name}", name, "P", company, "Omdat.", *urls)


def _model():
    from outreach.emails.model import MailModel, Sender

    sender = Sender("S", "A 1", "0123.456.749", "s@x.example", "https://x.example")
    empty = Markup("")
    return MailModel("nl", "T", "S", "p", empty, "", (), empty, "", sender, "", "", "https://x.example/n")


def _source(content: str):
    whole = f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
    return templates.TemplateSource("small", "S", "", "s", ("company",), whole, "x", {})


@pytest.mark.parametrize("name", ["invitation", "monthly", "spotlight", "story"])
def test_the_name_and_line_of_the_newsletter_stand_in_both_parts(folder, model, ann, name):
    rendered = render(templates.load(folder, name), replace(model, brand="Vlijt & Co", tagline="dichtbij"), ann)
    assert "Vlijt &amp; Co" in rendered.html
    assert "dichtbij</span>" in rendered.html
    assert rendered.text.startswith("Vlijt & Co\ndichtbij\n")
    bare = render(templates.load(folder, name), replace(model, brand="", tagline=""), ann)
    assert bare.text.startswith("Reclame")
    assert "Werk dat past" not in rendered.html + rendered.text + bare.html


def test_a_subject_may_use_every_field_of_the_recipient_and_an_unknown_one_is_explained(monthly, model, ann):
    subject = "{{ first_name }} {{ last_name }}, iets voor {{ company }}"
    assert render(monthly, replace(model, subject=subject), ann).subject == "Ann Peeters, iets voor Bakkerij Peeters bv"
    with pytest.raises(RenderError, match=r"the campaign's subject .*unknown field 'bedrijf'; did you mean 'company'"):
        render(monthly, replace(model, subject="Voor {{ bedrijf }}"), ann)


def test_a_mail_of_too_many_blocks_is_refused(small, model, ann):
    with pytest.raises(RenderError, match="too many for one mail"):
        render(small("<mj-text>x</mj-text>" * 3001), model, ann)
    shared = f'<mj-head><mj-attributes><mj-all css-class="{"x" * 9000}" /></mj-attributes></mj-head>'
    body = f"<mj-body><mj-section><mj-column>{'<mj-text>x</mj-text>' * 500}</mj-column></mj-section></mj-body>"
    with pytest.raises(RenderError, match="too many for one mail"):
        render(small(body=f"<mjml>{shared}{body}</mjml>"), model, ann)
