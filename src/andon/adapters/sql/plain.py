"""Questions and additions in the driver's own words: rows as the database gives them, for what decisions wait for.

Putting a statement together anew, and results around its rows, takes the library longer than the database takes to
answer: a signed decision asks some fifty questions, and an audit reads millions of rows.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, cast

from sqlalchemy import Engine

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
    with _cursor(engine, unit) as cursor:
        cursor.execute(query, parameters)
        return cast("list[Row]", cursor.fetchall())


def add(engine: Engine, unit: Unit, query: str, rows: Sequence[Sequence[Value]]) -> None:
    """Add rows in a unit.

    Raises:
        AndonError: The unit is not of this database, or the database refuses.
    """
    with _cursor(engine, unit) as cursor:
        cursor.executemany(query, rows)


def places(values: Collection[object]) -> str:
    """A place for each of some values, for the list of an `IN`."""
    return ", ".join("?" * len(values))


@contextmanager
def _cursor(engine: Engine, unit: Unit | None) -> Iterator[sqlite3.Cursor]:
    try:
        if unit is not None:
            with closing(connection_of(unit, engine).connection.cursor()) as cursor:
                yield cast("sqlite3.Cursor", cursor)
        else:
            with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                yield cast("sqlite3.Cursor", cursor)
    except (sqlite3.Error, OverflowError) as error:
        raise refusal(error, str(engine.url.database)) or error from error
