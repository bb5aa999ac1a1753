"""What a source reads without a function: files, a query or a table, said where the source is declared."""

import codecs
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from andon.api.caller import caller, placed
from andon.contracts.reading import ENV, Delta, Files, Format, Moments, Sql, variable_of
from andon.kernel.errors import UsageError
from andon.line.ingest.query import parameters_of

_SCHEMES: Final = ("sqlite", "postgresql", "postgres")
_FORMATS: Final = ("csv", "parquet", "ndjson")
_MOMENTS: Final = ("native", "text", "s", "ms", "us", "ns")


def files(
    *paths: str,
    format: Format | None = None,  # noqa: A002  # the word that people look for
    separator: str = ",",
    quote: str = '"',
    columns: Sequence[str] = (),
    null_values: Sequence[str] = (),
    encoding: str = "utf-8",
) -> Files:
    """Files that a source reads, each of them once: CSV, Parquet or NDJSON, as their endings say, `.gz` too.

    Args:
        paths: Paths with `*`, `?`, `[...]` and `**`, relative to the factory folder; `env:NAME/*.csv` begins with what
            the variable `NAME` says.
        format: What the files hold, where their endings do not say so: `csv`, `parquet` or `ndjson`.
        separator: Between the fields of CSV, one character.
        quote: Around fields of CSV, one character; empty where none has a meaning.
        columns: Names for the columns of CSV files that have no line of names.
        null_values: Fields that mean that there is no value, beside the empty one.
        encoding: Of CSV and NDJSON, such as `latin-1` or `utf-16`.

    Raises:
        UsageError: There is no path, or an option means nothing.
    """
    place = caller()
    if not paths or not all(paths):
        raise _refuse("path", "Files need a path.", place, repr(paths), 'files("landing/*.csv")')
    if format is not None and format not in _FORMATS:
        raise _refuse("format", "andon reads no files of this format.", place, repr(format), "csv, parquet or ndjson")
    for name, mark in (("separator", separator), ("quote", quote)):
        if not (len(mark) == 1 and mark.isascii() and mark not in "\r\n\0") and not (name == "quote" and not mark):
            raise _refuse(name, f"A {name} is one ASCII character.", place, repr(mark), f'{name}=";"')
    try:
        known = codecs.lookup(encoding).name
        "".encode(encoding)
    except LookupError as error:
        raise _refuse(
            "encoding", "Python knows no such encoding.", place, repr(encoding), 'encoding="latin-1"'
        ) from error
    if len(set(columns)) < len(columns):
        raise _refuse("columns", "Two columns have one name.", place, repr(columns), "Give each its own name.")
    for path in paths:
        _check_variable(path, place)
    return Files(tuple(paths), format, separator, quote, tuple(columns), tuple(null_values), known)


def sql(url: str, query: str, *, moments: Moments | None = None) -> Sql:
    """A query that a source asks a database, with the window's moments bound to `:since` and `:until`.

    Args:
        url: `env:NAME` for a variable that holds the URL; or `sqlite:///path`, relative to the factory folder, or
            `postgresql://...` without a password.
        query: One statement. It gets no parameter but these two, and they are bound, never pasted.
        moments: How they are bound: `native`, a time stamp with zone, as PostgreSQL compares it; `text`, such as
            `2026-01-31 12:00:00` in UTC, as SQLite keeps it; or the number of `s`, `ms`, `us` or `ns` since 1970. By
            default `native` for PostgreSQL and `text` for SQLite.

    Raises:
        UsageError: The URL holds a password or names no database that there is, or the query takes other parameters.
    """
    place = caller()
    _check_url(url, place)
    if moments is not None and moments not in _MOMENTS:
        raise _refuse("moments", "Moments are not bound like that.", place, repr(moments), ", ".join(_MOMENTS))
    with placed(place):
        parameters_of(query)
    return Sql(url, query, moments)


def delta(path: str, *, version: int | None = None) -> Delta:
    """A Delta Lake table that a source reads, as a whole, whenever it has a new version.

    Args:
        path: Its folder, relative to the factory folder, or `env:NAME` for a variable that holds it.
        version: The one version to read; without it the newest.

    Raises:
        UsageError: There is no path, or such a version cannot be.
    """
    place = caller()
    _check_variable(path, place)
    if not path or (version is not None and version < 0):
        raise _refuse("delta", "This names no version of a table.", place, f"{path!r}, {version}", 'delta("tables/t")')
    return Delta(path, version)


def _check_url(url: str, place: str) -> None:
    fix = 'Put the whole URL into a variable and name that: sql("env:SHOP_DB", ...)'
    if url.startswith(ENV):
        return _check_variable(url, place)
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None or bool({"password", "sslpassword"} & set(parse_qs(parts.query)))
    except ValueError as error:
        raise _refuse("url", "This is no URL.", place, str(error), fix) from error
    if has_password:
        raise _refuse("secret", "A password stands in the code.", place, f"a password in a {parts.scheme} URL", fix)
    if parts.scheme not in _SCHEMES:
        found = f"{parts.scheme}://" if parts.scheme else repr(url)
        raise _refuse("url", "andon reads from no database of this kind.", place, found, f"{' or '.join(_SCHEMES)}://")
    return None


def _check_variable(text: str, place: str) -> None:
    if text.startswith(ENV) and not variable_of(text).isidentifier():
        raise _refuse("variable", "This names no environment variable.", place, repr(text), "env:SHOP_DB")


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"source.{what}", message, place=place, found=found, fix=fix)
