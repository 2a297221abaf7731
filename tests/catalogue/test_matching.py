from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.catalogue.matching import FLEMISH, Candidate, Fallback, TooFewServices, choose

ANTWERPEN, LIMBURG, WEST = "10000", "70000", "30000"


def service(
    id: int,
    enterprise: int | None = None,
    *,
    provinces: tuple[str, ...] = (ANTWERPEN,),
    sectors: tuple[str, ...] = (),
    category: str = "packaging",
) -> Candidate:
    enterprise = id if enterprise is None else enterprise
    return Candidate(
        id=id,
        slug=f"s{id}",
        name=f"Dienst {id}",
        summary="Kort",
        text="Lang",
        category=category,
        forms=("workshop",),
        provinces=provinces,
        sectors_2025=sectors,
        enterprise_id=enterprise,
        enterprise_slug=f"e{enterprise}",
        enterprise_name=f"Bedrijf {enterprise}",
        municipality="Gent",
        picture=None,
        picture_alt="",
    )


def chosen(services: list[Candidate], **arguments: object) -> list[int]:
    options = {"province": ANTWERPEN, "section": "C", "count": 2, "exposure": {}, "fallback": Fallback.FEWER}
    return [choice.candidate.id for choice in choose(services, **(options | arguments))]  # type: ignore[arg-type]


def test_a_service_of_another_province_or_another_sector_does_not_fit() -> None:
    services = [service(1, provinces=(LIMBURG,)), service(2, sectors=("F",)), service(3, sectors=("C", "F"))]
    assert chosen(services, count=3) == [3]


def test_a_service_without_sectors_suits_every_sector() -> None:
    assert chosen([service(1)], section="V") == [1]


def test_the_least_shown_enterprise_comes_first_and_of_it_the_least_shown_service() -> None:
    services = [service(1, 10), service(2, 10), service(3, 20), service(4, 20)]
    assert chosen(services, exposure={1: 0, 2: 100, 3: 40, 4: 20}) == [4, 1]


def test_an_enterprise_with_many_services_is_shown_no_more_than_one_with_a_single_service() -> None:
    services = [*(service(n, 1) for n in range(1, 9)), service(9, 2)]
    shown: Counter[int] = Counter()
    for round in range(40):
        for choice in choose(
            services, province=ANTWERPEN, count=1, exposure=shown, fallback=Fallback.FEWER, seed=str(round)
        ):
            shown[choice.candidate.id] += 10
    assert shown[9] == sum(shown[n] for n in range(1, 9))


@settings(deadline=None, max_examples=60)
@given(
    enterprises=st.lists(st.integers(1, 4), min_size=2, max_size=8),
    cohorts=st.lists(st.integers(1, 50), min_size=1, max_size=60),
    count=st.integers(1, 4),
    seed=st.text(max_size=5),
)
def test_exposures_of_enterprises_that_fit_equally_differ_by_one_cohort_at_most(
    enterprises: list[int], cohorts: list[int], count: int, seed: str
) -> None:
    count = min(count, len(enterprises))
    services = [service(100 * e + n, e) for e, size in enumerate(enterprises, 1) for n in range(size)]
    shown: Counter[int] = Counter()
    for number, size in enumerate(cohorts):
        picked = choose(
            services,
            cells=[(ANTWERPEN, "C")],
            count=count,
            exposure=shown,
            fallback=Fallback.REFUSE,
            seed=f"{seed}{number}",
        )
        assert len({choice.candidate.enterprise_id for choice in picked}) == count
        for choice in picked:
            shown[choice.candidate.id] += size
        per_enterprise = [
            sum(shown[s.id] for s in services if s.enterprise_id == e) for e in range(1, len(enterprises) + 1)
        ]
        assert max(per_enterprise) - min(per_enterprise) <= max(cohorts[: number + 1])


def test_what_an_enterprise_was_shown_with_services_that_are_no_candidates_counts_too() -> None:
    from dataclasses import replace

    services = [replace(service(1, 10), siblings=(1, 99)), service(2, 20)]
    assert chosen(services, count=1, exposure={99: 500, 2: 10}) == [2]


def test_an_enterprise_stands_once_in_a_block_while_others_fit() -> None:
    services = [service(1, 10), service(2, 10), service(3, 20)]
    assert set(chosen(services, exposure={3: 1000})) & {3} == {3}
    assert len(chosen(services, count=3)) == 3


def test_an_enterprise_stands_twice_rather_than_a_service_that_does_not_fit() -> None:
    services = [service(1, 10), service(2, 10), service(3, 20, sectors=("F",))]
    assert set(chosen(services, fallback=Fallback.ANY_SECTOR)) == {1, 2}


def test_the_fallbacks_do_what_they_say_and_are_stated() -> None:
    services = [service(1), service(2, sectors=("F",)), service(3, provinces=(LIMBURG,))]
    options = {"province": ANTWERPEN, "section": "C", "count": 3, "exposure": {}}
    picked = choose(services, fallback=Fallback.ANY_SECTOR, **options)  # type: ignore[arg-type]
    assert [(choice.candidate.id, choice.fallback, choice.fit) for choice in picked] == [
        (1, None, 1.0),
        (2, "any_sector", 0.0),
        (3, "any", 0.0),
    ]
    assert chosen(services, count=3, fallback=Fallback.FEWER) == [1]
    with pytest.raises(TooFewServices, match=r"Antwerpen/C: 3 services asked, 1 fit; .*any_sector"):
        choose(services, fallback=Fallback.REFUSE, **options)  # type: ignore[arg-type]


def test_categories_and_what_the_mail_shows_already_are_kept_even_by_the_fallback() -> None:
    services = [service(1, category="green"), service(2), service(3, provinces=(LIMBURG,))]
    assert chosen(services, count=3, categories=["packaging"], exclude={3}, fallback=Fallback.ANY_SECTOR) == [2]


def test_in_a_merged_cohort_the_service_that_serves_most_cells_comes_first() -> None:
    cells = [(ANTWERPEN, "C"), (LIMBURG, "C"), (WEST, "F")]
    services = [
        service(1, provinces=(WEST,)),
        service(2, provinces=(ANTWERPEN, LIMBURG)),
        service(3, provinces=(ANTWERPEN, LIMBURG, WEST)),
    ]
    assert chosen(services, cells=cells, count=3, exposure={3: 500}) == [3, 2, 1]


def test_an_unknown_province_or_sector_is_served_by_who_serves_them_all() -> None:
    services = [service(1), service(2, provinces=tuple(FLEMISH)), service(3, provinces=tuple(FLEMISH), sectors=("C",))]
    assert chosen(services, cells=[(None, None)], count=3) == [2]


def test_the_choice_is_the_same_for_the_same_seed_and_no_alphabet_decides() -> None:
    services = [service(n) for n in range(1, 11)]
    assert chosen(services, seed="a") == chosen(list(reversed(services)), seed="a")
    assert len({tuple(chosen(services, seed=str(n), count=1)) for n in range(60)}) > 5


def test_a_candidate_survives_being_frozen_as_json() -> None:
    import json

    candidate = service(1, sectors=("C",))
    assert Candidate.from_json(json.loads(json.dumps(candidate.to_json()))) == candidate
