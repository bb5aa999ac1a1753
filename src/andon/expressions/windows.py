"""Counts, sums, means and spreads over windows of time, exact for late rows: what has entered minus what has left."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl
from polars.exceptions import InvalidOperationError

from andon.expressions.events import ENTER, leaves
from andon.expressions.frame import divide
from andon.expressions.joins import Join
from andon.expressions.tree import Node, refuse

_WIDEST: Final = 2**127
_LARGEST_SQUARED: Final = 2**53


def aggregate(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> dict[str, pl.Series]:
    """The results of `count`, `sum`, `mean` and `std` over the same rows.

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
    for name in sorted({values[join.value] for join in joins.values() if join.op == "std"}):
        check_squares(events[name], next(join for join in joins.values() if values[join.value] == name))
        events = events.with_columns(squares(name).alias(f"{name}q"))
        summed.append(f"{name}q")
    entered = _prefixes(questions, events, ENTER, names, summed)
    left = {}
    for over, hop in sorted({(join.length_ns, join.hop_ns) for join in joins.values()}):
        leaving = events.with_columns(leaves(over, hop).alias("_leave"))
        left[over] = _prefixes(questions, leaving, "_leave", names, summed)
    return {name: _finished(join, entered, left[join.length_ns], values[join.value]) for name, join in joins.items()}


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
    if join.op == "std":
        return _spreads(join, count, wide, entered[f"{name}qs"] - left[f"{name}qs"])
    frame = pl.DataFrame({"s": total, "n": count})
    mean = divide(pl.col("s").cast(pl.Float64), pl.col("n").cast(pl.Float64))
    scaled = mean * unit_of(join) if join.value.type.kind == "fixed" else mean
    return frame.select(pl.when(pl.col("n") > 0).then(scaled)).to_series()


def _spreads(join: Join, count: pl.Series, total: pl.Series, squared: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"n": count, "s": total, "q": squared})
    if max(frame["n"].max() or 0, 1) * max(frame["q"].max() or 0, 1) >= _WIDEST:  # type: ignore[operator]
        unit = unit_of(join)
        found = [spread(n, s, q, unit) for n, s, q in frame.rows()]
        return pl.Series(found, dtype=pl.Float64)
    wide = pl.col("n").cast(pl.Int128)
    above = (wide * pl.col("q") - pl.col("s") * pl.col("s")).cast(pl.Float64)
    variance = divide(above, (wide * (wide - 1)).cast(pl.Float64))
    return frame.select(pl.when(pl.col("n") > 1).then(variance.sqrt() * unit_of(join))).to_series()


def spread(count: int, total: int, squared: int, unit: float) -> float | None:
    """The standard deviation of a sample, from whole numbers until the last step; null for fewer than two values.

    sqrt((n * sum(x^2) - sum(x)^2) / (n * (n - 1))) * unit, with each of numerator and denominator rounded once.
    """
    if count < 2:
        return None
    return math.sqrt(float(count * squared - total * total) / float(count * (count - 1))) * unit


def unit_of(join: Join) -> float:
    """What one step of the whole numbers of a join's values is worth."""
    return 1.0 / 10**join.value.type.scale if join.value.type.kind == "fixed" else 1.0


def squares(name: str) -> pl.Expr:
    """The squares of a column in 128 bits."""
    return pl.col(name).cast(pl.Int128) * pl.col(name).cast(pl.Int128)


def check_squares(series: pl.Series, join: Join) -> None:
    """Refuse values whose squares could not be summed exactly.

    Raises:
        InputError: A value is beyond 2**53, or all squares together could be beyond 128 bits.
    """
    largest = max(abs(int(series.max() or 0)), abs(int(series.min() or 0)))  # type: ignore[arg-type]  # whole numbers
    if largest >= _LARGEST_SQUARED or largest * largest * len(series) >= _WIDEST:
        raise overflow(join)


def overflow(join: Join) -> Exception:
    """The refusal of a sum that would be a wrong number."""
    place = f"{join.op} over {join.rows.contract}"
    fix = "Use a shorter window, or a column with fewer decimals."
    return refuse("overflow", "A sum does not fit into 64 bits.", place, "more than 2**63", fix)
