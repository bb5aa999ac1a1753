"""Another engine, asked in SQL, gives the same joins: an oracle that shares no code with andon."""

import math

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.evaluate import evaluate, evaluate_label
from andon.expressions.plan import FeaturePlan

_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
_HOUR = 3600 * 10**9
_FLOOR = "CAST(floor((q.t - {over}) / CAST({hop} AS DOUBLE)) AS BIGINT)"
_WINDOW = """
    SELECT q.id, count(e.amount), CAST(coalesce(sum(e.amount), 0) AS BIGINT)
    FROM q LEFT JOIN e ON e.place = q.place AND e.known < q.t AND e.happened < q.t
      AND e.happened // {hop} - CASE WHEN e.happened % {hop} < 0 THEN 1 ELSE 0 END >= {floor}
    GROUP BY q.id ORDER BY q.id
"""
_OTHERS = """
    SELECT q.id, min(e.amount), max(e.amount), count(DISTINCT e.amount), count(e.amount),
      CAST(coalesce(sum(e.amount), 0) AS BIGINT), CAST(coalesce(sum(e.amount * e.amount), 0) AS BIGINT),
      arg_min(e.amount, (e.happened, e.known, e.object, e.n)) FILTER (WHERE e.amount IS NOT NULL)
    FROM q LEFT JOIN e ON e.place = q.place AND e.known < q.t AND e.happened < q.t
      AND e.happened // {hop} - CASE WHEN e.happened % {hop} < 0 THEN 1 ELSE 0 END >= {floor}
    GROUP BY q.id ORDER BY q.id
"""
_LAST = """
    SELECT q.id, (SELECT e.amount FROM e WHERE e.place = q.place AND e.who = q.who AND e.known < q.t
      AND e.happened < q.t AND e.happened >= q.t - {within}
      ORDER BY e.happened DESC, e.known DESC, e.object DESC, e.n DESC LIMIT 1)
    FROM q ORDER BY q.id
"""
_LOOKUP = """
    SELECT q.id, (SELECT e.amount FROM e WHERE e.place = q.place AND e.who = q.who AND e.known < {before}
      ORDER BY e.known DESC, e.object DESC, e.n DESC LIMIT 1)
    FROM q ORDER BY q.id
"""


def _database(events, asks):
    base = duckdb.connect()
    base.execute(
        "CREATE TABLE e (n BIGINT, place TEXT, who BIGINT, happened BIGINT, known BIGINT, amount BIGINT, object TEXT)"
    )
    base.execute("CREATE TABLE q (id BIGINT, place TEXT, who BIGINT, t BIGINT)")
    rows = [
        [n, e["place"], e["who"], e["at"], e["at"] + e["late"], e["amount"], e["object"]] for n, e in enumerate(events)
    ]
    questions = [[n, q["place"], q["who"], q["asked"]] for n, q in enumerate(asks)]
    for table, values in (("e", rows), ("q", questions)):
        if values:
            marks = ", ".join(f"({', '.join('?' * len(values[0]))})" for _ in values)
            base.execute(f"INSERT INTO {table} VALUES {marks}", [cell for row in values for cell in row])
    return base


@settings(max_examples=12, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_duckdb_gives_the_same_windows_last_and_lookup(history, seed):
    """A mistake in the semantics would have to be made twice, in two languages."""
    events, asks = history.draw(seed)
    base, tables, spine = _database(events, asks), {"Event": history.frame(events).lazy()}, history.spine(asks)
    nodes = history.nodes
    plan = FeaturePlan("Ask", "asked", tuple((n, nodes[n]) for n in ("n_1h", "sum_1d", "last_10d", "known")))
    found = evaluate(plan, spine, tables)
    hour = base.execute(_WINDOW.format(hop=_HOUR // 12, floor=_FLOOR.format(over=_HOUR, hop=_HOUR // 12))).fetchall()
    day = base.execute(_WINDOW.format(hop=_HOUR, floor=_FLOOR.format(over=24 * _HOUR, hop=_HOUR))).fetchall()
    last = base.execute(_LAST.format(within=240 * _HOUR)).fetchall()
    lookup = base.execute(_LOOKUP.format(before="q.t")).fetchall()
    assert found["n_1h"].to_list() == [row[1] for row in hour]
    assert found["sum_1d"].to_list() == [row[2] for row in day]
    assert found["last_10d"].to_list() == [row[1] for row in last]
    assert found["known"].to_list() == [row[1] for row in lookup]


@settings(max_examples=12, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32))
def test_duckdb_gives_the_same_least_greatest_first_different_and_spread(history, make, seed):
    """These need the rows themselves: a late row that is taken too early, or too late, is a wrong number for ever."""
    events, asks = history.draw(seed)
    base, tables, spine = _database(events, asks), {"Event": history.frame(events).lazy()}, history.spine(asks)
    window = {name: value for name, value in history.nodes["min_1d"].params if name != "over_ns"}
    amount, over = history.nodes["min_1d"].args[0], 24 * _HOUR
    ops = ("min", "max", "distinct", "first", "std")
    plan = FeaturePlan("Ask", "asked", tuple((op, tree.apply(op, amount, over_ns=over, **window)) for op in ops))
    found = evaluate(plan, spine, tables).rows()
    expected = base.execute(_OTHERS.format(hop=_HOUR, floor=_FLOOR.format(over=over, hop=_HOUR))).fetchall()
    for ours, (_, least, greatest, different, n, total, squared, first) in zip(found, expected, strict=True):
        std = math.sqrt(float(n * squared - total**2) / float(n * (n - 1))) if n > 1 else None
        assert ours[:4] == (least, greatest, different, first)
        assert make.bits(ours[4]) == make.bits(std)


@settings(max_examples=6, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32), as_of=st.integers(0, 72).map(lambda h: h * _HOUR))
def test_a_label_is_what_was_known_before_the_moment_of_training(history, seed, as_of):
    """A label sees rows after the question, but none that the training run could not know."""
    events, asks = history.draw(seed)
    base, frame = _database(events, asks), history.frame(events)
    found = evaluate_label(history.nodes["known"], "Ask", history.spine(asks), {"Event": frame.lazy()}, as_of)
    expected = base.execute(_LOOKUP.format(before=as_of)).fetchall()
    moments = base.execute(_LOOKUP.format(before=as_of).replace("SELECT e.amount", "SELECT e.known")).fetchall()
    assert found["label"].to_list() == [row[1] for row in expected]
    known = found["_label_known_at"].to_physical().to_list()
    assert known == [m[1] if e[1] is not None else None for e, m in zip(expected, moments, strict=True)]
