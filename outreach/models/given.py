"""Rows given to a statement as one parameter, so that any number of them make one statement, compiled once.

As JSON, which both databases take apart. With a parameter for each value SQLAlchemy would write the statement anew for
every number of rows, and an UPDATE for each row costs PostgreSQL a plan each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, ScalarSelect, String, cast, func, select
from sqlalchemy import bindparam as parameter
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

from outreach.models.columns import BigId

Columns = Sequence[tuple[str, TypeEngine[Any]]]


def ids(dialect: str) -> ScalarSelect[int]:
    """Return the numbers in the parameter `ids`, for use with IN."""
    given = rows(dialect, [("id", BigId)], "ids")
    return select(given.c.id).scalar_subquery()


def rows(dialect: str, columns: Columns, name: str = "rows") -> CTE:
    """Return the rows in the parameter `name`, one column for each value of a row."""
    cells: list[ColumnElement[Any]]
    if dialect == "sqlite":
        each = func.json_each(parameter(name)).table_valued("value").alias("each")
        cells = [func.json_extract(each.c.value, f"$[{place}]", type_=kind) for place, (_, kind) in enumerate(columns)]
    else:
        # A function's column has its name: json_array_elements(…) AS value.
        each = func.json_array_elements(cast(parameter(name, type_=String), JSON)).table_valued("value").alias("each")
        cells = [cast(each.c.value.op("->>")(place), kind) for place, (_, kind) in enumerate(columns)]
    named = [cell.label(column) for cell, (column, _) in zip(cells, columns, strict=True)]
    return select(*named).cte(f"given_{name}")


def as_parameter(values: Iterable[Sequence[Any]]) -> str:
    """Return rows as the parameter that `rows` reads."""
    return json.dumps(list(values))
