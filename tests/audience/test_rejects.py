"""The file of refused rows: harmless in a spreadsheet, whole when it comes back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.audience import rejects
from outreach.audience.rejects import Reject
from outreach.audience.tables import read_table
from outreach.formulas import neutral, original


@pytest.mark.parametrize("evil", ["=1+1", "＝1+1", "\n=1+1", "\u00a0=1+1", " @SUM(1)", "\t=1", "'=1", "''＝1", "-1+1"])
def test_no_cell_of_a_rejects_file_is_a_formula_and_all_come_back(tmp_path: Path, evil: str) -> None:
    written = rejects.write(
        tmp_path / "l.csv", ["naam"], [Reject(2, "why", (evil,))], delimiter=None, wanted=None
    ).read_text(encoding="utf-8-sig")
    cell = next(iter(list(csv.reader(io.StringIO(written, newline=""), delimiter=";"))[1:]))[2]
    assert cell == f"'{evil}"
    undo = rejects.opener([rejects.LINE, rejects.REASON, "naam"])
    assert undo is not None
    assert undo([cell, "Jan", "'t Hoekje"]) == [evil, "Jan", "'t Hoekje"]


@given(st.text(st.sampled_from("'=＝+-@\t\n\u00a0 a"), max_size=6))
def test_every_text_comes_back_from_its_harmless_form(text: str) -> None:
    assert original(neutral(text)) == text


def test_a_cell_with_spaces_in_front_comes_back_as_it_was(tmp_path: Path) -> None:
    rejected = rejects.Reject(2, "why", ("  twee spaties", " =1+1", "x"))
    path = rejects.write(tmp_path / "l.csv", ["a", "b", "c"], [rejected], delimiter=";", wanted=None)
    table = read_table(path)
    mend = rejects.opener(table.headers)
    assert mend is not None
    ((_, cells),) = list(table.rows)
    assert mend(cells)[2:] == ["  twee spaties", " =1+1", "x"]
