# ruff: noqa: E501 - SQL, line by line as it is meant

"""Makes extracts of an invented company register in the form of KBO/BCE Open Data, of any size, with all its dirt.

    python tests/register/extracts.py FOLDER --size 0.05 --seed 1 [--day 3] [--update] [--zip] [--bom] [--crlf]

Size 1 is the whole register: 1.94 million enterprises, 36 million activities, 2.1 GB, in a few minutes. A world
(`World`) is a function of its settings: the Full extract of day 3 is that of day 0 with the updates of days 1 to 3, and
the same settings give the same rows (their order may differ). Names are put together from syllables. Enterprise numbers
have valid check digits and lie where the register hands none out: 1.7 million companies from 1700.000.xxx up, and one in
ten below 0025.000.000, so that leading zeros are there to be lost. Establishments start with 6, 7 or 8.

Dirt in every extract: rows repeated; MAIN thirty times in one group; no MAIN at all (35 %); unknown postcodes; seats
abroad, with postcodes that look Belgian; struck-off addresses; names of 320 characters, with quotes, line breaks and
apostrophes; codes that code.csv doesn't know; enterprises of unknown type. In an update: entities that vanish from
enterprise_delete.csv alone, establishments that go to another enterprise, a natural person's too.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import extract_words as words  # beside this file

from outreach.belgium.legal_forms import legal_forms
from outreach.belgium.places import PROVINCES, _table
from outreach.belgium.sectors import _table as _nace

ENTERPRISES = 1_940_000
FIRST_DAY = date(2026, 11, 1)


@dataclass(frozen=True)
class World:
    """An invented register: `changes` enterprises have something happen to them each day, `first` is day 0's number."""

    size: float = 1.0
    seed: int = 1
    changes: int = 250
    first: int = 140
    bom: bool = False
    crlf: bool = False

    @property
    def enterprises(self) -> int:
        return max(8, round(self.size * ENTERPRISES))

    @property
    def births(self) -> int:
        return max(1, self.changes // 3)


def full(world: World, parent: Path, day: int = 0) -> Path:
    """Write the Full extract of a day into a new folder in `parent` and return it."""
    return _Writer(world, parent, day, "full").write()


def update(world: World, parent: Path, day: int) -> Path:
    """Write the Update extract from the day before to `day` (1 or later) and return its folder."""
    return _Writer(world, parent, day, "update").write()


def zipped(folder: Path) -> Path:
    """Put an extract's files in a zip beside its folder, remove the folder, and return the zip."""
    file = folder.with_suffix(".zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for part in sorted(folder.iterdir()):
            archive.write(part, part.name)
    shutil.rmtree(folder)
    return file


class _Writer:
    """Writes one extract: tables of what there is on the day, then each file as lines of text."""

    def __init__(self, world: World, parent: Path, day: int, type: str) -> None:
        self.world, self.day, self.type = world, day, type
        at = FIRST_DAY + timedelta(days=day)
        self.folder = parent / f"KboOpenData_{world.first + day:04d}_{at:%Y_%m_%d}_{type.capitalize()}"
        self.db = duckdb.connect(config={"preserve_insertion_order": False, "memory_limit": "4GB"})
        self.db.execute(f"SET temp_directory = '{parent / 'spill'}'")

    def write(self) -> Path:
        self.folder.mkdir(parents=True)
        _prepare(self.db, self.world)
        self._meta()
        self._codes()
        _state(self.db, self.world, self.day, "now")
        if self.type == "full":
            self.db.execute("CREATE TABLE wanted AS FROM now")
            suffix = ""
        else:
            _state(self.db, self.world, self.day - 1, "earlier")
            self.db.execute(_TOUCHED)
            self._deletes()
            suffix = "_insert"
        for name, header, lines in _FILES:
            self._lines(f"{name}{suffix}.csv", header, lines)
        self.db.close()
        shutil.rmtree(self.folder.parent / "spill", ignore_errors=True)
        return self.folder

    def _deletes(self) -> None:
        for name, header, *_ in _FILES:
            key = header.split(",")[0]
            key = "EntityNumber" if name in ("denomination", "address", "contact", "activity") else key
            self._lines(f"{name}_delete.csv", key, f"SELECT concat('\"', number, '\"') AS line FROM ({_DELETED[name]})")

    def _lines(self, file: str, header: str, query: str) -> None:
        mark = "\ufeff" if self.world.bom else ""
        end = "\r" if self.world.crlf else ""
        head = mark + ",".join(f'""{name}""' for name in header.split(",")) + end
        line = "line || chr(13)" if end else "line"
        self.db.execute(
            f"""COPY (SELECT {line} AS "{head}" FROM ({query})) TO '{self.folder / file}'
            (FORMAT csv, HEADER true, QUOTE '', ESCAPE '', DELIMITER '')"""
        )

    def _meta(self) -> None:
        at = FIRST_DAY + timedelta(days=self.day)
        stamp = f"{at + timedelta(days=1):%d-%m-%Y} 03:12:45"
        number = str(self.world.first + self.day)
        rows = [("SnapshotDate", f"{at:%d-%m-%Y}"), ("ExtractTimestamp", stamp), ("ExtractType", self.type),
                ("ExtractNumber", number), ("Version", "R028.00")]  # fmt: skip
        self._rows("meta.csv", ("Variable", "Value"), rows)

    def _codes(self) -> None:
        self._rows("code.csv", ("Category", "Code", "Language", "Description"), code_rows())

    def _rows(
        self, file: str, header: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, str]]
    ) -> None:
        encoding = "utf-8-sig" if self.world.bom else "utf-8"
        with (self.folder / file).open("w", encoding=encoding, newline="") as handle:
            writer = csv.writer(handle, quoting=csv.QUOTE_ALL, lineterminator="\r\n" if self.world.crlf else "\n")
            writer.writerow(header)
            writer.writerows(rows)


