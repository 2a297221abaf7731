"""Membership of a set that a subquery gives, in the form that each database plans well.

Measured on a million contacts: SQLite builds the set of `key IN (subquery)` once and looks into it, seven times
faster than the same question as EXISTS per row. PostgreSQL joins `EXISTS`, and its negation, as it thinks best, but
never `NOT IN`, and looks through the whole set for each row once that outgrows work_mem.
"""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Select, UnaryExpression, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import operators
from sqlalchemy.sql.functions import FunctionElement


class Among(FunctionElement[bool]):
    """True if `key` is among the values that the queries, of one column each, give; neither may be NULL."""

    type = Boolean()
    inherit_cache = True
    name = "among"

    def __init__(self, key: ColumnElement[Any] | InstrumentedAttribute[Any], *queries: Select[Any]) -> None:
        alone = [query.correlate(None) for query in queries]
        joined = alone[0] if len(alone) == 1 else union_all(*alone)
        super().__init__(key, joined.scalar_subquery())
        self.queries = queries

    def by(self, key: ColumnElement[Any] | InstrumentedAttribute[Any]) -> Among:
        """Ask the same of another column that holds the same value."""
        return type(self)(key, *self.queries)

    # A database without booleans would get `… = 1` and `… = 0`, through which SQLite's planner sees no set.
    def self_group(self, against: Any = None) -> Self:
        return self

    def _negate(self) -> ColumnElement[bool]:
        return UnaryExpression(self, operator=operators.inv, type_=self.type)


class AmongSorted(Among):
    """`Among` whose queries each come in order from an index: SQLite then builds the set from its first to its last.

    Measured for two tags of 207,000 contacts: 36 ms, and 65 with one list after the other. What has to be sorted first
    takes longer so.
    """

    inherit_cache = True


@compiles(Among)
def _in_set(element: Among, compiler: Any, **options: Any) -> str:
    key, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({key} IN {query})"


@compiles(AmongSorted, "sqlite")
def _in_sorted_set(element: AmongSorted, compiler: Any, **options: Any) -> str:
    key, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({key} IN {query.removesuffix(')')} ORDER BY 1))"


@compiles(Among, "postgresql")
def _joined(element: Among, compiler: Any, **options: Any) -> str:
    key, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(EXISTS (SELECT 1 FROM {query} AS among(key) WHERE among.key = {key}))"  # noqa: S608 - compiled SQL
