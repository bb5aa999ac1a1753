"""Random expressions and rows with every awkward value, for the tests of both compilers."""

import math
import random
import struct
from functools import cache
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.functions import BOOL, CALENDAR, CATEGORY, FLOAT, INT, TIME, Type
from andon.expressions.zones import zone

FIXED = Type("fixed", 2)
COLUMNS = {"x": FLOAT, "y": FLOAT, "i": INT, "j": INT, "f": FIXED, "b": BOOL, "c": CATEGORY, "t": TIME, "u": TIME}
FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    -5e-324,
    2.2e-308,
    1.7e308,
    -1.7e308,
    math.inf,
    -math.inf,
    math.nan,
    0.1,
    123.456,
]
INTS = [0, 1, -1, 7, -7, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63)]
DAY_S = 86_400
# The hours around changes of the clocks in New York, a leap day, and the ends of time.
TIMES_S = [
    1362898800,
    1362902400,
    1383458400,
    1383462000,
    951782400,
    951868800,
    -1,
    0,
    4107542400,
    -9223372036,
    9223372036,
]
WORDS = ["a", "b", "é", "", "zz'\"\\"]


def _value(type_, hostile):
    if type_ == FLOAT:
        return st.sampled_from(FLOATS) | st.floats() if hostile else st.floats(-1e6, 1e6, allow_subnormal=False)
    if type_.kind in ("int", "fixed"):
        return st.sampled_from(INTS) | st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 100)
    if type_ == TIME:
        second = st.sampled_from(TIMES_S) | st.integers(-9223372036, 9223372036)
        return st.builds(lambda s, n: max(-(2**63), min(2**63 - 1, s * 10**9 + n)), second, st.integers(-1, 1))
    return st.booleans() if type_ == BOOL else st.sampled_from(WORDS)


@cache
def _literal(type_):
    finite = _value(type_, True)
    return (finite.filter(lambda v: v == v) if type_ == FLOAT else finite).map(lambda v: tree.literal(v, type_))


def _ascending(type_, low, high):
    return st.lists(_literal(type_), min_size=low, max_size=high).map(lambda ls: sorted(ls, key=lambda n: n.value))


def _divisor(node):
    return node.op != "literal" or (node.value != 0 and 1 / node.value not in (0, math.inf, -math.inf))


@cache
def _column(type_):
    return st.sampled_from([name for name, each in COLUMNS.items() if each == type_]).map(
        lambda name: tree.column("S", name, type_)
    )


def _call(op, *args, **params):
    return st.builds(lambda *nodes: tree.apply(op, *nodes, **params), *args)


def _spread(op, first, rest):
    return st.builds(lambda node, more: tree.apply(op, node, *more), first, rest)


@cache
def expression(type_, depth):
    """Expressions of a type, at most so deep."""
    if depth == 0:
        return _column(type_)
    below = {each: expression(each, depth - 1) for each in (FLOAT, INT, FIXED, BOOL, CATEGORY, TIME)}
    same = below[type_]
    or_literal = same | _literal(type_)
    options = [same, _call("fill_null", same, or_literal), _call("where", below[BOOL], or_literal, or_literal)]
    if type_.kind in ("int", "fixed", "float"):
        options += [_call(op, same, or_literal) for op in ("add", "sub")] + [_call(op, same) for op in ("neg", "abs")]
        options += [_spread("clip", same, _ascending(type_, 2, 2))]
    options += _OPTIONS[type_.kind](below)
    return st.one_of(options)


def _floats(below):
    x, literal = below[FLOAT], _literal(FLOAT)
    calls = [_call(op, x) for op in ("log", "log1p", "sqrt", "exp", "sin", "cos", "tanh", "floor", "ceil", "round")]
    casts = [_call("to_float", below[each]) for each in (INT, FIXED, BOOL)]
    right = _call("div", literal, x)
    learned = [
        {"vocabulary": words, "means": tuple(mean.hex() for mean in means), "overall": (0.1).hex()}
        for words, means in (((), ()), (("", "b", "é"), (-0.0, 5e-324, -1.7e308)))
    ]
    casts += [_call("target_mean", below[CATEGORY], smoothing=1, **each) for each in learned]
    return [_call("mul", x, x | literal), _call("div", x, (x | literal).filter(_divisor)), right, *calls, *casts]


def _ints(below):
    tables = [zone("America/New_York"), zone("UTC"), zone("Asia/Kathmandu")]
    calendar = [
        _call(op, below[TIME], tz=table.name, table=table.digest) for op in sorted(CALENDAR) for table in tables
    ]
    buckets = [_spread("bucket", below[each], _ascending(each, 1, 4)) for each in (FLOAT, INT, FIXED)]
    codes = [_call("codes", below[CATEGORY], min_count=1, vocabulary=words) for words in ((), ("a",), ("", "b", "é"))]
    divisor = below[INT] | _literal(INT).filter(lambda node: node.value != 0)
    whole = [_call(op, below[INT], divisor) for op in ("floordiv", "mod")]
    whole += [_call("to_int", below[each]) for each in (FLOAT, BOOL)] + [_call("len_chars", below[CATEGORY])]
    whole += [_call("sign", below[each]) for each in (FLOAT, INT, FIXED)]
    apart = _call("sub", below[TIME], below[TIME])
    return [_call("mul", below[INT], below[INT]), apart, *whole, *calendar, *buckets, *codes]