def code_rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of code.csv: the real codes, in Dutch and French, of two categories in German too."""
    for category, codes in words.CODES.items():
        for code, texts in codes.items():
            yield from ((category, code, language, text) for language, text in zip(("NL", "FR"), texts, strict=True))
            if category in ("TypeOfAddress", "Language"):
                yield category, code, "DE", f"{texts[0]} (de)"
    for form in legal_forms():
        for code in form.codes:
            yield "JuridicalForm", code, "NL", form.name_nl.capitalize()
            yield "JuridicalForm", code, "FR", next(iter(form.spellings), form.name_nl).capitalize()
    for version in (2008, 2025):
        for entry in _nace()[version].values():
            if entry.level > 1:
                yield f"Nace{version}", entry.code, "NL", entry.label_nl
                yield f"Nace{version}", entry.code, "FR", entry.label_fr
                if version == 2008:  # the 2003 edition isn't shipped: its divisions stand for it
                    yield "Nace2003", entry.code, "NL", entry.label_nl


def _prepare(db: duckdb.DuckDBPyConnection, world: World) -> None:
    """Make the macros and the small tables that everything is drawn from."""
    seed = world.seed * 7_919 + 13
    db.execute(f"CREATE MACRO draw(key, salt) AS hash(xor(key::UBIGINT, ({seed} + salt * 104729)::UBIGINT))")
    db.execute("CREATE MACRO dice(key, salt, n) AS (draw(key, salt) % n::UBIGINT)::BIGINT")
    db.execute("CREATE MACRO part(key, salt) AS (draw(key, salt) >> 12)::DOUBLE / 4503599627370496.0")
    db.execute("CREATE MACRO dotted(n) AS printf('%04d.%03d.%03d', n // 1000000, (n // 1000) % 1000, n % 1000)")
    db.execute("CREATE MACRO checked(n) AS n * 100 + 97 - n % 97")
    for name in ("HEADS", "TAILS", "PREFIXES", "FRENCH", "FIRST", "TRADES", "METIERS", "ENDINGS", "BRIGHT", "GLOW",
                 "SHINE", "NOUNS", "CAUSES", "STREETS"):  # fmt: skip
        parts = getattr(words, name)
        # Squared, so that some names are far more frequent than others, as in life.
        place = f"1 + floor({len(parts)} * pow(part(key, salt), 1.6))::INTEGER"
        db.execute(f"CREATE MACRO a_{name.lower()}(key, salt) AS ([{_listed(parts)}])[{place}]")
    for statement in _NAMES:
        db.execute(statement)
    _tables(db)


def _tables(db: duckdb.DuckDBPyConnection) -> None:
    places = []
    for postcode, found in _table().items():
        flemish = PROVINCES[found[0].province_nis].flemish
        german = postcode[:2] == "47" and postcode >= "4700"
        places += [(postcode, found[0].municipality, "3" if german else "2" if flemish else "1")] * (
            3 if flemish else 1
        )
    for name, parts in zip(("zip", "municipality", "language"), zip(*places, strict=True), strict=True):
        db.execute(f"CREATE MACRO place_{name}(spot) AS ([{_listed(parts)}])[1 + dice(spot, 6, {len(places)})]")
    new = sorted(entry.code for entry in _nace()[2025].values() if entry.level == 5)
    old = sorted(entry.code for entry in _nace()[2008].values() if entry.level == 5)
    by_division = {code[:2]: code for code in reversed(old)}
    paired = [code if code in old else by_division.get(code[:2], old[at % len(old)]) for at, code in enumerate(new)]
    for name, codes in (("late", [*new, "4779303"]), ("early", [*paired, "4779303"])):
        db.execute(f"CREATE MACRO nace_{name}(place) AS ([{_listed(codes)}])[1 + place % {len(codes)}]")


def _listed(parts: Iterable[str]) -> str:
    return ", ".join("'" + part.replace("'", "''") + "'" for part in parts)


def _state(db: duckdb.DuckDBPyConnection, world: World, day: int, table: str) -> None:
    """Make the table of all entities that exist on a day."""
    everyone = world.enterprises + world.births * day
    likely = world.changes / world.enterprises
    event = f"part(xor(hash(i), hash(d)), 1) < {likely} AND i < {world.enterprises}"
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE enterprise_{table} AS
        WITH happened AS (
            SELECT i, [dice(xor(hash(i), hash(d)), 2, 7) for d in range(1, {day + 1}) if {event}] AS kinds
            FROM range({everyone}) AS t(i)
        )
        SELECT i, CASE WHEN i % 10 = 0 THEN 10000 + i // 10 ELSE 17000000 + i END AS n,
            CASE WHEN dice(hash(i), 3, 1000) < 3 THEN '0' WHEN dice(hash(i), 3, 1000) < 480 THEN '1' ELSE '2' END AS type,
            len([k for k in kinds if k = 0]) AS own, len([k for k in kinds if k = 1]) AS places,
            len([k for k in kinds if k = 2]) AS first, len([k for k in kinds if k = 3]) AS more,
            list_contains(kinds, 4) AS closed, len([k for k in kinds if k = 5]) % 2 = 1 AS moved,
            CASE WHEN i % 20000 = 7 THEN 60
                 WHEN type = '1' THEN CASE WHEN dice(hash(i), 4, 100) < 8 THEN 0 WHEN dice(hash(i), 4, 100) < 97 THEN 1 ELSE 2 END
                 ELSE [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 5][1 + dice(hash(i), 4, 20)] END AS slots
        FROM happened"""
    )
    db.execute(_ENTITIES.replace("@table", table))


