"""How a visitor finds a service: any spelling, several words, the best first, filters that say what they leave."""

from __future__ import annotations

import pytest
import world
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.app import App
from outreach.catalogue.searching import PAGE_SIZE, Wish, search, words_of
from outreach.models import Enterprise, Service, ServiceProvince, ServiceSector

# Slug → name, category, summary, text, provinces, sections.
GIVEN = {
    "groen": ("Groenonderhoud", "green", "Uw gazon in orde.", "We maaien.", ("40000",), ()),
    "pakken": (
        "Verpakken & co-packing",
        "packaging",
        "Van doos tot pallet.",
        "Ook café-producten.",
        ("70000",),
        ("C",),
    ),
    "mailing": ("Mailing", "fulfilment", "Postzendingen.", "Wij verpakken uw mailing.", ("40000", "70000"), ("C", "G")),
    "poets": ("Kantoren in orde", "cleaning", "Elke week.", "Met eigen materiaal.", ("40000",), ("N",)),
}


def fill(session: Session, app: App) -> None:
    world.add_catalogue(session, app.now(), enterprises=1, services=0)
    firm = session.scalars(select(Enterprise)).one()
    for slug, (name, category, summary, text, provinces, letters) in GIVEN.items():
        service = Service(
            enterprise_id=firm.id, slug=slug, name=name, category=category, summary=summary, text=text,
            created_at=app.now(), updated_at=app.now(),
            provinces=[ServiceProvince(province_nis=nis) for nis in provinces],
            sectors=[ServiceSector(version=2025, code=letter, section_2025=letter) for letter in letters],
        )  # fmt: skip
        session.add(service)
    session.flush()


def found(app: App, words: str = "", **filters: str) -> list[str]:
    with app.database.reading() as session:
        return [service.slug for service in search(session, Wish(words, **filters)).services]


@pytest.fixture
def filled(both: App) -> App:
    with both.database.writing() as session:
        fill(session, both)
    return both


@pytest.mark.parametrize(
    ("words", "slugs"),
    [
        ("GROEN", ["groen"]),
        ("onderhoud", ["groen"]),
        ("cafe", ["pakken"]),
        ("co-packing", ["pakken"]),
        ("co packing", ["pakken"]),
        ("verpakken", ["pakken", "mailing"]),
        ("mailing verpakken", ["mailing"]),
        ("ik zoek iemand voor het poetsen", ["poets"]),
        ("kuisen", ["poets"]),
        ("tuinen", ["groen"]),
        ("gent maaien", ["groen"]),
        ("niets hiervan", []),
    ],
)
def test_words_are_found_in_any_spelling_the_best_first(filled: App, words: str, slugs: list[str]) -> None:
    assert found(filled, words) == slugs


def test_a_filter_says_what_each_choice_would_leave(filled: App) -> None:
    with filled.database.reading() as session:
        all_of_it = search(session, Wish())
        in_limburg = search(session, Wish(province="70000"))
    assert all_of_it.categories == {"packaging": 1, "fulfilment": 1, "green": 1, "cleaning": 1}
    assert all_of_it.provinces == {"40000": 3, "70000": 2}
    assert all_of_it.sections == {"C": 3, "G": 2, "N": 2}, "without sectors a service suits them all"
    assert in_limburg.categories == {"packaging": 1, "fulfilment": 1}
    assert in_limburg.provinces == {"40000": 3, "70000": 2}, "a filter doesn't count against itself"
    assert sorted(found(filled, section="G")) == ["groen", "mailing"]


def test_the_counts_of_filters_are_what_a_click_on_them_shows(filled: App) -> None:
    for wish in (Wish(), Wish("verpakken"), Wish(province="40000"), Wish(category="green", section="C")):
        with filled.database.reading() as session:
            shown = search(session, wish)
            for nis, count in shown.provinces.items():
                assert search(session, Wish(wish.words, wish.category, nis, wish.section)).total == count
            for code, count in shown.categories.items():
                assert search(session, Wish(wish.words, code, wish.province, wish.section)).total == count
            for letter, count in shown.sections.items():
                assert search(session, Wish(wish.words, wish.category, wish.province, letter)).total == count


def test_where_nothing_is_found_the_way_out_is_told(filled: App) -> None:
    with filled.database.reading() as session:
        nothing = search(session, Wish("groen", province="70000"))
        misspelt = search(session, Wish("groenonderhuod"))
        partly = search(session, Wish("groenonderhoud maanreizen"))
    assert (nothing.total, nothing.without) == (0, {"province": 1})
    assert misspelt.near == "groenonderhoud"
    assert (partly.partly, [service.slug for service in partly.services]) == (True, ["groen"])


def test_hundreds_of_services_come_in_pages_without_loss_or_double(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now(), enterprises=10, services=31)
    with app.database.reading() as session:
        pages = [search(session, Wish(), page=number) for number in range(1, 14)]
        beyond = search(session, Wish(), page=99)
    slugs = [service.slug for page in pages for service in page.services]
    assert len(slugs) == len(set(slugs)) == 310
    assert {len(page.services) for page in pages[:-1]} == {PAGE_SIZE}
    assert (beyond.page, beyond.pages) == (13, 13)


def test_who_takes_no_customers_comes_last(app: App) -> None:
    with app.database.writing() as session:
        first = world.add_catalogue(session, app.now(), enterprises=1, services=3)[0]
        first.taking_customers = False
    assert found(app)[-1] == "dienst-1-1"


def test_who_only_looks_around_sees_each_kind_of_work_in_turn_and_nobody_always_first(app: App) -> None:
    with app.database.writing() as session:
        world.add_catalogue(session, app.now(), enterprises=4, services=6)
        for number, service in enumerate(session.scalars(select(Service).order_by(Service.id))):
            service.category, service.name = ("green", "cleaning", "packaging")[number // 8], f"Dienst {number // 4}"
    with app.database.reading() as session:
        shown = [search(session, Wish(), turn=turn).services for turn in range(5)]
        green = search(session, Wish(category="green")).services
    for services in shown:
        kinds = [service.category for service in services]
        assert all(len(set(kinds[at : at + 3])) == 3 for at in range(0, 24, 3))
    assert len({services[0].id for services in shown}) > 1
    assert [service.name for service in green[:2]] != [green[0].name] * 2


@given(st.text(max_size=200))
def test_words_are_few_and_never_only_what_says_nothing(text: str) -> None:
    words = words_of(text)
    assert len(words) <= 8
    assert len(set(words)) == len(words)
    assert all(word.isalnum() for word in words)