def _bools(below):
    order = [_call(op, below[e], below[e] | _literal(e)) for op in ("gt", "ge", "lt", "le") for e in (FLOAT, INT, TIME)]
    equal = [_call(op, node, node | _literal(each)) for op in ("eq", "ne") for each, node in below.items()]
    logic = [_call(op, below[BOOL], below[BOOL]) for op in ("and", "or")]
    among = [_spread("is_in", below[e], st.lists(_literal(e), min_size=1, max_size=3)) for e in (INT, CATEGORY)]
    texts = [_call(op, below[CATEGORY], _literal(CATEGORY)) for op in ("starts_with", "ends_with", "contains")]
    return [
        *order,
        *equal,
        *logic,
        *among,
        *texts,
        _call("not", below[BOOL]),
        *(_call("is_null", n) for n in below.values()),
    ]


_OPTIONS = {
    "float": _floats,
    "int": _ints,
    "fixed": lambda below: [],
    "bool": _bools,
    "category": lambda below: [_call("head", below[CATEGORY], number=number) for number in (1, 3)],
    "time": lambda below: [],
}
EXPRESSIONS = st.sampled_from([FLOAT, FLOAT, INT, BOOL, BOOL, FIXED, CATEGORY, TIME]).flatmap(
    lambda t: expression(t, 3)
)
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | _value(each, True) for name, each in COLUMNS.items()}),
    min_size=1,
    max_size=9,
)


def frame_of(rows):
    """The rows as a frame of physical types."""
    kinds = {"float": pl.Float64, "int": pl.Int64, "fixed": pl.Int64, "bool": pl.Boolean, "category": pl.String}
    schema = {name: kinds.get(each.kind, pl.Int64) for name, each in COLUMNS.items()}
    frame = pl.DataFrame({name: [row[name] for row in rows] for name in COLUMNS}, schema=schema, strict=True)
    return frame.with_columns(pl.col("t", "u").cast(pl.Datetime("ns", "UTC")))


def bits(value):
    """A value such that equal means equal in every bit and in type."""
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


MINUTE, HOUR, DAY = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9
SPINE = {"id": INT, "asked": TIME, "place": CATEGORY, "who": INT}
EVENTS = {"place": CATEGORY, "who": INT, "at": TIME, "amount": INT, "cents": FIXED, "level": FLOAT}


def plan_nodes():
    """One feature of each kind of join, over several lengths, filters and keys, and some that compute with them."""
    theirs = {name: tree.column("Event", name, each) for name, each in EVENTS.items()}
    ours = {name: tree.column("Ask", name, each) for name, each in SPINE.items()}
    place = tree.apply("eq", theirs["place"], ours["place"])
    who = tree.apply("eq", ours["who"], theirs["who"])
    both = tree.apply("and", who, place)
    where = tree.apply("gt", theirs["amount"], tree.literal(0, INT))
    window = {"event_time": "at", "match": place}
    nodes = {
        "n_1h": tree.apply("count", theirs["amount"], over_ns=HOUR, **window),
        "n_20m_who": tree.apply("count", theirs["level"], over_ns=20 * MINUTE, event_time="at", match=who),
        "n_1d_some": tree.apply("count", theirs["place"], over_ns=DAY, where=where, **window),
        "sum_1d": tree.apply("sum", theirs["amount"], over_ns=DAY, **window),
        "sum_20d_both": tree.apply("sum", theirs["cents"], over_ns=20 * DAY, event_time="at", match=both),
        "mean_3h": tree.apply("mean", theirs["amount"], over_ns=3 * HOUR, **window),
        "mean_1d": tree.apply("mean", theirs["cents"], over_ns=DAY, **window),
        "mean_365d": tree.apply("mean", theirs["amount"], over_ns=365 * DAY, **window),
        "min_100y": tree.apply("min", theirs["amount"], over_ns=36_500 * DAY, **window),
        "std_3h": tree.apply("std", theirs["amount"], over_ns=3 * HOUR, **window),
        "std_20d": tree.apply("std", theirs["cents"], over_ns=20 * DAY, event_time="at", match=both),
        "min_1d": tree.apply("min", theirs["amount"], over_ns=DAY, **window),
        "max_1d": tree.apply("max", theirs["level"], over_ns=DAY, where=where, **window),
        "min_level_20d": tree.apply("min", theirs["level"], over_ns=20 * DAY, event_time="at", match=who),
        "max_at_3h": tree.apply("max", theirs["at"], over_ns=3 * HOUR, **window),
        "first_1d": tree.apply("first", theirs["place"], over_ns=DAY, event_time="at", match=who),
        "first_20d": tree.apply("first", theirs["level"], over_ns=20 * DAY, **window),
        "kinds_3h": tree.apply("distinct", theirs["amount"], over_ns=3 * HOUR, **window),
        "kinds_20d": tree.apply("distinct", theirs["level"], over_ns=20 * DAY, event_time="at", match=both),
        "places_1d": tree.apply("distinct", theirs["place"], over_ns=DAY, where=where, event_time="at", match=who),
        "last_3h": tree.apply("last", theirs["level"], within_ns=3 * HOUR, **window),
        "last_10d": tree.apply("last", theirs["amount"], within_ns=10 * DAY, event_time="at", match=both),
        "last_place": tree.apply("last", theirs["place"], within_ns=DAY, event_time="at", match=who),
        "known": tree.apply("lookup", theirs["amount"], match=both),
        "known_at": tree.apply("lookup", theirs["level"], match=who, where=where),
    }
    nodes["change"] = tree.apply("sub", nodes["mean_3h"], nodes["mean_1d"])
    nodes["share"] = tree.apply("div", nodes["last_3h"], tree.apply("to_float", nodes["n_1h"]))
    newest = tree.apply("last", theirs["at"], within_ns=DAY, **window)
    nodes["quiet_ns"] = tree.apply("sub", ours["asked"], newest)
    nodes["since_max_ns"] = tree.apply("sub", ours["asked"], nodes.pop("max_at_3h"))
    nodes["asked_by"] = tree.apply("fill_null", ours["who"], tree.literal(-1, INT))
    return nodes