_ENTITIES = """CREATE OR REPLACE TEMP TABLE @table AS
    WITH enterprises AS (FROM enterprise_@table WHERE NOT closed),
    slots AS (
        SELECT *, unnest(range(first, least(slots + more, CASE WHEN i % 20000 = 7 THEN 100 ELSE 8 END))) AS slot
        FROM enterprise_@table
    ),
    establishments AS (
        SELECT s.i, s.slot, s.places AS epoch, CASE WHEN s.moved AND s.slot = s.slots - 1 THEN xor(s.i, 1) ELSE s.i END AS owner,
            CASE WHEN s.i % 20000 = 7 THEN 60000000 + s.i // 200 + s.slot ELSE 70000000 + s.i * 8 + s.slot END AS n
        FROM slots s
    )
    SELECT true AS enterprise, i, 0 AS slot, n, dotted(checked(n)) AS number, NULL AS owner, type, own AS epoch,
        hash(n * 1000 + own) AS x, CASE WHEN own = 0 THEN hash(i) ELSE hash(n * 1000 + own + 500) END AS spot
    FROM enterprises
    UNION ALL
    SELECT false, e.i, e.slot, e.n,
        printf('%d.%03d.%03d.%03d', checked(e.n) // 1000000000, (checked(e.n) // 1000000) % 1000,
            (checked(e.n) // 1000) % 1000, checked(e.n) % 1000),
        dotted(checked(o.n)), o.type, e.epoch, hash(e.n * 1000 + e.epoch),
        CASE WHEN e.slot = 0 AND e.epoch = 0 AND dice(hash(e.i), 5, 10) < 6 THEN hash(e.i)
             ELSE hash(e.n * 1000 + e.epoch + 500) END
    FROM establishments e JOIN enterprises o ON o.i = e.owner"""

