"""What a frame says apart from how it was written: its logical digest, and Parquet bytes that depend on it alone.

The form `ld1` is the digest of canonical JSON that holds the number of rows and, by column name, the column's type and
the sha256 of each of its parts: `valid` (one byte per row, 1 or 0), `values` (little-endian int64, IEEE double or one
byte per row; for a vector its IEEE singles; for text and bytes those of all rows, joined) and, for text and bytes,
`lengths` (the bytes of each row as int64). A null row is zero in all parts.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError

FORM: Final = "ld1"
_SLICE_ROWS: Final = 1 << 20
_ROW_GROUP_ROWS: Final = 1 << 17
_PAGE_BYTES: Final = 1 << 20
_ZSTD_LEVEL: Final = 3
_SMALL_INTEGERS: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)


def logical_digest(frame: pl.DataFrame) -> Digest:
    """The digest of what a frame says: names, types, values, nulls and the order of its rows.

    It is the same for other chunks, another Parquet file, another order of columns, a narrower integer type, `-0.0`
    instead of `0.0` and any other NaN; a null differs from every value, NaN included.

    Args:
        frame: Columns of integers, floats, booleans, text, categories, dates, times, bytes, vectors of 32-bit floats.

    Raises:
        InputError: A column has another type, or a time that nanoseconds since 1970 cannot hold.
    """
    columns = {column.name: _column(column) for column in frame.iter_columns()}
    return of_value({"form": FORM, "rows": frame.height, "columns": columns})


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A frame as one Parquet file: the same frame gives the same bytes, however it lies in memory.

    Row groups hold 131,072 rows, pages 1 MiB, compressed with zstd at level 3; the order of columns is the frame's own.
    """
    file = io.BytesIO()
    frame.rechunk().write_parquet(
        file,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        statistics={"min": True, "max": True, "null_count": True, "distinct_count": False},
        row_group_size=_ROW_GROUP_ROWS,
        data_page_size=_PAGE_BYTES,
    )
    return file.getvalue()


def _column(column: pl.Series) -> Mapping[str, str]:
    kind, values = _canonical(column)
    hashes: dict[str, hashlib._Hash] = {}
    for start in range(0, max(len(values), 1), _SLICE_ROWS):
        for part, data in _parts(values.slice(start, _SLICE_ROWS)):
            hashes.setdefault(part, hashlib.sha256()).update(data)
    return {"type": kind, **{part: sha256.hexdigest() for part, sha256 in hashes.items()}}


def _canonical(column: pl.Series) -> tuple[str, pl.Series]:
    """The name of a column's type, and the column as one of int64, double, boolean, bytes or vectors."""
    dtype = column.dtype
    if dtype in _SMALL_INTEGERS:
        return "int", column.cast(pl.Int64)
    if dtype in (pl.Float32, pl.Float64):
        return "float", column.cast(pl.Float64)
    if dtype == pl.Boolean:
        return "bool", column
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return "text", column.cast(pl.String).cast(pl.Binary)
    if dtype == pl.Binary:
        return "bytes", column
    if isinstance(dtype, pl.Array) and dtype.inner == pl.Float32 and len(dtype.shape) == 1:
        return f"vector:{dtype.size}", column
    if dtype == pl.Date:
        return "date", column.to_physical().cast(pl.Int64)
    if isinstance(dtype, pl.Datetime):
        return f"time:{dtype.time_zone or ''}", _nanoseconds(column)
    raise InputError(
        "measures.unknown-type",
        f"Column {column.name!r} has a type that no contract can declare.",
        place=column.name,
        found=str(dtype),
        fix="Use integers, floats, booleans, text, dates, times, vectors of 32-bit floats or bytes.",
    )


def _nanoseconds(column: pl.Series) -> pl.Series:
    try:
        return column.dt.cast_time_unit("ns").to_physical()
    except pl.exceptions.InvalidOperationError as error:
        raise InputError(
            "measures.time-out-of-range",
            f"Column {column.name!r} holds a time that nanoseconds since 1970 cannot hold.",
            place=column.name,
            found=f"{column.min()!r} to {column.max()!r}",
            fix="Keep times between the years 1678 and 2262, or null.",
        ) from error


def _parts(values: pl.Series) -> Iterator[tuple[str, bytes]]:
    yield "valid", values.is_not_null().cast(pl.UInt8).to_numpy().tobytes()
    if values.dtype == pl.Binary:
        data = values.fill_null(b"")
        yield "lengths", data.bin.size().to_numpy().astype("<i8").tobytes()
        yield "values", b"".join(data.to_list())
    elif isinstance(values.dtype, pl.Array):
        present = values.is_not_null().to_numpy()[:, None]
        singles = np.where(present, values.to_numpy(), np.float32(0.0)) + np.float32(0.0)  # turns -0.0 into 0.0
        yield "values", np.where(np.isnan(singles), np.float32(np.nan), singles).astype("<f4").tobytes()
    elif values.dtype == pl.Float64:
        numbers = values.fill_null(0.0).to_numpy() + 0.0  # turns -0.0 into 0.0
        yield "values", np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes()
    elif values.dtype == pl.Boolean:
        yield "values", values.fill_null(value=False).cast(pl.UInt8).to_numpy().tobytes()
    else:
        yield "values", values.fill_null(0).to_numpy().astype("<i8").tobytes()
