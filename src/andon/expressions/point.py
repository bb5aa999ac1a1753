"""Answers one question at a time from prepared rows, with the same bits as the plan evaluated for a whole frame."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import numpy as np
import polars as pl

from andon.expressions.asof import BEST, newest, ranked, versions
from andon.expressions.events import ENTER, EVENT, KNOWN, key_names, leaves, read_events, value_names
from andon.expressions.joins import Join, Rows, read_join
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.plan import FeaturePlan, hidden, without_joins
from andon.expressions.row import Value, checked, compile_row
from andon.expressions.windows import overflow

Span = tuple[int, int]
Reader = Callable[[int, int, int], Value]
_NOWHERE: Span = (0, 0)


class Point:
    """A feature plan over tables as they are now, prepared to answer questions about single rows.

    Args:
        plan: What to compute, with everything learned that has to be.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`; read once, here.

    Raises:
        InputError: The plan is not fitted, or a table or column is missing or of another type.
    """

    def __init__(self, plan: FeaturePlan, tables: Mapping[str, pl.LazyFrame]) -> None:
        self._plan = plan
        self._needs = plan.needs
        names = hidden(plan.joins)
        self._row = compile_row({name: without_joins(node, names) for name, node in plan.features}, _column)
        groups: dict[Rows, dict[str, Join]] = {}
        for node, name in names.items():
            join = read_join(node, plan.spine)
            groups.setdefault(join.rows, {})[name] = join
        self._groups = [_Group(rows, joins, tables) for rows, joins in groups.items()]

    def features(self, values: Mapping[str, object], asked_ns: int) -> dict[str, Value]:
        """The features of one row, from what was known before it asks.

        Args:
            values: The spine's columns that the plan needs, but for when it asks; times in nanoseconds.
            asked_ns: When it asks, in nanoseconds since 1970.

        Returns:
            Feature by name, in the plan's order.

        Raises:
            InputError: A value is missing or of another type, or a sum does not fit into 64 bits.
        """
        row = checked(self._needs, {**values, self._plan.asked: asked_ns})
        joined: dict[str, Value] = {}
        for group in self._groups:
            group.answer(row, asked_ns, joined)
        return dict(zip(self._row.names, self._row.call({**row, **joined}), strict=True))


class _Group:
    """The rows that some joins share, sorted in the orders those joins need, and where each key's rows stand."""

    def __init__(self, rows: Rows, joins: Mapping[str, Join], tables: Mapping[str, pl.LazyFrame]) -> None:
        names = value_names(tuple(dict.fromkeys(join.value for join in joins.values())))
        keys = key_names(rows)
        events = read_events(rows, tuple(names), tables)
        numbers = events.select(keys).unique(maintain_order=True).with_row_index("_key")
        events = events.join(numbers, on=keys, how="left", maintain_order="left").sort("_key", maintain_order=True)
        self._ours = rows.ours
        self._spans = _spans(numbers, keys, events)
        self._readers = [
            (name, _READERS.get(join.op, _window)(events, join, names[join.value])) for name, join in joins.items()
        ]

    def answer(self, row: Mapping[str, Value], asked_ns: int, results: dict[str, Value]) -> None:
        """Put the results of the joins under their names."""
        low, high = self._spans.get(tuple([row[name] for name in self._ours]), _NOWHERE)
        for name, read in self._readers:
            results[name] = read(asked_ns, low, high)


def _spans(numbers: pl.DataFrame, keys: Sequence[str], events: pl.DataFrame) -> dict[tuple[Value, ...], Span]:
    """Where the rows of each key stand, in every order that sorts by key first."""
    counts = events["_key"].value_counts().sort("_key")["count"].to_list()
    ends = list(accumulate(counts))
    spans = zip([0, *ends], ends, strict=False)
    return dict(zip(numbers.select(keys).rows(), spans, strict=True))


def _lookup(events: pl.DataFrame, join: Join, column: str) -> Reader:  # noqa: ARG001  # all readers are made alike
    order = versions(events).sort("_key", maintain_order=True)
    known, values = _numbers(order[KNOWN]), order[column].to_list()

    def read(asked: int, low: int, high: int) -> Value:
        found = bisect_left(known, asked, low, high)
        return values[found - 1] if found > low else None

    return read


def _last(events: pl.DataFrame, join: Join, column: str) -> Reader:
    order = ranked(events)
    entering = newest(order, ["_key"]).sort("_key", maintain_order=True)
    best = order.select(EVENT, column).select(pl.all().gather(entering[BEST]))
    enters, happened, values = _numbers(entering[ENTER]), _numbers(best[EVENT]), best[column].to_list()
    within = join.length_ns

    def read(asked: int, low: int, high: int) -> Value:
        found = bisect_left(enters, asked, low, high) - 1
        return values[found] if found >= low and asked - happened[found] <= within else None

    return read


def _window(events: pl.DataFrame, join: Join, column: str) -> Reader:
    """Reads a window: what has entered minus what has left, as in the plan's own prefix sums."""
    entering = events.sort("_key", ENTER)
    leaving = events.with_columns(leaves(join.length_ns, join.hop_ns).alias("_leave")).sort("_key", "_leave")
    enters, left = _numbers(entering[ENTER]), _numbers(leaving["_leave"])
    entered_n, left_n = (_running(order[column].is_not_null().cast(pl.Int64)) for order in (entering, leaving))

    def count(asked: int, low: int, high: int) -> Value:
        return (entered_n[bisect_left(enters, asked, low, high)] - entered_n[low]) - (
            left_n[bisect_right(left, asked, low, high)] - left_n[low]
        )

    if join.op == "count":
        return count
    entered_s, left_s = (_running(order[column].fill_null(0)) for order in (entering, leaving))
    unit = 1.0 / 10**join.value.type.scale if join.value.type.kind == "fixed" else 1.0

    def total(asked: int, low: int, high: int) -> Value:
        into, out = bisect_left(enters, asked, low, high), bisect_right(left, asked, low, high)
        result = (entered_s[into] - entered_s[low]) - (left_s[out] - left_s[low])
        if not LOWEST <= result <= HIGHEST:
            raise overflow(join)
        if join.op == "sum":
            return result
        number = (entered_n[into] - entered_n[low]) - (left_n[out] - left_n[low])
        return float(result) / float(number) * unit if number else None

    return total


def _numbers(series: pl.Series) -> "array[int]":
    """Whole numbers in eight bytes each, which bisection reads as fast as a list."""
    return array("q", series.to_numpy().astype(np.int64).tobytes())


def _running(series: pl.Series) -> "array[int] | list[int]":
    """Sums of all values before each position, and of all: compact where they fit into 64 bits."""
    sums = [0, *accumulate(series.to_list())]
    return array("q", sums) if all(LOWEST <= each <= HIGHEST for each in (min(sums), max(sums))) else sums


def _column(contract: str, column: str) -> str:  # noqa: ARG001  # names of joins begin with _, of columns never
    return column


_READERS = {"lookup": _lookup, "last": _last}
