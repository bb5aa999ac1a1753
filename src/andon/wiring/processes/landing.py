"""Raw rows of a source brought to a file, whichever kind of table its function gave."""

from pathlib import Path
from typing import Final

import polars as pl

from andon.kernel.errors import InputError

_ROWS_A_GROUP: Final = 1 << 17


def land(rows: object, path: Path, *, place: str) -> None:
    """Write a table to a Parquet file as it is: the same rows give the same bytes.

    Args:
        rows: A LazyFrame, a DataFrame, or a table of any library that hands over Arrow.
        path: Where to.
        place: Where the table comes from, for the refusal.

    Raises:
        InputError: It is something else (`read.not-a-table`).
    """
    frame = _lazy(rows)
    if frame is None:
        raise InputError(
            "read.not-a-table",
            "A source gives a table, and this is none.",
            place=place,
            found=f"{type(rows).__module__}.{type(rows).__qualname__}",
            fix="Return a Polars LazyFrame or DataFrame, or an Arrow table; pl.scan_csv(path) gives one.",
        )
    frame.sink_parquet(path, compression="zstd", compression_level=3, row_group_size=_ROWS_A_GROUP, maintain_order=True)


def _lazy(rows: object) -> pl.LazyFrame | None:
    if isinstance(rows, pl.LazyFrame):
        return rows
    if isinstance(rows, pl.DataFrame):
        return rows.lazy()
    if hasattr(rows, "__arrow_c_stream__") and not isinstance(rows, pl.Series):
        return pl.DataFrame(rows).lazy()
    return None
