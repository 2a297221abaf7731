"""Verdicts on hits: changed by later evidence, found again at any time, on both databases."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest
from conftest import NOW, Ran
from knocks import PEOPLE, SCANNERS, MailedLink, World, make_world, play
from knocks.judging import judge, only, put_mails, score
from knocks.mails import Mail
from sqlalchemy import select, update

from outreach import jobs, scheduler
from outreach.app import App
from outreach.campaigns import hits, verdicts
from outreach.models import Hit, HitKind

EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"


def one_mail(app: App) -> dict[int, str]:
    """A campaign of one mail with eight links, sent an hour ago; return their codes."""
    links = tuple(MailedLink(number, number < 5) for number in range(8))
    with app.database.writing() as session:
        mail = Mail(0, 0, links, 0.0, "192.0.2.1", None)
        return put_mails(session, World((mail,), (links,)), NOW - timedelta(hours=1))


def knock(app: App, code: str, at: datetime, source: int = 5) -> None:
    with app.database.writing() as session:
        assert hits.record(session, [hits.Request(code, "GET", EDGE, at, "", source)], hits.leading(session, [code]))


def kept(app: App) -> list[Hit]:
    with app.database.reading() as session:
        return list(session.scalars(select(Hit).order_by(Hit.id)))


def test_later_evidence_changes_the_verdicts_before_it(both: App) -> None:
    codes = one_mail(both)
    for number in range(3):
        knock(both, codes[number], NOW + timedelta(seconds=number * 0.2))
    assert jobs.judge_hits(both).human == 3
    assert [hit.kind for hit in kept(both)] == [HitKind.HUMAN] * 3
    knock(both, codes[3], NOW + timedelta(seconds=0.8))
    done = jobs.judge_hits(both)
    assert (done.scanner, done.changed) == (4, 4)
    assert {hit.reasons for hit in kept(both)} == {"many_links_at_once,beside_a_scanner"}
    assert {hit.rules for hit in kept(both)} == {1}


def test_hits_judged_long_ago_are_left_alone(both: App) -> None:
    codes = one_mail(both)
    knock(both, codes[0], NOW)
    jobs.judge_hits(both)
    knock(both, codes[0], NOW + timedelta(hours=3))
    assert jobs.judge_hits(both).hits == 1
    assert jobs.judge_hits(both).hits == 0


def test_a_hit_that_was_set_aside_is_judged_at_its_own_time(both: App) -> None:
    codes = one_mail(both)
    for number in (0, 1, 3):
        knock(both, codes[number], NOW + timedelta(seconds=number * 0.2))
    knock(both, codes[0], NOW + timedelta(hours=5))
    jobs.judge_hits(both)
    knock(both, codes[2], NOW + timedelta(seconds=0.4))
    jobs.judge_hits(both)
    assert [hit.kind for hit in kept(both)].count(HitKind.SCANNER) == 4


def test_classifying_twice_is_once_and_mends_what_older_rules_said(
    both: App, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = one_mail(both)
    for number in range(4):
        knock(both, codes[number], NOW + timedelta(seconds=number * 0.2))
    knock(both, codes[0], NOW + timedelta(hours=2))
    jobs.judge_hits(both)
    before = [(hit.kind, hit.reasons, hit.rules) for hit in kept(both)]
    with both.database.writing() as session:
        session.execute(update(Hit).values(kind=HitKind.HUMAN, reasons="", rules=0))
    monkeypatch.setattr(verdicts, "PAGE", 2)
    first = json.loads(cli("hits", "classify", "--json").out)
    assert first == {
        "rules": 1, "hits": 5, "changed": 4, "human": 1, "scanner": 4,
        "reasons": {"beside_a_scanner": 4, "many_links_at_once": 4},
    }  # fmt: skip
    assert [(hit.kind, hit.reasons, hit.rules) for hit in kept(both)] == before
    again = cli("hits", "classify")
    assert "0 verdicts changed" in again.out
    assert "4 scanner" in again.out


def test_the_clock_judges_hits_by_itself(app: App) -> None:
    codes = one_mail(app)
    for number in range(4):
        knock(app, codes[number], NOW + timedelta(seconds=number * 0.2))
    with scheduler.running(app, threading.Event()):
        end = time.monotonic() + 30
        while time.monotonic() < end and {hit.kind for hit in kept(app)} != {HitKind.SCANNER}:
            time.sleep(0.05)
    assert {hit.kind for hit in kept(app)} == {HitKind.SCANNER}


def test_a_campaign_too_small_for_cohorts_is_judged_too(both: App) -> None:
    from outreach.models import Link

    codes = one_mail(both)
    with both.database.writing() as session:
        session.execute(update(Link).values(cohort_id=None))
    for number in range(4):
        knock(both, codes[number], NOW + timedelta(seconds=number * 0.2))
    assert jobs.judge_hits(both).scanner == 4


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool | None], dict[str, float]]:
    """Precision and recall over a seed of its own; None = all families."""
    from outreach.app import open_app

    def measure(held_back: bool | None) -> dict[str, float]:
        families = [*SCANNERS, *PEOPLE]
        chosen = families if held_back is None else only(families, held_back=held_back)
        world = make_world(Random(20), 1000)
        knocks = play(world, chosen, seed=20)
        folder = tmp_path_factory.mktemp("played")
        (folder / "outreach.toml").write_text('[sender]\nname = "F"\n')
        app = open_app(folder)
        judge(app, world, knocks, NOW)
        result = score(app, knocks).figures()
        app.close()
        return result

    return measure


def test_scanners_and_people_of_known_kinds_are_told_apart(
    measured: Callable[[bool | None], dict[str, float]],
) -> None:
    figures = measured(False)
    assert figures["scanner_precision"] >= 0.98
    assert figures["scanner_recall"] >= 0.95
    assert figures["human_recall"] >= 0.95
    assert figures["human_precision"] >= 0.85


def test_with_families_that_no_rule_was_made_for_most_is_still_right(
    measured: Callable[[bool | None], dict[str, float]],
) -> None:
    figures = measured(None)
    assert figures["scanner_precision"] >= 0.95
    assert figures["scanner_recall"] >= 0.88
    assert figures["human_recall"] >= 0.80
    assert figures["human_precision"] >= 0.60
