"""An extract comes in whole or not at all, in any of the shapes in which it has been seen."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import extracts
import handmade as hand
import pytest
from conftest import Ran
from extracts import World
from handmade import company, enterprise, seat

from outreach.app import App
from outreach.errors import Refusal
from outreach.register import mass

SMALL = World(size=0.0005, seed=5, changes=40)


def yesterday(app: App, tmp_path: Path) -> dict[str, object]:
    hand.take_in(app, extracts.full(SMALL, tmp_path / "yesterday"))
    return dict(hand.everything(app))


@pytest.mark.parametrize("shape", ["zip", "byte-order mark", "CRLF", "both"])
def test_every_shape_that_was_seen_gives_the_same_register(app: App, tmp_path: Path, shape: str) -> None:
    plain = yesterday(app, tmp_path)
    dirty = World(SMALL.size, SMALL.seed, SMALL.changes, bom=shape in ("byte-order mark", "both"),
                  crlf=shape in ("CRLF", "both"))  # fmt: skip
    made = extracts.full(dirty, tmp_path / "today")
    hand.take_in(app, extracts.zipped(made) if shape == "zip" else made)
    assert hand.everything(app) == plain
    assert not list(mass.folder_of(app.project).glob("unpacked-*"))


def test_contacts_are_never_opened_and_nobody_of_flesh_and_blood_ends_up_anywhere(
    both: App, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    made = extracts.full(World(size=0.002, seed=9), tmp_path)
    contacts = [line.rsplit('","', 1)[1].strip('"\n') for line in (made / "contact.csv").read_text().splitlines()[1:]]
    people = [
        line.rsplit('","', 1)[1].strip('"\n')
        for line in (made / "denomination.csv").read_text().splitlines()
        if '","0","001","' in line
    ]
    assert len(contacts) > 200
    assert len(people) > 1000
    # Whoever opens it waits for ever.
    (made / "contact.csv").unlink()
    os.mkfifo(made / "contact.csv")
    ran = cli("register", "import", made)
    assert ran.code == 0, ran.err
    held = "\n".join(str(row) for rows in hand.everything(both).values() for row in rows)
    (tmp_path / "seen.txt").write_text(f"{ran.out}\n{ran.err}\n{held}")
    secrets = tmp_path / "secrets.txt"
    forms = {text.encode(coding, "ignore") for text in (*contacts, *people) for coding in ("utf-8", "latin-1")}
    secrets.write_bytes(b"\n".join(sorted(forms)))
    assert any_of(secrets, made / "denomination.csv")
    assert any_of(secrets, tmp_path / "seen.txt", both.project) == ""


def any_of(secrets: Path, *places: Path) -> str:
    """Return the lines of files that hold one of thousands of texts, which grep looks for all at once."""
    command = ["grep", "--recursive", "--text", "--fixed-strings", f"--file={secrets}", "--", *map(str, places)]
    ran = subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout.decode("latin-1")


def test_a_damaged_file_of_contacts_in_the_zip_does_no_harm(app: App, tmp_path: Path) -> None:
    made = hand.full(tmp_path / "extract", enterprise=[enterprise(company(1))])
    (made / "contact.csv").write_text("EntityNumber,EntityContact,ContactType,Value\n" + "x" * 500)
    file = tmp_path / "extract.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for part in made.iterdir():
            archive.write(part, f"KboOpenData/{part.name}")
    file.write_bytes(file.read_bytes().replace(b"x" * 500, b"y" * 500))
    assert hand.take_in(app, file).entries == 1


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file is missing": (lambda f: (f / "activity.csv").unlink(), r"activity\.csv missing"),
    "no meta.csv": (lambda f: (f / "meta.csv").unlink(), r"no meta\.csv"),
    "a column is missing": (
        lambda f: (f / "address.csv").write_text((f / "address.csv").read_text().replace("Zipcode", "Zip", 1)),
        r"address\.csv:1: no column Zipcode",
    ),
    "an unknown type": (lambda f: change(f / "meta.csv", '"full"', '"delta"'), "ExtractType 'delta'"),
    "no number": (lambda f: change(f / "meta.csv", '"141"', '"x"'), "ExtractNumber 'x'"),
    "no day": (lambda f: change(f / "meta.csv", '"02-11-2026"', '"tomorrow"'), "SnapshotDate 'tomorrow'"),
    "an older number": (lambda f: change(f / "meta.csv", '"141"', '"12"'), "is older.*holds extract 140"),
    "an older day": (lambda f: change(f / "meta.csv", '"02-11-2026"', '"02-11-2016"'), "is older"),
    "a bad row, late": (lambda f: append(f / "activity.csv", '"1700","003"\n'), r"activity\.csv:\d+: it has ano"),
    "an open quote, late": (lambda f: append(f / "denomination.csv", '"1700","2","001","Ach\n'), "denomination.csv"),
    "no UTF-8, late": (lambda f: append(f / "address.csv", b'"1700","REGO",,,"9000","\xe9",,,,,,,\n'), "UTF-8"),
    "nobody in it": (lambda f: (f / "enterprise.csv").write_text(hand.HEADERS["enterprise"] + "\n"), "no active legal"),
}  # fmt: skip


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def append(file: Path, row: str | bytes) -> None:
    with file.open("ab") as handle:
        handle.write(row.encode() if isinstance(row, str) else row)


def test_whatever_is_wrong_with_an_extract_leaves_yesterdays_register(app: App, tmp_path: Path) -> None:
    before = yesterday(app, tmp_path)
    good = extracts.full(SMALL, tmp_path / "good", day=1)
    for name, (spoil, told) in BROKEN.items():
        folder = tmp_path / name.replace(" ", "-")
        shutil.copytree(good, folder)
        spoil(folder)
        with pytest.raises(Refusal, match=told) as refused:
            hand.take_in(app, folder)
        assert "Ach" not in str(refused.value)  # a row may be a person's: never quoted
        assert hand.everything(app) == before, name
        assert len(list(mass.folder_of(app.project).iterdir())) == 2, name  # the mass and the lock
    hand.take_in(app, good)
    assert hand.number_held(app) == 141


def test_a_zip_that_was_cut_short_is_refused(app: App, tmp_path: Path) -> None:
    file = extracts.zipped(extracts.full(SMALL, tmp_path))
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(Refusal, match="download the extract again"):
        hand.take_in(app, file)
    with pytest.raises(Refusal, match="no such file"):
        hand.take_in(app, tmp_path / "nowhere.zip")


def test_an_update_must_follow(app: App, tmp_path: Path) -> None:
    first = hand.update(tmp_path / "first", 143)
    with pytest.raises(Refusal, match="take in a Full extract first"):
        hand.take_in(app, first)
    hand.take_in(app, hand.full(tmp_path / "full", 142, enterprise=[enterprise(company(1))]))
    with pytest.raises(Refusal, match=r"doesn't follow.*holds extract 142 of 2026-11-01; take in the ones between"):
        hand.take_in(app, hand.update(tmp_path / "third", 144))
    hand.take_in(app, first)
    with pytest.raises(Refusal, match="it is in already"):
        hand.take_in(app, first)


def test_one_may_go_back_to_an_older_full_extract_only_by_saying_so(app: App, tmp_path: Path) -> None:
    hand.take_in(app, hand.full(tmp_path / "new", 142, enterprise=[enterprise(company(1))]))
    old = hand.full(tmp_path / "old", 141, date(2026, 10, 1), enterprise=[enterprise(company(2))])
    with pytest.raises(Refusal, match="--allow-older"):
        hand.take_in(app, old)
    assert hand.take_in(app, old, allow_older=True).entries == 1
    assert hand.number_held(app) == 141


def command(app: App, path: Path) -> list[str]:
    return [sys.executable, "-m", "outreach", "--project", str(app.project), "register", "import", str(path)]


def test_killed_at_any_moment_yesterdays_register_is_there_and_the_next_import_works(both: App, tmp_path: Path) -> None:
    before = yesterday(both, tmp_path)
    today = extracts.full(SMALL, tmp_path / "today", day=1)
    started = time.monotonic()
    subprocess.run(command(both, today), check=True, capture_output=True, timeout=200)
    usual = time.monotonic() - started
    hand.take_in(both, tmp_path / "yesterday" / "KboOpenData_0140_2026_11_01_Full", allow_older=True)
    after_swap = 0
    for part in (0.5, 0.65, 0.8, 0.9):
        process = subprocess.Popen(command(both, today), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(usual * part)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        if hand.number_held(both) == 141:  # it was through already: the new register, whole
            after_swap += 1
            hand.take_in(both, tmp_path / "yesterday" / "KboOpenData_0140_2026_11_01_Full", allow_older=True)
        assert hand.everything(both) == before
    assert after_swap < 4
    assert hand.take_in(both, today).extract_number == 141
    assert len(list(mass.folder_of(both.project).iterdir())) == 2


@pytest.mark.parametrize("room", [40_000, 700_000, 2_400_000])
def test_a_full_disk_is_told_and_leaves_yesterdays_register(app: App, tmp_path: Path, room: int) -> None:
    before = yesterday(app, tmp_path)
    today = extracts.full(World(0.004, 5), tmp_path / "today", day=1)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    ran = subprocess.run(command(app, today), preexec_fn=little_room, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "error: " in ran.stderr
    assert hand.everything(app) == before


def test_an_update_without_its_mass_asks_for_a_full_extract(app: App, tmp_path: Path) -> None:
    made = hand.full(tmp_path / "full", enterprise=[enterprise(company(1))])
    hand.take_in(app, made)
    for file in mass.folder_of(app.project).glob("*.duckdb"):
        file.unlink()
    with pytest.raises(Refusal, match="take in a Full extract"):
        hand.take_in(app, hand.update(tmp_path / "update"))
    assert hand.take_in(app, made).entries == 1


def test_two_imports_at_once_are_one_too_many(app: App, tmp_path: Path) -> None:
    made = hand.full(tmp_path / "extract", enterprise=[enterprise(company(1))], address=[seat(company(1), "9000")])
    with (mass.folder_of(app.project) / "import.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(Refusal, match="another import"):
            hand.take_in(app, made)


def test_who_sends_or_looks_up_never_loads_duckdb() -> None:
    modules = "outreach.commands.worker_command, outreach.commands.up_command, outreach.register.suggesting"
    script = f"import sys, {modules}, outreach.commands.register_command; assert 'duckdb' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
