"""Every text of the staff pages is there in Dutch and in English."""

from __future__ import annotations

from babel.messages.extract import extract_from_dir

from outreach.inbox.kinds import Reason
from outreach.models import (
    CampaignStatus,
    Channel,
    DeliveryStatus,
    Evidence,
    HitKind,
    LeadStage,
    SkipReason,
    SuppressionReason,
)
from outreach.reports.clicks import ALL_LINKS, OTHER_LINKS, SEVERAL_PROVINCES, SEVERAL_SECTORS, TOO_FEW, UNKNOWN, WHOLE
from outreach.web.pages import translations
from outreach.web.site import MISTAKES
from outreach.web.words import WORDS, word
from tests.conftest import ROOT


def texts() -> set[str]:
    """Return every text of the templates, plurals apart."""
    found: set[str] = set()
    folder = ROOT / "outreach" / "web" / "templates"
    options = {"**.html": {"extensions": "jinja2.ext.do"}}
    for _, _, text, _, _ in extract_from_dir(folder, method_map=[("**.html", "jinja2")], options_map=options):
        found |= {text} if isinstance(text, str) else {text[0]}
    return found


def test_every_text_has_an_english_translation() -> None:
    english = translations("en")._catalog  # type: ignore[attr-defined]
    known = {key[0] if isinstance(key, tuple) else key for key in english}
    wanted = texts() | {text for pair in MISTAKES.values() for text in pair}
    wanted |= {ALL_LINKS, OTHER_LINKS, SEVERAL_PROVINCES, SEVERAL_SECTORS, TOO_FEW, UNKNOWN, WHOLE}
    assert wanted - known == set()
    assert known - wanted - {""} == set()


def test_translations_keep_the_places_of_values() -> None:
    import re

    for key, text in translations("en")._catalog.items():  # type: ignore[attr-defined]
        source = key[0] if isinstance(key, tuple) else key
        if source:
            assert set(re.findall(r"%\(\w+\)s", source)) == set(re.findall(r"%\(\w+\)s", text)), source


def test_every_state_and_reason_has_a_word_in_both_languages() -> None:
    for enum in (
        CampaignStatus,
        DeliveryStatus,
        SkipReason,
        LeadStage,
        Channel,
        Evidence,
        HitKind,
        Reason,
        SuppressionReason,
    ):
        for value in enum:
            assert value in WORDS, value
    assert word("skipped", "nl") == "overgeslagen"
    assert word("something_new", "en") == "something new"
