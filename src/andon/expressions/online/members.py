"""Windows that need the rows of a block themselves: the least, the greatest, the first, how many different."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from andon.expressions.distinct import by_value, stretches
from andon.expressions.events import ENTER, EVENT, ages
from andon.expressions.extremes import NONE, by_worth
from andon.expressions.joins import Join
from andon.expressions.online.block import Block, Numbers, Section, encoded, place_of
from andon.expressions.row import Value
from andon.expressions.tree import Node

_FEW: Final = 64
_EVENT, _ENTER, _LATEST, _VALUE, _FIRST_CODE = range(5)


class Extremes:
    """`min`, `max` and `first` of one value.

    The rows of a block that have the value stand in the order of their events. Each has a code for each of these
    functions, the least for the row that a window takes. Before the first row that had not entered yet, all have, and
    the least code is that of whole stretches of 64 and their rests; from there on each row that had happened is
    looked at.

    Args:
        joins: Those joins, by the name of their result.
        values: The column of the events that holds each value.
        section: The number of its first section in a block; the second holds the least codes of 64 rows.
    """

    def __init__(self, joins: Mapping[str, Join], values: Mapping[Node, str], section: int) -> None:
        first = next(iter(joins.values()))
        self._name, self._kind = values[first.value], first.value.type.kind
        self._place = place_of(section)
        self._ops = sorted({join.op for join in joins.values()})
        self._lengths = sorted({(join.length_ns, join.hop_ns) for join in joins.values()})
        ages_from = _FIRST_CODE + 2 * len(self._ops)
        self._taken = [
            (name, self._ops.index(join.op), ages_from + self._lengths.index((join.length_ns, join.hop_ns)))
            for name, join in joins.items()
        ]

    def pack(self, events: pl.DataFrame, counts: Numbers) -> list[Section]:
        """The two sections of each block."""
        order = events.filter(pl.col(self._name).is_not_null())
        block = order["_key"].to_numpy()
        mine = np.bincount(block, minlength=len(counts)).astype(np.int64)
        starts = np.cumsum(mine) - mine
        latest = order.select(pl.col(ENTER).cum_max().over("_key")).to_series()
        columns = [order[EVENT].to_numpy(), order[ENTER].to_numpy(), latest.to_numpy(), encoded(order[self._name])[0]]
        few = -(-mine // _FEW)
        within = np.arange(len(order), dtype=np.int64) - np.repeat(starts, mine)
        opens = np.flatnonzero(within % _FEW == 0)
        least = []
        for op in self._ops:
            code, winner = _codes(op, order, self._name, mine)
            columns += [code, winner]
            least.append(np.minimum.reduceat(code, opens) if len(opens) else code)
        columns += [order.select(ages(*length)).to_series().to_numpy() for length in self._lengths]
        return [Section(columns, mine), Section(least, few)]

    def answer(self, block: Block, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the result of each join under its name."""
        numbers = block.numbers
        low, rows, few_low, few_rows = numbers[self._place : self._place + 4]
        latest = low + _LATEST * rows
        entered = bisect_left(numbers, asked_ns, latest, latest + rows) - latest
        until = bisect_left(numbers, asked_ns, low, low + rows) - low
        for name, op, age in self._taken:
            aged = low + age * rows
            begin = bisect_right(numbers, asked_ns, aged, aged + rows) - aged
            code = low + (_FIRST_CODE + 2 * op) * rows
            settled = max(begin, entered)
            best = _least(numbers, code, few_low + op * few_rows, begin, settled)
            if settled < until:
                enters = low + _ENTER * rows
                rest = zip(
                    numbers[code + settled : code + until], numbers[enters + settled : enters + until], strict=True
                )
                best = min(best, min([number for number, enter in rest if enter < asked_ns], default=NONE))
            if best == NONE:
                results[name] = None
            else:
                winner = numbers[code + rows + best]
                results[name] = block.value(low + _VALUE * rows + winner, self._kind)


class Distinct:
    """One `distinct`: when the stretches of time begin and end in which the window holds a value.

    Args:
        name: The name of its result.
        join: The window.
        column: The column of the events that holds the value.
        section: The number of its section in a block.
    """

    def __init__(self, name: str, join: Join, column: str, section: int) -> None:
        self._name, self._join, self._column = name, join, column
        self._place = place_of(section)

    def pack(self, events: pl.DataFrame, counts: Numbers) -> list[Section]:
        """The section of each block."""
        found = stretches(by_value(events, self._column), self._join)
        begins, ends = found.sort("_key", "_begin")["_begin"], found.sort("_key", "_end")["_end"]
        mine = np.bincount(found["_key"].to_numpy(), minlength=len(counts)).astype(np.int64)
        return [Section([begins.to_numpy(), ends.to_numpy()], mine)]

    def answer(self, block: Block, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the result under its name."""
        numbers = block.numbers
        begin, rows = numbers[self._place], numbers[self._place + 1]
        end = begin + rows
        results[self._name] = (
            bisect_left(numbers, asked_ns, begin, end) - bisect_right(numbers, asked_ns, end, end + rows) + rows
        )


def _codes(op: str, order: pl.DataFrame, name: str, counts: Numbers) -> tuple[Numbers, Numbers]:
    """Of each row its code among those of its block, and in the place of each code the row that has it."""
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.arange(len(order), dtype=np.int64)
    if op == "first":
        return rows - starts, rows - starts
    ascending = by_worth(order[name], order["_key"])
    if op == "max":
        mirrored = 2 * starts + np.repeat(counts, counts) - 1 - rows
        ascending = ascending[mirrored]
    codes = np.empty(len(order), dtype=np.int64)
    codes[ascending] = rows - starts
    return codes, ascending - starts


def _least(numbers: memoryview, code: int, few: int, begin: int, end: int) -> int:
    """The least code of some rows of a block: of whole stretches of 64, and of their rests."""
    first, last = -(-begin // _FEW), end // _FEW
    if first >= last:
        return min(numbers[code + begin : code + end], default=NONE)
    best = min(numbers[few + first : few + last])
    before = min(numbers[code + begin : code + first * _FEW], default=NONE)
    return min(best, before, min(numbers[code + last * _FEW : code + end], default=NONE))
