"""`outreach campaign` and `outreach template` through their real door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import click
import pytest
import world
from PIL import Image
from sqlalchemy import select

from outreach import users
from outreach.app import open_app
from outreach.commands import campaign_command, template_command
from outreach.models import Delivery, DeliveryStatus, OutboxMail, Picture, Role, Service

FILE = """\
name: maart
title: Werk dat past
template: monthly
segment: everyone
subject: Werk dat past bij uw bedrijf
send_at: {send_at}
intro: |
  Dag, [lees meer](https://federatie.example/over).
spotlights:
- {{block: nearby, title: In uw buurt, count: 2}}
"""
LATER = "2031-03-04 10:00"


@pytest.fixture
def filled(project: Path, quick_passwords: None) -> Path:
    """A project with a catalogue, the cast, and the file of a campaign."""
    app = open_app(project)
    with app.database.writing() as session:
        world.add_catalogue(session, app.now())
        world.add_cast(session, key=app.suppression_key, now=app.now())
        world.add_crowd(session, 4, key=app.suppression_key, now=app.now())
        for name, role in (("ann", Role.TEAM), ("carl", Role.TEAM), ("dan", Role.ANALYST)):
            email, password = f"{name}@federatie.example", "een heel lang wachtwoord"
            users.add(session, email, name=name.title(), role=role, password=password, now=app.now())
    app.close()
    world.add_segment(project)
    (project / "maart.yaml").write_text(FILE.format(send_at=LATER))
    return project


@pytest.fixture
def do(filled: Path, cli: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command that must succeed and return what it printed, as JSON where it is."""

    def call(*arguments: object) -> Any:
        ran = cli(*arguments)
        assert ran.code == 0, ran.err or ran.out
        return json.loads(ran.out) if "--json" in arguments else ran.out

    return call


def test_from_file_to_schedule(do: Callable[..., Any]) -> None:
    assert do("campaign", "new", "maart.yaml", "--as", "ann", "--json")["status"] == "draft"
    checked = do("campaign", "check", "maart", "--json")
    assert checked["ok"]
    assert checked["audience"]["mailable"] == 5
    assert "nothing keeps it from being sent" in do("campaign", "submit", "maart", "--as", "ann")
    assert "approved for 8 contacts, of whom 5 would be mailed now" in do(
        "campaign", "approve", "maart", "--as", "carl"
    )
    assert "goes at 2031-03-04 10:00 (CET)" in do("campaign", "schedule", "maart", "--as", "carl")
    status = do("campaign", "status", "maart", "--json")
    assert (status["status"], status["holds"], status["send_at"]) == ("scheduled", True, "2031-03-04T09:00:00+00:00")
    shown = do("campaign", "show", "maart", "--json")
    assert [change["action"] for change in shown["history"]] == ["created", "submitted", "approved", "scheduled"]
    assert [change["by"].partition("@")[0] for change in shown["history"]] == ["ann", "ann", "carl", "carl"]
    assert [one["name"] for one in do("campaign", "list", "--status", "scheduled", "--json")] == ["maart"]
    assert do("campaign", "list", "--status", "draft", "--json") == []
    for step, state in (("pause", "paused"), ("resume", "scheduled"), ("cancel", "cancelled")):
        assert do("campaign", step, "maart", "--json")["status"] == state


def test_one_person_at_one_terminal_does_not_approve_its_own(do: Callable[..., Any], cli: Callable[..., Any]) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "submit", "maart")
    ran = cli("campaign", "approve", "maart")
    assert ran.code == 1
    assert "somebody else approves it" in ran.err


@pytest.mark.parametrize(
    "who", ["ann@x.example", "ann@federatie.example\u200b", "Ann <ann@federatie.example>", "cli:ann", "dan", ""]
)
def test_nobody_acts_under_a_name_that_is_no_user_of_the_team(
    do: Callable[..., Any], cli: Callable[..., Any], who: str
) -> None:
    do("campaign", "new", "maart.yaml")
    ran = cli("campaign", "submit", "maart", "--as", who)
    assert ran.code == 1
    assert "users: ann@federatie.example, carl@federatie.example" in ran.err
    assert "outreach user add" in ran.err


