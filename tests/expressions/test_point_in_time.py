"""Joins see what was known strictly before the question, against plain Python that looks at every row."""

import math

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.expressions.buckets import in_buckets
from andon.expressions.evaluate import evaluate
from andon.expressions.events import key_names, read_events, value_names
from andon.expressions.joins import read_join
from andon.expressions.plan import FeaturePlan

_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
_JOINED = ("count", "sum", "mean", "std", "min", "max", "first", "distinct", "last", "lookup")


def _hop(length):
    hour = 3600 * 10**9
    return hour // 12 if length < 12 * hour else hour if length < 12 * 24 * hour else 24 * hour


def _brute(node, ask, events):
    """What a join gives, from the words of the documentation and no shortcut."""
    join = read_join(node, "Ask")
    column = join.value.text("name")
    rows = [
        {**event, "known": event["at"] + event["late"], "row": row, "level": _null(event["level"])}
        for row, event in enumerate(events)
        if all(ask[o] is not None and ask[o] == event[t] for o, t in zip(join.rows.ours, join.rows.theirs, strict=True))
    ]
    if join.rows.where is not None:
        rows = [row for row in rows if row["amount"] is not None and row["amount"] > 0]
    asked = ask["asked"]
    rows = [row for row in rows if row["known"] < asked]
    if join.op == "lookup":
        best = max(rows, key=lambda r: (r["known"], r["object"], r["row"]), default=None)
        return best and best[column]
    rows = [row for row in rows if row["at"] < asked]
    if join.op == "last":
        rows = [row for row in rows if row["at"] >= asked - join.length_ns]
        best = max(rows, key=lambda r: (r["at"], r["known"], r["object"], r["row"]), default=None)
        return best and best[column]
    start = (asked - join.length_ns) // _hop(join.length_ns) * _hop(join.length_ns)
    inside = [row for row in rows if row["at"] >= start and row[column] is not None]
    inside.sort(key=lambda r: (r["at"], r["known"], r["object"], r["row"]))
    values = [row[column] for row in inside]
    if join.op in ("min", "max"):
        best = min if join.op == "min" else max
        return best(values, key=lambda v: (v, math.copysign(1, v)), default=None)
    if join.op == "first":
        return values[0] if values else None
    if join.op == "distinct":
        return len(set(values))
    if join.op == "count":
        return len(values)
    if join.op == "sum":
        return sum(values)
    if join.op == "std":
        unit = 1.0 / 100 if join.value.type.kind == "fixed" else 1.0
        n = len(values)
        deviations = sum((n * v - sum(values)) ** 2 for v in values)  # n^2 (n - 1) times the variance, in whole numbers
        return math.sqrt(float(deviations // n) / float(n * (n - 1))) * unit if n > 1 else None
    scale = 1.0 / 100 if join.value.type.kind == "fixed" else 1.0
    return float(sum(values)) / float(len(values)) * scale if values else None


def _null(value):
    return None if value is None or value != value else value


@settings(max_examples=30, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_every_join_gives_what_looking_at_every_row_gives(history, make, seed):
    """One row too many in a training set is a leak; one too few is a model that never saw its data."""
    events, asks = history.draw(seed)
    plan = FeaturePlan("Ask", "asked", tuple((n, node) for n, node in history.nodes.items() if node.op in _JOINED))
    found = evaluate(plan, history.spine(asks), {"Event": history.frame(events).lazy()})
    assert found.columns == list(plan.names)
    assert len(found) == len(asks)
    for ask, row in zip(asks, found.to_dicts(), strict=True):
        for name, node in plan.features:
            assert make.bits(row[name]) == make.bits(_brute(node, ask, events)), name


@settings(max_examples=12, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 40))
def test_buckets_of_keys_change_no_bit(history, make, seed, rows):
    """A training set of many rows must not be another one than that of few."""
    events, asks = history.draw(seed)
    joins = {name: node for name, node in history.nodes.items() if node.op in _JOINED and "place" not in name}
    groups = {}
    for name, node in joins.items():
        join = read_join(node, "Ask")
        groups.setdefault(join.rows, {})[name] = join
    for by, group in groups.items():
        values = value_names(tuple(dict.fromkeys(join.value for join in group.values())))
        read = read_events(by, tuple(values), {"Event": history.frame(events).lazy()})
        keyed = read.with_columns(_key=pl.struct(key_names(by)).rank("dense").cast(pl.Int64)).drop(key_names(by))
        questions = pl.DataFrame(
            {
                "_key": [None if ask["place"] is None else ask["who"] for ask in asks],
                "_t": [ask["asked"] for ask in asks],
            },
            schema={"_key": pl.Int64, "_t": pl.Int64},
        ).sort("_t")
        whole = in_buckets(questions, keyed, group, values)
        parted = in_buckets(questions, keyed, group, values, rows)
        for name, series in whole.items():
            assert list(map(make.bits, parted[name].to_list())) == list(map(make.bits, series.to_list())), name


@settings(max_examples=12, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_nothing_that_becomes_known_at_or_after_the_question_changes_a_feature(history, seed):
    """This is the promise against leakage: the future may be anything."""
    events, asks = history.draw(seed)
    plan = FeaturePlan("Ask", "asked", tuple(history.nodes.items()))
    spine, frame = history.spine(asks), history.frame(events)
    before = evaluate(plan, spine, {"Event": frame.lazy()})
    for number, ask in list(enumerate(asks))[:5]:
        past = frame.filter(pl.col("_known_at").to_physical() < ask["asked"])
        alone = evaluate(plan, spine[number : number + 1], {"Event": past.lazy()})
        assert alone.equals(before[number : number + 1])
