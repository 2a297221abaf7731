"""How fast is `outreach import contacts` beside the least that could be done with the same file?

Plain = `csv.DictReader` and the driver's `executemany` into the same three tables with the same indexes and the same
durable settings, without one check. Both write fresh SQLite files in turns; each figure is the median of N_RUNS (5).
N rows (100,000) of invented companies. The last line is one JSON object.
"""

from __future__ import annotations

import csv
import gc
import hashlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from outreach.app import open_app
from outreach.audience import importing
from outreach.audience.importing import ImportOptions
from outreach.belgium.numbers import format_enterprise_number, make_enterprise_number
from outreach.settings import SenderType

ROWS = int(os.environ.get("N", "100000"))
RUNS = int(os.environ.get("N_RUNS", "5"))
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HEADERS = ["Ondernemingsnummer", "Bedrijf", "Rechtsvorm", "Postcode", "Gemeente", "NACE", "E-mail", "Voornaam",
           "Achternaam", "Functie", "Rechtsgrond", "Bron", "Datum toestemming"]  # fmt: skip
FIRST = [
    "Ann",
    "Bob",
    "Cleo",
    "Dan",
    "Els",
    "Fé",
    "Gunther",
    "Hülya",
    "Inès",
    "Jef",
    "Katrien",
    "Loïc",
    "Mieke",
    "Noël",
]
LAST = ["Peeters", "Janssens", "Maes", "Jacobs", "Mertens", "Willems", "Claes", "Goossens", "Wouters", "De Smedt",
        "Van den Broeck", "Lefèvre", "Müller", "D'Hondt", "Yılmaz", "Vandenbossche"]  # fmt: skip
TRADES = ["Bakkerij", "Garage", "Schrijnwerkerij", "Drukkerij", "Bouwbedrijf", "Tuinaanleg", "Café", "Traiteur",
          "Logistiek", "Metaalwerken", "Elektro", "Kinésitherapie", "Brouwerij", "Confectie"]  # fmt: skip
PLACES = ["2000 Antwerpen", "2070 Zwijndrecht", "3000 Leuven", "3500 Hasselt", "8000 Brugge", "8500 Kortrijk",
          "9000 Gent", "9300 Aalst", "1000 Brussel", "2300 Turnhout", "2800 Mechelen", "3600 Genk"]  # fmt: skip
CODES = ["62.100", "43.320", "10.711", "96.210", "49.410", "81.300", "25.110", "47.711", "70.200", "01.110"]
ROLES = ["info", "contact", "sales", "boekhouding", "onthaal"]


def make_file(path: Path, rows: int) -> None:
    """Write a list as an office keeps it: 5 contacts at 4 companies, 4 domains in 5 their own, accents, some IDN."""
    chance = random.Random(20261124)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADERS)
        written = company = 0
        while written < rows:
            company += 1
            size = min(chance.choices((1, 2, 3), (85, 10, 5))[0], rows - written)
            writer.writerows(_company(chance, company, size))
            written += size


def _company(chance: random.Random, number: int, size: int) -> list[list[str]]:
    digits = make_enterprise_number(1_000_000 + number)
    written = format_enterprise_number(digits) if number % 3 else chance.choice((digits, f"BE{digits}"))
    owner = chance.choice(LAST)
    name = f"{chance.choice(TRADES)} {owner} {number}"
    form = chance.choice(("NV", "BV", "bvba", "vzw", "CV"))
    postcode, _, town = chance.choice(PLACES).partition(" ")
    domain = f"zaak-{number}.example" if number % 100 else f"café-{number}.example"
    rows = []
    for place in range(size):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        role = place == 0 and chance.random() < 0.5
        plain = f"{first}.{last}".encode("ascii", "ignore").decode().replace(" ", "").replace("'", "").lower()
        local = chance.choice(ROLES) if role else f"{plain}{place or ''}"
        basis, source = ("functioneel adres", "website") if role else ("toestemming", "formulier beurs 2025")
        day = f"{chance.randint(1, 28):02d}/{chance.randint(1, 12):02d}/{chance.randint(2022, 2025)}"
        code = chance.choice(CODES)
        person = ["", "", ""] if role else [first, last, chance.choice(("zaakvoerder", "aankoper", "HR"))]
        rows.append([written, name, form, postcode, town, code, f"{local}@{domain}", *person, basis, source, day])
    return rows


