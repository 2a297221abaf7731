"""Markdown: right in HTML and in text, harmless, and with every link exactly as it was written."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.emails.markdown import links_of_markdown, markdown_to_html, markdown_to_text, paragraph
from outreach.emails.markup import links_in
from outreach.errors import Refusal

ADDRESSES = [
    "https://x.example/?a=1&b=2#c",
    "https://x.example/?a=1&amp=2&copy=3",
    "https://münchen.example/straße?q=ü#é",
    "https://x.example/%C3%A9%20a?u=https%3A%2F%2Fy.example%2F%3Fz%3D1",
    "https://x.example/a+b?c=d%2Be",
    "https://x.example/path;v=1,2/~user/$x!*'",
    "https://x.example:8443/a_b_c/?x[]=1&y={z}",
    "http://x.example",
    "https://x.example/e\u0301",
    "https://x.example/?naam={{ naam }}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_with_ampersands_hashes_umlauts_or_encoded_parts_do_not_break(address):
    for written in (f"zie [hier](<{address}>).", f"zie <{address}>." if " " not in address else f"[x](<{address}>)"):
        assert links_of_markdown(written) == [address]
        assert links_in(markdown_to_html(written, "https://t.example/l/a?b&c=".__add__)) == [
            f"https://t.example/l/a?b&c={address}"
        ]
        assert links_in(markdown_to_html(written)) == [address]
        assert address in markdown_to_text(written)


def test_addresses_with_spaces_do_not_break():
    written = "[plan](<https://x.example/ons plan.pdf>)"
    assert links_of_markdown(written) == ["https://x.example/ons plan.pdf"]
    assert links_in(markdown_to_html(written)) == ["https://x.example/ons plan.pdf"]


def test_mailto_and_tel_are_not_tracked():
    written = (
        "[mail](mailto:info@x.example) <info@x.example> [bel](tel:+3250123456) [top](#top) [web](https://x.example)"
    )
    tracked = markdown_to_html(written, lambda _: "https://t.example/l/a")
    kept = ["mailto:info@x.example", "mailto:info@x.example", "tel:+3250123456", "#top"]
    assert links_in(tracked) == [*kept, "https://t.example/l/a"]
    text = markdown_to_text(written, lambda _: "https://t.example/l/a")
    assert text.startswith("mail (info@x.example) info@x.example bel (+3250123456)")
    assert text.endswith("web (https://t.example/l/a)")


def test_an_address_that_stands_in_the_text_as_such_is_a_link_too():
    written = "Kijk op https://x.example/a?b=1&c=2, of (http://y.example/z). `https://code.example`"
    assert links_of_markdown(written) == ["https://x.example/a?b=1&c=2", "http://y.example/z"]
    assert markdown_to_text("https://x.example/a", lambda _: "https://t.example/l/a") == "https://t.example/l/a"


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html;base64,eA==",
        "vbscript:x",
        "file:///etc/passwd",
        "voorbeeld.be",
        "/pad",
        "//evil.example/x",
        "https:x",
        "<>",
        "&#106;avascript:alert(1)",
    ],
)
def test_a_link_of_another_kind_is_refused_with_its_line(target):
    with pytest.raises(Refusal, match="line 3"):
        markdown_to_html(f"Dag\n\n[x]({target})")
    with pytest.raises(Refusal):
        links_of_markdown(f"[x]({target})")


@given(st.text(alphabet="<>/\"'&;:=ascript()[]!#*_`~-\\ \n\t\r{}%javonlickhref", max_size=120))
@settings(max_examples=300, deadline=None)
def test_no_markdown_gives_an_element_or_attribute_that_was_not_meant(text):
    try:
        page = markdown_to_html(text)
        markdown_to_text(text)
    except Refusal:
        return
    for name, attributes in re.findall(r"<([a-z0-9]+)((?:\"[^\"]*\"|[^\">])*)>", page):
        assert name in {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre", "hr"} | {
            "h2",
            "h3",
            "h4",
        }
        assert set(re.findall(r"([a-z]+)=", re.sub(r'"[^"]*"', "", attributes))) <= {"style", "href", "title", "start"}
    for address in links_in(page):
        assert address.split(":")[0] in {"http", "https", "mailto", "tel"} or address.startswith("#")


def test_html_in_markdown_stays_text():
    page = markdown_to_html("<script>alert(1)</script> <b onclick=x>vet</b> &lt;i&gt;")
    assert "<script" not in page
    assert html.unescape(re.sub("<[^>]*>", "", page)) == "<script>alert(1)</script> <b onclick=x>vet</b> <i>"


def test_a_picture_from_elsewhere_is_not_fetched():
    page = markdown_to_html("![Ons team](https://evil.example/pixel.png) ![](http://169.254.169.254/)")
    assert "<img" not in page
    assert "Ons team" in page


def test_the_first_heading_gets_the_level_that_fits_and_no_second_h1_appears():
    assert re.findall("<h[1-6]", markdown_to_html("# A\n\n## B\n\n###### C")) == ["<h2", "<h3", "<h4"]
    assert re.findall("<h[1-6]", markdown_to_html("## A", heading=4)) == ["<h4"]


def test_text_keeps_lists_quotes_and_headings():
    written = "## Kop\n\neen\ntwee\n\n- a\n- b\n  - c\n\n1. x\n2. y\n\n> q\n\n```\nk  z\n```"
    assert markdown_to_text(written) == "\n".join(
        ["Kop", "---", "", "een twee", "", "- a", "- b", "  - c", "", "1. x", "2. y", "", "> q", "", "k  z"]
    )


def test_nothing_of_the_words_is_lost_in_the_text():
    written = "Van **geschenkdoos** tot _display_, ~~oud~~ `code` en &amp; meer  \nnieuwe regel"
    assert markdown_to_text(written) == "Van geschenkdoos tot display, oud code en & meer\nnieuwe regel"


def test_empty_markdown_is_empty():
    assert markdown_to_html("") == ""
    assert markdown_to_text(" \n") == ""


def test_a_summary_looks_like_a_paragraph_of_a_full_text() -> None:
    assert paragraph("Karton & folie, van begin tot eind") == markdown_to_html("Karton & folie, van begin tot eind")
    assert "<b>" not in paragraph("<b>")
