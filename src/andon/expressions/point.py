"""Answers one question at a time from prepared rows, with the same bits as the plan evaluated for a whole frame."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import polars as pl

from andon.expressions.asof import BEST, newest, ranked, versions
from andon.expressions.events import ENTER, EVENT, KNOWN, key_names, read_events, value_names
from andon.expressions.functions import EXTREMES, SUMS
from andon.expressions.joins import Join, Rows, read_join
from andon.expressions.members import read_distinct, read_extreme
from andon.expressions.plan import FeaturePlan, hidden, without_joins
from andon.expressions.prepared import Windows, compact
from andon.expressions.row import Value, checked, compile_row

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
        single = {name: join for name, join in joins.items() if join.op in _READERS}
        windows = {name: join for name, join in joins.items() if join.op in SUMS}
        whole = {name: join for name, join in joins.items() if join.op in _OF_MEMBERS}
        self._readers = [(name, _READERS[join.op](events, join, names[join.value])) for name, join in single.items()]
        self._numbers = dict(zip(self._spans, numbers["_key"].to_list(), strict=True)) if whole else {}
        self._members = [(name, _OF_MEMBERS[join.op](events, join, names[join.value])) for name, join in whole.items()]
        self._windows = Windows(events, windows, names) if windows else None

    def answer(self, row: Mapping[str, Value], asked_ns: int, results: dict[str, Value]) -> None:
        """Put the results of the joins under their names."""
        key = tuple([row[name] for name in self._ours])
        low, high = self._spans.get(key, _NOWHERE)
        for name, read in self._readers:
            results[name] = read(asked_ns, low, high)
        if self._windows is not None:
            self._windows.answer(asked_ns, low, high, results)
        if self._members:
            number = self._numbers.get(key, -1)
            for name, answer in self._members:
                results[name] = answer(asked_ns, number)


def _spans(numbers: pl.DataFrame, keys: Sequence[str], events: pl.DataFrame) -> dict[tuple[Value, ...], Span]:
    """Where the rows of each key stand, in every order that sorts by key first."""
    counts = events["_key"].value_counts().sort("_key")["count"].to_list()
    ends = list(accumulate(counts))
    spans = zip([0, *ends], ends, strict=False)
    return dict(zip(numbers.select(keys).rows(), spans, strict=True))


def _lookup(events: pl.DataFrame, join: Join, column: str) -> Reader:  # noqa: ARG001  # all readers are made alike
    order = versions(events).sort("_key", maintain_order=True)
    known, values = compact(order[KNOWN]), order[column].to_list()

    def read(asked: int, low: int, high: int) -> Value:
        found = bisect_left(known, asked, low, high)
        return values[found - 1] if found > low else None

    return read


def _last(events: pl.DataFrame, join: Join, column: str) -> Reader:
    order = ranked(events)
    entering = newest(order, ["_key"]).sort("_key", maintain_order=True)
    best = order.select(EVENT, column).select(pl.all().gather(entering[BEST]))
    enters, happened, values = compact(entering[ENTER]), compact(best[EVENT]), best[column].to_list()
    within = join.length_ns

    def read(asked: int, low: int, high: int) -> Value:
        found = bisect_left(enters, asked, low, high) - 1
        return values[found] if found >= low and asked - happened[found] <= within else None

    return read


def _column(contract: str, column: str) -> str:  # noqa: ARG001  # names of joins begin with _, of columns never
    return column


_READERS = {"lookup": _lookup, "last": _last}
_OF_MEMBERS = {"distinct": read_distinct, **dict.fromkeys(EXTREMES, read_extreme)}