# Touched is what is new, or not what it was the day before; an update holds all rows of it.
_TOUCHED = """
    CREATE TABLE wanted AS
        SELECT now.* FROM now LEFT JOIN earlier USING (number)
        WHERE earlier.n IS NULL OR earlier.epoch <> now.epoch OR earlier.owner IS DISTINCT FROM now.owner;
    CREATE TABLE gone AS FROM earlier ANTI JOIN now USING (number);
    CREATE TABLE changed AS FROM wanted SEMI JOIN earlier USING (number)"""
# One closed entity in two is only where it must be: an enterprise in enterprise_delete.csv, an establishment that
# closed by itself in establishment_delete.csv.
_LISTED = "FROM gone WHERE n % 2 = 0 UNION ALL SELECT number FROM changed"
_DELETED = {
    "enterprise": "SELECT number FROM gone WHERE enterprise UNION ALL SELECT number FROM changed WHERE enterprise",
    "establishment": """SELECT number FROM gone WHERE NOT enterprise
        AND (n % 2 = 0 OR owner IN (SELECT number FROM now WHERE enterprise))
        UNION ALL SELECT number FROM changed WHERE NOT enterprise AND n % 3 > 0""",
    "denomination": f"SELECT number {_LISTED}",
    "address": f"SELECT number {_LISTED}",
    "contact": f"SELECT number {_LISTED}",
    "activity": f"SELECT number {_LISTED}",
    "branch": "SELECT number FROM gone WHERE false",
}