def test_one_user_is_one_pair_of_eyes_however_it_is_written(do: Callable[..., Any], cli: Callable[..., Any]) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "submit", "maart", "--as", "ann")
    for same in ("Ann", "ANN@federatie.example", " ann@federatie.example "):
        ran = cli("campaign", "approve", "maart", "--as", same)
        assert (ran.code, "somebody else approves it" in ran.err) == (1, True)
    shown = do("campaign", "show", "maart", "--json")
    assert shown["submitted_by"] == "ann@federatie.example"
    assert "at cli:" in shown["history"][-1]["detail"]


def test_an_approval_takes_a_user_and_says_how_to_add_one(do: Callable[..., Any], cli: Callable[..., Any]) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "submit", "maart", "--as", "ann")
    ran = cli("campaign", "approve", "maart")
    assert (ran.code, "--as one of ann@" in ran.err) == (1, True)
    for name in ("ann", "carl"):
        do("user", "disable", f"{name}@federatie.example")
    ran = cli("campaign", "approve", "maart")
    assert (ran.code, "first `outreach user add EMAIL" in ran.err) == (1, True)


def test_a_login_of_the_machine_called_like_the_user_is_the_same_person(
    do: Callable[..., Any], cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    do("campaign", "new", "maart.yaml")
    do("campaign", "submit", "maart")
    assert "somebody else approves it" in cli("campaign", "approve", "maart", "--as", "ann").err
    do("campaign", "approve", "maart", "--as", "carl")


def test_a_check_can_be_run_on_a_file_and_its_exit_code_tells(
    do: Callable[..., Any], cli: Callable[..., Any], filled: Path
) -> None:
    assert do("campaign", "check", "maart.yaml", "--json")["ok"]
    (filled / "maart.yaml").write_text(FILE.format(send_at="2020-01-01 10:00"))
    ran = cli("campaign", "check", "maart.yaml", "--json")
    assert ran.code == 1
    assert [reason["code"] for reason in json.loads(ran.out)["reasons"]] == ["time"]
    assert "refused: send_at 2020-01-01 10:00 (CET) is past" in cli("campaign", "check", "maart.yaml").out


def test_a_faulty_file_names_its_line_and_makes_nothing(cli: Callable[..., Any], filled: Path) -> None:
    (filled / "maart.yaml").write_text(FILE.format(send_at="2031-03-30 02:30"))
    ran = cli("campaign", "new", "maart.yaml")
    assert ran.code == 1
    assert "maart.yaml:6: send_at: 2031-03-30 02:30 does not exist in Brussels" in ran.err
    assert "Traceback" not in ran.err
    assert json.loads(cli("campaign", "list", "--json").out) == []


def test_an_edit_of_the_time_makes_it_a_draft_again(do: Callable[..., Any], filled: Path) -> None:
    do("campaign", "new", "maart.yaml", "--as", "ann")
    do("campaign", "submit", "maart", "--as", "ann")
    do("campaign", "approve", "maart", "--as", "carl")
    (filled / "maart.yaml").write_text(FILE.format(send_at="2031-03-05 10:00"))
    assert do("campaign", "edit", "maart.yaml", "--json")["status"] == "draft"
    assert "the approval is void" in do("campaign", "show", "maart")


def test_copy_and_export_give_a_file_that_can_be_taken_over(do: Callable[..., Any], filled: Path) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "copy", "maart", "april")
    do("campaign", "export", "april", "april.yaml")
    text = (filled / "april.yaml").read_text()
    assert "send_at" not in text
    (filled / "april.yaml").write_text(text + "send_at: 2031-04-04 10:00\n")
    do("campaign", "edit", "april.yaml")
    assert do("campaign", "check", "april", "--json")["ok"]


def test_the_preview_shows_what_a_contact_would_get(
    do: Callable[..., Any], cli: Callable[..., Any], filled: Path
) -> None:
    do("campaign", "new", "maart.yaml")
    shown = do("campaign", "preview", "maart", "--contact", "ann@ann.example", "--out", "uit", "--no-png", "--json")
    assert "Beste Ann" in shown["html"]
    assert "/l/" not in shown["html"]
    assert (filled / "uit" / "maart.html").read_text() == shown["html"]
    assert do("campaign", "preview", "maart", "--contact", "bob@bob.example", "--json")["not_mailed"] == "suppressed"
    assert "Subject: Werk dat past bij uw bedrijf" in do("campaign", "preview", "maart", "--cohort", "1")
    assert "has no cohort 9" in cli("campaign", "preview", "maart", "--cohort", "9").err
    assert "no contact with address" in cli("campaign", "preview", "maart", "--contact", "x@y.example").err


