"""Extracts of KBO/BCE Open Data: a zip or a folder, looked at as a whole before anything is taken from it.

Contacts (`contact.csv`) hold telephone numbers and e-mail addresses, which the licence keeps from direct marketing:
no function here opens or unpacks that file. Branches (`branch.csv`) are of foreign companies and say nothing we use.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath

from outreach.errors import Refusal
from outreach.models import ExtractType

# The columns we read, as the register names them; others may stand beside them, in any order.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("Category", "Code", "Language", "Description"),
    "enterprise": ("EnterpriseNumber", "Status", "JuridicalSituation", "TypeOfEnterprise", "JuridicalForm",
                   "JuridicalFormCAC", "StartDate"),
    "establishment": ("EstablishmentNumber", "EnterpriseNumber"),
    "denomination": ("EntityNumber", "Language", "TypeOfDenomination", "Denomination"),
    "address": ("EntityNumber", "TypeOfAddress", "CountryNL", "CountryFR", "Zipcode", "MunicipalityNL",
                "MunicipalityFR", "StreetNL", "StreetFR", "HouseNumber", "DateStrikingOff"),
    "activity": ("EntityNumber", "ActivityGroup", "NaceVersion", "NaceCode", "Classification"),
}  # fmt: skip
KEYS = {"enterprise": "EnterpriseNumber", "establishment": "EstablishmentNumber"}  # of the others: EntityNumber
_META = ("SnapshotDate", "ExtractType", "ExtractNumber")
_AGAIN = "download the extract again, whole"
_BLOCK = 1 << 20

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Part:
    """A file of an extract with the names of its columns as they stand in it."""

    path: Path
    header: tuple[str, ...]


@dataclass(frozen=True)
class Extract:
    """An extract whose files and columns are all there: `parts` by name, as `activity` or `activity_insert`."""

    path: Path
    type: ExtractType
    number: int
    snapshot_date: date
    extracted_at: str
    version: str
    parts: Mapping[str, Part]

    @property
    def size(self) -> int:
        """Return how many bytes will be read."""
        return sum(part.path.stat().st_size for part in self.parts.values())


@contextmanager
def opened(path: Path, scratch: Path, unpacked: Advance = lambda _: None) -> Iterator[Extract]:
    """Open a zip or folder and check it; a zip is unpacked into `scratch`, and gone from there at the end."""
    if path.is_dir():
        yield _checked(path, {file.name.lower(): file for file in _within(path).iterdir() if file.is_file()})
        return
    if not path.exists():
        raise Refusal(
            f"{path}: no such file or folder; give the zip of KBO/BCE Open Data, or the folder with its files"
        )
    folder = Path(tempfile.mkdtemp(prefix="unpacked-", dir=scratch))
    try:
        yield _checked(path, _unpack(path, folder, unpacked))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def readable_size(path: Path) -> int:
    """Return how many bytes an import will go through, unpacking included; for a progress bar."""
    if path.is_dir():
        return sum(file.stat().st_size for file in _within(path).iterdir() if _wanted(file.name))
    if not path.is_file():
        return 0
    with _zip(path) as archive:
        return 2 * sum(member.file_size for member in archive.infolist() if _wanted(member.filename))


def _within(folder: Path) -> Path:
    """Return the folder that holds the files: where a zip was unpacked, they may be one folder deeper."""
    if any(file.name.lower() == "meta.csv" for file in folder.iterdir()):
        return folder
    deeper = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith((".", "__MACOSX"))]
    return deeper[0] if len(deeper) == 1 else folder


def _unpack(path: Path, folder: Path, unpacked: Advance) -> dict[str, Path]:
    files: dict[str, Path] = {}
    with _zip(path) as archive:
        for member in archive.infolist():
            name = _name(member.filename)
            if not _wanted(member.filename):
                continue
            if name in files:
                raise Refusal(f"{path}: {name} is in it more than once; give the zip of one extract")
            files[name] = folder / name
            try:
                with archive.open(member) as source, files[name].open("wb") as target:
                    while block := source.read(_BLOCK):
                        target.write(block)
                        unpacked(len(block))
            except (NotImplementedError, RuntimeError) as error:  # Deflate64 of a Windows zip, or a password
                way = "unpack it with another program and give the folder"
                raise Refusal(f"{path}: {name} cannot be unpacked here ({error}); {way}") from error
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise Refusal(f"{path}: {name} is damaged ({error}); {_AGAIN}") from error
            except OSError as error:
                raise Refusal(f"{path}: {name} cannot be unpacked into {folder.parent} ({error.strerror})") from error
    return files


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise Refusal(f"{path}: not a zip that can be read ({error}); {_AGAIN}") from error


def _name(member: str) -> str:
    """Return the name of a file in a zip; some programs of Windows write its folder with backslashes."""
    return PurePosixPath(member.replace("\\", "/")).name.lower()


def _wanted(member: str) -> bool:
    name = _name(member)
    return name.endswith(".csv") and name.split(".")[0].split("_")[0] in {"meta", *COLUMNS}


def _checked(path: Path, files: Mapping[str, Path]) -> Extract:
    """Return the extract; Refusal names every file and column that is missing."""
    meta = _meta(path, files)
    type = _type(path, meta["ExtractType"])
    wanted = _expected(type)
    missing = [f"{name}.csv" for name in wanted if f"{name}.csv" not in files]
    if missing:
        raise Refusal(f"{path}: {', '.join(missing)} missing in this {type} extract; {_AGAIN}")
    parts = {name: Part(files[f"{name}.csv"], _header(files[f"{name}.csv"])) for name in wanted}
    faults = [
        f"{part.path.name}:1: no column {column}; it has {', '.join(part.header) or 'none'}"
        for name, part in parts.items()
        for column in wanted[name]
        if column not in part.header
    ]
    if faults:
        raise Refusal("\n".join(f"{path}: {fault}; {_AGAIN}" for fault in faults))
    return Extract(
        path,
        type,
        _number(path, meta),
        _day(path, meta),
        meta.get("ExtractTimestamp", ""),
        meta.get("Version", ""),
        parts,
    )


def _expected(type: ExtractType) -> dict[str, tuple[str, ...]]:
    if type is ExtractType.FULL:
        return dict(COLUMNS)
    wanted = {"code": COLUMNS["code"]}
    for name in COLUMNS:
        if name != "code":
            wanted[f"{name}_delete"] = (KEYS.get(name, "EntityNumber"),)
            wanted[f"{name}_insert"] = COLUMNS[name]
    return wanted


def _meta(path: Path, files: Mapping[str, Path]) -> dict[str, str]:
    if "meta.csv" not in files:
        raise Refusal(f"{path}: no meta.csv, so this is no extract of KBO/BCE Open Data; {_AGAIN}")
    try:
        with files["meta.csv"].open(encoding="utf-8-sig", newline="") as handle:
            rows = [row for row in csv.reader(handle) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"{path}: meta.csv cannot be read ({error}); {_AGAIN}") from error
    meta = {row[0].strip(): row[1].strip() for row in rows if len(row) >= 2}
    if missing := [name for name in _META if not meta.get(name)]:
        raise Refusal(f"{path}: meta.csv doesn't say {', '.join(missing)}; {_AGAIN}")
    return meta


def _type(path: Path, text: str) -> ExtractType:
    try:
        return ExtractType(text.lower())
    except ValueError:
        raise Refusal(f"{path}: meta.csv says ExtractType {text!r}; only full and update are known") from None


def _number(path: Path, meta: Mapping[str, str]) -> int:
    text = meta["ExtractNumber"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refusal(f"{path}: meta.csv says ExtractNumber {text!r}, which is no number; {_AGAIN}")
    return int(text)


def _day(path: Path, meta: Mapping[str, str]) -> date:
    text = meta["SnapshotDate"]
    for form in ("%d-%m-%Y", "%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise Refusal(f"{path}: meta.csv says SnapshotDate {text!r}; a day as 31-12-2026 is expected; {_AGAIN}")


def _header(file: Path) -> tuple[str, ...]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            header = next(csv.reader(handle), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"{file.name} cannot be read ({error}); {_AGAIN}") from error
    return tuple(name.strip() for name in header)
