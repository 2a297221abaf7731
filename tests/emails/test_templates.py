"""Template folders: what is read, what is refused, and the copy that a campaign keeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from outreach.emails import templates
from outreach.emails.rendering import Renderer
from outreach.emails.templates import TemplateSource
from outreach.errors import FileRefused, NotFound, Refusal

TOML = 'title = "Eigen"\nsubject = "Dag {{ company }}"\nfields = ["greeting", "company"]\n'
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{{ greeting }}</mj-text></mj-column></mj-section></mj-body></mjml>"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one template, to be spoilt."""
    folder = tmp_path / "emails"
    (folder / "own").mkdir(parents=True)
    (folder / "_parts").mkdir()
    (folder / "own" / "template.toml").write_text(TOML)
    (folder / "own" / "body.mjml").write_text(MJML)
    (folder / "own" / "body.txt").write_text("{{ greeting }}")
    return folder


def refusal(folder: Path, name: str = "own") -> str:
    with pytest.raises(Refusal) as refused:
        templates.load(folder, name)
    return str(refused.value)


def test_the_templates_of_the_house_are_there_and_without_faults(folder):
    assert templates.available(folder) == ["invitation", "letter", "monthly", "spotlight", "story"]
    for name in templates.available(folder):
        assert templates.faults(templates.load(folder, name)) == []


def test_an_unknown_template_is_refused_with_the_names_there_are(folder):
    with pytest.raises(
        NotFound, match="montly: no such template; there are: invitation, letter, monthly, spotlight, story"
    ):
        templates.load(folder, "montly")


@pytest.mark.parametrize("name", ["../monthly", "_parts", "monthly/", "", ".", "a\nb", "/etc"])
def test_a_template_name_can_not_leave_the_folder(folder, name):
    with pytest.raises(NotFound):
        templates.load(folder, name)


def test_a_template_survives_its_copy_and_renders_without_files(tmp_path, folder, model, ann):
    shutil.copytree(folder, tmp_path / "emails")
    source = templates.load(tmp_path / "emails", "monthly")
    shutil.rmtree(tmp_path / "emails")
    copy = TemplateSource.from_json(source.to_json())
    assert copy == source
    assert copy.to_json() == source.to_json()
    assert Renderer(copy).render(model, ann) == Renderer(source).render(model, ann)


def test_an_own_template_loads(own):
    assert templates.load(own, "own").fields == ("greeting", "company")


def test_an_undeclared_field_is_refused_with_file_line_and_the_declared_ones(own):
    (own / "own" / "body.txt").write_text("{{ greeting }}\n\n{{ first_name }}")
    text = refusal(own)
    assert "templates/emails/own/body.txt:3" in text
    assert "'first_name' isn't declared" in text
    assert "declared: greeting, company" in text


def test_a_misspelt_field_is_refused_with_what_was_meant(own):
    (own / "own" / "template.toml").write_text(TOML.replace("{{ company }}", "{{ compny }}"))
    assert "unknown field 'compny'; did you mean 'company'?" in refusal(own)


def test_an_undeclared_field_in_a_part_is_found_in_the_part(own):
    (own / "_parts" / "top.mjml").write_text("\n{{ naam }}")
    (own / "own" / "body.mjml").write_text(MJML.replace("{{ greeting }}", '{% include "_parts/top.mjml" %}'))
    assert "templates/emails/_parts/top.mjml:2: unknown field 'naam'" in refusal(own)


def test_a_part_may_use_the_names_of_the_loop_it_stands_in(own):
    (own / "_parts" / "row.mjml").write_text("{{ block.title }}")
    loop = '{% for block in blocks %}{% include "_parts/row.mjml" %}{% endfor %}'
    (own / "own" / "body.mjml").write_text(MJML.replace("{{ greeting }}", loop))
    assert templates.load(own, "own").parts


def test_every_fault_of_a_template_is_told_at_once(own):
    (own / "own" / "body.txt").write_text("{{ a }}\n{{ b }}")
    (own / "own" / "body.mjml").write_text("{{ c }}")
    with pytest.raises(FileRefused) as refused:
        templates.load(own, "own")
    assert len(refused.value.complaints) == 3


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("title = 'x'\nsubject = 'y'\nfields = ['email']", "unknown field 'email'"),
        ("title = 'x'\nsubject = 'y'\nfeilds = []", "template.toml:3: unknown key 'feilds'"),
        ("title = 'x'\nsubject = 3", "template.toml:2: 'subject' must be a text"),
        ("title = 'x'\nsubject = 'y'\nfields = 'greeting'", "must be a list of names"),
        ("title = 'x'", "'subject' is missing"),
        ("title = \nsubject = 'y'", "line 1"),
    ],
)
def test_a_faulty_template_toml_is_refused_with_the_way_out(own, toml, said):
    (own / "own" / "template.toml").write_text(toml)
    assert said in refusal(own)


def test_a_missing_body_is_refused_by_name(own):
    (own / "own" / "body.txt").unlink()
    assert "body.txt: the file is missing" in refusal(own)


def test_a_template_that_is_not_utf8_is_refused(own):
    (own / "own" / "body.txt").write_bytes(b"caf\xe9")
    assert "not UTF-8 (byte 3)" in refusal(own)


@pytest.mark.parametrize(
    "tag", ['<mj-include path="./x.mjml" />', '<MJ-INCLUDE path="/etc/passwd"/>', "< mj-include/>"]
)
def test_mj_include_loses_content_so_it_is_refused(own, tag):
    (own / "own" / "body.mjml").write_text(f"<mjml>\n{tag}\n</mjml>")
    assert "body.mjml:2: mj-include isn't available" in refusal(own)


@pytest.mark.parametrize(
    "include", ['"/etc/passwd"', '"../../outreach.toml"', '"_parts/none.mjml"', "title", '"own/body.mjml"', "[title]"]
)
def test_nothing_but_a_part_can_be_included(own, include):
    (own / "own" / "body.mjml").write_text(f"x\n{{% include {include} %}}")
    assert "body.mjml:2" in refusal(own)
    assert "can't be included" in refusal(own)