def test_the_preview_on_disk_shows_its_pictures_without_a_site(do: Callable[..., Any], filled: Path) -> None:
    (filled / "pictures").mkdir()
    Image.new("RGB", (60, 30), "#0c3c47").save(filled / "pictures" / "x.png")
    app = open_app(filled)
    with app.database.writing() as session:
        for service in session.scalars(select(Service)):
            service.picture, service.picture_alt = "pictures/x.png", "Iets"
    app.close()
    do("campaign", "new", "maart.yaml")
    for state in ("draft", "approved"):
        files = do("campaign", "preview", "maart", "--out", state, "--no-png", "--json")["files"]
        (picture,) = [Path(file) for file in files if file.endswith(".png")]
        assert picture.read_bytes() == (filled / "pictures" / "x.png").read_bytes()
        html = (filled / state / "maart.html").read_text()
        assert (f'src="{picture.name}"' in html, "/media/" in html) == (True, False)
        if state == "draft":
            do("campaign", "test", "maart", "--to", "chef@elders.example")
            app = open_app(filled)
            with app.database.reading() as session:
                assert session.scalars(select(Picture)).one().data == picture.read_bytes()
            app.close()
            do("campaign", "submit", "maart", "--as", "ann")
            do("campaign", "approve", "maart", "--as", "carl")


def test_a_test_mail_goes_to_anybody_and_opts_nobody_out(
    do: Callable[..., Any], cli: Callable[..., Any], filled: Path
) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "test", "maart", "--to", "chef@elders.example", "--to", "baas@elders.example")
    app = open_app(filled)
    with app.database.reading() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
    app.close()
    assert [mail.recipient for mail in mails] == ["chef@elders.example", "baas@elders.example"]
    message = message_from_bytes(mails[0].message, policy=policy.default)
    assert message["Subject"] == "[TEST] Werk dat past bij uw bedrijf"
    assert "/u/0." in message["List-Unsubscribe"]
    assert "/l/" not in mails[0].message.decode()
    assert cli("campaign", "test", "maart", "--to", "nobody").code == 1


def test_settle_and_retry(do: Callable[..., Any], cli: Callable[..., Any], filled: Path) -> None:
    app = open_app(filled)
    with app.database.writing() as session:
        campaign = world.sending(app, session, send_at=LATER)
        pending = select(Delivery).where(Delivery.status == DeliveryStatus.PENDING)
        rows = session.scalars(pending.order_by(Delivery.contact_id)).all()
        for row, state in zip(rows, [DeliveryStatus.UNCERTAIN, DeliveryStatus.FAILED], strict=False):
            row.status = state
    app.close()
    listed = do("campaign", "deliveries", campaign.name, "--json")
    assert len(listed) == 8
    assert [line["reason"] for line in listed if line["status"] == "skipped"].count("suppressed") == 2
    uncertain = do("campaign", "deliveries", campaign.name, "--status", "uncertain", "--json")
    assert [line["address"] for line in uncertain] == ["ann@ann.example"]
    assert "ann@ann.example" in do("campaign", "deliveries", campaign.name)
    assert do("campaign", "settle", campaign.name, "--give-up", "--json")["settled"] == 1
    assert do("campaign", "retry", campaign.name, "--failed", "--json")["retried"] == 1
    assert "pending" in do("campaign", "status", campaign.name)
    assert cli("campaign", "settle", campaign.name).code == 2
    assert cli("campaign", "retry", campaign.name).code == 2


def test_the_report_is_that_of_the_reports(do: Callable[..., Any]) -> None:
    do("campaign", "new", "maart.yaml")
    assert do("campaign", "report", "maart", "--json") == do("report", "campaign", "maart", "--json")


def test_an_unknown_campaign_is_a_refusal_and_not_a_traceback(cli: Callable[..., Any], filled: Path) -> None:
    for step in ("show", "check", "submit", "approve", "schedule", "pause", "resume", "cancel", "status", "preview"):
        ran = cli("campaign", step, "nosuch")
        assert (ran.code, "no campaign 'nosuch'" in ran.err) == (1, True), step


