"""Windows for one question at a time: running sums prepared once, read with two bisections for each length."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate

import numpy as np
import polars as pl

from andon.expressions.events import ENTER, leaves
from andon.expressions.joins import Join
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.row import Value
from andon.expressions.tree import Node
from andon.expressions.windows import check_squares, overflow, spread, unit_of

Finish = Callable[[int, int, int], int | float | None]


class Windows:
    """Windows over the same rows, which share where events enter, and for each length where they leave.

    Args:
        events: Rows with `_key`, all rows of a key together.
        joins: The windows, by the name of their result.
        values: The column of `events` that holds each value.
    """

    def __init__(self, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]) -> None:
        entering = events.sort("_key", ENTER)
        self._enters = compact(entering[ENTER])
        for join in joins.values():
            if join.op == "std":
                check_squares(events[values[join.value]], join)
        entered = _Sums(entering)
        self._lengths: list[tuple[array[int], list[tuple[str, Finish]]]] = []
        for over, hop in sorted({(join.length_ns, join.hop_ns) for join in joins.values()}):
            leaving = events.with_columns(leaves(over, hop).alias("_leave")).sort("_key", "_leave")
            left = _Sums(leaving)
            finishes = [
                (name, _finish(join, entered, left, values[join.value]))
                for name, join in joins.items()
                if join.length_ns == over
            ]
            self._lengths.append((compact(leaving["_leave"]), finishes))

    def answer(self, asked_ns: int, low: int, high: int, results: dict[str, Value]) -> None:
        """Put the result of each window under its name.

        Args:
            asked_ns: When the question asks.
            low: Where the rows of its key begin.
            high: Where they end.
            results: Where the results go.

        Raises:
            InputError: A sum does not fit into 64 bits.
        """
        into = bisect_left(self._enters, asked_ns, low, high)
        for left, finishes in self._lengths:
            out = bisect_right(left, asked_ns, low, high)
            for name, finish in finishes:
                results[name] = finish(into, out, low)


class _Sums:
    """Running counts and sums of the columns of a frame in one order, each made once."""

    def __init__(self, order: pl.DataFrame) -> None:
        self._order = order
        self._made: dict[tuple[str, int], array[int] | list[int] | range] = {}

    def counts(self, name: str) -> "array[int] | list[int] | range":
        """How many values stand before each position."""
        if (name, 0) not in self._made:
            series = self._order[name]
            present = series.is_not_null().cast(pl.Int64)
            self._made[name, 0] = _running(present) if series.null_count() else range(len(series) + 1)
        return self._made[name, 0]

    def sums(self, name: str, power: int = 1) -> "array[int] | list[int] | range":
        """The sum of the values, or of their squares, before each position."""
        if (name, power) not in self._made:
            self._made[name, power] = _running(self._order[name].fill_null(0), power)
        return self._made[name, power]


def _finish(join: Join, entered: _Sums, left: _Sums, name: str) -> Finish:
    """Makes a result of where events have entered, where they have left, and where the key's rows begin."""
    into_n, out_n = entered.counts(name), left.counts(name)
    has_all = isinstance(into_n, range)

    def count(into: int, out: int, low: int) -> int:
        return into_n[into] - into_n[low] - out_n[out] + out_n[low]

    def count_of_all(into: int, out: int, low: int) -> int:  # noqa: ARG001  # every row counts
        return into - out

    if join.op == "count":
        return count_of_all if has_all else count
    into_s, out_s = entered.sums(name), left.sums(name)

    def total(into: int, out: int, low: int) -> int:
        result = into_s[into] - into_s[low] - out_s[out] + out_s[low]
        if LOWEST <= result <= HIGHEST:
            return result
        raise overflow(join)

    if join.op == "sum":
        return total
    unit = unit_of(join)
    if join.op == "std":
        into_q, out_q = entered.sums(name, 2), left.sums(name, 2)

        def std(into: int, out: int, low: int) -> float | None:
            number = into_n[into] - into_n[low] - out_n[out] + out_n[low]
            result = into_s[into] - into_s[low] - out_s[out] + out_s[low]
            squared = into_q[into] - into_q[low] - out_q[out] + out_q[low]
            if LOWEST <= result <= HIGHEST:
                return spread(number, result, squared, unit)
            raise overflow(join)

        return std

    def mean(into: int, out: int, low: int) -> float | None:
        number = into_n[into] - into_n[low] - out_n[out] + out_n[low]
        result = into_s[into] - into_s[low] - out_s[out] + out_s[low]
        if LOWEST <= result <= HIGHEST:
            return float(result) / float(number) * unit if number else None
        raise overflow(join)

    def mean_of_all(into: int, out: int, low: int) -> float | None:
        result = into_s[into] - into_s[low] - out_s[out] + out_s[low]
        if LOWEST <= result <= HIGHEST:
            return float(result) / float(into - out) * unit if into != out else None
        raise overflow(join)

    return mean_of_all if has_all else mean


def compact(series: pl.Series) -> "array[int]":
    """Whole numbers in eight bytes each, in which bisection is as fast as in a list."""
    return array("q", series.to_numpy().astype(np.int64).tobytes())


def _running(series: pl.Series, power: int = 1) -> "array[int] | list[int]":
    """The sums of powers of the values before each position, and of all; in eight bytes each where that is safe."""
    largest = max(abs(int(series.max() or 0)), abs(int(series.min() or 0)))  # type: ignore[arg-type]  # whole numbers
    if largest**power * len(series) <= HIGHEST:
        return array("q", np.concatenate(([0], np.cumsum(series.to_numpy() ** power, dtype=np.int64))).tobytes())
    return [0, *accumulate(value**power for value in series.to_list())]
