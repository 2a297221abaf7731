"""Whatever a template of at most 20 KB says, it ends within 2 seconds and 200 MB, rendered or refused."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bombs import BOMBS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError

from outreach.emails.sandbox import TEMPLATE_ERRORS, TemplateEnvironment

SECONDS = 2.0


def test_no_template_of_20_kb_takes_over_2_seconds_or_200_mb() -> None:
    assert len(BOMBS) > 40
    assert all(len(bomb) <= 20 * 1024 for bomb in BOMBS)
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "bombs.py")],
        input=json.dumps(BOMBS),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    ended = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert len(ended) == 2 * len(BOMBS)
    # The process's own time: the machine may be busy with other things.
    slow = [(BOMBS[n // 2][:60], said, spent) for n, (said, spent) in enumerate(ended) if spent > SECONDS]
    assert slow == []
    assert [BOMBS[n // 2][:60] for n, (said, _) in enumerate(ended) if said == "MemoryError"] == []


_ATOMS = st.sampled_from(["x", "y", "1", "'ab'", "s", "l", "999999999", "{}", "[]", "()"])
_FILTERS = "string length list join unique sort upper wrap sum reverse first e trim groupby(0) batch(3) map('list')"


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from([" ~ ", " == ", " in ", " + ", " * ", " < "])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda of: f"[{', '.join(of)}]"),
        st.lists(inner, min_size=1, max_size=4).map(lambda of: f"({', '.join(of)},)"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda of: "{" + ", ".join(f"{k!r}: {v}" for k, v in enumerate(of)) + "}"
        ),
        st.tuples(inner, operators, inner).map(lambda of: f"({''.join(of)})"),
        st.tuples(inner, st.sampled_from(_FILTERS.split())).map("|".join),
        inner.map(lambda of: f"{of}[::2]"),
    )


EXPRESSIONS = st.recursive(_ATOMS, _grown, max_leaves=6)
LINES = st.one_of(
    EXPRESSIONS.map("{{% set x = {} %}}".format),
    EXPRESSIONS.map("{{% set y = {} %}}".format),
    EXPRESSIONS.map("{{{{ {} }}}}".format),
    EXPRESSIONS.map("{{% for s in {} %}}{{{{ s }}}}{{% endfor %}}".format),
    EXPRESSIONS.map("{{% set x %}}{{{{ {} }}}}{{{{ x }}}}{{% endset %}}".format),
    EXPRESSIONS.map("{{% macro m(a=x) %}}{{{{ a }}}}{{% endmacro %}}{{{{ m({}) }}}}".format),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(LINES, min_size=1, max_size=4), st.integers(1, 60))
def test_nestings_of_every_kind_end_soon(lines: list[str], times: int) -> None:
    text = "{% set x = [1] %}{% set y = 'ab' %}" + ("".join(lines) * times)[: 20_000 // 3]
    for html in (True, False):
        environment = TemplateEnvironment(lambda _, text=text: (text, "x", None), html=html)  # type: ignore[misc]
        started = time.process_time()
        with contextlib.suppress(*TEMPLATE_ERRORS):
            environment.generate("x", {"s": "a" * 1000, "l": (1, 2, 3)})
        assert time.process_time() - started < SECONDS


def test_a_list_of_lists_is_counted_with_all_it_holds() -> None:
    text = "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40
    environment = TemplateEnvironment(lambda _: (text, "x", None), html=True)
    with pytest.raises(SecurityError, match="handles more than"):
        environment.generate("x", {})
