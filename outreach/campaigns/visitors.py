"""Person or scanner: what a request for a link shows of itself.

A mail gateway opens the links of a mail to look at what is behind them, a chat program to draw a preview, a browser to
have the page ready. None of these is a click. The reasons found here need nothing but the request; those that need the
hits around it are found by `sweeps`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import crawleruseragents

from outreach.models import HitKind

# Version of the rules here and in `sweeps`; stored with each verdict.
RULES = 1


class Sign(StrEnum):
    """What the headers of a request say; only that is stored, never a header."""

    PREFETCH = "prefetch"
    NO_LANGUAGE = "no_language"  # without Accept-Language, which every browser sends
    NO_FETCH = "no_fetch"  # without Sec-Fetch-Mode, which browsers send to https since 2020 … 2023


class Reason(StrEnum):
    """Why a hit is taken for a scanner's."""

    HEAD = "head"
    PREFETCH = "prefetch"
    NO_AGENT = "no_agent"
    CRAWLER = "crawler"
    NOT_A_BROWSER = "not_a_browser"
    SECONDS_AFTER_SENDING = "seconds_after_sending"
    MANY_LINKS_AT_ONCE = "many_links_at_once"
    NEARLY_ALL_LINKS = "nearly_all_links"
    ONE_SOURCE_MANY_RECIPIENTS = "one_source_many_recipients"
    BESIDE_A_SCANNER = "beside_a_scanner"


_PREFETCH_HEADERS = ("purpose", "sec-purpose", "x-purpose", "x-moz")
_LOOKING_AHEAD = ("prefetch", "prerender", "preview")

# Mail gateways, link checkers and HTTP libraries that the public list of crawlers doesn't have, in lower case; and
# browsers that cannot reach a site of today (Internet Explorer before 11 has no TLS 1.2 switched on).
_MACHINES = re.compile(
    "bot\\b|crawl|spider|scanner|preview|barracuda|mimecast|proofpoint|safelinks|ironport|ciscosecure|trendmicro|tmes|"
    "zscaler|fortiguard|fortinet|forcepoint|symantec|messagelabs|cloudmark|sophos|checkpoint|avanan|trellix|fireeye|"
    "microsoft office|ms-office|msoffice|existence discovery|yahoomailproxy|link.?check|validator|uptime|monitoring|"
    "python-|aiohttp|httpx|java/|libwww|winhttp|powershell|headless|phantomjs|msie [2-9]\\.|msie 10\\."
)

# The first version that sends Sec-Fetch-Mode to every https address (Fetch Metadata, W3C working draft).
_FETCH_SINCE = (("firefox/", 90), ("edg/", 79), ("chrome/", 80), ("version/", 17))
_NUMBER = re.compile(r"\d{1,4}")


def signs_of(headers: Mapping[str, str], *, secure: bool) -> str:
    """Return the signs in a request's headers (names in lower case), joined by commas.

    `secure` = the site is reached over https; over plain http browsers don't send Sec-Fetch-Mode.
    """
    signs = []
    for name in _PREFETCH_HEADERS:
        if (said := headers.get(name)) and any(word in said.lower() for word in _LOOKING_AHEAD):
            signs = [Sign.PREFETCH.value]
    if not headers.get("accept-language"):
        signs.append(Sign.NO_LANGUAGE.value)
    if secure and "sec-fetch-mode" not in headers:
        signs.append(Sign.NO_FETCH.value)
    return ",".join(signs)


def visible_reasons(method: str, agent: str, signs: str) -> tuple[Reason, ...]:
    """Return what the request itself shows of a scanner."""
    reasons = [Reason.HEAD] if method == "HEAD" else []
    if Sign.PREFETCH in signs:
        reasons.append(Reason.PREFETCH)
    if not agent.strip():
        reasons.append(Reason.NO_AGENT)
    elif is_machine(agent):
        reasons.append(Reason.CRAWLER)
    elif Sign.NO_LANGUAGE in signs or (Sign.NO_FETCH in signs and _sends_fetch_metadata(agent)):
        reasons.append(Reason.NOT_A_BROWSER)
    return tuple(reasons)


def kind_of(reasons: tuple[Reason, ...]) -> HitKind:
    """Return the class that the reasons lead to."""
    return HitKind.SCANNER if reasons else HitKind.HUMAN


# A thousand names cover nearly all visitors; a name not seen before costs the list of crawlers 1 ms.
@lru_cache(maxsize=4096)
def is_machine(agent: str) -> bool:
    """Tell whether a program's name is that of a crawler, a link checker, a mail gateway or an HTTP library."""
    return _MACHINES.search(agent.lower()) is not None or crawleruseragents.is_crawler(agent)


@lru_cache(maxsize=4096)
def _sends_fetch_metadata(agent: str) -> bool:
    """Tell whether the browser that a program says it is sends Sec-Fetch-Mode."""
    agent = agent.lower()
    for name, since in _FETCH_SINCE:
        _, found, rest = agent.partition(name)
        if found and (version := _NUMBER.match(rest)):
            return int(version[0]) >= since
    return False
