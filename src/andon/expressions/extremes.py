"""The least, the greatest and the first of the rows in a window, exact for late rows too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.expressions.asof import ranked
from andon.expressions.events import ENTER, ages
from andon.expressions.joins import Join
from andon.expressions.tree import Node

Numbers = NDArray[np.int64]
NONE: Final = 2**63 - 1


def extremes(
    questions: pl.DataFrame, events: pl.DataFrame, joins: Mapping[str, Join], values: Mapping[Node, str]
) -> dict[str, pl.Series]:
    """The results of `min`, `max` and `first` over the same rows.

    A row is in the window if it has entered and is not too old. With the rows of a key in the order of their events,
    those that are not too old are the last ones, and of these the ones that have entered count: a minimum over two
    bounds, taken from blocks of 1, 2, 4... rows that are each sorted by when they entered. That costs log2(rows)
    sorts, however late a row may come.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.
        joins: The windows, by the name of their result.
        values: The column of `events` that holds each value.

    Returns:
        For each question, in order: one column for each window, null where no row of it has a value.
    """
    results: dict[str, pl.Series] = {}
    for column in sorted({values[join.value] for join in joins.values()}):
        mine = {name: join for name, join in joins.items() if values[join.value] == column}
        order = ranked(events.filter(pl.col(column).is_not_null())).sort("_key", maintain_order=True)
        if order.is_empty() or questions.is_empty():
            results |= {name: order[column].clear(len(questions)) for name in mine}
            continue
        rows = _Rows.of(questions, order)
        lengths = sorted({(join.length_ns, join.hop_ns) for join in mine.values()})
        begins = {over: _begin(questions, order, ages(over, hop), rows) for over, hop in lengths}
        codes = {op: code_of(op, order[column]) for op in sorted({join.op for join in mine.values()})}
        best = _least(rows, begins, codes)
        for name, join in mine.items():
            results[name] = _taken(order[column], codes[join.op], best[join.length_ns, join.op])
    return results


def code_of(op: str, series: pl.Series) -> Numbers:
    """Different whole numbers for rows, the least for the row that a window takes: by value, or by place if `first`."""
    if op == "first":
        return np.arange(len(series), dtype=np.int64)
    code = np.empty(len(series), dtype=np.int64)
    code[by_worth(series)] = np.arange(len(series), dtype=np.int64)
    return code if op == "min" else len(series) - 1 - code


def by_worth(series: pl.Series, blocks: pl.Series | None = None) -> Numbers:
    """Places of values from the least to the greatest, for each block apart where there are blocks.

    Equal values stand in the order of the rows; 0.0 is greater than -0.0, so that either has one answer.
    """
    frame = pl.DataFrame({"v": series, "i": np.arange(len(series), dtype=np.int64)})
    sign = (1 / pl.col("v") > 0) if series.dtype == pl.Float64 else pl.lit(True)
    frame = frame.with_columns(sign.alias("s"), (pl.lit(0) if blocks is None else blocks).alias("b"))
    places: Numbers = frame.sort("b", "v", "s", "i")["i"].to_numpy()
    return places


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows by key and event, and where each question's key stands among them.

    Attributes:
        entered: Of each row, how many of all rows entered before it, or with it and stand before.
        bound: Of each question, how many of all rows had entered.
        low: Where its key's rows begin.
        high: Where they end.
    """

    entered: Numbers
    bound: Numbers
    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, questions: pl.DataFrame, order: pl.DataFrame) -> "_Rows":
        enters = order[ENTER].to_numpy()
        by_entry = np.argsort(enters, kind="stable")
        entered = np.empty(len(enters), dtype=np.int64)
        entered[by_entry] = np.arange(len(enters), dtype=np.int64)
        bound = np.searchsorted(enters[by_entry], questions["_t"].to_numpy(), side="left")
        keys, asked = order["_key"].to_numpy(), questions["_key"].fill_null(-1).to_numpy()
        return cls(entered, bound, np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right"))


def _begin(questions: pl.DataFrame, order: pl.DataFrame, age: pl.Expr, rows: _Rows) -> Numbers:
    """Of each question, the first row of its key that is not too old."""
    aged = order.select("_key", age.alias("_age"), pl.int_range(1, pl.len() + 1).alias("_next")).sort("_age")
    asked = questions.select("_key", "_t")
    found = asked.join_asof(aged, left_on="_t", right_on="_age", by="_key", check_sortedness=False)["_next"]
    begin: Numbers = np.maximum(found.fill_null(0).to_numpy(), rows.low)
    return begin


def _least(rows: _Rows, begins: Mapping[int, Numbers], codes: Mapping[str, Numbers]) -> dict[tuple[int, str], Numbers]:
    """For each length and code, of each question the least code of its rows that have entered; `NONE` where none is."""
    size = 1 << max(0, len(rows.entered) - 1).bit_length()
    best = {(length, op): np.full(len(begin), NONE) for length, begin in begins.items() for op in codes}
    left = {length: begin + size for length, begin in begins.items()}
    right = {length: np.maximum(rows.high, begin) + size for length, begin in begins.items()}
    for width, entered, least in _blocks(rows.entered, codes):
        for length in begins:
            mine = {op: best[length, op] for op in codes}
            for odd, node in ((left[length] & 1, left[length]), (right[length] & 1, right[length] - 1)):
                asking = np.flatnonzero((odd == 1) & (left[length] < right[length]))
                first = (node[asking] - size // width) * width
                until = np.searchsorted(entered, first // width * (size + 1) + rows.bound[asking], side="left")
                some = until > first
                for op, running in least.items():
                    mine[op][asking[some]] = np.minimum(mine[op][asking[some]], running[until[some] - 1])
            left[length], right[length] = (left[length] + 1) >> 1, right[length] >> 1
        if not any((left[length] < right[length]).any() for length in begins):
            break
    return best


def _blocks(entered: Numbers, codes: Mapping[str, Numbers]) -> Iterator[tuple[int, Numbers, dict[str, Numbers]]]:
    """Rows in blocks of 1, 2, 4...: each by entry, with the least code of those of the block that entered so far.

    Yields:
        How many rows a block has; when they entered, with more added from block to block so that all ascend; the codes.
    """
    size = 1 << max(0, len(entered) - 1).bit_length()
    order = np.concatenate([entered, np.arange(len(entered), size, dtype=np.int64)])
    padded = {op: np.concatenate([code, np.full(size - len(entered), NONE)]) for op, code in codes.items()}
    place = np.arange(size, dtype=np.int64)
    width = 1
    while width <= size:
        within = np.argsort(order[place].reshape(-1, width), axis=1, kind="stable")
        place = np.take_along_axis(place.reshape(-1, width), within, axis=1).ravel()
        least = {
            op: np.minimum.accumulate(code[place].reshape(-1, width), axis=1).ravel() for op, code in padded.items()
        }
        yield width, order[place] + np.repeat(np.arange(size // width) * (size + 1), width), least
        width *= 2


def _taken(series: pl.Series, code: Numbers, best: Numbers) -> pl.Series:
    """The value of the row that has each best code."""
    place = np.argsort(code)
    found = best != NONE
    index = pl.Series(place[np.where(found, best, 0)]).set(pl.Series(~found), None)
    return series.gather(index)