def test_templates_are_listed_and_checked(do: Callable[..., Any], cli: Callable[..., Any], filled: Path) -> None:
    assert [one["name"] for one in do("template", "list", "--json")] == [
        "invitation",
        "letter",
        "monthly",
        "spotlight",
        "story",
    ]
    found = do("template", "check", "--json")
    assert set(found) == {"invitation", "letter", "monthly", "spotlight", "story"}
    do("template", "preview", "monthly", "--out", "uit", "--no-png")
    assert "Groenonderhoud &amp; tuinaanleg 1" in (filled / "uit" / "monthly.html").read_text()
    body = filled / "templates" / "emails" / "spotlight" / "body.txt"
    body.write_text("{{ secrets }}")
    ran = cli("template", "check", "spotlight")
    assert ran.code == 1
    assert "unknown field 'secrets'" in ran.out
    assert "has faults" in do("template", "list")
    assert cli("template", "check", "nosuch").code == 1


@pytest.mark.chromium
def test_a_preview_photographs_the_mail_on_four_screens(do: Callable[..., Any], filled: Path, chromium: str) -> None:
    do("campaign", "new", "maart.yaml")
    shown = do("campaign", "preview", "maart", "--out", "uit", "--json")
    names = [f"maart-{width}-{light}.png" for width in (640, 360) for light in ("light", "dark")]
    assert [Path(file).name for file in shown["files"]] == ["maart.html", "maart.txt", *names]
    assert (shown["no_png"], shown["not_loaded"]) == (None, [])
    for name in names:
        with Image.open(filled / "uit" / name) as image:
            assert image.width == int(name.split("-")[1])
            assert image.height > 1000
    told = do("template", "preview", "invitation", "--out", "uit", "--json")
    assert next(Path(file).name for file in told["files"] if "picture" in Path(file).name) == "invitation-picture-1.jpg"
    assert "invitation-360-dark.png" in [Path(file).name for file in told["files"]]
    assert told["not_loaded"] == []


def test_without_chromium_there_is_a_preview_that_says_so(
    do: Callable[..., Any], cli: Callable[..., Any], filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(filled))
    ran = cli("template", "preview", "letter", "--out", "uit")
    assert ran.code == 0
    assert "note: no PNG: Chromium isn't installed (Debian: apt install chromium)" in ran.err
    told = do("template", "preview", "letter", "--out", "uit", "--json")
    assert [Path(file).suffix for file in told["files"]] == [".html", ".txt"]
    assert "Chromium isn't installed" in told["no_png"]


def test_the_preview_of_an_invitation_brings_its_calendar_entry(do: Callable[..., Any], filled: Path) -> None:
    text = (filled / "maart.yaml").read_text().replace("template: monthly", "template: invitation")
    event = "event:\n  starts_at: 2031-05-05 10:00\n  ends_at: 2031-05-05 12:00\n"
    text += event + "  place: Atelier\n  address: Straat 1, 9000 Gent\n  host: Wij\n"
    (filled / "maart.yaml").write_text(text)
    do("campaign", "new", "maart.yaml")
    do("campaign", "preview", "maart", "--out", "uit", "--no-png")
    assert (filled / "uit" / "maart.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")


def test_every_command_tells_what_it_does(cli: Callable[..., Any]) -> None:
    for group in (campaign_command.command, template_command.command):
        for name, command in group.commands.items():
            assert command.help, name
            assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option)), name


def test_show_tells_the_subject_the_texts_the_spotlights_and_who_approved(
    do: Callable[..., Any], cli: Callable[..., Any], filled: Path
) -> None:
    do("campaign", "new", "maart.yaml")
    assert cli("report", "campaign", "maart").out.startswith("maart: Werk dat past (draft: not sent yet)")
    do("campaign", "submit", "maart", "--as", "ann@federatie.example")
    do("campaign", "approve", "maart", "--as", "carl@federatie.example")
    said = cli("campaign", "show", "maart").out
    assert "subject: Werk dat past bij uw bedrijf" in said
    assert "Dag, [lees meer](https://federatie.example/over)." in said
    assert "title: In uw buurt" in said
    assert re.search(r"approved_by *│ carl@federatie.example", said)
    assert json.loads(cli("campaign", "show", "maart", "--json").out)["approved_by"] == "carl@federatie.example"


def test_a_cancelled_campaign_waits_for_nothing(do: Callable[..., Any], cli: Callable[..., Any]) -> None:
    do("campaign", "new", "maart.yaml")
    do("campaign", "submit", "maart", "--as", "ann@federatie.example")
    do("campaign", "approve", "maart", "--as", "carl@federatie.example")
    do("campaign", "schedule", "maart", "--as", "carl@federatie.example")
    do("campaign", "pause", "maart")
    assert "waits because" in cli("campaign", "status", "maart").out
    do("campaign", "cancel", "maart")
    assert "waits because" not in cli("campaign", "status", "maart").out
