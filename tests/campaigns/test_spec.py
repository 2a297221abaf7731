"""The campaign file: what it may say, and how a fault is told."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
import world

from outreach.campaigns.spec import CampaignSpec, read_spec, send_time, write_spec
from outreach.errors import FileRefused, Refusal
from outreach.settings import SendingSettings

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("campaign-*.yaml"))


def read(tmp_path: Path, text: str) -> CampaignSpec:
    path = tmp_path / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path)


LEAST = "name: dec\ntitle: Dec\ntemplate: monthly\nsegment: everyone\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_the_docs_can_be_read(path: Path) -> None:
    assert read_spec(path).name


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_an_unknown_key_is_refused_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        read(tmp_path, LEAST + "prehader: x\n")
    assert "campaign.yaml:5: prehader: unknown name; did you mean 'preheader'?" in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        read(
            tmp_path, "name: Décembre\ntemplate: monthly\nsegment: everyone\nspotlights:\n- count: 2\n  services: [x]\n"
        )
    assert len(refused.value.complaints) == 3


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-12-01 10:00", datetime(2026, 12, 1, 9, 0, tzinfo=UTC)),
        ('"2026-12-01T10:00"', datetime(2026, 12, 1, 9, 0, tzinfo=UTC)),
        ("2026-07-01 10:00:00", datetime(2026, 7, 1, 8, 0, tzinfo=UTC)),
        ("2026-07-01 10:00+00:00", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
        # The evening before each clock change, and the morning after it.
        ("2027-03-27 10:00", datetime(2027, 3, 27, 9, 0, tzinfo=UTC)),
        ("2027-03-28 10:00", datetime(2027, 3, 28, 8, 0, tzinfo=UTC)),
        ("2027-10-30 10:00", datetime(2027, 10, 30, 8, 0, tzinfo=UTC)),
        ("2027-10-31 10:00", datetime(2027, 10, 31, 9, 0, tzinfo=UTC)),
        ("2027-10-31 02:30+02:00", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("2027-10-31 02:30+01:00", datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),
    ],
)
def test_both_clock_changes_neither_shift_nor_double_a_send(tmp_path: Path, written: str, utc: datetime) -> None:
    assert send_time(read(tmp_path, f"{LEAST}send_at: {written}\n"), SendingSettings()) == utc


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2027-03-28 02:30", "does not exist in Brussels"),
        ("2027-10-31 02:30", "happens twice in Brussels"),
        ("2026-12-01", "has no time of day"),
        ("tomorrow", "is not a time"),
        ("10:00", "is not a time"),
    ],
)
def test_a_time_that_is_no_moment_is_refused_with_what_to_write(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read(tmp_path, f'{LEAST}send_at: "{written}"\n')


@pytest.mark.parametrize("written", ["2026-02-30", "2026-02-30 10:00", '"2026-02-30 10:00:00"', "2026-02-30 10:00:00"])
def test_a_day_that_is_not_in_the_calendar_is_told_once_and_with_its_line(tmp_path: Path, written: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(tmp_path, f"{LEAST}send_at: {written}\n")
    (line,) = str(refused.value).splitlines()
    assert f":{LEAST.count(chr(10)) + 1}: send_at: " in line
    assert line.endswith("is not a time: February 2026 has no day 30")


@pytest.mark.parametrize(
    ("wished", "sent"),
    [
        ("2026-12-01 10:00", "2026-12-01 10:00"),
        ("2026-12-01 07:00", "2026-12-01 09:00"),
        ("2026-12-01 17:00", "2026-12-02 09:00"),
        ("2026-12-04 18:00", "2026-12-07 09:00"),  # a Friday evening
        ("2026-12-25 10:00", "2026-12-28 09:00"),  # Christmas, on a Friday
        ("2027-03-29 10:00", "2027-03-30 09:00"),  # Easter Monday, the day after the clock change
    ],
)
def test_office_hours_move_a_time_past_nights_weekends_and_holidays(wished: str, sent: str) -> None:
    moved = send_time(world.spec(send_at=wished, office_hours=True), SendingSettings())
    assert moved == send_time(world.spec(send_at=sent), SendingSettings())


def test_office_hours_are_those_of_the_settings() -> None:
    sending = SendingSettings(office_opens=time(8, 30), office_closes=time(12, 0))
    moved = send_time(world.spec(send_at="2026-12-01 13:00", office_hours=True), sending)
    assert moved == datetime(2026, 12, 2, 7, 30, tzinfo=UTC)


def test_without_office_hours_a_holiday_is_kept() -> None:
    assert send_time(world.spec(send_at="2026-12-25 10:00"), SendingSettings()) == datetime(2026, 12, 25, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "two\nlines"},
        {"title": ""},
        {"name": "a--b"},
        {"name": "../x"},
        {"template": "../../etc"},
        {"segment": "a/b"},
        {"reply_to": "a@b.example\r\nBcc: c@d.example"},
        {"reply_to": "nobody"},
        {"language": "fr"},
        {"spotlights": [{"block": "x"}]},
        {"spotlights": [{"block": "x", "count": 1}, {"block": "x", "count": 1}]},
        {"spotlights": [{"block": "x", "services": ["a"]}, {"block": "y", "services": ["a"]}]},
        {"spotlights": [{"block": "intro", "count": 1}]},
        {"spotlights": [{"block": "x", "count": 1, "categories": ["gardening"]}]},
    ],
)
def test_what_no_mail_may_hold_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        world.spec(**changes)


def test_a_campaign_written_to_a_file_reads_back_the_same(tmp_path: Path) -> None:
    spec = world.spec(
        intro="Eerste alinea: *ja*.\n\n- een\n- twee\n", closing="'#' & \"x\"", topic="groen", from_name="Ann: é"
    )
    write_spec(spec, tmp_path / "copy.yaml")
    assert read_spec(tmp_path / "copy.yaml") == spec
    with pytest.raises(Refusal, match="exists already"):
        write_spec(spec, tmp_path / "copy.yaml")


def test_a_campaign_reads_back_from_the_database_as_it_was() -> None:
    spec = world.spec(office_hours=True)
    assert CampaignSpec.from_json(spec.to_json()) == spec
