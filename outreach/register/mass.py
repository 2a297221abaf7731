"""The mass: what the register says of legal persons, in a DuckDB file of the project's state folder.

One file per import, named in `register_import.mass`; nothing ever changes in a file that is in use. An update works
on a copy, which is quicker than it sounds: 20 million activities are some 200 MB.

| table | row |
| --- | --- |
| enterprise | an active legal person: number, situation, form, form_cac, started |
| establishment | number, enterprise |
| denomination | entity, language, type, name (without line breaks) |
| address | entity, type, country, zip, municipality, spot (digest of zip, street and number), struck (off, a day) |
| activity | entity, version (2003, 2008, 2025, else 0), told |

`told` is class, group and code in one whole number whose order is that in which a main sector is chosen
(`outreach.register.sector_choice`): (rank of the class * 8 + rank of the group) * 10^8 + the code. The code is kept
as seven digits, filled up with zeros at the right, times 8 plus its length: in the order of its text. One column of
32 bits instead of three takes half off the time that storing takes.

Numbers are whole numbers of ten digits. Entity is the number of an enterprise or establishment.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from outreach.errors import Refusal
from outreach.keys import STATE
from outreach.register.extracts import Extract, Part

# Enough for the whole register, with the rest of the process under 2 GB in all (benchmarks/register.py).
MEMORY = "1100MB"
TABLES = ("enterprise", "establishment", "denomination", "address", "activity")
# In the order in which a main sector is chosen; whatever else there is comes after them.
CLASSES = ("MAIN", "SECO", "ANCI")
GROUPS = ("006", "001", "003", "005", "007", "004", "002")
CODES = 100_000_000
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_NO_ROOM = re.compile(r"could not (?:write|read|open|truncate|sync)|no space left|file too large", re.I)
_FAULTS = (
    ("Expected Number of Columns", "it has another number of columns than the header"),
    ("unterminated quote", "a quote isn't closed, or stands inside a quoted text without being doubled"),
    ("not utf-8", "it is not UTF-8"),
    ("unicode", "it is not UTF-8"),
)

Connection = duckdb.DuckDBPyConnection


def folder_of(project: Path) -> Path:
    """Return the folder of the register's files, made if it isn't there."""
    folder = project / STATE / "register"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def connected(file: Path, *, read_only: bool = False) -> Iterator[Connection]:
    """Open a DuckDB file that nothing is loaded into from anywhere but the paths we name."""
    connection = duckdb.connect(
        str(file),
        read_only=read_only,
        config={
            "memory_limit": MEMORY,
            "preserve_insertion_order": False,
            "temp_directory": str(file.with_suffix(".spill")),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        yield connection
    finally:
        connection.close()
        shutil.rmtree(file.with_suffix(".spill"), ignore_errors=True)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn DuckDB's errors into a Refusal that names file and line, and never quotes the row: it may be a person's."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        file = re.search(r"^\s*file = (.+)$", text, re.M)
        place = Path(file[1]).name if file else what
        if line := _LINE.search(text):
            why = next((told for mark, told in _FAULTS if mark.lower() in text.lower()), "it isn't valid CSV")
            raise Refusal(f"{place}:{line[1]}: {why}; nothing was changed; download the extract again") from None
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException) or _NO_ROOM.search(text):
            told = text.splitlines()[0]
            raise Refusal(f"{what}: {told}; nothing was changed; is there enough room on the disk?") from None
        if file:
            raise Refusal(f"{place}: it isn't valid CSV; nothing was changed; download the extract again") from None
        raise


def csv_of(part: Part, number: str | None = None) -> str:
    """Return the SQL that reads a file as text: type guessing loses leading zeros and breaks dates.

    The column `number` is read as a whole number, whose dots stand between thousands.
    """
    types = {name: "BIGINT" if name == number else "VARCHAR" for name in part.header}
    columns = ", ".join(f"'{_quoted(name)}': '{type}'" for name, type in types.items())
    dots = "thousands = '.', decimal_separator = ',', " if number else ""
    return (
        f"read_csv('{_quoted(str(part.path))}', header = true, delim = ',', quote = '\"', escape = '\"', {dots}"
        f"auto_detect = false, columns = {{{columns}}})"
    )


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def number_of(column: str) -> str:
    """Return the SQL for a number of the register, written with its dots or without, as a whole number."""
    return f"TRY_CAST(replace({column}, '.', '') AS BIGINT)"


def code_text(told: str) -> str:
    """Return the SQL that gives the NACE code of `told`, or of what is left of it by modulo, as text."""
    code = f"({told} % {CODES})"
    return f"left(lpad(({code} // 8)::VARCHAR, 7, '0'), {code} % 8)"


def _ten_digits(column: str) -> str:
    """Return the SQL that tells whether a number has its ten digits: what else there is was cut or isn't one."""
    return f"length(replace({column}, '.', '')) = 10"


