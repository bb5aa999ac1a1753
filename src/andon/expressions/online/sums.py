"""Counts, sums, means and spreads of a block: running sums, read with two bisections for each length."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

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

Read = Callable[[memoryview, int], list[int]]
Answer = Callable[[memoryview, int, int, int, Read | None, dict[str, Value]], None]
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
        orders = [
            {name: join for name, join in joins.items() if (join.length_ns, join.hop_ns) == length}
            for length in self._lengths
        ]
        self._answer = _compiled(orders, self._values, {column: f"_{at}" for at, column in enumerate(columns, 1)})

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
        read = self._adder(begin, rows) if numbers[1] == WIDE else None
        self._answer(numbers, begin, rows, asked_ns, read, results)

    def _adder(self, begin: int, rows: int) -> Read:
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


def _compiled(
    orders: Sequence[Mapping[str, Join]], values: Mapping[Join, str], columns: Mapping[tuple[str, int], str]
) -> Answer:
    """One function for all windows of a block: straight-line Python, because most of an answer is spent here.

    Args:
        orders: The windows of each length, in the order in which their columns stand in a block.
        values: The column of the events that holds the value of each window.
        columns: Of each column of an order, a value and its power, the end of the names of its variables.
    """
    ends = list(columns.values())
    scope: dict[str, object] = {"bisect_left": bisect_left, "bisect_right": bisect_right, "spread": spread}
    lines = ["into = bisect_left(numbers, asked, begin + 1, begin + rows) - 1", *_reading("in", "into", ends)]
    for order, windows in enumerate(orders, 1):
        lines += [
            f"first = begin + {order * (1 + len(ends))} * rows",
            "out = bisect_right(numbers, asked, first + 1, first + rows) - 1",
            *_reading("out", "out", ends),
            *(f"found{end} = in{end} - out{end}" for end in ends),
        ]
        for name, join in windows.items():
            value, own = values[join], f"{order}_{len(scope)}"
            scope[f"unit{own}"], scope[f"refuse{own}"] = unit_of(join), partial(_refuse, join)
            count, total = f"found{columns[value, 0]}", f"found{columns.get((value, 1), '')}"
            if join.op != "count":
                lines.append(f"if not {LOWEST} <= {total} <= {HIGHEST}: refuse{own}()")
            result = {
                "count": count,
                "sum": total,
                "mean": f"float({total}) / float({count}) * unit{own} if {count} else None",
                "std": f"spread({count}, {total}, found{columns.get((value, 2), '')}, unit{own})",
            }[join.op]
            lines.append(f"results[{name!r}] = {result}")
    source = "def answer(numbers, begin, rows, asked, read, results):\n" + "".join(f"    {line}\n" for line in lines)
    exec(compile(source, "<sums>", "exec"), scope)  # noqa: S102  # written here; a name is data, by repr only
    answer = scope["answer"]
    if not callable(answer):
        raise TypeError(source)
    return answer


def _reading(into: str, place: str, ends: Sequence[str]) -> list[str]:
    """What a row's columns hold, read at a place, or added up where the block is wide."""
    names = [f"{into}{end}" for end in ends]
    plain = "; ".join(f"{name} = numbers[{place} + {at} * rows]" for at, name in enumerate(names, 1))
    return [f"if read is None: {plain}", f"else: [{', '.join(names)}] = read(numbers, {place})"]


def _refuse(join: Join) -> NoReturn:
    raise overflow(join)
