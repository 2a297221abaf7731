"""Reach: regular companies of the register per province and sector, ours, whom we may mail, and whom we mailed."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as Tree
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import Ran
from PIL import Image
from registry import take_in
from sqlalchemy.orm import Session
from world import add_cast, add_catalogue, add_company, add_contact

from outreach.app import App
from outreach.audience.eligibility import policy_of
from outreach.errors import Refusal
from outreach.models import Campaign, CampaignStatus, Company, Contact, Delivery, DeliveryStatus, Enterprise
from outreach.register import placing
from outreach.reports import maps, reach_tables
from outreach.reports.maps import Figure
from outreach.reports.reach import By, Counts, Reach, Row, reach

GENT, ANTWERPEN = "40000", "10000"


def found(app: App, by: By = By.SEAT, days: float | None = None) -> Reach:
    since = None if days is None else app.now() - timedelta(days=days)
    with app.database.reading() as session:
        return reach(session, policy_of(app.settings, None, app.now()), by=by, since=since)


def cells(told: Reach) -> dict[tuple[str | None, str | None], tuple[int, ...]]:
    return {(row.province_nis, row.section): tuple(reach_tables.numbers(row)) for row in told.cells}


def of(told: Reach, province: str | None) -> tuple[int, ...]:
    return next(tuple(reach_tables.numbers(row)) for row in told.provinces if row.province_nis == province)


def number(n: int) -> str:
    return f"{1_999_000_000 + n}"


def held(app: App, session: Session, *entries: dict[str, Any]) -> None:
    take_in(app, session, *entries)
    placing.apply(session, now=app.now())


def mailed(app: App, session: Session, contact: Contact, days: float = 1, **columns: Any) -> None:
    """Note that a contact got a mail, some days ago."""
    at = app.now() - timedelta(days=days)
    campaign = Campaign(
        name=f"c{contact.id}-{len(session.new)}-{days:g}".replace(".", "-"), title="Brief", segment="s", template="t",
        spec={}, status=CampaignStatus.SENT, created_by="test", created_at=at,
        simulated=columns.pop("simulated", False),
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    told: dict[str, Any] = {"status": DeliveryStatus.SENT, "sent_at": at, "status_at": at}
    session.add(
        Delivery(campaign_id=campaign.id, contact_id=contact.id, company_id=contact.company_id,
                 address_hash=contact.address_hash, **(told | columns))
    )  # fmt: skip
    session.flush()


def test_the_cast_is_counted_by_the_one_rule_and_by_what_went_out(both: App) -> None:
    with both.database.writing() as session:
        cast = add_cast(session, key=both.suppression_key, now=both.now())
        people = (cast.ann, cast.bob, cast.cleo, cast.dan)
        companies = [session.get(Company, person.company_id) for person in people]
        entries = [{"enterprise_number": one.enterprise_number, "postcode": "9000"} for one in companies if one]
        others = [{"enterprise_number": number(n), "postcode": postcode} for n, postcode in ((1, "9000"), (2, "2000"))]
        held(both, session, *entries, *others)
        mailed(both, session, cast.bob, days=40)
    told = found(both)
    assert cells(told) == {(GENT, "F"): (5, 4, 1, 1), (ANTWERPEN, "F"): (1, 0, 0, 0)}
    assert told.total == Counts(6, 4, 1, 1)
    assert told.outside == Counts()
    assert found(both, days=30).total.mailed == 0


def test_who_is_no_regular_company_is_in_no_figure(both: App) -> None:
    bars: list[dict[str, Any]] = [
        {"juridical_form": "411"}, {"juridical_form": "070"}, {"juridical_form": "610", "juridical_form_cac": "070"},
        {"juridical_situation": "050"}, {"juridical_situation": "012"}, {"nace_2025": "88993", "section_2025": "R"},
        {"nace_2025": None, "section_2025": None, "nace_2008": "88995", "section_2008": "Q"},
    ]  # fmt: skip
    with both.database.writing() as session:
        add_catalogue(session, both.now(), enterprises=1, services=1)
        workshop = session.query(Enterprise).one().enterprise_number
        ours = add_company(session, both.now(), name="Failliet nv")
        entries = [{"enterprise_number": number(n), "postcode": "9000", **bar} for n, bar in enumerate(bars)]
        entries += [{"enterprise_number": workshop, "postcode": "9000"}]
        entries += [{"enterprise_number": ours.enterprise_number, "postcode": "9000", "juridical_situation": "050"}]
        entries += [{"enterprise_number": number(99), "postcode": "9000", "juridical_situation": "030"}]
        held(both, session, *entries)
    told = found(both)
    assert told.total == Counts(1, 0, 0, 0)
    assert told.outside == Counts()


def test_a_company_counts_wherever_it_works_and_once_in_all(both: App) -> None:
    with both.database.writing() as session:
        company = add_company(session, both.now())
        held(
            both,
            session,
            {"enterprise_number": company.enterprise_number, "postcode": "9000",
             "establishment_provinces": f"{ANTWERPEN} {GENT} 04000"},
            {"enterprise_number": number(1), "postcode": "1000"},
            {"enterprise_number": number(2), "country": "Frankrijk", "postcode": "59000",
             "establishment_provinces": ANTWERPEN},
            {"enterprise_number": number(3), "postcode": "9999", "section_2025": None, "nace_2025": None},
        )  # fmt: skip
    seat, works = found(both), found(both, By.ESTABLISHMENT)
    assert [of(seat, nis)[:2] for nis in (GENT, "04000", None)] == [(1, 1), (1, 0), (2, 0)]
    assert [of(works, nis)[:2] for nis in (ANTWERPEN, GENT, "04000", None)] == [(2, 1), (1, 1), (2, 1), (1, 0)]
    assert seat.total == works.total == Counts(4, 1, 0, 0)
    assert [row.section for row in seat.sections] == ["F", None]


def test_a_section_of_2008_counts_as_the_one_of_2025_that_its_division_has(both: App) -> None:
    with both.database.writing() as session:
        old = {"nace_2025": None, "section_2025": None, "postcode": "9000"}
        held(both, session, {"enterprise_number": number(1), "nace_2008": "41201", "section_2008": "F", **old},
             {"enterprise_number": number(2), "nace_2008": "45113", "section_2008": "G", **old})  # fmt: skip
    assert cells(found(both)) == {(GENT, "F"): (1, 0, 0, 0), (GENT, None): (1, 0, 0, 0)}


def test_companies_that_the_register_lacks_stand_apart(both: App) -> None:
    with both.database.writing() as session:
        cast = add_cast(session, key=both.suppression_key, now=both.now())
        numberless = add_company(session, both.now())
        numberless.enterprise_number = None
        add_contact(session, numberless, "x@numberless.example", key=both.suppression_key, now=both.now())
        mailed(both, session, cast.ann)
        take_in(both, session, {"enterprise_number": number(1), "postcode": "9000"})
    told = found(both)
    assert told.total == Counts(1, 0, 0, 0)
    assert told.outside == Counts(0, 5, 2, 1)


def test_only_mails_that_went_to_somebody_count(both: App) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 1),
        ({"status": DeliveryStatus.UNCERTAIN, "sent_at": None}, 1),
        ({"status": DeliveryStatus.REJECTED, "sent_at": None}, 0),
        ({"status": DeliveryStatus.SKIPPED, "sent_at": None, "reason": "suppressed"}, 0),
        ({"simulated": True}, 0),
    ]
    with both.database.writing() as session:
        entries = []
        for n, (columns, _) in enumerate(cases):
            company = add_company(session, both.now(), section="C")
            address = f"info@b{company.id}.example"
            contact = add_contact(session, company, address, key=both.suppression_key, now=both.now())
            mailed(both, session, contact, **columns)
            letter = "ABCDE"[n]
            entries.append({"enterprise_number": company.enterprise_number, "postcode": "9000", "section_2025": letter})
        held(both, session, *entries)
    told = found(both)
    assert [row.mailed for row in told.sections] == [count for _, count in cases]


def test_no_figure_is_larger_than_what_it_is_part_of_and_cells_add_up(app: App) -> None:
    with app.database.writing() as session:
        entries = []
        for n in range(60):
            company = add_company(session, app.now())
            if n % 2:
                address = f"info@b{company.id}.example"
                contact = add_contact(session, company, address, key=app.suppression_key, now=app.now())
                if n % 3:
                    mailed(app, session, contact, days=n)
            postcode = ("9000", "2000", "3500", "1000", "4000")[n % 5]
            entries.append(
                {"enterprise_number": company.enterprise_number, "postcode": postcode, "section_2025": "CFG"[n % 3]}
            )
            entries.append({"enterprise_number": number(n), "postcode": postcode, "section_2025": "CFG"[n % 3]})
        held(app, session, *entries)
    told = found(app)
    for row in told.cells:
        assert row.register >= row.ours >= row.mailable
        assert row.ours >= row.mailed
    for rows in (told.cells, told.provinces, told.sections):
        assert sum((Counts(*reach_tables.numbers(row)) for row in rows), Counts()) == told.total
    assert told.total.register == 120
    assert 0 < told.total.mailed < told.total.ours


def test_before_the_first_extract_the_way_out_is_told(app: App, cli: Callable[..., Ran]) -> None:
    with pytest.raises(Refusal, match="outreach register import"):
        found(app)
    assert "outreach register import" in cli("report", "reach").err


def test_table_csv_json_and_pictures_say_source_licence_and_day(
    app: App, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    with app.database.writing() as session:
        cast = add_cast(session, key=app.suppression_key, now=app.now())
        companies = [session.get(Company, one.company_id) for one in (cast.ann, cast.bob)]
        held(
            app,
            session,
            *({"enterprise_number": one.enterprise_number, "postcode": "9000"} for one in companies if one),
        )
    ran = cli("report", "reach", "--cells", "--csv", tmp_path / "r.csv", "--map", tmp_path / "r.svg",
              "--map", tmp_path / "r.png", "--since", "2026-01-01")  # fmt: skip
    assert ran.code == 0, ran.err
    for told in ("Oost-Vlaanderen", "F Bouwnijverheid", "data of 2026-11-01 (extract 142)", "direct marketing",
                 "mails since 2026-01-01 00:00", "besides: 2 companies of ours"):  # fmt: skip
        assert told in ran.out
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    assert [row["table"] for row in rows] == ["cell", "province", "sector", "total", "outside"]
    assert (rows[0]["province"], rows[0]["register"], rows[0]["mailable"]) == ("Oost-Vlaanderen", "2", "1")
    assert all("data of 2026-11-01" in row["source"] and "direct marketing" in row["licence"] for row in rows)
    told = json.loads(cli("report", "reach", "--json", "--language", "en").out)
    place = {"province_nis": GENT, "province": "East Flanders", "section": "F", "sector": "Construction"}
    assert told["cells"][0] == {**place, "register": 2, "ours": 2, "mailable": 1, "mailed": 0}
    assert told["source"]["snapshot_date"] == "2026-11-01"
    picture = (tmp_path / "r.svg").read_text()
    for told in ("Oost-Vlaanderen", "1 november 2026 (extract 142)", "NGI", "direct marketing"):
        assert told in picture
    with Image.open(tmp_path / "r.png") as image:
        assert image.width > 1500


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--map", "r.gif"], "ends in .svg or .png"), (["--since", "gisteren"], "no day"), (["--by", "heart"], "seat")],
)
def test_wrong_usage_is_told(app: App, cli: Callable[..., Ran], arguments: list[str], told: str) -> None:
    ran = cli("report", "reach", *arguments)
    assert ran.code == 2
    assert told in ran.err


def drawn(app: App, language: str, *rows: Row) -> str:
    with app.database.writing() as session:
        take_in(app, session)
    told = found(app)
    return maps.as_svg(
        Reach(told.by, None, told.at, told.source, (), rows, (), Counts(), Counts()), Figure.MAILED, language
    )


def test_a_map_names_all_six_with_their_figures_and_stands_up_to_a_strict_policy(app: App) -> None:
    shares = {"10000": 2000, "20001": 711, "30000": 2711, "40000": 0, "70000": 1422, "04000": 34}
    rows = [Row(100_000, 5000, 4000, count, nis) for nis, count in shares.items()]
    picture = drawn(app, "nl", *rows)
    texts = ["".join(text.itertext()) for text in Tree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    for name in ("Antwerpen", "Vlaams-Brabant", "West-Vlaanderen", "Oost-Vlaanderen", "Limburg", "Brussels Gewest"):
        assert name in texts
    for told in (
        "2 %",
        "0,71 %" if "0,71 %" in texts else "0,7 %",
        "2.711 van 100.000",
        "0 %",
        "geen",
        "0–1 %",
        "4–5 %",
    ):
        assert told in texts
    assert "style=" not in picture
    assert "<style" not in picture
    assert "<script" not in picture


def test_a_map_speaks_english_and_draws_a_register_in_which_nobody_was_mailed(app: App) -> None:
    picture = drawn(app, "en", Row(10, 0, 0, 0, "10000"))
    assert "Antwerp" in picture
    assert "0 of 10" in picture
    assert ">none<" in picture


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_words_on_a_map_can_be_read_and_its_colours_told_apart_without_seeing_them() -> None:
    for ground in (maps.NOTHING, maps.PAPER, *maps.STEPS):
        assert (_light(ground) + 0.05) / (_light(maps.INK) + 0.05) >= 4.5
    assert (_light(maps.PAPER) + 0.05) / (_light(maps.MUTED) + 0.05) >= 4.5
    lights = [_light(step) for step in maps.STEPS]
    assert all(one > 1.2 * next for one, next in pairwise(lights))