# Line breaks, tabs and spaces without end become one space; nothing but a name is left of a name.
_CLEAN = r"""CASE WHEN regexp_matches(Denomination, '[\x00-\x1f\x7f]|  |^ | $')
    THEN trim(regexp_replace(Denomination, '[\x00-\x20\x7f]+', ' ', 'g')) ELSE Denomination END"""
# A day before the year 1000 is none: SQL and Python can't hold the year 0, and no company is that old.
_DAY = (
    "nullif(greatest(coalesce(try_strptime({0}, '%d-%m-%Y'), try_strptime({0}, '%Y-%m-%d'))::DATE, DATE '1000-01-01'), "
    "DATE '1000-01-01')"
)
# Empty for an address in Belgium, says the register's own description; whoever writes it all the same means Belgium.
_COUNTRY = "coalesce(nullif(CountryNL, 'België'), nullif(CountryFR, 'Belgique'))"


def _ranks(codes: tuple[str, ...]) -> str:
    return " ".join(f"WHEN '{code}' THEN {rank}" for rank, code in enumerate(codes))


_SCALE = " ".join(f"WHEN {length} THEN {8 * 10 ** (7 - length)}" for length in (5, 7, 4, 6, 3, 2))
# What stands in a row, by table, beside its key.
_ROWS = {
    "enterprise": f"""JuridicalSituation AS situation, JuridicalForm AS form, JuridicalFormCAC AS form_cac,
        {_DAY.format("StartDate")} AS started""",
    "establishment": f"{number_of('EnterpriseNumber')} AS enterprise",
    "denomination": f"Language AS language, TypeOfDenomination AS type, left({_CLEAN}, 320) AS name",
    "address": f"""TypeOfAddress AS type, {_COUNTRY} AS country, trim(Zipcode) AS zip,
        coalesce(MunicipalityNL, MunicipalityFR) AS municipality,
        md5_number_lower(concat_ws('|', trim(Zipcode), lower(coalesce(StreetNL, StreetFR)), HouseNumber)) AS spot,
        {_DAY.format("DateStrikingOff")} AS struck""",
    "activity": f"""
        CASE NaceVersion WHEN '2025' THEN 2025 WHEN '2008' THEN 2008 WHEN '2003' THEN 2003 ELSE 0 END::USMALLINT
            AS version,
        (CASE Classification {_ranks(CLASSES)} ELSE {len(CLASSES)} END * 8
            + CASE ActivityGroup {_ranks(GROUPS)} ELSE {len(GROUPS)} END)::UINTEGER * {CODES}
            + TRY_CAST(NaceCode AS UINTEGER) * CASE length(NaceCode) {_SCALE} END::UINTEGER
            + length(NaceCode)::UINTEGER AS told""",
}
_KEYS = {
    "enterprise": ("number", "EnterpriseNumber"),
    "establishment": ("number", "EstablishmentNumber"),
    "denomination": ("entity", "EntityNumber"),
    "address": ("entity", "EntityNumber"),
    "activity": ("entity", "EntityNumber"),
}


