"""A fault of a catalogue is told by enterprise and service, and a category by the nearest label."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.catalogue.categories import UnknownWord, category_of
from outreach.catalogue.files import read_catalogue
from outreach.errors import FileRefused

CATALOGUE = """\
enterprises:
  - name: De Vlinder
    enterprise_number: "1999.000.150"
    postcode: "9100"
    email: leads@devlinder.example
    services:
      - name: Groenonderhoud
        category: green
        forms: [bij de klant]
        provinces: [alle]
        text: "Met een vaste ploeg."
  - postcode: "9100"
"""


def test_a_fault_names_file_line_enterprise_and_service(tmp_path: Path) -> None:
    file = tmp_path / "catalogus.yaml"
    file.write_text(CATALOGUE)
    with pytest.raises(FileRefused) as refused:
        read_catalogue([file], tmp_path)
    told = [str(complaint) for complaint in refused.value.complaints]
    assert f"{file}:7: enterprise 'De Vlinder', service 'Groenonderhoud': summary: is required" in told
    assert f"{file}:12: enterprise number 2: name: is required" in told
    assert not any("enterprises." in text for text in told)


@pytest.mark.parametrize(
    ("text", "near"), [("Groen onderhoud", "green, 'Groen- en natuuronderhoud'"), ("SCHOONMAKEN", "cleaning")]
)
def test_an_unknown_category_gets_the_nearest_label(text: str, near: str) -> None:
    with pytest.raises(UnknownWord, match=f"did you mean {near}"):
        category_of(text)


def test_a_category_is_known_in_any_case() -> None:
    assert category_of("groen- EN natuuronderhoud").code == "green"
