"""Person or scanner: what a request shows of itself, and what the hits around it show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from outreach.campaigns import sweeps, visitors
from outreach.campaigns.sweeps import Group, Hit, Judge
from outreach.campaigns.visitors import Reason

EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
    "Safari/537.36 Edg/142.0.0.0"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
OLD_IPHONE = IPHONE.replace("18.5", "15.6")
BROWSER = {"accept-language": "nl-BE", "sec-fetch-mode": "navigate"}


@pytest.mark.parametrize(
    ("method", "agent", "headers", "reasons"),
    [
        ("GET", EDGE, BROWSER, []),
        ("GET", IPHONE, BROWSER, []),
        ("GET", OLD_IPHONE, {"accept-language": "nl-BE"}, []),
        ("HEAD", EDGE, BROWSER, ["head"]),
        ("GET", EDGE, BROWSER | {"sec-purpose": "prefetch;prerender"}, ["prefetch"]),
        ("GET", EDGE, BROWSER | {"x-moz": "prefetch"}, ["prefetch"]),
        ("GET", EDGE, BROWSER | {"x-purpose": "preview"}, ["prefetch"]),
        ("GET", EDGE, BROWSER | {"purpose": "prefetch"}, ["prefetch"]),
        ("GET", "", BROWSER, ["no_agent"]),
        ("GET", "   ", BROWSER, ["no_agent"]),
        ("GET", EDGE, {"sec-fetch-mode": "navigate"}, ["not_a_browser"]),
        ("GET", EDGE, {"accept-language": "en-US"}, ["not_a_browser"]),
        ("GET", IPHONE, {"accept-language": "en-US"}, ["not_a_browser"]),
        ("GET", "BarracudaCentral/1.0", {}, ["crawler"]),
        ("GET", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", BROWSER, ["crawler"]),
        ("GET", "Microsoft Office Existence Discovery", BROWSER, ["crawler"]),
        ("GET", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", BROWSER, ["crawler"]),
        ("HEAD", "python-requests/2.32", {}, ["head", "crawler"]),
    ],
)
def test_a_request_shows_a_scanner(method: str, agent: str, headers: dict[str, str], reasons: list[str]) -> None:
    assert list(visitors.visible_reasons(method, agent, visitors.signs_of(headers, secure=True))) == reasons


def test_over_plain_http_a_browser_without_fetch_metadata_is_believed() -> None:
    assert visitors.signs_of({"accept-language": "nl"}, secure=False) == ""


def judged(hits: Sequence[Hit], links: int = 8, first_sent: float | None = 0.0, last: float | None = 1e6) -> list[str]:
    judge = Judge(lambda _: Group(links, first_sent, last))
    final = [done for hit in hits for done in judge.see(hit)] + list(judge.rest())
    assert final == list(hits)
    return [",".join(reason for reason in Reason if reason in hit.reasons) for hit in final]


def hit(at: float, link: int, *, source: int | None = 7, agent: str = EDGE, group: int = 1, method: str = "GET",
        signs: str = "", simulated: bool = False) -> Hit:  # fmt: skip
    return Hit(0, at, group, link, method, agent, signs, source, simulated, set())


def test_the_fourth_link_within_a_second_shows_what_the_first_three_were() -> None:
    hits = [hit(100, 1), hit(100.3, 2), hit(100.6, 3)]
    assert judged(hits) == ["", "", ""]
    hits = [hit(100, 1), hit(100.3, 2), hit(100.6, 3), hit(100.9, 4)]
    assert judged(hits) == ["many_links_at_once,beside_a_scanner"] * 4


def test_a_hand_that_opens_five_tabs_is_a_persons() -> None:
    assert judged([hit(100 + place * 0.6, place) for place in range(5)]) == [""] * 5


def test_one_link_pressed_four_times_within_a_second_is_a_persons() -> None:
    assert judged([hit(100 + place * 0.1, 1) for place in range(4)]) == [""] * 4


def test_links_opened_at_once_from_several_machines_under_one_name_are_a_scanners() -> None:
    hits = [hit(100 + place * 0.2, place, source=place) for place in range(5)]
    assert all("many_links_at_once" in reasons for reasons in judged(hits))


def test_a_busy_moment_of_a_large_group_is_no_burst() -> None:
    """Four people a second, with one browser and one link each, minute after minute."""
    hits = [hit(100 + place * 0.25, place % 8, source=place) for place in range(400)]
    assert judged(hits) == [""] * 400


def test_link_after_link_until_all_were_opened_is_a_sweep_however_slow() -> None:
    hits = [hit(4000 + place * 40, place) for place in range(8)]
    assert all("nearly_all_links" in reasons for reasons in judged(hits))
    colleagues = [hit(4000 + place * 3, place % 3) for place in range(20)]
    assert judged(colleagues) == [""] * 20


def test_a_short_mail_read_whole_is_no_sweep() -> None:
    assert judged([hit(100 + place * 5, place) for place in range(4)], links=4) == [""] * 4


def test_one_source_that_opens_the_mails_of_several_groups_within_a_minute_is_a_gateway() -> None:
    hits = [hit(100 + place * 10, place, group=place) for place in range(4)]
    assert judged(hits) == ["one_source_many_recipients"] * 4
    assert judged([hit(100 + place * 30, place, group=place) for place in range(4)]) == [""] * 4


def test_long_after_sending_one_source_is_as_well_the_proxy_of_many_people() -> None:
    assert judged([hit(9000 + place, place, group=place) for place in range(4)], last=600.0) == [""] * 4


def test_a_get_after_a_head_on_the_same_link_is_the_same_scanners_under_another_name() -> None:
    assert judged([hit(100, 1, method="HEAD", agent="x/1"), hit(101, 1)]) == ["head", "beside_a_scanner"]
    assert judged([hit(100, 1, method="HEAD", agent="x/1"), hit(101, 2)]) == ["head", ""]


def test_a_prefetch_or_preview_from_a_persons_own_phone_says_nothing_of_the_click_after_it() -> None:
    assert judged([hit(100, 1, signs="prefetch"), hit(102, 1)]) == ["prefetch", ""]
    assert judged([hit(100, 1, agent="WhatsApp/2.24"), hit(102, 1)]) == ["crawler", ""]


def test_before_anybody_can_have_read_the_mail_nobody_clicks() -> None:
    assert judged([hit(109, 1), hit(111, 1)], first_sent=100.0) == ["seconds_after_sending", ""]
    assert judged([hit(109, 1)], first_sent=None, last=None) == ["seconds_after_sending"]


def test_a_demo_squeezes_days_into_seconds_and_is_judged_by_what_a_request_shows() -> None:
    hits = [hit(100 + place * 0.1, place, simulated=True) for place in range(8)]
    assert judged(hits, first_sent=None) == [""] * 8
    assert judged([hit(100, 1, agent="curl/8", simulated=True)]) == ["crawler"]


def test_a_flood_is_judged_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "MOST_HITS", 100)
    judge, most = Judge(lambda _: Group(8, 0.0, 1.0)), 0
    count = 0
    for place in range(20_000):
        count += len(list(judge.see(hit(500 + place * 0.01, place % 8, source=place, agent=f"a{place}"))))
        most = max(most, len(judge.open))
    assert most == 100
    assert count + len(list(judge.rest())) == 20_000
    assert len(judge._runs) < 12_100  # those of the last two minutes
    assert len(judge._near.by_key) < 2 * 6_100
    assert len(judge._around.by_key) < 12_300
    assert len(judge._suspects) <= sweeps.MOST_SUSPECTS
