"""How many different values stand in a window: the rows of one value are made one stretch of time, then counted."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.expressions.events import ENTER, EVENT, leaves
from andon.expressions.joins import Join
from andon.expressions.tree import Node


def distinct(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> dict[str, pl.Series]:
    """The results of `distinct` over the same rows.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.
        joins: The windows, by the name of their result.
        values: The column of `events` that holds each value.

    Returns:
        For each question, in order: one column for each window.
    """
    results = {}
    for column in sorted({values[join.value] for join in joins.values()}):
        order = by_value(events, column)
        for name, join in joins.items():
            if values[join.value] == column:
                found = stretches(order, join)
                begun = _before(questions, found.select("_key", pl.col("_begin").alias("_at")), exactly=False)
                ended = _before(questions, found.select("_key", pl.col("_end").alias("_at")), exactly=True)
                results[name] = begun - ended
    return results


def by_value(events: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows with a value as `stretches` takes them: by key, value and entry, each value with a number (`_kind`)."""
    value = pl.col(column) + 0.0 if events.schema[column] == pl.Float64 else pl.col(column)  # -0.0 is 0.0
    rows = events.select("_key", ENTER, EVENT, value.alias("_v")).drop_nulls("_v").sort("_key", "_v", ENTER)
    changes = (pl.col("_key") != pl.col("_key").shift(1)) | (pl.col("_v") != pl.col("_v").shift(1))
    return rows.with_columns(changes.fill_null(False).cum_sum().cast(pl.Int64).alias("_kind")).drop("_v")


def stretches(order: pl.DataFrame, join: Join) -> pl.DataFrame:
    """The stretches of time in which a window holds each value, none touching another of the same value.

    Args:
        order: What `by_value` gives.
        join: The window.

    Returns:
        `_key`, `_begin` and `_end`: the window of a question at `t` holds the value if `_begin < t < _end`.
    """
    rows = order.with_columns(leaves(join.length_ns, join.hop_ns).alias("_leave"))
    rows = rows.filter(pl.col("_leave") > pl.col(ENTER) + 1)
    if rows.is_empty():
        return rows.select("_key", pl.col(ENTER).alias("_begin"), pl.col("_leave").alias("_end"))
    kind, until = rows["_kind"].to_numpy(), _until(rows)
    before = np.concatenate(([0], until[:-1]))
    fresh = np.concatenate(([True], kind[1:] != kind[:-1]))
    opens = np.flatnonzero(fresh | (rows[ENTER].to_numpy() >= before))
    closes = np.concatenate((opens[1:], [len(rows)])) - 1
    return pl.DataFrame(
        {"_key": rows["_key"].gather(opens), "_begin": rows[ENTER].gather(opens), "_end": until[closes]}
    )


def _until(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Of each row, the latest moment at which a row of its kind up to it leaves."""
    moments, places = np.unique(rows["_leave"].to_numpy(), return_inverse=True)
    floor = rows["_kind"].to_numpy() * len(moments)
    until: NDArray[np.int64] = moments[np.maximum.accumulate(places + floor) - floor]
    return until


def _before(questions: pl.DataFrame, moments: pl.DataFrame, *, exactly: bool) -> pl.Series:
    """For each question, how many moments of its key came before it, or with it."""
    running = moments.sort("_at").with_columns(pl.int_range(1, pl.len() + 1).over("_key").alias("_n"))
    asked = questions.select("_key", "_t")
    found = asked.join_asof(
        running, left_on="_t", right_on="_at", by="_key", allow_exact_matches=exactly, check_sortedness=False
    )
    return found["_n"].fill_null(0)
