"""Questions and additions in the driver's own words: rows as the database gives them, for what decisions wait for.

Putting a statement together anew, and results around its rows, takes the library longer than the database takes to
answer: a signed decision asks some fifty questions, and an audit reads millions of rows.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from andon.adapters.sql.errors import refusal
from andon.adapters.sql.unit import connection_of
from andon.kernel.unit import Unit

Row = tuple[Any, ...]
Value = int | str | bytes


def fetch(engine: Engine, query: str, *parameters: Value, unit: Unit | None = None) -> list[Row]:
    """All rows that answer one question: in the unit, where one is given, otherwise of what is committed.

    Raises:
        AndonError: The unit is not of this database, or the database refuses.
    """
    try:
        if unit is not None:
            return _rows(connection_of(unit, engine).connection.cursor(), query, parameters)
        connection = engine.raw_connection()
        try:
            return _rows(connection.cursor(), query, parameters)
        finally:
            connection.close()
    except (sqlite3.Error, OverflowError) as error:
        raise refusal(error, str(engine.url.database)) or error from error


def add(engine: Engine, unit: Unit, query: str, rows: Sequence[Sequence[Value]]) -> None:
    """Add rows in a unit.

    Raises:
        AndonError: The unit is not of this database, or the database refuses.
    """
    cursor = connection_of(unit, engine).connection.cursor()
    try:
        cursor.executemany(query, rows)
    except (sqlite3.Error, OverflowError) as error:
        raise refusal(error, str(engine.url.database)) or error from error
    finally:
        cursor.close()


def places(values: Collection[object]) -> str:
    """A place for each of some values, for the list of an `IN`."""
    return ", ".join("?" * len(values))


def _rows(cursor: DBAPICursor, query: str, parameters: Sequence[Value]) -> list[Row]:
    try:
        cursor.execute(query, parameters)
        return cast("list[Row]", cursor.fetchall())
    finally:
        cursor.close()
