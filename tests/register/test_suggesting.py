"""Suggestions while typing: what is meant is among them, and both databases say the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import extracts
import handmade as hand
import pytest
from conftest import Ran
from extracts import World
from handmade import company, digits, enterprise, place, seat
from sqlalchemy import select

from outreach.app import App
from outreach.models import RegisterEntry
from outreach.register import naming, suggesting

NAMES = {
    1: "Bouwwerken D'Hondt-Flaert",
    2: "Van den Blaertink",
    3: "Café Élan",
    4: "A.B.C. Van Bouw",
    5: "Bouw",
    6: "Immo Holding",
}


def taken(app: App, tmp_path: Path) -> None:
    hand.take_in(
        app,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(company(n)) for n in NAMES],
            establishment=[(place(1), "01-01-2010", company(6))],
            denomination=[
                *((company(n), "2", "001", name) for n, name in NAMES.items()),
                (company(6), "2", "002", "BVX"),
                (place(1), "2", "003", "Van den Bouw"),
            ],
            address=[seat(company(2), "9000")],
        ),
    )


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("va", ["Van den Blaertink", "A.B.C. Van Bouw", "Immo Holding"]),
        ("bouw", ["Bouw", "Bouwwerken D'Hondt-Flaert", "A.B.C. Van Bouw", "Immo Holding"]),
        ("BOUW va", ["A.B.C. Van Bouw", "Immo Holding"]),
        ("dhondt", ["Bouwwerken D'Hondt-Flaert"]),
        ("d'hondt", ["Bouwwerken D'Hondt-Flaert"]),
        ("hondtfl", []),
        ("dhondtfl", ["Bouwwerken D'Hondt-Flaert"]),
        ("cafe elan", ["Café Élan"]),
        ("ÉL", ["Café Élan"]),
        ("abc", ["A.B.C. Van Bouw"]),
        ("van den blaertink bv", ["Van den Blaertink"]),
        ("bvx", ["Immo Holding"]),
        ("1999.000.2", ["Van den Blaertink"]),
        ("BE 1999000", ["Bouwwerken D'Hondt-Flaert", "Van den Blaertink", "Café Élan", "A.B.C. Van Bouw", "Bouw",
                        "Immo Holding"]),
        ("b", []),
        ("", []),
        ('"* OR ^', []),
        ("'; drop table", []),
    ],
)  # fmt: skip
def test_what_was_typed_finds_what_may_be_meant(both: App, tmp_path: Path, typed: str, names: list[str]) -> None:
    taken(both, tmp_path)
    with both.database.reading() as session:
        assert [found.name for found in suggesting.suggest(session, typed)] == names


def test_a_suggestion_says_by_which_other_name_and_where(app: App, tmp_path: Path) -> None:
    taken(app, tmp_path)
    with app.database.reading() as session:
        first, second, third = suggesting.suggest(session, "van")
    assert (first.matched, first.municipality, first.juridical_form) == (None, "Gent", "610")
    assert second.matched is None
    assert (third.name, third.matched) == ("Immo Holding", "Van den Bouw")


def test_both_databases_give_the_same_answers_and_all_there_are(both: App, tmp_path: Path) -> None:
    hand.take_in(both, extracts.full(World(size=0.003, seed=21), tmp_path))
    with both.database.reading() as session:
        names = {entry.enterprise_number: entry.name for entry in session.scalars(select(RegisterEntry))}
        words = {number: naming.words_of(name) for number, name in names.items()}
        typed = {" ".join([*parts[:-1], parts[-1][:3]]) for parts in list(words.values())[:40] if parts}
        for text in sorted(typed | {"va", "de", "bouw", "van de", "im"}):
            parts = [part for part in naming.words_of(text) if len(part) > 1]
            by_name = {
                number
                for number, own in words.items()
                if all(any(word.startswith(part) for word in own) for part in parts)
            }
            found = [one.enterprise_number for one in suggesting.suggest(session, text)]
            in_name = [number for number in found if number in by_name]
            assert len(in_name) == min(10, len(by_name)), text
            assert found[: len(in_name)] == in_name or len(by_name) < 10, text


def test_the_shortest_names_come_first_whatever_their_length(both: App, tmp_path: Path) -> None:
    names = ["Voorbeeld" + "en" * length for length in (20, 0, 4, 14, 9, 1, 2, 11, 7, 3, 5, 16)]
    denomination = [(company(n), "2", "001", name) for n, name in enumerate(names)]
    denomination.append((company(1), "2", "003", "Een winkel met een heel lange naam van een voorbeeld"))
    extract = hand.full(
        tmp_path / "extract", enterprise=[enterprise(company(n)) for n in range(len(names))], denomination=denomination
    )
    hand.take_in(both, extract)
    with both.database.reading() as session:
        found = [[one.name for one in suggesting.suggest(session, "voorb", limit)] for limit in (3, 10, 99)]
        assert found == [sorted(names, key=len)[:limit] for limit in (3, 10, 99)]
        assert [one.name for one in suggesting.suggest(session, "winkel voorbeeld")] == ["Voorbeeld"]


def test_before_the_first_import_nothing_is_suggested(both: App) -> None:
    with both.database.reading() as session:
        assert suggesting.suggest(session, "van") == []


def test_the_commands_show_source_and_day_wherever_the_data_is(
    app: App, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    assert "outreach register import" in cli("register", "status").out
    assert cli("register", "show", company(2)).code == 1
    taken(app, tmp_path)
    for arguments in (("status",), ("show", company(2)), ("suggest", "van")):
        ran = cli("register", *arguments)
        assert ran.code == 0, ran.err
        assert "KBO/BCE Open Data" in ran.out
        assert "2026-11-01 (extract 142)" in ran.out
        told = json.loads(cli("register", *arguments, "--json").out)
        assert told["source"]["snapshot_date"] == "2026-11-01"
        assert "direct marketing" in told["source"]["licence"]
    told = json.loads(cli("register", "show", company(2), "--json").out)
    assert (told["enterprise_number"], told["province"]) == (digits(company(2)), "Oost-Vlaanderen")
    assert told["juridical_form_meaning"] == "Besloten vennootschap"
    missing = cli("register", "show", company(99))
    assert missing.code == 1
    assert "no active legal person" in missing.err
    assert cli("register", "show", "12").code == 1
