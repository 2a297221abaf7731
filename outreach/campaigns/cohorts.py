"""Cohorts: the recipients of a campaign cut by province × sector, merged until each is large enough to hide in.

Every recipient of a cohort gets the same content and the same links, so that a click tells province, sector and
service, and nobody in particular.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from outreach.catalogue.matching import Cell

# How many companies have their recipients in exactly these cells: most in one, some (establishments) in several.
CompaniesByCells = Mapping[frozenset[Cell], int]


@dataclass(frozen=True)
class Group:
    """Cells that form one cohort, and the distinct companies in them."""

    cells: tuple[Cell, ...]
    companies: int

    @property
    def province(self) -> str | None:
        """The province of all its cells, None where they differ."""
        return _only({province for province, _ in self.cells})

    @property
    def section(self) -> str | None:
        """The sector section of all its cells, None where they differ."""
        return _only({section for _, section in self.cells})


def merge(companies: CompaniesByCells, minimum: int) -> list[Group]:
    """Merge cells, first over sectors, then over provinces, until each group holds `minimum` distinct companies.

    The same cells give the same groups, whatever their order. Only if all cells together hold fewer, the one group
    returned does.
    """
    cells = sorted({cell for together in companies for cell in together}, key=cell_order)
    groups: list[tuple[Cell, ...]] = []
    left: list[tuple[Cell, ...]] = []
    for province in dict.fromkeys(province for province, _ in cells):
        within = [(cell,) for cell in cells if cell[0] == province]
        done, rest = _merge(within, companies, minimum)
        groups += done
        left += rest
    # What a whole province is too small for is merged with other small provinces, else with the smallest group.
    done, rest = _merge(left, companies, minimum)
    groups += done
    for remainder in rest:
        groups = _joined(groups, remainder, companies)
    made = [Group(tuple(sorted(group, key=cell_order)), distinct(companies, group)) for group in groups]
    return sorted(made, key=lambda group: cell_order(group.cells[0]))


def distinct(companies: CompaniesByCells, cells: Iterable[Cell]) -> int:
    """Count the distinct companies in cells."""
    wanted = set(cells)
    return sum(count for together, count in companies.items() if not wanted.isdisjoint(together))


def contacts_by_cell(session: Session, mailed: Select[int, str | None, str | None]) -> dict[Cell, int]:
    """Count those who are mailed by cell; `mailed` as for `companies_by_cells`."""
    rows = mailed.subquery()
    query = select(rows.c.province_nis, rows.c.section_2025, func.count())
    found = session.execute(query.group_by(rows.c.province_nis, rows.c.section_2025))
    return {(province, section): count for province, section, count in found}


def planned(session: Session, mailed: Select[int, str | None, str | None], minimum: int) -> dict[Group, int]:
    """Return the cohorts of those who are mailed, each with its number of contacts."""
    contacts = contacts_by_cell(session, mailed)
    groups = merge(companies_by_cells(session, mailed), minimum)
    return {group: sum(contacts[cell] for cell in group.cells) for group in groups}


def companies_by_cells(session: Session, mailed: Select[int, str | None, str | None]) -> Counter[frozenset[Cell]]:
    """Count the companies of those who are mailed by the cells their recipients are in.

    `mailed` has the columns company_id, province_nis and section_2025. Companies in one cell, nearly all, are counted
    by the database; only the others pass through here, one after the other.
    """
    rows = mailed.subquery()
    key = func.coalesce(rows.c.province_nis, "") + literal("|") + func.coalesce(rows.c.section_2025, "")
    per_company = (
        select(rows.c.company_id, func.min(key).label("first"), func.max(key).label("last"))
        .group_by(rows.c.company_id)
        .cte("per_company")
    )
    single = (
        select(per_company.c.first, func.count())
        .where(per_company.c.first == per_company.c.last)
        .group_by(per_company.c.first)
    )
    found = Counter({frozenset([_cell(text)]): count for text, count in session.execute(single)})
    spread = (
        select(rows.c.company_id, key)
        .join(per_company, per_company.c.company_id == rows.c.company_id)
        .where(per_company.c.first != per_company.c.last)
        .distinct()
        .order_by(rows.c.company_id)
    )
    current, cells = None, set[Cell]()
    for company_id, text in session.execute(spread.execution_options(yield_per=10_000)):
        if company_id != current and cells:
            found[frozenset(cells)] += 1
            cells = set()
        current = company_id
        cells.add(_cell(text))
    if cells:
        found[frozenset(cells)] += 1
    return found


def _merge(
    parts: Sequence[tuple[Cell, ...]], companies: CompaniesByCells, minimum: int
) -> tuple[list[tuple[Cell, ...]], list[tuple[Cell, ...]]]:
    """Keep the parts that are large enough and pool the others in their order; return groups, and what is left over."""
    groups = [part for part in parts if distinct(companies, part) >= minimum]
    pool: tuple[Cell, ...] = ()
    for part in parts:
        if part in groups:
            continue
        pool += part
        if distinct(companies, pool) >= minimum:
            groups.append(pool)
            pool = ()
    if not pool:
        return groups, []
    return (_joined(groups, pool, companies), []) if groups else ([], [pool])


def _joined(
    groups: list[tuple[Cell, ...]], remainder: tuple[Cell, ...], companies: CompaniesByCells
) -> list[tuple[Cell, ...]]:
    """Add a remainder to the group that was merged already, else to the smallest."""
    if not groups:
        return [remainder]
    chosen = min(
        groups, key=lambda group: (len(group) == 1, distinct(companies, group), cell_order(min(group, key=cell_order)))
    )
    return [group + remainder if group is chosen else group for group in groups]


def cell_order(cell: Cell) -> tuple[bool, str, bool, str]:
    """Order cells by province, then section; the unknown ones last."""
    province, section = cell
    return province is None, province or "", section is None, section or ""


def _cell(text: str) -> Cell:
    province, _, section = text.partition("|")
    return province or None, section or None


def _only(values: set[str | None]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
