"""The one row of a block that a question sees: the newest event, or the latest version."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from andon.expressions.events import ENTER, EVENT, KNOWN
from andon.expressions.joins import Join
from andon.expressions.online.block import Block, Numbers, Section, encoded, place_of
from andon.expressions.row import Value
from andon.expressions.tree import Node

_RANK: Final = "_rank"


class Last:
    """`last` over the same rows: as each row enters, the newest event of all that have.

    Args:
        joins: Those joins, by the name of their result.
        values: The column of the events that holds each value.
        section: The number of its section in a block.
    """

    def __init__(self, joins: Mapping[str, Join], values: Mapping[Node, str], section: int) -> None:
        self._names = sorted({values[join.value] for join in joins.values()})
        self._place = place_of(section)
        self._taken = [
            (name, join.value.type.kind, 2 + 2 * self._names.index(values[join.value]), join.length_ns)
            for name, join in joins.items()
        ]

    def pack(self, events: pl.DataFrame, counts: Numbers) -> list[Section]:
        """The section of each block."""
        ranks = pl.int_range(pl.len(), dtype=pl.Int64).alias(_RANK)
        entering = events.select("_key", ENTER, ranks).sort("_key", ENTER, _RANK)
        newest = entering[_RANK].cum_max()  # ranks grow from block to block, so that none reaches into the next
        best = events.select(EVENT, *self._names).select(pl.all().gather(newest))
        columns = [entering[ENTER].to_numpy(), best[EVENT].to_numpy()]
        return [Section([*columns, *_values(best, self._names)], counts)]

    def answer(self, block: Block, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the result of each join under its name."""
        numbers = block.numbers
        begin, rows = numbers[self._place], numbers[self._place + 1]
        found = bisect_left(numbers, asked_ns, begin, begin + rows) - 1
        age = asked_ns - numbers[found + rows] if found >= begin else None
        for name, kind, column, within in self._taken:
            is_seen = age is not None and age <= within and numbers[found + (column + 1) * rows]
            results[name] = block.value(found + column * rows, kind) if is_seen else None


class Versions:
    """`lookup` over the same rows: the latest version that was known before the question.

    Args:
        joins: Those joins, by the name of their result.
        values: The column of the events that holds each value.
        section: The number of its section in a block.
    """

    def __init__(self, joins: Mapping[str, Join], values: Mapping[Node, str], section: int) -> None:
        self._names = sorted({values[join.value] for join in joins.values()})
        self._place = place_of(section)
        self._taken = [
            (name, join.value.type.kind, 1 + 2 * self._names.index(values[join.value])) for name, join in joins.items()
        ]

    def pack(self, events: pl.DataFrame, counts: Numbers) -> list[Section]:
        """The section of each block."""
        return [Section([events[KNOWN].to_numpy(), *_values(events, self._names)], counts)]

    def answer(self, block: Block, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the result of each join under its name."""
        numbers = block.numbers
        begin, rows = numbers[self._place], numbers[self._place + 1]
        found = bisect_left(numbers, asked_ns, begin, begin + rows) - 1
        for name, kind, column in self._taken:
            is_there = found >= begin and numbers[found + (column + 1) * rows]
            results[name] = block.value(found + column * rows, kind) if is_there else None


def _values(order: pl.DataFrame, names: Sequence[str]) -> list[Numbers]:
    return [column for name in names for column in encoded(order[name])]
