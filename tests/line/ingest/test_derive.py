"""Derived rows are what another engine finds, and are known no earlier than everything that they were made from."""

import random
from decimal import Decimal

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.expressions import tree
from andon.expressions.evaluate import evaluate
from andon.expressions.functions import CATEGORY, INT, TIME, Type
from andon.expressions.plan import FeaturePlan
from andon.line.ingest.derive import derive
from andon.line.ingest.judge import judge_rows

MINUTE = 60 * 10**9
DAY = 86_400 * 10**9
MOMENT = pl.Datetime("ns", "UTC")
LEG = DatasetContract(
    "Leg",
    (
        Column("flight", "category", "key"),
        Column("arrived", "time", "event_time"),
        Column("known", "time", "known_at"),
        Column("tail", "category", nullable=True),
        Column("before", "category", nullable=True),
        Column("late", "int"),
        Column("seen", "int"),
    ),
)


def own(name, type_):
    return tree.column("Arrival", name, type_)


def plan_of_legs():
    """Of each arrival: which aircraft it was, which flight came before it, how many flights were booked so far."""
    same = tree.apply("eq", tree.column("Booking", "flight", CATEGORY), own("flight", CATEGORY))
    earlier = tree.apply("eq", own("place", CATEGORY), own("place", CATEGORY))
    booked = tree.apply("eq", tree.column("Booking", "place", CATEGORY), own("place", CATEGORY))
    return FeaturePlan(
        "Arrival",
        "arrived",
        (
            ("flight", own("flight", CATEGORY)),
            ("arrived", own("arrived", TIME)),
            ("tail", tree.apply("lookup", tree.column("Booking", "tail", CATEGORY), match=same)),
            ("before", tree.apply("last", own("flight", CATEGORY), match=earlier, within_ns=DAY, event_time="arrived")),
            ("late", own("late", INT)),
            (
                "seen",
                tree.apply(
                    "count", tree.column("Booking", "flight", CATEGORY), match=booked, over_ns=DAY, event_time="at"
                ),
            ),
        ),
    )


def published(rows, time):
    """Rows as a published dataset has them, each with when it happened and when it was known."""
    frame = pl.DataFrame(rows, orient="row", infer_schema_length=None)
    moments = pl.col(time, "_known_at").cast(pl.Int64).cast(MOMENT)
    return frame.with_columns(moments, _row=pl.int_range(pl.len(), dtype=pl.Int64)).lazy()


def drawn(seed):
    """Arrivals and bookings, many at equal moments, some known late, or before they happened."""
    rng = random.Random(seed)
    lateness = [0, 0, 1, 5 * MINUTE, 60 * MINUTE, DAY]
    arrivals, bookings = [], []
    for number in range(rng.choice([1, 8, 30])):
        at = rng.randrange(200) * 10 * MINUTE
        arrival = {"flight": f"f{number}", "place": rng.choice("xyz"), "arrived": at, "late": rng.randrange(-9, 60)}
        arrivals.append({**arrival, "_known_at": at + rng.choice(lateness), "_object": rng.choice("ab")})
        for _ in range(rng.choice([0, 1, 2])):
            booked = at - rng.choice([-10, 0, 1, 10, 600]) * MINUTE
            booking = {"flight": f"f{number}", "place": rng.choice("xyz"), "at": booked, "tail": rng.choice("mno")}
            bookings.append({**booking, "_known_at": booked + rng.choice([-MINUTE, *lateness]), "_object": "c"})
    return published(arrivals, "arrived"), published(bookings or [{**booking_none()}], "at")


def booking_none():
    return {"flight": "none", "place": "x", "at": 0, "tail": "m", "_known_at": 0, "_object": "c"}


LEGS = """
    SELECT a.flight, a.arrived, greatest(a._known_at, a.arrived) + 7 AS known,
      (SELECT b.tail FROM bookings b WHERE b.flight = a.flight AND b._known_at < a.arrived
        ORDER BY b._known_at DESC, b._object DESC, b._row DESC LIMIT 1) AS tail,
      (SELECT e.flight FROM arrivals e WHERE e.place = a.place AND e._known_at < a.arrived AND e.arrived < a.arrived
        AND e.arrived >= a.arrived - {day}
        ORDER BY e.arrived DESC, e._known_at DESC, e._object DESC, e._row DESC LIMIT 1) AS before,
      a.late,
      (SELECT count(*) FROM bookings b WHERE b.place = a.place AND b._known_at < a.arrived AND b.at < a.arrived
        AND b.at >= CAST(floor((a.arrived - {day}) / {hour}.0) AS BIGINT) * {hour}) AS seen
    FROM arrivals a ORDER BY a._row
"""


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_duckdb_derives_the_same_rows(tmp_path_factory, seed):
    """A wrong previous leg would be learned from by every model that looks at it."""
    tables = dict(zip(("arrivals", "bookings"), drawn(seed), strict=True))
    found = derive(plan_of_legs(), LEG, {"Arrival": tables["arrivals"], "Booking": tables["bookings"]}, 7)
    assert found.columns == [column.name for column in LEG.columns]
    with duckdb.connect() as db:
        for name, table in tables.items():
            path = tmp_path_factory.getbasetemp() / f"{name}.parquet"
            table.with_columns(pl.selectors.datetime().to_physical()).collect().write_parquet(path)
            db.execute(f"CREATE TABLE {name} AS FROM read_parquet('{path}')")
        expected = db.execute(LEGS.format(day=DAY, hour=60 * MINUTE)).fetchall()
    assert found.with_columns(pl.col("arrived", "known").to_physical()).rows() == expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), asked=st.integers(0, 400).map(lambda n: n * 5 * MINUTE))
