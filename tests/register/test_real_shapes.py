"""What the register's own description allows and other people's zips do to it: taken in, or refused with a way out."""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import extracts
import handmade as hand
import pytest
from extracts import World
from handmade import company, digits, enterprise, place, seat, works

from outreach.app import App
from outreach.errors import Refusal
from outreach.register import entries, importing, mass


def small(folder: Path) -> Path:
    return hand.full(folder, enterprise=[enterprise(company(1))], address=[seat(company(1), "9000")])


def zipped(folder: Path, file: Path, name: Callable[[str], str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for part in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(name(part.name)), part.read_bytes(), method)
    return file


NAMES: dict[str, Callable[[str], str]] = {
    "in a folder": lambda name: f"KboOpenData_0142_2026_11_01_Full/{name}",
    "in a folder of Windows": lambda name: f"KboOpenData_0142_2026_11_01_Full\\{name}",
    "in capitals": lambda name: name.upper(),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_zip_may_hold_its_files_in_a_folder(app: App, tmp_path: Path, name: str) -> None:
    file = zipped(small(tmp_path / "extract"), tmp_path / "extract.zip", NAMES[name])
    with zipfile.ZipFile(file, "a") as archive:  # what a Mac adds
        archive.writestr("__MACOSX/._meta.csv", b"\x00\x05\x16\x07")
    assert hand.take_in(app, file).entries == 1


def test_a_folder_may_hold_the_extracts_folder(app: App, tmp_path: Path) -> None:
    small(tmp_path / "downloads" / "KboOpenData_0142_2026_11_01_Full")
    (tmp_path / "downloads" / "__MACOSX").mkdir()
    assert hand.take_in(app, tmp_path / "downloads").entries == 1


def test_a_zip_with_two_extracts_is_refused(app: App, tmp_path: Path) -> None:
    file = zipped(small(tmp_path / "extract"), tmp_path / "extract.zip", lambda name: f"one/{name}")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("two/meta.csv", "Variable,Value\n")
    with pytest.raises(Refusal, match=r"meta\.csv is in it more than once"):
        hand.take_in(app, file)


def test_a_zip_of_windows_that_python_cannot_unpack_says_what_to_do(app: App, tmp_path: Path) -> None:
    file = zipped(small(tmp_path / "extract"), tmp_path / "extract.zip", str, zipfile.ZIP_STORED)
    deflate64 = (9).to_bytes(2, "little")
    data = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset : at + offset + 2] = deflate64
            at = data.find(mark, at + 4)
    file.write_bytes(data)
    with pytest.raises(Refusal, match="unpack it with another program and give the folder"):
        hand.take_in(app, file)
    assert not list(mass.folder_of(app.project).glob("unpacked-*"))


def test_what_meta_need_not_say_is_not_missed(app: App, tmp_path: Path) -> None:
    made = small(tmp_path / "extract")
    (made / "meta.csv").write_text(
        '"Variable","Value"\n"SnapshotDate","01-11-2026"\n"ExtractType","Full"\n"ExtractNumber","0142"\n"Version",\n'
    )
    done = hand.take_in(app, made)
    assert (done.extract_number, done.snapshot_date) == (142, "2026-11-01")


def test_belgium_by_name_days_of_the_year_nought_and_blank_lines_do_no_harm(both: App, tmp_path: Path) -> None:
    made = hand.full(
        tmp_path / "extract",
        enterprise=[enterprise(company(1), start="01-01-0000"), enterprise(company(2), start="")],
        address=[
            (company(1), "REGO", "België", "Belgique", "9000", "Gent", "Gand", "Straat", "Rue", "1", "", "", ""),
            seat(company(2), "L-1234 AB/LONG CODE", country="Luxemburg"),
        ],
    )
    for file in made.glob("*.csv"):
        file.write_text(file.read_text() + "\n")
    hand.take_in(both, made)
    with both.database.reading() as session:
        first, second = (entries.find(session, digits(company(n))) for n in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.province_nis, first.country, first.start_date) == ("40000", None, None)
    assert (second.province_nis, second.country, second.start_date) == (None, "Luxemburg", None)


def test_what_is_no_number_belongs_to_nobody_and_stops_nothing(app: App, tmp_path: Path) -> None:
    odd = ["12a", "", "12,7", "9" * 30, "2.999.999.999", "-1"]
    done = hand.take_in(
        app,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(company(1))],
            denomination=[(number, "2", "001", "Niemand") for number in odd] + [(company(1), "2", "001", "Iemand")],
            activity=[(number, "003", "2025", "10110", "MAIN") for number in [*odd, digits(company(1))]],
        ),
    )
    held = hand.everything(app)
    assert [row[1] for row in held["register_entry"]] == ["Iemand"]
    assert len(held["denomination"]) == len(held["activity"]) == done.findings["activities"] == 1


