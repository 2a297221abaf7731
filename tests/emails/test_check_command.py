"""`outreach template check`: places, stable keys, exit codes."""

from __future__ import annotations

import json

import pytest

from outreach.emails.checking import Severity
from outreach.emails.checking.finding import Finding

KEYS = ["severity", "code", "where", "file", "line", "column", "what", "why", "mend"]


@pytest.fixture(autouse=True)
def _without_spamassassin(monkeypatch):
    monkeypatch.setenv("OUTREACH_CHECKING__SPAMASSASSIN", "false")


def spoil(project, old, new, file="monthly/body.mjml"):
    path = project / "templates" / "emails" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_good_templates_pass(cli):
    ran = cli("template", "check")
    assert ran.code == 0
    assert "error" not in ran.out
    assert "warning" not in ran.out
    assert ran.out.count("nothing keeps it from being used") == 5


def test_json_has_the_documented_keys_and_places_count_from_one(cli, project):
    spoil(project, "</mj-body>", "<mj-txt>x</mj-txt></mj-body>")
    ran = cli("template", "check", "monthly", "--json")
    assert ran.code == 1
    found = json.loads(ran.out)["monthly"]
    assert all(list(one) == KEYS for one in found)
    line = (project / "templates/emails/monthly/body.mjml").read_text().split("</mj-body>")[0].count("\n") + 1
    wrong = next(one for one in found if one["code"] == "mjml-unknown-tag")
    assert (wrong["severity"], wrong["file"], wrong["line"]) == ("error", "templates/emails/monthly/body.mjml", line)
    assert wrong["column"] == 1
    assert wrong["what"] == "there is no MJML tag <mj-txt>; did you mean 'mj-text'?"


def test_every_fault_of_a_template_is_told_in_one_go(cli, project):
    spoil(project, "</mj-body>", '<mj-section colour="x"></mj-section></mj-body>')
    spoil(project, "{{", "{{ titel }}{{ title|uper }}{{", "monthly/body.txt")
    ran = cli("template", "check", "monthly")
    assert ran.code == 1
    for said in (
        "no attribute 'colour'",
        "unknown field 'titel'; did you mean 'title'?",
        "no filter 'uper'",
    ):
        assert said in ran.out


def test_a_file_that_can_not_be_read_is_told_with_its_name(cli, project):
    (project / "templates/emails/monthly/body.txt").write_bytes(b"caf\xe9")
    ran = cli("template", "check", "monthly")
    assert ran.code == 1
    assert "body.txt: not UTF-8" in ran.err


def test_an_unknown_mail_program_is_refused_with_the_known_ones(cli, monkeypatch):
    monkeypatch.setenv("OUTREACH_CHECKING__PROGRAMS", "outlook.window")
    ran = cli("template", "check")
    assert ran.code == 1
    assert "'outlook.window' isn't known; did you mean 'outlook.windows'?" in ran.err


def test_a_feature_counts_only_for_the_programs_that_the_readers_have(cli, project, monkeypatch):
    spoil(project, "<mj-column>", '<mj-column><mj-text><span style="display:flex">x</span></mj-text>')
    assert "display:flex isn't known to outlook.windows" in cli("template", "check", "monthly").out
    monkeypatch.setenv("OUTREACH_CHECKING__PROGRAMS", "apple-mail.macos")
    assert "display:flex" not in cli("template", "check", "monthly").out


def test_a_stated_fallback_is_no_finding(cli, project):
    wanted = '<mj-column>{# fallback: onder elkaar #}<mj-text><span style="display:flex">x</span></mj-text>'
    spoil(project, "<mj-column>", wanted)
    assert "display:flex" not in cli("template", "check", "monthly").out


def test_a_finding_knows_its_file_line_and_column():
    one = Finding(Severity.HINT, "a/b.mjml:12:3", "x", "")
    assert (one.file, one.line, one.column) == ("a/b.mjml", 12, 3)
    none = Finding(Severity.HINT, "campaign, intro, line 3", "x", "")
    assert (none.file, none.line, none.column) == ("campaign, intro, line 3", None, None)


def test_a_field_that_is_none_is_told_at_its_line_and_reaches_nothing(cli, project):
    spoil(project, '["greeting"]', '["greeting", "voornaam", "__class__"]', "monthly/template.toml")
    spoil(project, "</mj-body>", "<mj-raw>{{ __class__ }}</mj-raw></mj-body>")
    ran = cli("template", "check", "monthly", "--json")
    assert ran.code == 1
    found = json.loads(ran.out)["monthly"]
    lines = (project / "templates/emails/monthly/template.toml").read_text().splitlines()
    declared = 1 + next(number for number, line in enumerate(lines) if line.startswith("fields"))
    told = [one["line"] for one in found if one["file"].endswith("template.toml")]
    assert told == [declared, declared]
    assert "MergeFields" not in ran.out


def test_what_keeps_a_mail_from_being_made_is_told_once(cli, project):
    spoil(project, "</mj-body>", "<mj-raw>{{ titel }}</mj-raw></mj-body>")
    found = json.loads(cli("template", "check", "monthly", "--json").out)["monthly"]
    assert [one["code"] for one in found if one["severity"] == "error"] == ["field-unknown"]


def test_a_pale_colour_is_told_where_it_is_said_and_a_dark_ground_where_it_is(cli, project):
    spoil(project, 'line-height="1.6" color="#1d2b30"', 'line-height="1.6" color="#bbbbbb"', "_parts/head.mjml")
    found = json.loads(cli("template", "check", "letter", "--json").out)["letter"]
    pale = {(one["file"].rpartition("/")[2], one["line"]) for one in found if one["code"] == "contrast"}
    text = (project / "templates/emails/_parts/head.mjml").read_text()
    assert pale == {("head.mjml", text[: text.index("#bbbbbb")].count("\n") + 1)}