def _moment(rng):
    """Moments that often fall on one another and on the steps of windows."""
    step, reach = rng.choice([(5 * MINUTE, 48), (5 * MINUTE, 48), (HOUR, 30), (HOUR, 600), (DAY, 30), (1, 4 * HOUR)])
    return rng.randrange(reach) * step


def draw_history(seed):
    """Events, many late or corrected, and questions about them."""
    rng = random.Random(seed)
    lateness = [0, 0, 1, -HOUR, 5 * MINUTE, HOUR, DAY, 30 * DAY]
    events = [
        {
            "place": rng.choice(["x", "x", "y", None]),
            "who": rng.randrange(2),
            "at": _moment(rng),
            "late": rng.choice([*lateness, rng.randrange(30) * 5 * MINUTE, rng.randrange(3 * HOUR)]),
            "amount": rng.choice([None, *range(-5, 6)]),
            "cents": rng.randrange(-500, 500),
            "level": rng.choice([None, 0.5, 0.1, -0.0, 0.0, math.nan, math.inf, 7.0, 8.0, 9.0]),
            "object": rng.choice(["sha256:a", "sha256:b"]),
        }
        for _ in range(rng.choice([0, 3, 40, 80]))
    ]
    for event in events[::3]:  # the same moments in another object: versions whose order only the digests decide
        events.append({**rng.choice(events), "object": rng.choice(["sha256:a", "sha256:b"]), "amount": event["amount"]})
    asks = [
        {"place": rng.choice(["x", "x", "y", "z", None]), "who": rng.randrange(3), "asked": _moment(rng)}
        for _ in range(rng.choice([0, 5, 40]))
    ]
    for ask in asks:
        if events and rng.random() < 0.4:  # at the very moment when something enters or leaves, and right beside it
            event = rng.choice(events)
            ask["asked"] = event["at"] + rng.choice([0, event["late"], HOUR, DAY]) + rng.choice([-1, 0, 1])
    return events, asks


def history_frame(events):
    """Events as a published dataset."""
    moment = pl.Datetime("ns", "UTC")
    schema = {"place": pl.String, "who": pl.Int64, "at": pl.Int64, "amount": pl.Int64, "cents": pl.Int64}
    rows = [{**event, "_known_at": event["at"] + event["late"], "_row": row} for row, event in enumerate(events)]
    schema |= {"level": pl.Float64, "_known_at": pl.Int64, "object": pl.String, "_row": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, strict=True).rename({"object": "_object"})
    return frame.with_columns(pl.col("at", "_known_at").cast(moment))


def ask_frame(asks):
    """Questions as a spine."""
    rows = [{**ask, "id": number} for number, ask in enumerate(asks)]
    frame = pl.DataFrame(rows, schema={"id": pl.Int64, "asked": pl.Int64, "place": pl.String, "who": pl.Int64})
    return frame.with_columns(pl.col("asked").cast(pl.Datetime("ns", "UTC")))


@pytest.fixture(scope="session")
def history():
    """Random two-time data with late rows, and a plan that joins it in every way."""
    return SimpleNamespace(
        draw=draw_history,
        frame=history_frame,
        spine=ask_frame,
        nodes=plan_nodes(),
    )


@pytest.fixture(scope="session")
def make():
    """The strategies and helpers of this file."""
    return SimpleNamespace(expressions=EXPRESSIONS, rows=ROWS, frame=frame_of, bits=bits, columns=COLUMNS)
