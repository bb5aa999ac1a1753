"""Joins over the same rows answered bucket by bucket of keys: smaller sorts, and memory for one bucket at a time."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from andon.expressions.asof import look_back, look_up
from andon.expressions.distinct import distinct
from andon.expressions.events import EVENT, KNOWN
from andon.expressions.extremes import extremes
from andon.expressions.functions import EXTREMES, SUMS
from andon.expressions.joins import Join
from andon.expressions.tree import Node
from andon.expressions.windows import aggregate

ROWS: Final = 400_000
_BUCKET: Final = "_bucket"
_PLACE: Final = "_place"


def in_buckets(
    questions: pl.DataFrame,
    events: pl.DataFrame,
    joins: Mapping[str, Join],
    values: Mapping[Node, str],
    rows: int = ROWS,
) -> dict[str, pl.Series]:
    """The results of joins over the same rows.

    No question sees rows of another key, so buckets of keys change no bit.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.
        joins: What is asked, by the name of its result.
        values: The column of `events` that holds each value.
        rows: How many events a bucket has, about.

    Returns:
        For each question, in order: one column for each join, and `_known` where there are lookups.
    """
    buckets = -(-len(events) // rows)
    if buckets < 2:
        return _answers(questions, events, joins, values)
    bucket = (pl.col("_key") % buckets).fill_null(0).alias(_BUCKET)
    asked = questions.with_row_index(_PLACE).with_columns(bucket).partition_by(_BUCKET, as_dict=True)
    seen = events.with_columns(bucket).partition_by(_BUCKET, as_dict=True, include_key=False)
    parts = []
    for key in sorted(asked):
        mine = asked.pop(key)
        answers = _answers(mine, seen.pop(key, events.clear()), joins, values)
        parts.append(pl.DataFrame([mine[_PLACE], *(series.alias(name) for name, series in answers.items())]))
    return pl.concat(parts).sort(_PLACE).drop(_PLACE).to_dict() if parts else _answers(questions, events, joins, values)


def _answers(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> dict[str, pl.Series]:
    results: dict[str, pl.Series] = {}
    for ops, answered in ((SUMS, aggregate), (EXTREMES, extremes), ({"distinct"}, distinct)):
        windows = {name: join for name, join in joins.items() if join.op in ops}
        if windows:
            results |= answered(questions, events, windows, values)
    lookups = {name: values[join.value] for name, join in joins.items() if join.op == "lookup"}
    if lookups:
        found = look_up(questions, events)
        results |= {KNOWN: found[KNOWN], **{name: found[column] for name, column in lookups.items()}}
    newest = {name: join for name, join in joins.items() if join.op == "last"}
    return results | (_last(questions, events, newest, values) if newest else {})


def _last(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> dict[str, pl.Series]:
    """The newest events, except those that are too old for their join."""
    found = look_back(questions, events).with_columns(questions["_t"])
    results = {}
    for name, join in joins.items():
        recent = pl.col("_t").cast(pl.Int128) - pl.col(EVENT) <= join.length_ns
        results[name] = found.select(pl.when(recent).then(pl.col(values[join.value]))).to_series()
    return results