_NAMES = (
    """CREATE MACRO joined(prefix, head, tail) AS
        prefix || CASE WHEN right(prefix, 1) IN ('', ' ') THEN head ELSE lower(head) END || tail""",
    "CREATE MACRO family(key) AS joined(a_prefixes(key, 20), a_heads(key, 21), a_tails(key, 22))",
    "CREATE MACRO bright(key) AS a_bright(key, 23) || a_glow(key, 24) || a_shine(key, 25)",
    "CREATE MACRO letter(key, salt) AS chr((65 + dice(key, salt, 26))::INTEGER)",
    "CREATE MACRO cell(text) AS CASE WHEN text IS NULL THEN '' ELSE '\"' || text || '\"' END",
    "CREATE MACRO day(key, salt) AS strftime(DATE '1995-01-01' + dice(key, salt, 11200)::INTEGER, '%d-%m-%Y')",
    # One row in a thousand stands there twice.
    "CREATE MACRO copies(key, salt) AS CASE WHEN dice(key, salt, 1000) = 0 THEN 2 ELSE 1 END",
)
# Names step by step: what DuckDB sees twice in one expression, it computes twice.
_NAMED = """
    SELECT number, x, kind, language, CASE roll
            WHEN 0 THEN left(repeat(plain || ' ', 40), 320)
            WHEN 1 THEN plain || chr(10) || 'afdeling ""twee""' WHEN 2 THEN plain || chr(10) || ' ' || chr(9) || 'bis'
            WHEN 3 THEN '""' || plain || '""' WHEN 4 THEN plain || ', ' || plain WHEN 5 THEN '  ' || upper(plain) || ' '
            ELSE CASE WHEN roll < 60 THEN 'De ""' || plain || '""' ELSE plain END END AS name
    FROM (
        SELECT *, dice(key, 35, 60000) AS roll, CASE
                WHEN language = '1' THEN CASE WHEN sort < 45 THEN metier || ' ' || french WHEN sort < 70 THEN bright || ' ' || french
                    ELSE 'Les ' || metier || ' de l''' || french || ' ' || family END
                WHEN sort < 26 THEN trade || ' ' || family WHEN sort < 38 THEN family || ' ' || ending WHEN sort < 52 THEN bright
                WHEN sort < 62 THEN family WHEN sort < 74 THEN bright || ' ' || ending
                WHEN sort < 82 THEN 'VME Residentie ' || bright || ' ' || family
                WHEN sort < 87 THEN one || two || letter(key, 28) || ' ' || ending
                WHEN sort < 89 THEN one || '.' || two || '. ' || family
                WHEN sort < 94 THEN '''t ' || a_nouns(key, 33) || ' van ' || family
                ELSE 'Vereniging voor ' || a_causes(key, 34) || ' ' || family END AS plain
        FROM (
            SELECT *, dice(key, 30, 100) AS sort, family(key) AS family, bright(key) AS bright, a_endings(key, 32) AS ending,
                a_trades(key, 31) AS trade, a_metiers(key, 31) AS metier, a_french(key, 32) AS french,
                letter(key, 26) AS one, letter(key, 27) AS two
            FROM (@wanted)
        )
    )"""
_FORMS = (
    "['610', '610', '610', '610', '610', '014', '014', '017', '017', '015', '070', '612', '706', '011', '416', '008']"
)
_ENTERPRISE = f"""
    SELECT concat(cell(number), ',"AC",', cell(CASE WHEN dice(x, 40, 1000) < 955 THEN '000'
            ELSE ['012', '013', '048', '049', '050', '050', '053', '010', '090'][1 + dice(x, 41, 9)] END),
        ',', cell(type), ',', cell(form), ',', cell(CASE WHEN form = '015' THEN '610' WHEN form = '008' THEN '706' END),
        ',', day(hash(n), 43)) AS line
    FROM (SELECT *, CASE WHEN type = '1' THEN NULL WHEN dice(x, 44, 20000) = 0 THEN '997'
                         ELSE {_FORMS}[1 + dice(hash(n), 42, 16)] END AS form, unnest(range(CASE WHEN dice(x, 45, 50000) = 0 THEN 2 ELSE 1 END))
          FROM wanted WHERE enterprise)"""
_ESTABLISHMENT = """
    SELECT concat(cell(number), ',', day(hash(n), 43), ',', cell(owner)) AS line FROM wanted WHERE NOT enterprise"""
_LOCATED = """(SELECT *, CASE WHEN language = '1' AND dice(spot, 50, 8) = 0 THEN '2' ELSE language END AS tongue
    FROM (SELECT *, place_zip(spot) AS zip, place_municipality(spot) AS municipality, place_language(spot) AS language
          FROM wanted))"""
