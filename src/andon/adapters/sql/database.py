"""Opens the control database: SQLite in WAL mode, brought up to date, with all its rooms' ports."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from andon.adapters.sql.commits import SqlCommits, SqlLeases
from andon.adapters.sql.errors import not_a_database, refusal
from andon.adapters.sql.ledger import SqlCheckpointRows, SqlLedgerRows
from andon.adapters.sql.manifests import SqlManifests
from andon.adapters.sql.refs import SqlRefs
from andon.adapters.sql.runs import SqlAttempts, SqlRuns
from andon.adapters.sql.statements import SqlStatements
from andon.adapters.sql.unit import SqlUnits
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.store.errors import StorageError

REVISIONS: Final = ("0001", "0002")
APPLICATION_ID: Final = int.from_bytes(b"andn")


class _DriverConnection(Protocol):
    """The parts of the driver's connection that are used here."""

    isolation_level: str | None

    def execute(self, sql: str, /) -> sqlite3.Cursor: ...


@dataclass(frozen=True, slots=True)
class Database:
    """An open control database, as the ports that the rooms above ask for."""

    engine: Engine
    units: SqlUnits
    manifests: SqlManifests
    refs: SqlRefs
    runs: SqlRuns
    attempts: SqlAttempts
    commits: SqlCommits
    leases: SqlLeases
    statements: SqlStatements
    ledger_rows: SqlLedgerRows
    checkpoints: SqlCheckpointRows

    def close(self) -> None:
        """Close every connection; asking again opens new ones."""
        self.engine.dispose()


def open_database(url: str, *, wait_ms: int = 30_000) -> Database:
    """Open a control database; an empty or missing file becomes one, an older one is brought up to date.

    Args:
        url: `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`.
        wait_ms: How long a writer waits for another one, in milliseconds.

    Raises:
        UsageError: The URL is not one of those.
        InputError: The file cannot be opened, is something else, or was made by a newer andon.
        IntegrityError: The file is damaged.
        ConflictError: Another process held it for longer than `wait_ms`.
        StorageError: The disk is full, fails or cannot be written.
    """
    path = _path_of(url)
    engine = _engine(path, wait_ms)
    try:
        _bring_up_to_date(engine, str(path))
    except AndonError:
        engine.dispose()
        raise
    return Database(
        engine=engine,
        units=SqlUnits(engine),
        manifests=SqlManifests(engine),
        refs=SqlRefs(engine),
        runs=SqlRuns(engine),
        attempts=SqlAttempts(engine),
        commits=SqlCommits(engine),
        leases=SqlLeases(engine),
        statements=SqlStatements(engine),
        ledger_rows=SqlLedgerRows(engine),
        checkpoints=SqlCheckpointRows(engine),
    )


def _path_of(url: str) -> Path:
    try:
        parts = make_url(url)
    except ArgumentError as error:
        raise _not_a_url(url) from error
    is_file = parts.drivername == "sqlite" and parts.database and not parts.database.startswith((":", "file:"))
    if not is_file or parts.query or parts.host:
        raise _not_a_url(url)
    return Path(str(parts.database)).absolute()


def _engine(path: Path, wait_ms: int) -> Engine:
    # The last connection given back is the first one taken: it has its statements prepared.
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_use_lifo=True)

    @event.listens_for(engine, "connect")
    def configure(connection: _DriverConnection, entry: ConnectionPoolEntry) -> None:
        # The driver must not open transactions by itself: `begin` below says which kind is wanted.
        connection.isolation_level = None
        entry.info["pid"] = os.getpid()
        for pragma in (f"busy_timeout = {wait_ms:d}", "foreign_keys = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = connection.get_execution_options().get("begin", "DEFERRED")
        if kind != "NOTHING":
            connection.exec_driver_sql(f"BEGIN {kind}")

    @event.listens_for(engine, "checkout")
    def refuse_after_fork(_: object, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        # SQLite's locks belong to the process that opened the file: a forked child opens its own.
        if entry.info["pid"] != os.getpid():
            entry.dbapi_connection = proxy.dbapi_connection = None  # type: ignore[misc]  # SQLAlchemy's recipe
            raise DisconnectionError("connection of another process")

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> AndonError | None:
        return refusal(context.original_exception, str(path))

    return engine


def _bring_up_to_date(engine: Engine, place: str) -> None:
    with engine.connect() as connection:
        if _revision(connection, place) == REVISIONS[-1]:
            return
    with engine.connect().execution_options(begin="NOTHING") as connection:
        # Readers never wait for the writer in this mode, and the file keeps it.
        mode = connection.scalar(text("PRAGMA journal_mode = WAL"))
    if mode != "wal":
        raise _no_wal(place, str(mode))
    with engine.connect().execution_options(begin="IMMEDIATE") as connection, connection.begin():
        if _revision(connection, place) != REVISIONS[-1]:
            _migrate(connection)


def _revision(connection: Connection, place: str) -> str | None:
    """The revision of the database, `None` for an empty one."""
    tables = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")).all()
    if not tables:
        return None
    if connection.scalar(text("PRAGMA application_id")) != APPLICATION_ID:
        raise not_a_database(place, f"tables {', '.join(tables[:5])}")
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision not in REVISIONS:
        raise InputError(
            "database.newer",
            "This control database was made by a newer andon.",
            place=place,
            found=f"revision {revision}; this andon knows up to {REVISIONS[-1]}",
            fix="Install the andon that made it, or a newer one: a database never goes back.",
        )
    return revision


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  # slow to import, and needed only when the database is not up to date
    from alembic.config import Config  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID:d}"))


def _no_wal(place: str, found: str) -> StorageError:
    return StorageError(
        "database.no-wal",
        "The control database cannot keep a write-ahead log here.",
        place=place,
        found=f"journal mode {found}",
        fix="Put the file on a local disk; network file systems cannot hold it.",
    )


def _not_a_url(url: str) -> UsageError:
    return UsageError(
        "database.not-a-url",
        "This does not name a control database.",
        found=repr(url),
        fix="Write sqlite:///path/to/andon.db, or sqlite:////path/to/andon.db from the root.",
    )
