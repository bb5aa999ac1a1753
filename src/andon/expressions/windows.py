"""Counts, sums and means over windows of time, exact for late rows: what has entered minus what has left."""

from collections.abc import Mapping, Sequence

import polars as pl
from polars.exceptions import InvalidOperationError

from andon.expressions.events import ENTER, leaves
from andon.expressions.frame import divide
from andon.expressions.joins import Join
from andon.expressions.tree import Node, refuse


def aggregate(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> pl.DataFrame:
    """The results of windows over the same rows.

    An event counts from the moment after it has happened and is known, until it leaves the window. Both are prefix
    sums of whole numbers in 128 bits, so that the order of rows changes nothing.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.
        joins: The windows, by the name of their result.
        values: The column of `events` that holds each value.

    Returns:
        For each question, in order: one column for each window.

    Raises:
        InputError: A sum does not fit into 64 bits.
    """
    names = sorted({values[join.value] for join in joins.values()})
    summed = sorted({values[join.value] for join in joins.values() if join.op != "count"})
    entered = _prefixes(questions, events, ENTER, names, summed)
    left = {}
    for over, hop in sorted({(join.length_ns, join.hop_ns) for join in joins.values()}):
        leaving = events.with_columns(leaves(over, hop).alias("_leave"))
        left[over] = _prefixes(questions, leaving, "_leave", names, summed)
    results = [
        _finished(join, entered, left[join.length_ns], values[join.value]).alias(name) for name, join in joins.items()
    ]
    return pl.DataFrame(results)


def _prefixes(
    questions: pl.DataFrame, events: pl.DataFrame, moment: str, names: Sequence[str], summed: Sequence[str]
) -> pl.DataFrame:
    """For each question how many values, and what sum of them, came before it; at the moment of leaving is before."""
    present = [pl.col(name).is_not_null().cast(pl.Int64).cum_sum().over("_key").alias(f"{name}n") for name in names]
    sums = [pl.col(name).fill_null(0).cast(pl.Int128).cum_sum().over("_key").alias(f"{name}s") for name in summed]
    running = events.sort(moment).select("_key", moment, *present, *sums)
    joined = questions.select("_key", "_t").join_asof(
        running,
        left_on="_t",
        right_on=moment,
        by="_key",
        allow_exact_matches=moment != ENTER,
        check_sortedness=False,
    )
    return joined.select(pl.col([f"{name}n" for name in names] + [f"{name}s" for name in summed]).fill_null(0))


def _finished(join: Join, entered: pl.DataFrame, left: pl.DataFrame, name: str) -> pl.Series:
    count = entered[f"{name}n"] - left[f"{name}n"]
    if join.op == "count":
        return count
    wide = entered[f"{name}s"] - left[f"{name}s"]
    try:
        total = wide.cast(pl.Int64, strict=True)
    except InvalidOperationError as error:
        raise overflow(join) from error
    if join.op == "sum":
        return total
    frame = pl.DataFrame({"s": total, "n": count})
    mean = divide(pl.col("s").cast(pl.Float64), pl.col("n").cast(pl.Float64))
    scaled = mean * (1.0 / 10**join.value.type.scale) if join.value.type.kind == "fixed" else mean
    return frame.select(pl.when(pl.col("n") > 0).then(scaled)).to_series()


def overflow(join: Join) -> Exception:
    """The refusal of a sum that would be a wrong number."""
    place = f"{join.op} over {join.rows.contract}"
    fix = "Use a shorter window, or a column with fewer decimals."
    return refuse("overflow", "A sum does not fit into 64 bits.", place, "more than 2**63", fix)
