"""The sentences that are ready-made for every recipient."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from outreach.emails.model import fold, why_for
from outreach.errors import Refusal


@pytest.mark.parametrize("basis", ["consent", "customer", "role_address"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_reason_names_source_and_date(basis, language):
    why = why_for(basis, "beurs Kortrijk", date(2026, 3, 12), language)
    assert "beurs Kortrijk" in why
    assert ("March" if language == "en" else "maart") in why


def test_the_reason_reads_well_without_a_date():
    assert why_for("consent", "", None) == (
        "U ontvangt deze mail omdat u er toestemming voor gaf (bron: niet vermeld)."
    )


def test_the_reason_takes_a_time_as_well_as_a_day():
    assert "op 12 maart 2026" in why_for("customer", "x", datetime(2026, 3, 12, 8, tzinfo=UTC))


def test_a_source_with_braces_or_line_breaks_stays_text():
    assert "(bron: {day} {0.__class__} x)" in why_for("consent", "{day}\r\n{0.__class__} x", date(2026, 3, 12))


def test_a_basis_without_text_is_refused_with_the_known_ones():
    with pytest.raises(Refusal, match=r"'guess'.*consent, customer, role_address"):
        why_for("guess", "x", None)


def test_folding_is_stable_and_keeps_ordinary_text():
    assert fold(" Café  «L'Été» — 中 🦊 ") == "Café «L'Été» — 中 🦊"
    assert fold("a\u202eb\u2066c\ufeff") == "abc"
