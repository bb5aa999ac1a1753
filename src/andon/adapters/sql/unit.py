"""Units of work on the control database: one writer at a time, everything together or nothing at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from andon.kernel.errors import UsageError
from andon.kernel.unit import Unit


class SqlUnit:
    """An open transaction."""

    __slots__ = ("connection", "is_open")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_open = True


class SqlUnits:
    """Where units come from.

    A unit holds the one write lock of the database from its first moment, so what is asked inside it cannot be
    overtaken by another writer before it commits. Questions without a unit see what is committed, never what an open
    unit wrote.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of_thread = threading.local()

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """Open a unit: commits when the block ends, undoes everything when the block raises.

        Raises:
            UsageError: This thread has one open already: it would wait for itself.
            ConflictError: Another process held the database for too long (`database.locked`).
            StorageError: The disk is full or fails; nothing was written.
        """
        if getattr(self._of_thread, "is_open", False):
            raise UsageError(
                "database.unit-in-unit",
                "A unit was opened inside a unit of the same thread.",
                fix="Hand the open unit on instead of opening another.",
            )
        self._of_thread.is_open = True
        try:
            with self._transaction() as unit:
                yield unit
        finally:
            self._of_thread.is_open = False

    @contextmanager
    def _transaction(self) -> Iterator[SqlUnit]:
        with self._engine.connect() as connection:
            connection.execution_options(begin="IMMEDIATE")
            with connection.begin():
                unit = SqlUnit(connection)
                try:
                    yield unit
                finally:
                    unit.is_open = False


def connection_of(unit: Unit, engine: Engine) -> Connection:
    """The connection of an open unit of this database.

    Raises:
        UsageError: The unit is over, or is not of this database.
    """
    if not isinstance(unit, SqlUnit) or unit.connection.engine.pool is not engine.pool:
        raise UsageError(
            "database.foreign-unit",
            "This unit is not of this control database.",
            found=type(unit).__name__,
            fix="Open the unit from the same database that is written to.",
        )
    if not unit.is_open:
        raise UsageError(
            "database.unit-over",
            "This unit is over: nothing more can be written in it.",
            fix="Write inside the block that opens the unit.",
        )
    return unit.connection


@contextmanager
def reading(engine: Engine, unit: Unit | None = None) -> Iterator[Connection]:
    """A connection for questions: the unit's own where one is given, otherwise one that sees what is committed."""
    if unit is not None:
        yield connection_of(unit, engine)
    else:
        with engine.connect() as connection:
            yield connection