_WITH_NAMES = f"""
    SELECT number, x, x AS key, tongue AS language, '001' AS kind FROM {_LOCATED} WHERE enterprise AND type <> '1'
    UNION ALL SELECT number, x, hash(x), CASE WHEN tongue = '2' THEN '1' ELSE '2' END, '001'
        FROM {_LOCATED} WHERE enterprise AND type <> '1' AND dice(x, 53, 100) < 6
    UNION ALL SELECT number, x, hash(xor(x, 1)), tongue, '003' FROM {_LOCATED} WHERE enterprise AND dice(x, 55, 100) < 25
    UNION ALL SELECT number, x, hash(xor(x, 2)), tongue, '003' FROM {_LOCATED} WHERE NOT enterprise AND dice(x, 56, 100) < 35"""
_DENOMINATION = f"""
    SELECT concat(cell(number), ',', cell(language), ',', cell(kind), ',', cell(name)) AS line FROM (
        {_NAMED.replace("@wanted", _WITH_NAMES)}
        UNION ALL SELECT number, x, '001', '0', family(x) || '-' || a_first(x, 51) || ' ' || a_first(x, 52)
            FROM wanted WHERE enterprise AND type = '1'
        UNION ALL SELECT number, x, '002', CASE WHEN dice(x, 53, 300) = 0 THEN '4' ELSE tongue END,
                letter(x, 26) || letter(x, 27) || upper(left(bright(x), 3))
            FROM {_LOCATED} WHERE enterprise AND type <> '1' AND dice(x, 54, 100) < 25
    ), range(copies(x, 57))"""
_ADDRESS = f"""
    SELECT concat(cell(number), ',', cell(kind), ',',
        CASE WHEN abroad THEN '"Frankrijk","France"' ELSE ',' END, ',',
        cell(CASE WHEN abroad THEN [zip, '59000', 'L-1234'][1 + dice(spot, 61, 3)] WHEN dice(spot, 62, 400) = 0 THEN ['9999', '0000', '12345'][1 + dice(spot, 63, 3)] ELSE zip END),
        ',', cell(municipality), ',', cell(municipality), ',', cell(street), ',', cell(street), ',',
        cell((1 + dice(spot, 64, 200))::VARCHAR), ',', cell(CASE WHEN dice(spot, 65, 6) = 0 THEN dice(spot, 66, 20)::VARCHAR END), ',',
        cell(CASE WHEN dice(spot, 67, 500) = 0 THEN 'Blok ""B"", 2de verdieping' END), ',',
        CASE WHEN dice(spot, 68, 100) = 0 THEN day(spot, 69) ELSE '' END) AS line
    FROM (SELECT *, CASE WHEN enterprise THEN 'REGO' ELSE 'BAET' END AS kind, enterprise AND dice(spot, 70, 150) = 0 AS abroad,
            a_streets(spot, 71) || CASE WHEN tongue = '1' THEN ' (rue)' ELSE 'straat' END AS street, unnest(range(copies(x, 72)))
          FROM {_LOCATED} WHERE NOT enterprise OR type <> '1')"""
_CONTACT = """
    SELECT concat(cell(number), ',', cell(CASE WHEN enterprise THEN 'ENT' ELSE 'EST' END), ',', cell(kind), ',', cell(CASE kind
        WHEN 'TEL' THEN printf('000%07d', dice(x, 80, 9999999)) WHEN 'EMAIL' THEN 'kbo' || dice(x, 81, 100000000) || '@' || lower(bright(x)) || '.example'
        ELSE 'www.' || lower(bright(x)) || dice(x, 81, 100000000) || '.example' END)) AS line
    FROM (SELECT *, unnest(['TEL', 'EMAIL', 'WEB'][1:1 + dice(x, 83, 3)]) AS kind FROM wanted WHERE dice(x, 82, 100) < 10)"""
