from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from outreach.app import open_app
from outreach.leads import files
from outreach.models import Enterprise, Lead, OutboxMail, Service
from tests.conftest import NOW
from tests.leads.world import World


@pytest.fixture
def names(project: Path) -> dict[str, str]:
    """Slugs, numbers and names that the commands are given."""
    app = open_app(project)
    with app.database.writing() as session:
        w = World(session, app.suppression_key)
        enterprise = w.enterprise("Atelier De Brug")
        service, company = w.service(enterprise, "Verpakken"), w.company("Bakkerij Jansen")
        w.campaign("herfst").frozen_at = NOW - timedelta(days=300)
        w.campaign("winter")
        found = {"enterprise": enterprise.slug, "service": service.slug, "number": company.enterprise_number or ""}
    app.close()
    return found


def rows(project: Path, what: Any) -> int:
    app = open_app(project)
    with app.database.reading() as session:
        count = session.scalar(select(func.count()).select_from(what))
    app.close()
    return count or 0


def test_a_call_is_added_listed_shown_and_confirmed(
    cli: Callable[..., Any], project: Path, names: dict[str, str]
) -> None:
    added = cli(
        "lead", "add", "--service", names["service"], "--company-number", names["number"], "--channel", "call",
        "--date", "2026-03-31", "--declared-campaign", "herfst", "--json",
    )  # fmt: skip
    card = json.loads(added.out)
    assert (card["company_name"], card["evidence"], card["campaign"]) == ("Bakkerij Jansen", "declared", "herfst")
    assert card["happened_at"].startswith("2026-03-31")
    assert rows(project, OutboxMail) == 1
    again = cli(
        "lead", "add", "--enterprise", "Atelier De Brug", "--company", "Bakkerij Jansen BV", "--channel", "fair",
        "--date", "2/4/2026", "--no-notify",
    )  # fmt: skip
    assert "merged into lead 1" in again.out
    assert [lead["id"] for lead in json.loads(cli("lead", "list", "--json", "--stage", "new").out)] == [1]
    assert "2 leads" in cli("lead", "list").out
    assert json.loads(cli("lead", "show", "1", "--json").out)["touches"] == []
    assert cli("lead", "confirm", "1", "--by", "Ann", "--note", "klopt").out == "lead 1: confirmed\n"
    assert "was confirmed already" in cli("lead", "confirm", "1", "--by", "Ann").out
    refused = cli("lead", "refuse", "1", "--by", "Ann")
    assert refused.code == 1
    assert "only a new lead" in refused.err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--service", "geen"), "'geen' is no service"),
        (("--enterprise", "geen"), "'geen' is no enterprise"),
        ((), "name the enterprise or the service"),
        (("--enterprise", "e1", "--company-number", "0203.201.341"), "check digits"),
        (("--enterprise", "e1"), "name of the company is missing"),
        (("--enterprise", "e1", "--company", "X", "--email", "geen@"), "'geen@' is not a valid address"),
        (("--enterprise", "e1", "--company", "X", "--date", "31/02/2026"), "--date"),
        (("--enterprise", "e1", "--company", "X", "--date", "2099-01-01"), "future"),
        (("--enterprise", "e1", "--company", "X", "--declared-campaign", "niets"), "sent were: winter, herfst"),
        (
            ("--enterprise", "e1", "--company", "X", "--declared-campaign", "winter", "--date", "2026-03-31"),
            "'winter' was sent on 2026-11-24, so no contact of 2026-03-31",
        ),
    ],
)
def test_a_mistake_is_refused_with_the_way_out(
    cli: Callable[..., Any], project: Path, names: dict[str, str], options: tuple[str, ...], part: str
) -> None:
    ran = cli("lead", "add", "--channel", "call", *options)
    assert ran.code == 1
    assert part in ran.err
    assert rows(project, Lead) == 0


LIST = """\
Bedrijf;Ondernemingsnummer;Maatwerkbedrijf;Dienst;Datum;Kanaal;Contactpersoon;E-mail;Opmerking;Campagne
Bakkerij Jansen;{number};Atelier De Brug;Verpakken;31/03/2026;beurs;Ann;ann@jansen.example;Offerte;herfst
Drukkerij Peeters;;{enterprise};;2026-04-01;telefoon;;;Terugbellen;
Niemand;123;Geen Enkel;;32/13/2026;duif;;geen@;=cmd();lentee
Bakkerij Jansen;{number};Atelier De Brug;Verpakken;02/04/2026;mail;Ann;ann@jansen.example;Nog iets;
"""