def test_a_question_sees_nothing_through_a_derived_row_that_was_not_known_before_it(seed, asked):
    """Two joins in a row must not reach further into the future than one: the rows known later may be anything."""
    arrivals, bookings = drawn(seed)
    before = pl.col("_known_at").to_physical() < asked
    seen = [
        answers(legs({"Arrival": arrivals.filter(known), "Booking": bookings.filter(known)}), asked)
        for known in (pl.lit(True), before)
    ]
    assert seen[0].equals(seen[1])


def legs(tables):
    """The derived rows, judged and published as they are."""
    made = derive(plan_of_legs(), LEG, tables, 0)
    judged = judge_rows(made, LEG, now_ns=2**62)
    assert judged.quarantined.is_empty()
    return judged.good.with_columns(_object=pl.lit("sha256:d")).lazy()


def answers(rows, asked):
    """What features see of derived rows at a moment, whichever way they look at them."""
    spine = pl.DataFrame({"tail": ["m", "n", "o"], "asked": [asked] * 3}).with_columns(pl.col("asked").cast(MOMENT))
    match = tree.apply("eq", tree.column("Leg", "tail", CATEGORY), tree.column("Ask", "tail", CATEGORY))
    late, before = tree.column("Leg", "late", INT), tree.column("Leg", "before", CATEGORY)
    window = {"match": match, "over_ns": 3 * DAY, "event_time": "arrived"}
    nodes = {
        "last": tree.apply("last", late, match=match, within_ns=3 * DAY, event_time="arrived"),
        "earlier": tree.apply("last", before, match=match, within_ns=3 * DAY, event_time="arrived"),
        "mean": tree.apply("mean", late, **window),
        "seen": tree.apply("sum", tree.column("Leg", "seen", INT), **window),
        "known": tree.apply("lookup", late, match=match),
    }
    return evaluate(FeaturePlan("Ask", "asked", tuple(nodes.items())), spine, {"Leg": rows})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_comes_later_changes_no_row_that_could_be_known_before_it(seed):
    """So a version that is derived again holds the old rows as they were, and new ones."""
    arrivals, bookings = drawn(seed)
    plan = plan_of_legs()
    last = max(frame.select(pl.col("_known_at").max().to_physical()).collect().item() for frame in (arrivals, bookings))
    at = random.Random(seed).randrange(last + 2)
    earlier = {"Arrival": arrivals.filter(known_by(at)), "Booking": bookings.filter(known_by(at))}
    then = derive(plan, LEG, earlier, 0).filter(pl.col("known").to_physical() <= at)
    now = derive(plan, LEG, {"Arrival": arrivals, "Booking": bookings}, 0)
    assert now.join(then, on=LEG.column("flight").name, how="semi", maintain_order="left").equals(then)


def known_by(at):
    return pl.col("_known_at").to_physical() <= at


@given(
    cents=st.lists(st.none() | st.integers(-(2**63) + 2, 2**63 - 2), min_size=1, max_size=8), scale=st.integers(1, 18)
)
def test_decimals_come_through_the_gate_as_they_were(cents, scale):
    """A rounded price is another price."""
    columns = (
        Column("id", "int", "key"),
        Column("at", "time", "event_time"),
        Column("known", "time", "known_at"),
        Column("price", "fixed", nullable=True, scale=scale),
    )
    contract = DatasetContract("Priced", columns)
    rows = [
        {"id": n, "at": n, "price": value, "_known_at": n, "_object": "a"} for n, value in enumerate(cents, start=1)
    ]
    frame = published(rows, "at").with_columns(pl.col("price").cast(pl.Int64))
    kinds = {"id": INT, "at": TIME, "price": Type("fixed", scale)}
    plan = FeaturePlan("Sale", "at", tuple((name, tree.column("Sale", name, kind)) for name, kind in kinds.items()))
    made = derive(plan, contract, {"Sale": frame}, 0)
    assert made["price"].to_list() == [None if value is None else Decimal(value).scaleb(-scale) for value in cents]
    judged = judge_rows(made, contract, now_ns=2**62)
    assert judged.good["price"].to_list() == cents


def test_a_row_that_is_known_after_the_end_of_time_is_set_aside():
    """Wrapped around, it would count as known since 1677."""
    rows = [{"id": 1, "at": 5, "_known_at": 5, "_object": "a"}]
    columns = (Column("id", "int", "key"), Column("at", "time", "event_time"), Column("known", "time", "known_at"))
    contract = DatasetContract("Late", columns)
    items = tuple((name, tree.column("Sale", name, kind)) for name, kind in {"id": INT, "at": TIME}.items())
    made = derive(FeaturePlan("Sale", "at", items), contract, {"Sale": published(rows, "at")}, 2**63 - 1)
    judged = judge_rows(made, contract, now_ns=2**62)
    assert judged.quarantined["_reasons"].to_list() == [["known.null"]]
