"""A database for the benchmark of segments: invented, the same on every run, and written by SQL alone."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

NOW = datetime(2026, 11, 24, 9, 0)
CONTACTS_PER_COMPANY = 2.5
CAMPAIGNS = 6
SERVICES = 80
ENTERPRISES = 25

# A fixed scatter of 0 … 1 by row and column, so that no two columns move together.
_X = "(({n} * 48271 + {salt} * 1296836021) % 2147483647)"
_SCATTER = f"({_X} * {_X} % 2147483647 / 2147483647.0)"


def _at(salt: int, n: str = "n") -> str:
    return _SCATTER.format(n=n, salt=salt)


def _pick(values: list[str], salt: int) -> str:
    """Return SQL that picks one of `values`, the first ones most often."""
    shares = [1 / (rank + 1) for rank in range(len(values))]
    total, edge, branches = sum(shares), 0.0, []
    for value, share in zip(values, shares, strict=True):
        edge += share / total
        branches.append(f"WHEN {_at(salt)} < {edge:.6f} THEN '{value}'")
    return f"CASE {' '.join(branches)} ELSE '{values[0]}' END"


PROVINCES = ["10000", "40000", "30000", "20001", "70000", "04000", "60000", "50000"]
CODES = [
    ("G", "46"), ("F", "41201"), ("C", "10710"), ("F", "43320"), ("H", "49410"), ("C", "25110"), ("N", "70220"),
    ("I", "56111"), ("K", "62100"), ("R", "86210"), ("C", "22220"), ("Q", "85202"), ("A", "01130"), ("L", "64200"),
]  # fmt: skip
FORMS = ["bv", "nv", "vzw", "cv", "comm.v", "vof", "eenmanszaak"]


def fill(session: Session, contacts: int) -> None:
    """Write `contacts` contacts with all that segments ask about, and gather statistics."""
    companies = int(contacts / CONTACTS_PER_COMPANY)
    driver: Any = session.connection().connection.driver_connection
    driver.create_function("hash_of", 1, _hash_of, deterministic=True)
    for statement in (_companies(companies), _establishments(companies), *_contacts(contacts, companies)):
        session.execute(text(statement))
    for statement in (*_catalogue(), *_collaborations(companies), *_campaigns(contacts)):
        session.execute(text(statement))
    session.execute(text("ANALYZE"))


def _hash_of(person: int) -> bytes:
    return hashlib.blake2b(str(person).encode(), digest_size=16).digest()


def _rows(count: int) -> str:
    return f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count}) "


def _moment(days_ago: float = 0) -> str:
    return f"'{(NOW - timedelta(days=days_ago)).isoformat(sep=' ')}.000000'"


def _companies(count: int) -> str:
    code = _pick([code for _, code in CODES], 3)
    letter = "CASE code " + " ".join(f"WHEN '{code}' THEN '{letter}'" for letter, code in CODES) + " END"
    return (
        _rows(count) + "INSERT INTO company (id, enterprise_number, name, name_key, legal_form, legal_person, postcode,"
        " municipality_nis, province_nis, nace_2025, section_2025, status, created_at, updated_at) "
        f"SELECT n, printf('%010d', n), 'Bedrijf ' || n, 'bedrijf' || n, form, form <> 'eenmanszaak', '9000', '44021',"
        f" province, code, {letter}, status, {_moment(400)}, {_moment(400)} FROM ("
        f"SELECT n, {_pick(FORMS, 1)} AS form, {_pick(PROVINCES, 2)} AS province, {code} AS code,"
        f" CASE WHEN {_at(4)} < 0.97 THEN 'active' ELSE 'stopped' END AS status FROM t)"
    )


def _establishments(companies: int) -> str:
    return (
        _rows(companies) + "INSERT INTO establishment (company_id, establishment_number, postcode, province_nis) "
        f"SELECT n, printf('2%09d', n), '9000', {_pick(PROVINCES, 5)} FROM t WHERE {_at(6)} < 0.4"
    )


def _contacts(count: int, companies: int) -> list[str]:
    # One address in fifty is shared with another company, as an accountant's is.
    shared = f"CASE WHEN {_at(7)} < 0.02 THEN n / 50 + 1 ELSE n END"
    return [
        _rows(count) + "INSERT OR IGNORE INTO contact (id, company_id, address, address_hash, address_domain, kind,"
        " erased_at, created_at, updated_at) "
        f"SELECT n, 1 + n % {companies}, CASE WHEN erased THEN NULL ELSE 'a' || person || '@bedrijf.example' END,"
        " CASE WHEN erased THEN NULL ELSE hash_of(person) END,"
        f" 'bedrijf.example', CASE WHEN {_at(8)} < 0.6 THEN 'role' ELSE 'personal' END,"
        f" CASE WHEN erased THEN {_moment(10)} END, {_moment(400)}, {_moment(400)} FROM ("
        f"SELECT n, {shared} AS person, {_at(9)} < 0.005 AS erased FROM t)",
        "INSERT INTO legal_basis (contact_id, basis, source, obtained_on, actor, recorded_at) "
        "SELECT id, CASE kind WHEN 'role' THEN 'role_address' ELSE 'consent' END, 'beurs', '2025-03-01', 'bench',"
        f" {_moment(400)} FROM contact WHERE {_at(10, 'id')} < 0.95",
        f"INSERT INTO contact_tag SELECT 'nieuwsbrief', id FROM contact WHERE {_at(11, 'id')} < 0.2",
        f"INSERT INTO contact_tag SELECT 'beurs-2026', id FROM contact WHERE {_at(12, 'id')} < 0.01",
        "INSERT INTO suppression (address_hash, reason, source, at, actor) SELECT DISTINCT address_hash,"
        f" 'unsubscribed', 'import', {_moment(100)}, 'bench' FROM contact WHERE {_at(13, 'id')} < 0.03"
        " AND address_hash IS NOT NULL",
    ]


def _catalogue() -> list[str]:
    return [
        _rows(ENTERPRISES) + "INSERT INTO enterprise (id, enterprise_number, slug, name, postcode, email, text,"
        f" created_at, updated_at) SELECT n, printf('%010d', n), 'werkplaats-' || n, 'Werkplaats ' || n, '9000',"
        f" 'w@werkplaats.example', '', {_moment(400)}, {_moment(400)} FROM t",
        _rows(SERVICES) + "INSERT INTO service (id, enterprise_id, slug, name, category, summary, text, picture_alt,"
        f" taking_customers, created_at, updated_at) SELECT n, 1 + n % {ENTERPRISES}, 'dienst-' || n, 'Dienst ' || n,"
        f" 'groen', '', '', '', 1, {_moment(400)}, {_moment(400)} FROM t",
    ]


def _collaborations(companies: int) -> list[str]:
    return [
        _rows(companies) + "INSERT INTO collaboration (company_id, enterprise_id, kind, from_year, to_year, source,"
        f" recorded_at) SELECT n, 1 + n % {ENTERPRISES}, CASE WHEN {_at(14)} < 0.03 THEN 'customer' ELSE 'supplier'"
        f" END, 2012 + n % 14, CASE WHEN {_at(15)} < 0.5 THEN 2013 + n % 14 END, 'opgave', {_moment(300)}"
        f" FROM t WHERE {_at(14)} < 0.04"
    ]


def _campaigns(contacts: int) -> list[str]:
    statements = []
    for campaign in range(1, CAMPAIGNS + 1):
        days = (CAMPAIGNS - campaign) * 25 + 5
        first = campaign * 100
        statements += [
            "INSERT INTO campaign (id, name, title, segment, template, spec, status, created_by, created_at, simulated)"
            f" VALUES ({campaign}, 'brief-{campaign}', 'Brief', 's', 't', '{{}}', 'sent', 'bench', {_moment(days)}, 0)",
            _rows(20) + "INSERT INTO cohort (id, campaign_id, number, code, cells, company_count, contact_count)"
            f" SELECT {first} + n, {campaign}, n, 'c{campaign}-' || n, '[]', 100, 100 FROM t",
            _rows(20) + "INSERT INTO exposure (campaign_id, cohort_id, block, position, service_id, at)"
            f" SELECT {campaign}, {first} + t.n, 'kijker', s.n, 1 + (t.n * 7 + s.n * 13 + {campaign}) % {SERVICES},"
            f" {_moment(days)} FROM t, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) s",
            "INSERT OR IGNORE INTO delivery (campaign_id, contact_id, company_id, cohort_id, address_hash, status,"
            f" attempts, sent_at, status_at) SELECT {campaign}, id, company_id, {first} + 1 + id % 20, address_hash,"
            f" CASE WHEN {_at(21, 'id')} < 0.999 THEN 'sent' ELSE 'uncertain' END, 1,"
            f" CASE WHEN {_at(21, 'id')} < 0.999 THEN {_moment(days)} END, {_moment(days)} FROM contact"
            f" WHERE {_at(30 + campaign, 'id')} < 0.25 AND address_hash IS NOT NULL AND id <= {contacts}",
        ]
    return statements