def test_a_list_goes_in_with_its_good_rows_and_twice_changes_nothing(
    cli: Callable[..., Any], project: Path, names: dict[str, str]
) -> None:
    (project / "lijst.csv").write_bytes(LIST.format(**names).encode("cp1252"))
    ran = cli("lead", "import", "lijst.csv", "--json")
    assert ran.code == 1
    counts = json.loads(ran.out)
    assert (counts["added"], counts["merged"], counts["unchanged"], counts["refused"]) == (2, 1, 0, 1)
    rejects = list(csv.reader((project / "lijst.rejects.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rejects[1][0] == "4"
    for part in (
        "is not an enterprise number",
        "'Geen Enkel' is no enterprise",
        "no date",
        "'duif' is no channel; known: form/formulier/website, reply/",
        "'lentee' is no campaign",
        "geen@",
    ):
        assert part in rejects[1][1]
    again = json.loads(cli("lead", "import", "lijst.csv", "--json").out)
    assert (again["added"], again["merged"], again["unchanged"]) == (0, 0, 3)
    assert rows(project, Lead) == 3
    assert rows(project, OutboxMail) == 0
    leads = json.loads(cli("lead", "list", "--json", "--campaign", "herfst").out)
    assert [(lead["channel"], lead["evidence"]) for lead in leads] == [("fair", "declared")]


def test_the_refused_rows_can_be_mended_and_imported(
    cli: Callable[..., Any], project: Path, names: dict[str, str]
) -> None:
    (project / "lijst.csv").write_text(LIST.format(**names))
    cli("lead", "import", "lijst.csv")
    rejects = project / "lijst.rejects.csv"
    mended = rejects.read_text("utf-8-sig").replace("123;Geen Enkel", f";{names['enterprise']}")
    rejects.write_text(
        mended.replace("32/13/2026", "05/05/2026").replace("duif", "beurs").replace("geen@", "").replace("lentee", "")
    )
    assert cli("lead", "import", "lijst.rejects.csv", "--confirmed-by", "Ann").code == 0
    (lead,) = json.loads(cli("lead", "list", "--json", "--stage", "confirmed").out)
    assert (lead["company_name"], lead["message"], lead["decided_by"]) == ("Niemand", "=cmd()", "Ann")


def test_a_workbook_is_read_and_a_file_without_the_columns_changes_nothing(
    cli: Callable[..., Any], project: Path, names: dict[str, str]
) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Klant", "Dienst", "Datum"])
    sheet.append(["Bakkerij Jansen", names["service"], NOW.replace(tzinfo=None, month=3)])
    book.save(project / "lijst.xlsx")
    assert cli("lead", "import", "lijst.xlsx", "--notify").code == 0
    assert rows(project, OutboxMail) == 1
    (project / "fout.csv").write_text("bedrijf;dienst\nX;Y\n")
    ran = cli("lead", "import", "fout.csv")
    assert ran.code == 1
    assert "fout.csv:1: there is no column for date" in ran.err


def test_the_enterprise_is_found_by_slug_number_or_name(project: Path, names: dict[str, str]) -> None:
    app = open_app(project)
    with app.database.reading() as session:
        row = session.scalars(select(Enterprise)).one()
        service = session.scalars(select(Service)).one()
        for text in (row.slug, row.name.upper(), f"BE {row.enterprise_number}"):
            assert files.offered(session, text, "verpakken") == (row.id, service.id)
    app.close()


@pytest.mark.parametrize(
    ("word", "channel"), [("telefoon", "call"), ("Beurs", "fair"), ("call", "call"), ("e-mail", "reply")]
)
def test_a_channel_is_named_in_dutch_or_english(
    cli: Callable[..., Any], names: dict[str, str], word: str, channel: str
) -> None:
    ran = cli("lead", "add", "--enterprise", "e1", "--company", "X", "--channel", word, "--json")
    assert json.loads(ran.out)["channel"] == channel


def test_a_channel_that_is_none_is_wrong_usage(cli: Callable[..., Any], names: dict[str, str]) -> None:
    for word, part in (("duif", "telefoon"), ("lijst", "outreach lead import")):
        ran = cli("lead", "add", "--enterprise", "e1", "--company", "X", "--channel", word)
        assert ran.code == 2
        assert part in ran.err


def test_a_lead_is_shown_in_local_time_with_its_doubles(cli: Callable[..., Any], names: dict[str, str]) -> None:
    given = ("lead", "add", "--enterprise", "e1", "--company-number", names["number"], "--channel", "call")
    cli(*given, "--date", "2026-03-31")
    assert "1 lead\n" in cli("lead", "list").out
    cli(*given, "--date", "2026-04-01", "--declared-campaign", "herfst")
    shown = cli("lead", "show", "1").out
    assert "2026-03-31 23:59 " in shown
    number = names["number"]
    assert f"{number[:4]}.{number[4:7]}.{number[7:]}" in shown
    assert "declared" in shown
    assert [each["id"] for each in json.loads(cli("lead", "show", "1", "--json").out)["doubles"]] == [2]
