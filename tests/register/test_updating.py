"""A Full extract and the updates after it give the tables of the later Full extract."""

from __future__ import annotations

import tempfile
from pathlib import Path

import extracts
import handmade as hand
from extracts import World
from handmade import company, digits, enterprise, place, seat, works
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.app import App
from outreach.register import suggesting


def names(app: App, typed: str) -> list[str]:
    with app.database.reading() as session:
        return [found.name for found in suggesting.suggest(session, typed)]


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(1, 10_000), enterprises=st.integers(50, 900), changes=st.integers(10, 80), days=st.integers(1, 3)
)
def test_full_and_updates_give_the_same_tables_as_the_later_full(
    app: App, seed: int, enterprises: int, changes: int, days: int
) -> None:
    world = World(enterprises / extracts.ENTERPRISES, seed, min(changes, enterprises // 2))
    with tempfile.TemporaryDirectory() as folder:
        hand.take_in(app, extracts.full(world, Path(folder)), allow_older=True)
        for day in range(1, days + 1):
            hand.take_in(app, extracts.update(world, Path(folder), day))
        by_updates = hand.everything(app)
        typed = ("va", "van", "bouw", "de b")
        found = [names(app, text) for text in typed]
        hand.take_in(app, extracts.full(world, Path(folder), days))
        assert by_updates == hand.everything(app)
        assert found == [names(app, text) for text in typed]


def test_full_and_updates_agree_on_postgresql_too(both: App, tmp_path: Path) -> None:
    world = World(0.0004, 77, 60)
    hand.take_in(both, extracts.full(world, tmp_path))
    for day in (1, 2):
        done = hand.take_in(both, extracts.update(world, tmp_path, day))
        assert done.touched
    by_updates = hand.everything(both)
    hand.take_in(both, extracts.full(world, tmp_path, 2))
    assert by_updates == hand.everything(both)


def test_who_closed_takes_everything_along_though_only_one_file_says_so(both: App, tmp_path: Path) -> None:
    hand.take_in(
        both,
        hand.full(
            tmp_path / "full",
            enterprise=[enterprise(company(1)), enterprise(company(2))],
            establishment=[(place(1), "01-01-2010", company(1)), (place(2), "01-01-2010", company(2))],
            denomination=[(company(1), "2", "001", "Gesloten"), (company(2), "2", "001", "Gebleven")],
            address=[seat(company(1), "9000"), works(place(1), "9000"), works(place(2), "2000")],
            activity=[(place(1), "003", "2025", "10110", "MAIN"), (place(2), "003", "2025", "10110", "MAIN")],
        ),
    )
    hand.take_in(both, hand.update(tmp_path / "update", enterprise_delete=[(company(1),)]))
    held = hand.everything(both)
    assert [row[0] for row in held["register_entry"]] == [digits(company(2))]
    for table in ("establishment", "denomination", "address", "activity"):
        assert len(held[table]) == 1, table
    assert names(both, "geslo") == []
    assert names(both, "geble") == ["Gebleven"]


def test_an_establishment_goes_to_another_company(app: App, tmp_path: Path) -> None:
    hand.take_in(
        app,
        hand.full(
            tmp_path / "full",
            enterprise=[enterprise(company(1)), enterprise(company(2))],
            establishment=[(place(1), "01-01-2010", company(1))],
            address=[works(place(1), "9000")],
        ),
    )
    hand.take_in(app, hand.update(tmp_path / "update", establishment_insert=[(place(1), "01-01-2010", company(2))]))
    provinces = [(row[0], row[18], row[19]) for row in hand.everything(app)["register_entry"]]
    assert provinces == [(digits(company(1)), 0, None), (digits(company(2)), 1, "40000")]
