"""Single faults planted in the good templates: the check finds them at their line, and nothing in the good ones."""

from __future__ import annotations

import mutants
import mutation
import pytest

from outreach.emails import templates

SEED, EACH = 2026, 6


@pytest.mark.parametrize("name", templates.available(mutation.TEMPLATES))
def test_nothing_is_wrong_with_a_good_template(name: str) -> None:
    assert [str(one) for one in mutation.serious(mutation.TEMPLATES, name)] == []


def test_at_least_95_of_100_planted_faults_are_found_at_their_line() -> None:
    measured = mutation.measure(mutants.read(mutation.TEMPLATES), SEED, EACH)
    print(measured.table())
    assert measured.planted.total() >= 300
    assert len(measured.planted) >= 15
    assert measured.share >= 0.95, measured.table()
    weak = {
        name: measured.found[name] for name, count in measured.planted.items() if measured.found[name] < 0.6 * count
    }
    assert weak == {}, measured.table()
