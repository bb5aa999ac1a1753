"""A CSV file as people have it: its separator, its encoding, its decimal comma, and its moments in time."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.kernel.errors import InputError

NULLS: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
_SNIFFED_BYTES: Final = 1 << 18
_COMMA: Final = r"^-?\d+,\d+$"
_DAYS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S%.f")
FORMATS: Final = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    *(f"{day}{clock}" for day in _DAYS for clock in _CLOCKS),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: what `polars.read_csv` is told besides the path."""

    separator: str
    encoding: str
    decimal_comma: bool


def read_csv(path: Path) -> tuple[pl.DataFrame, Reading]:
    """The rows of a file, and how they were read.

    Raises:
        InputError: There is no such file, it has no rows, or it is no table.
    """
    reading = _reading(path)
    try:
        frame = read_as(path, reading)
        texts = [name for name in frame.columns if frame[name].dtype == pl.String]
        commas = [name for name in texts if frame[name].drop_nulls().head(1000).str.contains(_COMMA).all()]
        if reading.separator != "," and any(frame[name].null_count() < frame.height for name in commas):
            reading = Reading(reading.separator, reading.encoding, decimal_comma=True)
            frame = read_as(path, reading)
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is no letter in any encoding that is known here"
        raise _refuse("unreadable", "This file cannot be read as a table.", path, found) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _refuse("unreadable", "This file cannot be read as a table.", path, str(error)[:300]) from error
    if not frame.height or frame.width < 2:
        found = f"{frame.height} rows of {frame.width} columns"
        raise _refuse("no-rows", "There is nothing to learn from in this file.", path, found)
    return frame, reading


def read_as(path: Path, reading: Reading) -> pl.DataFrame:
    """The rows of a file that is known to be like that."""
    return pl.read_csv(
        path,
        separator=reading.separator,
        encoding=reading.encoding,
        decimal_comma=reading.decimal_comma,
        null_values=list(NULLS),
        infer_schema_length=None,
    )


def moment_format(values: pl.Series) -> str | None:
    """The format in which a column of texts tells moments; `None` where it tells something else."""
    known = values.drop_nulls()
    if values.dtype != pl.String or known.is_empty():
        return None
    some = known.head(200)
    for format_ in FORMATS:
        if moments(some, format_).null_count() == 0 and moments(known, format_).null_count() == 0:
            return format_
    return None


def moments(values: pl.Series, format_: str) -> pl.Series:
    """Texts as moments in UTC; null where one is none."""
    zone = None if "%#z" in format_ else "UTC"
    return values.str.to_datetime(format_, time_zone=zone, strict=False)


def _reading(path: Path) -> Reading:
    try:
        with path.open("rb") as file:
            data = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise _refuse("unreadable", "This file cannot be read.", path, error.strerror or "unreadable") from error
    if not data.strip():
        raise _refuse("no-rows", "There is nothing to learn from in this file.", path, "0 bytes")
    encoding = "utf8"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_cut = error.end >= len(data) - 3 and len(data) == _SNIFFED_BYTES
        encoding = "utf8" if is_cut else "cp1252"
        text = data.decode("utf-8" if is_cut else "cp1252", errors="ignore")
    try:
        separator = csv.Sniffer().sniff(text.split("\n", 1)[0], delimiters=",;\t|").delimiter
    except csv.Error:
        separator = ","
    return Reading(separator, encoding, decimal_comma=False)


def _refuse(what: str, message: str, path: Path, found: str) -> InputError:
    fix = "Give a CSV file with a line of column names and a row for each thing to predict."
    return InputError(f"init.{what}", message, place=str(path), found=found, fix=fix)