# A slot of an entity is one activity: it stands there once for every version of the classification.
_ACTIVITY = """
    WITH slots AS (
        SELECT number, enterprise, x, unnest(range(CASE
            WHEN dice(x, 90, 600) = 0 THEN 32
            WHEN enterprise AND dice(x, 91, 100) < 25 THEN 0
            ELSE 1 + floor(10.6 * pow(part(x, 92), 1.25))::INTEGER END)) AS slot
        FROM wanted
    ),
    told AS (
        SELECT number, x, slot, draw(xor(x, slot::UBIGINT), 93) AS y, CASE
            WHEN dice(x, 90, 600) = 0 AND slot > 1 THEN '003","@","MAIN'
            WHEN enterprise AND dice(x, 91, 100) < 35 THEN '003","@","SECO'
            WHEN slot = 0 THEN CASE WHEN enterprise THEN '001","@","MAIN' ELSE '003","@","MAIN' END
            WHEN slot = 1 AND dice(x, 94, 100) < 20 THEN '006","@","MAIN'
            WHEN slot = 1 THEN '003","@","MAIN'
            WHEN dice(x, 95, 3000) = 0 THEN ['002","@","MAIN', '004","@","MAIN', '005","@","MAIN', '007","@","MAIN', '009","@","MAIN', '003","@","HULP'][1 + dice(x, 96, 6)]
            ELSE ['001","@","SECO', '001","@","SECO', '001","@","SECO', '003","@","SECO', '003","@","SECO', '003","@","SECO', '003","@","MAIN', '001","@","ANCI'][1 + dice(xor(x, slot::UBIGINT), 97, 8)] END AS told
        FROM slots
    ),
    coded AS (
        SELECT *, nace_late(place) AS late, nace_early(place) AS early
        FROM (SELECT *, floor(300 * pow(part(x, 98), 2))::BIGINT * 3 + (y % 40)::BIGINT AS place FROM told)
    )
    SELECT '"' || number || '","' || replace(told, '@', '2025","' || late) || '"' AS line FROM coded, range(copies(y, 99))
    UNION ALL SELECT '"' || number || '","' || replace(told, '@', '2008","' || early) || '"' FROM coded WHERE y % 50 > 0
    UNION ALL SELECT '"' || number || '","' || replace(told, '@', '2003","' || early) || '"' FROM coded WHERE y % 6 = 0"""
_BRANCH = """
    SELECT concat('"9.', right(number, 11), '",', day(x, 43), ',', cell(number)) AS line
    FROM wanted WHERE enterprise AND type = '2' AND dice(x, 85, 300) = 0"""

_FILES = (
    ("enterprise", "EnterpriseNumber,Status,JuridicalSituation,TypeOfEnterprise,JuridicalForm,JuridicalFormCAC,StartDate",
     _ENTERPRISE),
    ("establishment", "EstablishmentNumber,StartDate,EnterpriseNumber", _ESTABLISHMENT),
    ("denomination", "EntityNumber,Language,TypeOfDenomination,Denomination", _DENOMINATION),
    ("address", "EntityNumber,TypeOfAddress,CountryNL,CountryFR,Zipcode,MunicipalityNL,MunicipalityFR,StreetNL,StreetFR,"
     "HouseNumber,Box,ExtraAddressInfo,DateStrikingOff", _ADDRESS),
    ("contact", "EntityNumber,EntityContact,ContactType,Value", _CONTACT),
    ("activity", "EntityNumber,ActivityGroup,NaceVersion,NaceCode,Classification", _ACTIVITY),
    ("branch", "Id,StartDate,EnterpriseNumber", _BRANCH),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the extract's folder is made")
    parser.add_argument("--size", type=float, default=0.001, help="1 = 1.94 million enterprises")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day", type=int, default=0, help="days after the first extract")
    parser.add_argument("--changes", type=int, default=250, help="enterprises that something happens to in a day")
    parser.add_argument("--update", action="store_true", help="the Update extract from the day before")
    parser.add_argument("--zip", action="store_true", help="one zip instead of a folder")
    parser.add_argument("--bom", action="store_true", help="files start with a byte-order mark")
    parser.add_argument("--crlf", action="store_true", help="lines end with CRLF")
    told = parser.parse_args()
    world = World(told.size, told.seed, told.changes, bom=told.bom, crlf=told.crlf)
    made = (update if told.update else full)(world, told.folder, told.day)
    print(zipped(made) if told.zip else made)


if __name__ == "__main__":
    main()