def run_plain(folder: Path, source: Path) -> float:
    """Put the file into the tables without a check."""
    app = open_app(folder)
    start = time.perf_counter()
    connection = app.database.engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    now = "2026-11-24 09:00:00.000000"
    companies: dict[str, tuple[object, ...]] = {}
    contacts: list[tuple[object, ...]] = []
    bases: list[tuple[object, ...]] = []
    with source.open(encoding="utf-8-sig", newline="") as file:
        for id, row in enumerate(csv.DictReader(file, delimiter=";"), 1):
            number = row["Ondernemingsnummer"]
            if number not in companies:
                name = row["Bedrijf"]
                companies[number] = (
                    len(companies) + 1, number[-10:], name, name.lower(), row["Rechtsvorm"], 1, row["Postcode"],
                    "44021", "40000", row["NACE"][:7], "K", "active", now, now,
                )  # fmt: skip
            address = row["E-mail"]
            digest = hashlib.blake2b(address.encode(), digest_size=16).digest()
            company = companies[number][0]
            names = (row["Voornaam"], row["Achternaam"], row["Functie"])
            domain = address.partition("@")[2]
            contacts.append((id, company, address, digest, domain, "personal", *names, now, now))
            bases.append((id, "consent", row["Bron"], row["Datum toestemming"], "bench", now))
    cursor.executemany(
        "INSERT INTO company (id, enterprise_number, name, name_key, legal_form, legal_person, postcode,"
        " municipality_nis, province_nis, nace_2025, section_2025, status, created_at, updated_at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        companies.values(),
    )
    cursor.executemany(
        "INSERT INTO contact (id, company_id, address, address_hash, address_domain, kind, first_name, last_name,"
        " function, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        contacts,
    )
    cursor.executemany(
        "INSERT INTO legal_basis (contact_id, basis, source, obtained_on, actor, recorded_at) VALUES (?,?,?,?,?,?)",
        bases,
    )
    connection.commit()
    spent = time.perf_counter() - start
    connection.close()
    app.close()
    return spent


def run_ours(folder: Path, source: Path) -> float:
    """Import the file as the command does."""
    app = open_app(folder)
    start = time.perf_counter()
    options = ImportOptions(source="", obtained_on=date(2026, 1, 1))
    key = app.suppression_key
    reading = importing.read(source, options, sender=SenderType.FEDERATION, suppression_key=key, now=NOW)
    with app.database.writing() as session:
        summary = importing.save(session, reading, options, actor="bench", now=NOW)
    spent = time.perf_counter() - start
    if summary.rejected or summary.contacts.created + summary.doubles != ROWS:
        raise SystemExit(f"the benchmark's own file was not taken in whole: {summary.rejects[:3]}")
    app.close()
    return spent


def timed(run: Callable[[Path, Path], float], source: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="outreach-bench-") as name:
        folder = Path(name)
        (folder / "outreach.toml").write_text('[sender]\nname = "Federatie Voorbeeld"\n')
        gc.collect()
        return run(folder, source)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="outreach-bench-") as name:
        source = Path(name) / "contacts.csv"
        make_file(source, ROWS)
        plain, ours = [], []
        for _ in range(RUNS):
            plain.append(timed(run_plain, source))
            ours.append(timed(run_ours, source))
            print(f"plain {plain[-1]:.2f} s, import {ours[-1]:.2f} s", flush=True)
    plain_rate, rate = ROWS / statistics.median(plain), ROWS / statistics.median(ours)
    figures = {"rows": ROWS, "rows_per_s": round(rate), "plain_rows_per_s": round(plain_rate)}
    print(json.dumps({**figures, "ratio": round(rate / plain_rate, 3)}))


if __name__ == "__main__":
    main()
