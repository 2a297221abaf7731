"""Made-up templates, names and addresses: no crash, no hang, and nothing of one recipient in another's mail."""

from __future__ import annotations

import time
from dataclasses import replace

import mutation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.campaigns.trying import full_model, try_template
from outreach.emails import templates
from outreach.emails.assembly import Headers, Mailbox, ascii_address, assemble
from outreach.emails.checking import Finding
from outreach.emails.model import MergeFields, greeting_for
from outreach.emails.rendering import Renderer, RenderError
from outreach.emails.templates import TemplateSource
from outreach.errors import Refusal

PIECES = st.sampled_from(
    [
        *("<mj-section>", "</mj-section>", "<mj-column>", "</mj-column>", "<mj-text>", "</mj-text>", "<p>", "</p>"),
        *(
            '<a href="',
            '">',
            "<b",
            "</b>",
            "<img ",
            "src='https://x.example/a.png'",
            "/>",
            "<!--",
            "-->",
            "<",
            ">",
            '"',
        ),
        *("{% if title %}", "{% else %}", "{% endif %}", "{% for b in blocks %}", "{% endfor %}", "{{ title }}", "{{"),
        *(
            "{{ b.title }}",
            "{{ why|wrap }}",
            "{#",
            "#}",
            "{% macro m(a) %}",
            "{% endmacro %}",
            "{{ m(1) }}",
            "%}",
            "}}",
        ),
        *('style="color:#777"', "<mj-style>", "</mj-style>", ".a{color:red}", "@media", "{", "}", "<table>", "<tr>"),
        *(
            '{% include "_parts/p.mjml" %}',
            '{% from "_parts/p.mjml" import m %}',
            "{% set x = title %}",
            "&nbsp;",
            "</",
        ),
        *("klik hier", "é", "\ue002", "\ue003", "\x00", "\n", "<h1>", "</h1>", "=", "&"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=30).map(lambda of: "".join(of).replace("\r", "\n"))
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@SLOW
@given(TEXTS, TEXTS, TEXTS, st.booleans())
def test_a_made_up_template_is_checked_to_the_end(body: str, text: str, part: str, whole: bool) -> None:
    if whole:
        body = (
            f"<mjml><mj-body><mj-section><mj-column><mj-text>{body}</mj-text></mj-column></mj-section></mj-body></mjml>"
        )
    source = TemplateSource("small", "S", "", "s", (), body, text, {"_parts/p.mjml": part})
    started = time.process_time()
    for one in try_template(source, mutation.LINKS)[1]:
        assert isinstance(one, Finding)
        assert one.code
        lines = {"body.mjml": body, "body.txt": text, "p.mjml": part}.get(one.file.rpartition("/")[2], "").count(
            "\n"
        ) + 1
        assert one.line is None or 1 <= one.line <= lines or one.file.endswith("template.toml")
    assert time.process_time() - started < 10


NAMES = st.text(max_size=60)
MONTHLY = templates.load(mutation.TEMPLATES, "monthly")
RENDERER = Renderer(MONTHLY)
MODEL = full_model(mutation.LINKS)


def fields(name: str, company: str, token: str) -> MergeFields:
    return MergeFields(
        greeting=greeting_for(name, "", "personal"),
        first_name=name,
        last_name=name,
        company=company,
        why=f"U ontvangt deze mail ({company}).",
        unsubscribe_url=f"https://nieuws.example/u/{token}",
        preferences_url=f"https://nieuws.example/v/{token}",
    )


@SLOW
@given(NAMES, NAMES, NAMES)
def test_a_name_can_be_anything_and_stays_in_its_own_mail(name: str, company: str, other: str) -> None:
    marked = f"Zoë{name}Qx7"
    try:
        first = RENDERER.render(MODEL, fields(marked, f"{company}Wz9", "eerste"))
        second = RENDERER.render(MODEL, fields(other, "Bakkerij", "tweede"))
    except RenderError as error:
        raise AssertionError(f"a value kept a mail from being made: {error}") from error
    for text in (second.html, second.text, second.subject):
        assert "eerste" not in text
        assert "Wz9" not in text
    for text in (first.html, first.text):
        assert "tweede" not in text
        assert "<script" not in text.lower()
    assert first.html.count("<a ") == second.html.count("<a ")


@SLOW
@given(st.text(max_size=40), st.text(max_size=60))
def test_an_address_and_a_name_can_not_add_a_header(address: str, name: str) -> None:
    from datetime import UTC, datetime

    head = Headers(
        sender=Mailbox("nieuws@federatie.example", name),
        recipient=Mailbox(address, name),
        date=datetime(2026, 11, 24, tzinfo=UTC),
        message_id="<a@federatie.example>",
    )
    rendered = RENDERER.render(replace(MODEL, subject=name), fields(name, name, "x"))
    try:
        ascii_address(address)
        message = assemble(head, rendered)
    except Refusal:
        return
    names = [line.split(b":")[0] for line in message.split(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
    wanted = {b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Content-Language", b"MIME-Version", b"Content-Type"}
    assert set(names) == wanted
    assert len(names) == len(wanted)