def rows_of(table: str, part: Part, where: str = "true", of: str = "", also: str = "", *, numbers: bool = False) -> str:
    """Return the SQL for the rows of a file as the table holds them: of everybody, or of those that `of` joins.

    The rest is worked out after the join: half the rows are of natural persons. With `numbers`, a key that is no number
    is an error, and not just none of ours.
    """
    name, column = _KEYS[table]
    key, source = (column, csv_of(part, column)) if numbers else (number_of(column), csv_of(part))
    read = f"SELECT {key} AS {name}, * FROM {source} WHERE {where}"
    return f"SELECT {name}, {also}{_ROWS[table]} FROM ({read}) {of}"


# TypeOfEnterprise 1 is a natural person, 0 unknown: only who is surely a legal person is kept.
LEGAL = f"TypeOfEnterprise = '2' AND Status = 'AC' AND {_ten_digits('EnterpriseNumber')}"


def load_entities(connection: Connection, extract: Extract) -> None:
    """Read the legal persons and their establishments; `entity` tells whose anything else is."""
    parts = extract.parts
    with refusing("enterprise.csv"):
        connection.execute(_once("enterprise", rows_of("enterprise", parts["enterprise"], LEGAL)))
    with refusing("establishment.csv"):
        whole = _ten_digits("EstablishmentNumber")
        rows = f"SELECT * FROM ({rows_of('establishment', parts['establishment'], whole)}) t"
        connection.execute(_once("establishment", f"{rows} SEMI JOIN enterprise e ON t.enterprise = e.number"))
    connection.execute(
        """CREATE TEMP TABLE entity AS SELECT number AS entity, number AS enterprise FROM enterprise
        UNION ALL SELECT number, enterprise FROM establishment"""
    )


def load(connection: Connection, extract: Extract, table: str) -> None:
    """Read the rows of legal persons from one of the big files.

    Reading numbers as numbers takes a sixth less time than making them out of text, and stops at one that isn't any.
    """
    part, of = extract.parts[table], "SEMI JOIN entity USING (entity)"
    with refusing(f"{table}.csv"), joined_as_written(connection):
        try:
            connection.execute(f"CREATE TABLE {table} AS {rows_of(table, part, of=of, numbers=True)}")
        except duckdb.ConversionException:
            connection.execute(f"CREATE TABLE {table} AS {rows_of(table, part, of=of)}")


@contextmanager
def joined_as_written(connection: Connection) -> Iterator[None]:
    """Keep what stands right of a join in memory, and let what stands left of it flow past.

    DuckDB takes a file of 36 million rows for one of forty: it would hash the file, strings and all, which took a third
    of the import.
    """
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        yield
    finally:
        connection.execute("RESET disabled_optimizers")


def _once(table: str, rows: str) -> str:
    """Return the SQL that makes a table of rows with a number, each number once: of several rows the first in order."""
    return f"""
        CREATE TEMP TABLE read_{table} AS SELECT * FROM ({rows}) WHERE number BETWEEN 0 AND 9999999999;
        CREATE TEMP TABLE double_{table} AS SELECT number FROM read_{table} GROUP BY number HAVING count(*) > 1;
        CREATE TABLE {table} AS FROM read_{table} ANTI JOIN double_{table} USING (number)
        UNION ALL FROM (
            SELECT DISTINCT ON (number) * FROM read_{table} SEMI JOIN double_{table} USING (number) ORDER BY ALL);
        DROP TABLE read_{table}"""


def copy_of(file: Path, copy: Path) -> None:
    """Copy a mass for an update to work on; Refusal if it isn't here, as after a restore or on another host."""
    if not file.exists():
        raise Refusal(f"{file}: missing, and backups don't hold it; take in a Full extract instead of an update")
    try:
        shutil.copyfile(file, copy)
    except OSError as error:
        copy.unlink(missing_ok=True)
        raise Refusal(f"{file}: cannot be copied ({error.strerror}); nothing was changed") from error


def make_durable(file: Path) -> None:
    """See to it that a file is on the disk before a row says that it is."""
    for path in (file, file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
