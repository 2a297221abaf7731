"""The first look at a rendered mail: each thing that must be mended is found, and a good mail passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outreach.emails.checking import Severity, findings, text_findings
from outreach.emails.rendering import render


def whats(*args: object) -> list[str]:
    return [f"{finding.severity} {finding.where}: {finding.what}" for finding in findings(*args)]  # type: ignore[arg-type]


@pytest.fixture
def good(monthly, model, ann):
    return render(monthly, model, ann)


def test_a_good_mail_passes(monthly, model, ann, good):
    assert findings(monthly, model, good, ann) == []
    assert findings(monthly, model, good) == []


def test_a_mail_over_80_kb_is_warned_about_and_over_100_kb_is_refused(monthly, model, good):
    fat = replace(good, html=good.html + "x" * 50_000)
    assert whats(monthly, model, fat)[0].startswith("warning templates/emails/monthly/body.mjml: the HTML has 8")
    fatter = replace(good, html=good.html + "x" * 80_000)
    assert findings(monthly, model, fatter)[0].severity == Severity.ERROR


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<img src="https://x.example/a.png">', "the picture 'https://x.example/a.png' has no alt text"),
        ('<a href="">x</a>', "href: an empty address"),
        ('<a href="javascript:x">x</a>', "href: 'javascript:x' must start with https://"),
        ('<a href="#">x</a>', "a link leads nowhere"),
        ('<a href="https://x.example"><b> </b></a>', "the link to 'https://x.example' has no text"),
        ('<a href="https://x.example"><img alt="" src="https://x.example"></a>', "has no text"),
        ("<h1>x</h1>", "2 headings of the first level"),
    ],
)
def test_pictures_and_links_that_readers_can_not_use_are_found(monthly, model, good, html, said):
    assert said in "\n".join(whats(monthly, model, replace(good, html=good.html + html)))


def test_a_linked_picture_with_alt_text_is_a_link_with_text(monthly, model, good):
    html = good.html + '<a href="https://x.example"><img alt="Dozen" src="https://x.example/a"></a>'
    assert "has no text" not in "\n".join(whats(monthly, model, replace(good, html=html)))


@pytest.mark.parametrize("name", ["name", "address", "enterprise_number", "email"])
def test_a_sender_who_is_not_shown_in_both_parts_is_found(monthly, model, good, name):
    missing = replace(model, sender=replace(model.sender, **{name: "Nergens te zien"}))
    assert [finding.where for finding in findings(monthly, missing, good)] == [
        "templates/emails/monthly/body.mjml",
        "templates/emails/monthly/body.txt",
    ]
    empty = replace(model, sender=replace(model.sender, **{name: ""}))
    assert "is empty" in findings(monthly, empty, good)[0].what


def test_a_mail_without_reason_or_way_out_is_found(small, model, ann):
    source = small("<mj-text>x</mj-text>")
    found = findings(source, model, render(source, model, ann))
    assert [finding.what for finding in found if "unsubscribe_url" in finding.what]
    assert [finding.what for finding in found if "why" in finding.what]


def test_a_reason_or_way_out_that_did_not_come_through_is_found(monthly, model, ann, good):
    found = whats(monthly, model, good, replace(ann, why="Daarom.", unsubscribe_url="https://x.example/u"))
    assert len(found) == 4


def test_a_subject_that_is_empty_or_too_long_is_found(monthly, model, good):
    assert "the subject is empty" in whats(monthly, model, replace(good, subject=""))[0]
    assert "the subject has 90 characters" in whats(monthly, model, replace(good, subject="x" * 90))[0]


def test_a_mail_without_text_part_is_found(monthly, model, good):
    assert "error templates/emails/monthly/body.txt: the text part is empty" in whats(
        monthly, model, replace(good, text=" \n")
    )


def test_an_undeclared_field_is_found_in_template_and_subject(monthly, model, good):
    spoilt = replace(monthly, body_txt=monthly.body_txt + "{{ company }}")
    assert "'company' isn't declared" in whats(spoilt, model, good)[0]
    assert whats(monthly, replace(model, subject="{{ company }}"), good) == []
    assert "unknown field 'voornaam'; did you mean 'first_name'? There are: of the recipient greeting" in "".join(
        whats(monthly, replace(model, subject="{{ voornaam }}"), good)
    )


def test_a_field_in_the_intro_is_found_because_it_stays_text(monthly, model, good):
    assert "the intro holds '{{'" in whats(monthly, replace(model, intro_text="Dag {{ greeting }}"), good)[0]


@pytest.fixture
def tried(small, ann, model):
    """Give what is found in a body of one text, as lines."""

    def look(content: str) -> str:
        source = small(content)
        return "\n".join(str(finding) for finding in findings(source, model, render(source, model, ann), ann))

    return look


def test_a_picture_without_alt_in_a_template_is_found_with_its_line(tried):
    found = tried(
        '\n<mj-text><img src="https://x.example/a.png" /></mj-text>\n<mj-image src="https://x.example/b.png" />'
    )
    assert "templates/emails/small/body.mjml:2: the picture 'https://x.example/a.png' has no alt text" in found
    assert "templates/emails/small/body.mjml:3: the picture 'https://x.example/b.png' has no alt text" in found
    assert "no alt text" not in tried('<mj-text><img src="https://x.example/a.png" alt="" /></mj-text>')


def test_a_picture_whose_address_is_a_value_is_found_by_its_tag(tried):
    found = tried('\n\n<mj-image src="{{ blocks[0].spotlights[0].picture_url }}" />')
    assert "templates/emails/small/body.mjml:3:1: the picture" in found


@pytest.mark.parametrize("words", ["hier", "Klik hier!", "Lees meer →", "<b>meer info</b>", "click here"])
def test_a_link_that_does_not_say_where_it_leads_is_warned_about(tried, words):
    found = tried(f'\n\n<mj-text><a href="https://x.example/plan">{words}</a></mj-text>')
    assert "body.mjml:3: the link" in found
    assert "doesn't say where it leads" in found
    assert "where it leads" not in tried('<mj-text><a href="https://x.example">Lees meer over groen</a></mj-text>')


def test_a_link_without_encryption_is_warned_about_with_its_line(tried):
    found = tried('\n<mj-text><a href="http://foo.example/?a=1&amp;b=2">Ons plan</a></mj-text>')
    assert "body.mjml:2: href: 'http://foo.example/?a=1&b=2' goes without encryption" in found


def test_what_readers_can_not_use_in_a_text_is_found_by_line():
    text = "Dag,\n\nlees [hier](https://x.example)\nen [ons plan](http://y.example).\n\n![kaart](pictures/groen.png)"
    found = [str(finding) for finding in text_findings("campaign, intro", text)]
    assert found[0].startswith("campaign, intro, line 3: the link 'hier' to 'https://x.example' doesn't say")
    assert found[1].startswith("campaign, intro, line 4: the link to 'http://y.example' goes without encryption")
    assert found[2].startswith("campaign, intro, line 6: the picture 'pictures/groen.png' isn't shown: only its words")
    assert "catalogue" in found[2]
    assert len(found) == 3
    assert text_findings("x", "Zie https://x.example en [ons plan](https://y.example).") == []
