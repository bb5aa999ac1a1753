"""Rows of a query over ADBC, from PostgreSQL or an SQLite file: read only, its two parameters bound."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import adbc_driver_postgresql.dbapi as postgresql
import adbc_driver_sqlite.dbapi as sqlite
import polars as pl
from adbc_driver_manager import AdbcStatusCode, Error
from adbc_driver_manager.dbapi import Connection

from andon.contracts.reading import ENV, Account, Moments, Sql, variable_of
from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import AndonError, InputError, WaitingError
from andon.line.ingest.ports import Asked, Brought
from andon.line.ingest.query import numbered, parameters_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING_NS: Final = -62_135_596_800 * SECOND_NS  # year 1, which every database can say
_UNITS_NS: Final = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_CONNECT_S: Final = 10
_POSTGRES: Final = ("postgresql", "postgres")
_PASSING: Final = re.compile(
    r"starting up|shutting down|too many (clients|connections)|recovery mode|terminating connection|server closed the"
    r" connection|connection (refused|reset|timed out)|timeout|could not (connect|receive|send)|network is unreachable"
    r"|no route to host|temporary failure|database is locked",
    re.IGNORECASE,
)
_PASSING_STATES: Final = ("08", "53", "57P", "40")


def read_sql(asked: Asked[Sql]) -> Brought:
    """Bring the rows of a query.

    Raises:
        InputError: The database refuses it: who asks, what is asked, or a table that is not there.
        WaitingError: The database cannot be reached (`source.unreachable`).
    """
    url = _url(asked)
    scheme = urlsplit(url).scheme
    is_postgres = scheme in _POSTGRES
    query = numbered(asked.reads.query, "$" if is_postgres else "?")
    moments = asked.reads.moments or ("native" if is_postgres else "text")
    times = {"since": asked.since_ns, "until": asked.until_ns}
    bound = [_bound(times[name], moments) for name in parameters_of(asked.reads.query)]
    with _said(asked, url, is_connecting=True):
        link = _connected(url, asked, is_postgres=is_postgres)
    with _said(asked, url), link, link.cursor() as cursor:
        if is_postgres:
            cursor.execute("set transaction read only")
            cursor.execute("set local time zone 'UTC'")
        cursor.execute(query, parameters=bound or None)
        rows = pl.DataFrame(cursor.fetch_arrow())
    return Brought(_plain(rows).lazy(), Account())


def _url(asked: Asked[Sql]) -> str:
    name = variable_of(asked.reads.url)
    url = asked.value_of(name) if name else asked.reads.url
    scheme = urlsplit(url).scheme
    if scheme in (*_POSTGRES, "sqlite"):
        return url
    raise InputError(
        "source.url",
        "This is not the URL of a database that andon reads.",
        place=asked.source,
        found=f"{scheme}://" if scheme else f"{ENV}{name} holds no URL",
        fix="Write it like postgresql://user:password@host/database, or sqlite:///path/to/file.db",
    )


def _connected(url: str, asked: Asked[Sql], *, is_postgres: bool) -> Connection:
    """A connection; an SQLite file is opened to be read only."""
    if is_postgres:
        joint = "&" if urlsplit(url).query else "?"
        limit = "" if "connect_timeout=" in url else f"{joint}connect_timeout={_CONNECT_S}"
        link: Connection = postgresql.connect(url + limit)
        return link
    return sqlite.connect(f"file:{quote(str(_sqlite_path(url, asked)))}?mode=ro")


def _sqlite_path(url: str, asked: Asked[Sql]) -> Path:
    """The file of an SQLite URL: `sqlite:///a` is relative to the factory folder, `sqlite:////a` is not."""
    told = unquote(urlsplit(url).path.removeprefix("/"))
    path = asked.folder / told
    place = asked.reads.url if variable_of(asked.reads.url) else str(path)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        fix = "Correct the path; a relative one begins in the factory folder, sqlite:////path in the root."
        what = error.strerror or type(error).__name__
        raise InputError(
            "sql.no-file", "This database file cannot be read.", place=place, found=what, fix=fix
        ) from error
    if head and not head.startswith(b"SQLite format 3\0"):
        fix = "Name the database file itself."
        raise InputError("sql.no-file", "This file is no SQLite database.", place=place, found=repr(head), fix=fix)
    return path


def _bound(moment_ns: int | None, moments: Moments) -> object:
    """A moment as a database compares it; text and coarser units are rounded down, so that windows still join."""
    ns = _BEGINNING_NS if moment_ns is None else moment_ns
    if moments in _UNITS_NS:
        return max(ns // _UNITS_NS[moments], -(2**63))
    moment = _EPOCH + timedelta(microseconds=max(ns, _BEGINNING_NS) // 1_000)
    if moments == "text":
        return f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}"
    return moment


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Types that only say where they come from, such as PostgreSQL's numeric, as what they are stored in."""
    odd = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.BaseExtension)]
    return rows.with_columns(pl.col(name).ext.storage() for name in odd)


@contextmanager
def _said(asked: Asked[Sql], url: str, *, is_connecting: bool = False) -> Iterator[None]:
    """Whatever the database says, as a refusal without the secrets of its URL."""
    try:
        yield
    except AndonError:
        raise
    except Error as error:
        raise _refusal(error, asked, url, is_connecting=is_connecting) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _broken_rows(error, asked, url) from error


def _broken_rows(error: BaseException, asked: Asked[Sql], url: str) -> AndonError:
    """What went wrong while rows came: the driver's word reaches us through Polars then."""
    found = _without_secrets(str(error), url)
    if _PASSING.search(found):
        fix = "andon run asks again for the same window; nothing of it was kept."
        message = "The database went away while its rows came."
        return WaitingError("source.unreachable", message, place=asked.source, found=found, fix=fix)
    if isinstance(error, pl.exceptions.ComputeError):
        fix = "Correct the query; try it in the database's own shell, to its last row."
        message = "The query failed while its rows came."
        return InputError("sql.refused", message, place=asked.source, found=found, fix=fix)
    fix = "Cast the columns in the query to plain types, such as cast(x as text), and give each its own name."
    return InputError("sql.columns", "These rows are no table.", place=asked.source, found=found, fix=fix)


def _refusal(error: Error, asked: Asked[Sql], url: str, *, is_connecting: bool) -> AndonError:
    state = getattr(error, "sqlstate", None) or ""
    found = _without_secrets(str(error), url)
    is_io = error.status_code in (AdbcStatusCode.IO, AdbcStatusCode.TIMEOUT)
    is_passing = state.startswith(_PASSING_STATES) if state else is_io and bool(_PASSING.search(found))
    if is_passing:
        fix = "Start it, or wait; andon run asks again. If it never answers, correct the URL."
        message = "The database cannot be reached."
        return WaitingError("source.unreachable", message, place=asked.source, found=found, fix=fix)
    if is_connecting:
        fix = "Correct host, database, user or password in the URL."
        message = "The database lets nobody in like that."
        return InputError("sql.not-connected", message, place=asked.source, found=found, fix=fix)
    fix = "Correct the query; try it in the database's own shell."
    return InputError("sql.refused", "The database refuses the query.", place=asked.source, found=found, fix=fix)


def _without_secrets(text: str, url: str) -> str:
    """What a database said, in one line, with nothing of the URL that could be a secret."""
    parts = urlsplit(url)
    for secret in {url, parts.password or "", unquote(parts.password or "")} - {""}:
        text = text.replace(secret, "***")
    return " ".join(text.split())[:400]
