"""Windows for one question that need the rows themselves: the least, the greatest, the first, how many different."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import polars as pl

from andon.expressions.asof import ranked
from andon.expressions.distinct import by_value, stretches
from andon.expressions.events import ENTER, EVENT, ages
from andon.expressions.extremes import NONE, code_of
from andon.expressions.joins import Join
from andon.expressions.prepared import compact
from andon.expressions.row import Value

Span = tuple[int, int]
Reader = Callable[[int, int], Value]
_BLOCK = 64
_NOWHERE: Span = (0, 0)


def read_extreme(events: pl.DataFrame, join: Join, column: str) -> Reader:
    """Answers `min`, `max` or `first` for a moment and the number of a key.

    The rows of a key stand in the order of their events. Before the first one that had not entered yet, all have, and
    the least code is that of whole blocks of 64 and their rests; from there on each row that had happened is looked at.
    """
    order = ranked(events.filter(pl.col(column).is_not_null())).sort("_key", maintain_order=True)
    numbers = code_of(join.op, order[column])
    code, winner = array("q", numbers.tobytes()), array("q", np.argsort(numbers).tobytes())
    values = order[column].to_list()
    starts = np.arange(0, len(numbers), _BLOCK)
    blocks = array("q", np.minimum.reduceat(numbers, starts).tobytes() if len(numbers) else b"")
    spans = key_spans(order)
    aged = compact(order.select(ages(join.length_ns, join.hop_ns)).to_series())
    enters, happened = compact(order[ENTER]), compact(order[EVENT])
    latest = compact(order.select(pl.col(ENTER).cum_max().over("_key")).to_series())

    def least(low: int, high: int) -> int:
        first, last = -(-low // _BLOCK), high // _BLOCK
        if first >= last:
            return min(code[low:high], default=NONE)
        best = min(blocks[first:last])
        rests = (*code[low : first * _BLOCK], *code[last * _BLOCK : high])
        return min(best, *rests) if rests else best

    def read(asked_ns: int, key: int) -> Value:
        low, high = spans.get(key, _NOWHERE)
        begin = bisect_right(aged, asked_ns, low, high)
        settled = max(begin, bisect_left(latest, asked_ns, low, high))
        until = bisect_left(happened, asked_ns, settled, high)
        rest = zip(code[settled:until], enters[settled:until], strict=True)
        best = min([number for number, entered in rest if entered < asked_ns], default=NONE)
        best = min(best, least(begin, settled))
        return None if best == NONE else values[winner[best]]

    return read


def read_distinct(events: pl.DataFrame, join: Join, column: str) -> Reader:
    """Answers `distinct` for a moment and the number of a key."""
    found = stretches(by_value(events, column), join)
    begins, ends = found.sort("_key", "_begin"), found.sort("_key", "_end")
    spans = key_spans(begins)
    begun, ended = compact(begins["_begin"]), compact(ends["_end"])

    def read(asked_ns: int, key: int) -> Value:
        low, high = spans.get(key, _NOWHERE)
        return bisect_left(begun, asked_ns, low, high) - bisect_right(ended, asked_ns, low, high)

    return read


def key_spans(order: pl.DataFrame) -> dict[int, Span]:
    """Where the rows of each key stand in a frame that is sorted by key."""
    runs = order["_key"].rle().struct.unnest()
    ends = list(accumulate(runs["len"].to_list()))
    return dict(zip(runs["value"].to_list(), zip([0, *ends], ends, strict=False), strict=True))
