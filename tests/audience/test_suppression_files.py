"""Opt-outs from elsewhere: what each program exports, and what must not be suppressed by mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from outreach.app import App
from outreach.audience import suppressing
from outreach.audience.suppression_files import SuppressionSummary, read_suppressions, save_suppressions
from outreach.audience.tables import FileFault
from outreach.links import hash_address
from outreach.models import Contact, Suppression, SuppressionReason

Cli = Callable[..., Any]

MAILCHIMP = """\
"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS
bob@b.example,Bob,Maes,2,"2020-01-01 10:00:00","2024-05-06 12:13:14","Lente 2024",123,"NORMAL (No longer interested)",,1,aa,,
CLEO@C.example,Cleo,,2,"2020-01-01 10:00:00","2024-06-07 00:00:00",,,,,2,bb,,
"""  # noqa: E501
CLEANED = """\
Email Address,First Name,Last Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID
bob@b.example,Bob,Maes,2024-05-06 12:13:14,Lente 2024,123
"""
BREVO = """\
CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;SMS;EMAIL_BLACKLISTED;ADDED_TIME;MODIFIED_TIME
1;bob@b.example;Bob;Maes;;Yes;01-02-2023;03-04-2024
2;ann@a.example;Ann;Peeters;;No;01-02-2023;03-04-2024
3;dan@d.example;Dan;Claes;;;01-02-2023;03-04-2024
"""
FLEXMAIL = """\
E-mail adres;Voornaam;Naam;Status;Reden;Datum uitschrijving
bob@b.example;Bob;Maes;Uitgeschreven;te veel mails;06/05/2024
ann@a.example;Ann;Peeters;Actief;;
cleo@c.example;Cleo;Maes;Bounced;;07/05/2024
"""


def take_in(app: App, path: Path, content: str | bytes) -> SuppressionSummary:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reading = read_suppressions(path, suppression_key=app.suppression_key, now=app.now())
    with app.database.writing() as session:
        return save_suppressions(session, reading, actor="test")


def is_suppressed(app: App, address: str) -> bool:
    with app.database.reading() as session:
        return suppressing.is_suppressed(session, hash_address(app.suppression_key, address))


def one(app: App, address: str) -> Suppression:
    with app.database.reading() as session:
        found = suppressing.live(session, hash_address(app.suppression_key, address))
    assert found is not None
    return found


def test_mailchimps_unsubscribed_members_are_suppressed_since_the_day_they_left(both: App, tmp_path: Path) -> None:
    summary = take_in(both, tmp_path / "unsubscribed.csv", MAILCHIMP)
    assert (summary.format, summary.suppressed, summary.rejected) == ("mailchimp", 2, 0)
    bob = one(both, "bob@b.example")
    assert (bob.reason, f"{bob.at:%Y-%m-%d}") == (SuppressionReason.IMPORTED, "2024-05-05")  # midnight in Brussels
    assert bob.source.startswith("mailchimp: unsubscribed.csv, 2026-11-24: NORMAL")
    assert is_suppressed(both, "cleo@c.example")
    with both.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0


def test_mailchimps_cleaned_members_are_suppressed(app: App, tmp_path: Path) -> None:
    assert take_in(app, tmp_path / "cleaned.csv", CLEANED).suppressed == 1


def test_mailchimps_subscribed_members_are_not_taken_for_opt_outs(app: App, tmp_path: Path) -> None:
    members = (
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME\nann@a.example,Ann,2,2020-01-01,2020-01-01\n"
    )
    with pytest.raises(FileFault, match="subscribed members"):
        take_in(app, tmp_path / "subscribed.csv", members)


def test_brevos_contacts_that_are_not_blocklisted_are_left_alone(app: App, tmp_path: Path) -> None:
    summary = take_in(app, tmp_path / "brevo.csv", BREVO)
    assert (summary.format, summary.suppressed, summary.not_blocked, summary.rejected) == ("brevo", 1, 1, 1)
    assert is_suppressed(app, "bob@b.example")
    assert not is_suppressed(app, "ann@a.example")
    assert "yes or no" in summary.rejects[0].reason


def test_flexmails_blacklist_is_read_by_its_status(app: App, tmp_path: Path) -> None:
    summary = take_in(app, tmp_path / "export flexmail.csv", FLEXMAIL)
    assert (summary.format, summary.suppressed, summary.not_blocked) == ("flexmail", 2, 1)
    assert not is_suppressed(app, "ann@a.example")
    assert "te veel mails" in one(app, "bob@b.example").source


@pytest.mark.parametrize(
    "content",
    [
        "bob@b.example\ncleo@c.example\n",
        "\ufeffbob@b.example\r\n\r\nCleo <CLEO@c.example>\r\n",
        "bob@b.example;cleo@c.example",
        "bob@b.example, cleo@c.example\n",
        "E-mail\nbob@b.example\ncleo@c.example\n",
        "Naam;Adres\nBob;bob@b.example\nCleo;cleo@c.example\n",
        "Bob;bob@b.example\nCleo;cleo@c.example\n",
    ],
)
def test_plain_lists_of_addresses_are_read_with_and_without_headers(app: App, tmp_path: Path, content: str) -> None:
    summary = take_in(app, tmp_path / "list.txt", content)
    assert (summary.suppressed, summary.rejected) == (2, 0)
    assert is_suppressed(app, "bob@b.example")
    assert is_suppressed(app, "cleo@c.example")


def test_importing_the_same_opt_outs_again_changes_nothing(both: App, tmp_path: Path) -> None:
    take_in(both, tmp_path / "u.csv", MAILCHIMP)
    again = take_in(both, tmp_path / "u.csv", MAILCHIMP + MAILCHIMP.splitlines()[1])
    assert (again.suppressed, again.already_suppressed, again.doubles) == (0, 2, 1)


def test_a_graver_suppression_is_not_replaced_by_an_imported_one(both: App, tmp_path: Path) -> None:
    hash = hash_address(both.suppression_key, "bob@b.example")
    with both.database.writing() as session:
        complaint = SuppressionReason.COMPLAINT
        suppressing.suppress(session, hash, reason=complaint, source="x", actor="x", now=both.now())
    take_in(both, tmp_path / "u.csv", MAILCHIMP)
    assert one(both, "bob@b.example").reason is SuppressionReason.COMPLAINT


def test_faulty_rows_are_refused_and_the_good_ones_go_in(cli: Cli, project: Path) -> None:
    (project / "u.csv").write_text("E-mail\nbob@b.example\nkapot@\n")
    ran = cli("import", "suppressions", "u.csv", "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["suppressed"], found["rejected"], found["rejects_file"]) == (1, 1, 1, "u.rejects.csv")
    mended = project / "u.rejects.csv"
    mended.write_text(mended.read_text(encoding="utf-8-sig").replace("kapot@", "cleo@c.example"), encoding="utf-8-sig")
    assert cli("import", "suppressions", "u.rejects.csv").code == 0


def test_a_dry_run_suppresses_nobody(cli: Cli, project: Path) -> None:
    (project / "u.csv").write_text("E-mail\nbob@b.example\n")
    assert "1 new" in cli("import", "suppressions", "u.csv", "--dry-run").out
    assert "1 new" in cli("import", "suppressions", "u.csv").out


@pytest.mark.parametrize("content", ["Naam;Plaats\nBob;Gent\n", "E-mail;Rechtsgrond\nann@a.example;toestemming\n"])
def test_a_list_of_something_else_is_refused_whole(cli: Cli, project: Path, content: str) -> None:
    (project / "u.csv").write_text(content)
    ran = cli("import", "suppressions", "u.csv")
    assert ran.code == 1
    assert "u.csv" in ran.err
