"""The online store of many machines in PostgreSQL: one table, read and moved in transactions."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from andon.expressions.online.store import Snapshot
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError

_NAMES: Final = re.compile(r"[A-Za-z0-9_.:/@=+-]+")
_LONGEST: Final = 63  # PostgreSQL cuts off the rest of a name, so that two long ones could be one table
_POSITION: Final = b""
_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 4 << 20
_PAGE: Final = 10_000
_DEFAULTS: Final[dict[str, str | int | None]] = {
    "application_name": "andon",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that vanished without a word is noticed in seconds, not in hours."""

_MAKE: Final[LiteralString] = """
    SELECT pg_advisory_xact_lock(hashtext('andon.online'));
    CREATE TABLE IF NOT EXISTS {table} (key bytea PRIMARY KEY, data bytea NOT NULL);
    ALTER TABLE {table} ALTER data SET STORAGE EXTERNAL;
    INSERT INTO {table} VALUES ('', '') ON CONFLICT DO NOTHING"""
_LOOK: Final[LiteralString] = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT data FROM {table} WHERE key = ''"""
_WRITE: Final[LiteralString] = """
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3;
    SELECT data FROM {table} WHERE key = '' FOR UPDATE NOWAIT"""
_GET: Final[LiteralString] = "SELECT key, data FROM {table} WHERE key = ANY(%b::bytea[])"
_KEYS: Final[LiteralString] = "SELECT key FROM {table} WHERE key >= %b ORDER BY key LIMIT %b"
_PUT: Final[LiteralString] = """
    INSERT INTO {table} SELECT * FROM unnest(%b::bytea[], %b::bytea[])
    ON CONFLICT (key) DO UPDATE SET data = excluded.data"""
_DELETE: Final[LiteralString] = "DELETE FROM {table} WHERE key = ANY(%b::bytea[])"


class _Look:
    """One read transaction, open as long as the block."""

    __slots__ = ("_link", "_store", "position")

    def __init__(self, store: "PostgresOnline") -> None:
        self._store = store

    def __enter__(self) -> "_Look":
        self._link, self.position = self._store.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._store.end(self._link)

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self._store.read(self._link, keys)


class PostgresOnline:
    """Implements `andon.expressions.online.store.OnlineStore`.

    A question costs one round trip, and one for each `get`: what begins a transaction brings the position with it, and
    nobody waits for its end. A move locks the row of the position, which is its right to write: readers go on reading
    the moment before, and whoever else wants to write is refused. The server lets go of it when the writer is gone.

    Threads may share a store; each look takes a connection of its own, and leaves it to the next. Nothing is connected
    before the first look or move; a server that was restarted is connected again at the next one.

    Blocks are not compressed: that would halve the table, and take ten times as long to write.

    Args:
        url: Where the database is, as libpq takes it: `postgresql://user:password@host:5432/database`.
        name: The table's name, found along the user's `search_path` and made where it is missing. Of one longer than 63
            characters the end is replaced by a digest of it all.

    Raises:
        InputError: This is no address, or no name of a table.
    """

    def __init__(self, url: str, name: str) -> None:
        self._address, where = _address(url)
        self._place = f"{where} {name}"
        if not _NAMES.fullmatch(name):
            raise InputError(
                "online.unreadable",
                "This cannot be the name of a table.",
                found=repr(name),
                fix="Use letters, digits and _ . : / @ = + -",
            )
        table = sql.Identifier(_fitting(name))
        self._table = table.as_string()
        self._idle: list[psycopg.Connection] = []

        def written(text: LiteralString) -> bytes:
            return sql.SQL(text).format(table=table).as_bytes()

        self._make, self._look, self._write = written(_MAKE), written(_LOOK), written(_WRITE)
        self._get, self._keys, self._put, self._delete = (written(one) for one in (_GET, _KEYS, _PUT, _DELETE))

    def look(self) -> AbstractContextManager[Snapshot]:
        """The store as it is now."""
        return _Look(self)

    def move(self, before: bytes, after: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write these blocks and the new position in one transaction."""
        with self._refusing():
            link, position = self._begun(self._write)
            try:
                if position != before:
                    raise ConflictError(
                        "online.moved",
                        "Somebody else has written to the online store.",
                        place=self._place,
                        fix="Ask again: it is compared with the datasets anew.",
                    )
                for some in _batches(changes):
                    put = {key: data for key, data in some.items() if data is not None}
                    link.execute(self._put, (list(put), list(put.values())))
                    link.execute(self._delete, ([key for key in some if key not in put],))
                link.execute(self._put, ([_POSITION], [after]))
                link.execute(b"COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # a server that cannot be told takes back what was written by itself
                    link.execute(b"ROLLBACK")
                link.close()
                raise
        self._idle.append(link)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in their order."""
        link, _ = self.begin()
        low = prefix or b"\0"
        try:
            while low:
                with self._refusing():
                    page = [key for (key,) in link.execute(self._keys, (low, _PAGE), binary=True)]
                found = [key for key in page if key.startswith(prefix)]
                yield from found
                low = found[-1] + b"\0" if len(found) == _PAGE else b""
        finally:
            self.end(link)

    def close(self) -> None:
        """Let go of all connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def begin(self) -> tuple[psycopg.Connection, bytes]:
        """A connection that sees the store as it is now, and its position."""
        with self._refusing():
            return self._begun(self._look)

    def read(self, link: psycopg.Connection, keys: Sequence[bytes]) -> list[bytes | None]:
        """What this connection sees under each key."""
        with self._refusing():
            found: dict[bytes, bytes] = dict(link.execute(self._get, (list(keys),), binary=True))
        return [found.get(key) for key in keys]

    def end(self, link: psycopg.Connection) -> None:
        """Take back a connection; that its transaction has ended is heard when it is used again."""
        try:
            link.pgconn.send_query(b"COMMIT")
        except psycopg.Error:
            link.close()
        else:
            self._idle.append(link)

    def _begun(self, statements: bytes) -> tuple[psycopg.Connection, bytes]:
        """A connection on which these statements have begun a transaction, and the position that the last one found.

        One that was left idle may be lost by now, which shows when it is used; then the next one is taken.
        """
        while True:
            link, is_new = self._taken()
            try:
                while link.pgconn.get_result():
                    pass
                cursor = link.execute(statements, prepare=False)
                while cursor.nextset():
                    pass
                row = cursor.fetchone()
            except psycopg.OperationalError:
                is_lost = link.closed
                link.close()
                if is_new or not is_lost:
                    raise
            except BaseException:
                link.close()
                raise
            else:
                if row is not None:
                    return link, row[0]
                link.close()
                raise _damaged(self._place, "a table without a position")

    def _taken(self) -> tuple[psycopg.Connection, bool]:
        """A connection, and whether it is new."""
        try:
            return self._idle.pop(), False
        except IndexError:
            link = psycopg.connect(self._address, autocommit=True)
        try:
            (found,) = link.execute("SELECT to_regclass(%s)", (self._table,)).fetchone() or (None,)
            if found is None:
                link.execute(self._make)
        except BaseException:
            link.close()
            raise
        return link, True

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise _refused(error, self._place) from error


def _address(url: str) -> tuple[str, str]:
    """An address as libpq takes it, and what may be said of it: never a password, nor what could be a part of one."""
    try:
        given: dict[str, str | int | None] = {**conninfo_to_dict(url)}
    except psycopg.Error:
        given = {"host": "@"}
    host, port, name = (str(given.get(one) or "") for one in ("host", "port", "dbname"))
    if "@" in host + name or (port and not port.replace(",", "0").isdecimal()):  # a password that was not quoted
        raise InputError(
            "online.unreadable",
            "This is not the address of a PostgreSQL database; it is not shown, since it may hold a password.",
            fix="Write postgresql://user:password@host:5432/database, with % and two digits for any : / @ % ? # in it.",
        )
    where = f"postgresql://{host or given.get('hostaddr', '')}{f':{port}' if port else ''}/{name}"
    return make_conninfo("", **{**_DEFAULTS, **given}), where


def _fitting(name: str) -> str:
    """A table's name that PostgreSQL takes as a whole."""
    told = f"~{sha256(name.encode()).hexdigest()[:16]}"
    return name if len(name) <= _LONGEST else name[: _LONGEST - len(told)] + told


def _batches(changes: Iterable[tuple[bytes, bytes | None]]) -> Iterator[dict[bytes, bytes | None]]:
    """The changes in pieces that fit into memory; in each, what comes last for a key counts."""
    some: dict[bytes, bytes | None] = {}
    size = 0
    for key, data in changes:
        some[key] = data
        size += len(data or b"")
        if len(some) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield some
            some, size = {}, 0
    if some:
        yield some


def _refused(error: psycopg.Error, place: str) -> AndonError:
    """What the server or the way to it refused, in andon's words."""
    found = str(error)
    if error.sqlstate in ("55P03", "40001", "40P01"):  # a lock, a serialisation, a deadlock
        return ConflictError(
            "online.busy",
            "Somebody else is writing to the online store.",
            place=place,
            found=found,
            fix="Ask again when that is done; what was there before is served meanwhile.",
        )
    if error.sqlstate == "53100":
        return InputError(
            "online.full",
            "The online store cannot grow: the disk of its server is full.",
            place=place,
            found=found,
            fix="Make room on the server's disk; what was there before is served meanwhile.",
        )
    if error.sqlstate in ("XX001", "XX002"):  # a page, an index
        return _damaged(place, found)
    return InputError(
        "online.unreadable",
        "The online store cannot be used.",
        place=place,
        found=found,
        fix="See that the server runs and can be reached, and that its user may read and write this table.",
    )


def _damaged(place: str, found: str) -> IntegrityError:
    return IntegrityError(
        "online.damaged",
        "The table of the online store is damaged.",
        place=place,
        found=found,
        fix="Drop the table, and make the store again from the datasets: andon feature rebuild",
    )
