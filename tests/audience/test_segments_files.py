"""Segment files: what may be written, and what a refusal says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outreach.audience import segments
from outreach.audience.segments.rules import Rule, SegmentFile
from outreach.errors import FileRefused, NotFound, Refusal

ROOT = Path(__file__).parents[2]


def read(text: str) -> segments.Segment:
    return segments.parse("proef", f"title: Proef\n{text}", Path("segments/proef.yaml"))


def complaint(text: str) -> str:
    with pytest.raises(FileRefused) as refused:
        read(text)
    return str(refused.value)


@pytest.mark.parametrize("name", segments.available(ROOT / "segments"))
def test_the_segments_that_the_project_ships_can_be_read(name: str) -> None:
    segment = segments.load(ROOT / "segments", name)
    assert segment.rule.description
    assert segment.text.startswith("# yaml-language-server: $schema=segment.schema.json\n")


def test_the_committed_schema_is_the_one_that_the_command_prints() -> None:
    committed = json.loads((ROOT / "segments" / "segment.schema.json").read_text())
    assert committed == segments.schema(), "run: outreach segment schema > segments/segment.schema.json"


def test_the_schema_knows_every_key_and_refuses_others() -> None:
    schema = segments.schema()
    assert set(schema["properties"]) == {field.alias or name for name, field in SegmentFile.model_fields.items()}
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["title"]
    assert all("description" in described for described in schema["properties"].values())


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs" / "segments.md").read_text()
    parts = [Rule, *segments.rules.SHORT_FORMS]
    names = {field.alias or name for part in (*parts, SegmentFile) for name, field in part.model_fields.items()}
    assert [name for name in sorted(names) if f"`{name}`" not in page and f"`{name}:" not in page] == []


def test_codes_are_read_as_they_are_typed() -> None:
    """YAML would make 01 an octal number and 41.20 lose its zero."""
    segment = read("sector: [01, 01.11, F, 41.00, 1041]\n")
    assert segment.rule.sector is not None
    assert segment.rule.sector.codes == ("01", "01.11", "F", "41.00", "1041")
    assert read("province: 04000").rule.province == ("04000",)


def test_one_value_needs_no_list() -> None:
    assert read("province: limburg").rule.province == read("province: [limburg]").rule.province == ("limburg",)


def test_a_misspelt_key_is_refused_with_line_and_near_name() -> None:
    text = complaint("provnce: limburg")
    assert text.startswith("segments/proef.yaml:2: provnce: unknown name; did you mean 'province'?; known here: all,")


def test_a_misspelt_key_deep_inside_is_refused_with_its_line() -> None:
    text = complaint("any:\n  - kind: role\n  - not:\n      all:\n        - seat_provinc: limburg\n")
    assert text.startswith("segments/proef.yaml:6: any.1.not.all.0.seat_provinc: unknown name; did you mean 'seat_prov")


def test_every_fault_is_told_at_once_in_the_order_of_the_lines() -> None:
    lines = complaint("kind: rol\nprovince: atlantis\ntag: []\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "province: [limburg,\n  oost-vlanderen]",
            ":3: province.1: 'oost-vlanderen' is no province; did you mean 'oost-v",
        ),
        ("province: atlantis", "known: antwerpen, brussel, henegouwen"),
        ("sector: 4199", "'4199' does not exist in NACE-BEL 2025; near: 41 Burgerlijke en utiliteitsbouw, 4100 "),
        ("sector: 1", "did you mean '01'?"),
        ("sector: Z", "write a section letter"),
        ("sector: 45", "it does in 2008: "),
        ("sector: {version: 2008, codes: [F, V]}", "'V' does not exist in NACE-BEL 2008 (it does in 2025: "),
        ("sector: {version: 2017, codes: F}", "sector.version: Input should be '2008' or '2025'"),
        ("legal_form: bvv", "did you mean 'bv'?"),
        ("municipality: Kortrik", "did you mean 'Kortrijk'"),
        ("municipality: Gnet", "did you mean 'Gent'"),
        ("municipality: Xxxxxx", "write its Dutch name or its NIS code"),
        ("postcode: 8501-8400", "ends before it starts: write 8400-8501"),
        ("postcode: 999", "is no postcode: write 8500 or a range"),
        ("postcode: 8599", "'8599' is no postcode of Belgium"),
        ("not_mailed_within: 30", "'30' is no period: write e.g. 30 days"),
        ("not_mailed_within: 0 days", "is not between 1 day and 10 years"),
        ("not_mailed_within: {period: 3 days, to: nobody}", "Input should be 'contact' or 'company'"),
        ("shown: []", "is an empty list"),
        ("collaboration: {kind: klant}", "Input should be 'customer' or 'supplier'"),
        ("collaboration: {year: 12}", "greater than or equal to 1950"),
        ("tag:", "tag: is empty"),
        ("tag: {a: b}", "takes a value or a list of values, no keys"),
        ("any: role", "takes a list of rules"),
        ("any: []", "takes a list of rules"),
        ("not: {}", "is an empty rule"),
        ("all: [limburg]", "is no rule: write keys with values"),
        ("kind: role\nkind: personal", "'kind' stands twice"),
        ("tag: &a x\ntopic: *a", "aliases (*name) are not allowed"),
    ],
)
def test_a_fault_is_told_with_what_exists_and_the_way_out(text: str, says: str) -> None:
    assert says in complaint(text)


def test_nesting_has_an_end() -> None:
    assert "nested more than 8 deep" in complaint(
        "".join(f"{'  ' * depth}not:\n" for depth in range(12)) + "    " * 7 + "kind: role"
    )


def test_a_title_is_required() -> None:
    with pytest.raises(FileRefused, match="title: is required"):
        segments.parse("x", "province: limburg", Path("x.yaml"))


@pytest.mark.parametrize("text", ["- a\n", "zomaar tekst", "", "title: [unclosed"])
def test_what_is_no_segment_at_all_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(FileRefused, match=r"x\.yaml:"):
        segments.parse("x", text, Path("x.yaml"))


def test_a_missing_segment_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    (tmp_path / "bouw-limburg.yaml").write_text("title: Bouw\nsector: F\n")
    (tmp_path / "horeca.yml").write_text("title: Horeca\nsector: I\n")
    with pytest.raises(NotFound, match=r"did you mean 'bouw-limburg'.*existing: bouw-limburg"):
        segments.load(tmp_path, "bouw-limbrug")
    with pytest.raises(NotFound, match=r"segments end in \.yaml: rename the file"):
        segments.load(tmp_path, "horeca")


@pytest.mark.parametrize("name", ["../outreach", "/etc/passwd", "a.yaml", "", "A B"])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match="a name has lower-case letters"):
        segments.load(tmp_path, name)


def test_a_frozen_segment_comes_back_the_same() -> None:
    segment = read("sector: [01, 41.00]\nnot: {province: limburg}\nnot_mailed_within: 6 weken\n")
    again = segments.Segment.from_json(json.loads(json.dumps(segment.to_json())))
    assert again == segment


def test_rules_are_explained_in_the_order_of_the_file() -> None:
    from datetime import UTC, datetime

    segment = read("kind: role\nsector: F\nall:\n  - tag: x\n  - province: limburg\nseat_province: luik\n")
    names = [name for name, _ in segments.counting.steps(segment, datetime.now(UTC))]
    assert names == ["kind: role", "sector: F", "all: tag: x", "all: province: limburg", "seat_province: luik"]
