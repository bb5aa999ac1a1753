"""Counts, sums, means and spreads of a block: running sums, read with two bisections for each length."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.expressions.events import ENTER, leaves
from andon.expressions.joins import Join
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.online.block import WIDE, Block, Numbers, Section, place_of
from andon.expressions.row import Value
from andon.expressions.tree import Node
from andon.expressions.windows import check_squares, overflow, spread, unit_of

Finish = Callable[[Sequence[int]], Value]
_SAFE = 2.0**62


class Sums:
    """The windows of `count`, `sum`, `mean` and `std` over the same rows.

    The rows stand in the order in which they enter, and for each length in that in which they leave. Each order begins
    with a row of nothing; behind each row's moment stand, for each value, how many came so far and their sum.

    Args:
        joins: The windows, by the name of their result.
        values: The column of the events that holds each value.
        section: The number of its section in a block, one for all orders.
    """

    def __init__(self, joins: Mapping[str, Join], values: Mapping[Node, str], section: int) -> None:
        self._joins = list(joins.values())
        self._place = place_of(section)
        self._names = sorted({values[join.value] for join in self._joins})
        self._summed = sorted({values[join.value] for join in self._joins if join.op != "count"})
        self._squared = sorted({values[join.value] for join in self._joins if join.op == "std"})
        self._values = {join: values[join.value] for join in self._joins}
        self._lengths = sorted({(join.length_ns, join.hop_ns) for join in self._joins})
        columns = [*((name, 0) for name in self._names), *((name, 1) for name in self._summed)]
        columns += [(name, 2) for name in self._squared]
        self._powers = [power for _, power in columns]
        place = {column: number for number, column in enumerate(columns)}
        self._windows = [
            (
                order * (1 + len(columns)),
                [
                    (name, _finish(join, place, values[join.value]))
                    for name, join in joins.items()
                    if (join.length_ns, join.hop_ns) == length
                ],
            )
            for order, length in enumerate(self._lengths, 1)
        ]

    def pack(self, events: pl.DataFrame, counts: Numbers) -> tuple[list[Section], NDArray[np.bool_]]:
        """The section of each block, and which blocks are wide.

        Raises:
            InputError: A value is too large to be squared.
        """
        for join in self._joins:
            if join.op == "std":
                check_squares(events[self._values[join]], join)
        wide = self._wide(events, counts)
        columns = self._running(events.sort("_key", ENTER, maintain_order=True), ENTER, counts, wide)
        for over, hop in self._lengths:
            leaving = events.with_columns(leaves(over, hop).alias("_leave")).sort("_key", "_leave", maintain_order=True)
            columns += self._running(leaving, "_leave", counts, wide)
        return [Section(columns, counts + 1)], wide

    def answer(self, block: Block, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the result of each window under its name.

        Raises:
            InputError: A sum does not fit into 64 bits.
        """
        numbers = block.numbers
        begin, rows = numbers[self._place], numbers[self._place + 1]
        into = bisect_left(numbers, asked_ns, begin + 1, begin + rows) - 1
        steps = range(rows, (1 + len(self._powers)) * rows, rows)
        read = self._adder(begin, rows) if numbers[1] == WIDE else None
        entered = [numbers[into + step] for step in steps] if read is None else read(numbers, into)
        for order, windows in self._windows:
            first = begin + order * rows
            out = bisect_right(numbers, asked_ns, first + 1, first + rows) - 1
            left = [numbers[out + step] for step in steps] if read is None else read(numbers, out)
            found = [total - gone for total, gone in zip(entered, left, strict=True)]
            for name, finish in windows:
                results[name] = finish(found)

    def _adder(self, begin: int, rows: int) -> Callable[[memoryview, int], list[int]]:
        """Reads a block that is wide: its columns hold the values, of which those up to a place are added up."""

        def read(numbers: memoryview, place: int) -> list[int]:
            first = place - (place - begin) % rows
            found = []
            for number, power in enumerate(self._powers, 1):
                column = numbers[first + number * rows : place + number * rows + 1]
                found.append(sum(value**power for value in column) if power else column[-1])
            return found

        return read

    def _wide(self, events: pl.DataFrame, counts: Numbers) -> NDArray[np.bool_]:
        """Whether sums of any rows of a block could leave 64 bits."""
        wide = np.zeros(len(counts), dtype=np.bool_)
        block = events["_key"].to_numpy()
        for name, power in [*((name, 1) for name in self._summed), *((name, 2) for name in self._squared)]:
            size = np.abs(events[name].fill_null(0).to_numpy().astype(np.float64)) ** power
            wide |= np.bincount(block, weights=size, minlength=len(counts)) > _SAFE
        return wide

    def _running(self, order: pl.DataFrame, moment: str, counts: Numbers, wide: NDArray[np.bool_]) -> list[Numbers]:
        starts = np.concatenate(([0], np.cumsum(counts + 1)[:-1])).astype(np.int64)
        places = np.arange(len(order), dtype=np.int64) + np.repeat(np.arange(1, len(counts) + 1), counts)

        def spaced(values: Numbers, first: int = 0) -> Numbers:
            column = np.full(len(order) + len(counts), first, dtype=np.int64)
            column[places] = values
            return column

        def running(values: Numbers, alone: Numbers | None = None) -> Numbers:
            column = np.cumsum(spaced(values))
            column -= np.repeat(column[starts], counts + 1)
            if alone is not None and wide.any():
                kept = np.repeat(wide, counts + 1)
                column[kept] = spaced(alone)[kept]
            return column

        columns = [spaced(order[moment].to_numpy(), LOWEST)]
        columns += [running(order[name].is_not_null().cast(pl.Int64).to_numpy()) for name in self._names]
        for name, power in [*((name, 1) for name in self._summed), *((name, 2) for name in self._squared)]:
            values = order[name].fill_null(0).to_numpy()
            columns.append(running(values**power, values))
        return columns


def _finish(join: Join, place: Mapping[tuple[str, int], int], name: str) -> Finish:
    """Makes a result of how many values of a window there are, and of what they and their squares add up to."""
    number = place[name, 0]
    if join.op == "count":
        return itemgetter(number)
    summed = place[name, 1]

    def total(found: Sequence[int]) -> int:
        result = found[summed]
        if LOWEST <= result <= HIGHEST:
            return result
        raise overflow(join)

    if join.op == "sum":
        return total
    unit = unit_of(join)
    if join.op == "mean":

        def mean(found: Sequence[int]) -> float | None:
            result, count = total(found), found[number]
            return float(result) / float(count) * unit if count else None

        return mean
    squared = place[name, 2]
    return lambda found: spread(found[number], total(found), found[squared], unit)