def test_line_breaks_and_marks_where_nobody_expects_them_shift_no_value(both: App, tmp_path: Path) -> None:
    odd = 'A\r\nB\x1fC\x1eD\tE\\N,"F"'
    hand.take_in(
        both,
        hand.full(
            tmp_path / "extract",
            enterprise=[enterprise(company(1), form="6\x1f1", situation="0\n0"), enterprise(company(2))],
            denomination=[(company(1), "2", kind, f"{odd} {kind}") for kind in ("001", "002", "003")],
            address=[seat(company(1), "1\t2", country=odd, town=odd), seat(company(2), "9999", town=odd)],
        ),
    )
    told = 'A B C D E\\N,"F"'
    with both.database.reading() as session:
        first, second = (entries.find(session, digits(company(n))) for n in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.name, first.abbreviations, first.commercial_names) == tuple(
        f"{told} {n}" for n in ("001", "002", "003")
    )
    assert (first.juridical_form, first.juridical_situation, first.postcode) == ("6 1", "0 0", "1 2")
    assert (first.country, first.municipality, second.municipality) == (told, told, told)
    assert (second.name, second.establishments, second.sector_version) == (digits(company(2)), 0, None)


def test_a_code_table_of_the_real_size_with_all_it_may_hold(both: App, tmp_path: Path) -> None:
    made = small(tmp_path / "extract")
    rows = [
        (category, f"{code:05d}", language, f'Omschrijving {code}, "{category}"\nvan {language}')
        for category in ("Nace2003", "Nace2008", "Nace2025", "ActivityGroup", "EntityContact", "Iets nieuws")
        for code in range(1_800)
        for language in ("FR", "NL")
    ]
    rows += [("JuridicalForm", "610", "DE", "x" * 5_000), ("JuridicalForm", "610", "NL", "BV"), ("TypeOfAddress",) * 4]
    rows += [rows[0], ("JuridicalSituation", "000", "EN", "")]
    with (made / "code.csv").open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(["Category", "Code", "Language", "Description"])
        writer.writerows(rows)
    assert len(rows) > 21_500
    assert hand.take_in(both, made).entries == 1
    with both.database.reading() as session:
        assert entries.meaning(session, "JuridicalForm", "610") == "BV"
        assert entries.meaning(session, "Nace2025", "01799", "fr") == 'Omschrijving 1799, "Nace2025"\nvan FR'


def test_an_update_that_touches_nearly_all_is_swapped_in_whole(
    both: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(0.0003, 31, 60)
    hand.take_in(both, extracts.full(world, tmp_path))
    update = extracts.update(world, tmp_path, 1)
    monkeypatch.setattr(importing, "_ONE_BY_ONE", 3)
    done = hand.take_in(both, update)
    assert "index names" in done.seconds
    assert done.touched is not None
    assert done.touched > 3
    by_update = hand.everything(both)
    shutil.rmtree(tmp_path / update.name)
    hand.take_in(both, extracts.full(world, tmp_path, 1))
    assert hand.everything(both) == by_update


def test_who_closed_and_comes_back_is_there_as_in_a_full_extract(app: App, tmp_path: Path) -> None:
    rows = {
        "enterprise": [enterprise(company(1)), enterprise(company(2))],
        "establishment": [(place(1), "01-01-2010", company(1))],
        "denomination": [(company(1), "2", "001", "Terug van weggeweest"), (company(2), "2", "001", "Gebleven")],
        "address": [seat(company(1), "9000"), works(place(1), "2000")],
        "activity": [(place(1), "003", "2025", "10110", "MAIN")],
    }
    hand.take_in(app, hand.full(tmp_path / "full", **rows))
    before = hand.everything(app)
    hand.take_in(app, hand.update(tmp_path / "closed", 143, enterprise_delete=[(company(1),)]))
    assert len(hand.everything(app)["register_entry"]) == 1
    back = {f"{name}_insert": [row for row in told if row[0] != company(2)] for name, told in rows.items()}
    hand.take_in(app, hand.update(tmp_path / "back", 144, date(2026, 11, 3), **back))
    assert hand.everything(app) == before


def test_who_turns_out_to_be_a_natural_person_is_gone_and_a_legal_person_comes(app: App, tmp_path: Path) -> None:
    hand.take_in(app, hand.full(
        tmp_path / "full", enterprise=[enterprise(company(1)), enterprise(company(2), "0")],
        denomination=[(company(1), "2", "001", "Wordt mens"), (company(2), "2", "001", "Wordt bedrijf")],
    ))  # fmt: skip
    done = hand.take_in(app, hand.update(
        tmp_path / "update", enterprise_delete=[(company(1),), (company(2),)],
        enterprise_insert=[enterprise(company(1), "1", form=""), enterprise(company(2))],
        denomination_insert=[(company(1), "0", "001", "Jan Zonder-Naam"), (company(2), "2", "001", "Wordt bedrijf")],
        establishment_insert=[(place(2), "01-01-2010", company(2)), (place(1), "01-01-2010", company(1))],
    ))  # fmt: skip
    assert (done.findings["updates"], done.findings["turned_legal"]) == (1, 1)
    held = hand.everything(app)
    assert [row[:2] for row in held["register_entry"]] == [(digits(company(2)), "Wordt bedrijf")]
    assert [row[1] for row in held["establishment"]] == [int(digits(company(2)))]
    assert "Zonder-Naam" not in str(held)
