"""What the functions mean, in numbers that people would agree on, and against Python's own calendar."""

import math
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.frame import compile_frame
from andon.expressions.functions import BOOL, CATEGORY, FLOAT, FUNCTIONS, INT, JOINS, LEARNED, TIME, Type
from andon.expressions.row import checked, compile_row
from andon.expressions.zones import zone
from andon.kernel.errors import InputError

INF = math.inf
X, Y, N, B, T = (
    tree.column("S", name, each) for name, each in (("x", FLOAT), ("y", FLOAT), ("n", INT), ("b", BOOL), ("t", TIME))
)
C = tree.column("S", "c", CATEGORY)
MOMENT = tree.column("S", "t", TIME)


def _row(node, **values):
    return compile_row({"out": node}, lambda contract, column: column).call(values)["out"]


@pytest.mark.parametrize(
    ("node", "values", "expected"),
    [
        (tree.apply("div", X, Y), {"x": 1.0, "y": 0.0}, INF),
        (tree.apply("div", X, Y), {"x": 1.0, "y": -0.0}, -INF),
        (tree.apply("div", X, Y), {"x": 0.0, "y": 0.0}, None),
        (tree.apply("div", X, Y), {"x": math.nan, "y": 1.0}, None),
        (tree.apply("sub", X, Y), {"x": INF, "y": INF}, None),
        (tree.apply("log", X), {"x": 0.0}, -INF),
        (tree.apply("log", X), {"x": -1.0}, None),
        (tree.apply("log1p", X), {"x": -1.0}, -INF),
        (tree.apply("sqrt", X), {"x": -1.0}, None),
        (tree.apply("exp", X), {"x": 1000.0}, INF),
        (tree.apply("add", N, N), {"n": 2**62}, None),
        (tree.apply("neg", N), {"n": -(2**63)}, None),
        (tree.apply("abs", N), {"n": -7}, 7),
        (tree.apply("floordiv", N, tree.literal(2, INT)), {"n": -7}, -4),
        (tree.apply("floordiv", N, tree.literal(-1, INT)), {"n": -(2**63)}, None),
        (tree.apply("mod", N, tree.literal(3, INT)), {"n": -7}, 2),
        (tree.apply("mod", tree.literal(3, INT), N), {"n": 0}, None),
        (tree.apply("round", X), {"x": 2.5}, 2.0),
        (tree.apply("round", X), {"x": 0.49999999999999994}, 0.0),
        (tree.apply("sign", X), {"x": -0.0}, 0),
        (tree.apply("head", C, number=1), {"c": "\U0001f600é"}, "\U0001f600"),
        (tree.apply("ceil", X), {"x": -0.5}, -0.0),
        (tree.apply("floor", X), {"x": -INF}, -INF),
        (tree.apply("sin", X), {"x": INF}, None),
        (tree.apply("to_int", X), {"x": -2.9}, -2),
        (tree.apply("to_int", X), {"x": 2.0**63}, None),
        (tree.apply("len_chars", C), {"c": "\U0001f600é"}, 2),
        (tree.apply("contains", C, tree.literal(".", CATEGORY)), {"c": "ab"}, False),
        (tree.apply("gt", X, Y), {"x": None, "y": 1.0}, None),
        (tree.apply("eq", X, Y), {"x": 0.0, "y": -0.0}, True),
        (tree.apply("where", tree.apply("gt", X, Y), X, Y), {"x": None, "y": 2.0}, 2.0),
        (tree.apply("and", B, tree.apply("not", B)), {"b": None}, None),
        (tree.apply("and", B, tree.apply("gt", X, Y)), {"b": False, "x": None, "y": None}, False),
        (tree.apply("or", B, tree.apply("gt", X, Y)), {"b": True, "x": None, "y": None}, True),
        (tree.apply("is_null", X), {"x": math.nan}, True),
        (tree.apply("bucket", X, *(tree.literal(v, FLOAT) for v in (0.0, 10.0))), {"x": 10.0}, 2),
        (tree.apply("bucket", X, *(tree.literal(v, FLOAT) for v in (0.0, 10.0))), {"x": -0.5}, 0),
        (tree.apply("to_float", tree.column("S", "f", Type("fixed", 2))), {"f": 1234}, 12.34),
        (tree.apply("sub", T, tree.literal(5, TIME)), {"t": 7}, 2),
    ],
)
def test_the_edges_mean_what_the_documentation_says(node, values, expected):
    """Equal bits in both compilers would be worth little if both were wrong."""
    assert _row(node, **values) == expected


ZONES = [
    "America/New_York",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
    "UTC",
]


@cache
def _rules(name):
    """Python's own reading of the same database; the system's copy may be another version."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(ZONES), second=st.integers(-9_000_000_000, 9_200_000_000), near=st.booleans(), data=st.data()
)
def test_calendars_agree_with_pythons_own(name, second, near, data):
    """An hour that is off by one on two days of the year is the bug nobody finds."""
    table = zone(name)
    if near and len(table.starts_s) > 1:  # at a change of the clocks, or right before it
        second = data.draw(st.sampled_from(table.starts_s[1:])) + data.draw(st.integers(-1, 1))
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).astimezone(_rules(name))
    ops = {"hour": local.hour, "weekday": local.isoweekday(), "month": local.month, "day": local.day}
    ops |= {"minute": local.minute, "second": local.second, "year": local.year}
    ops["week"] = local.isocalendar().week
    ops["ordinal_day"] = local.timetuple().tm_yday
    for op, expected in ops.items():
        node = tree.apply(op, MOMENT, tz=name, table=table.digest)
        assert _row(node, t=second * 10**9 + 999_999_999) == expected


def test_both_compilers_know_every_function_that_is_no_join():
    """A function that one side lacks would be found only in production."""
    made = {
        "clip": (X, tree.literal(0.0, FLOAT), tree.literal(1.0, FLOAT)),
        "bucket": (X, tree.literal(0.0, FLOAT)),
        "is_in": (N, tree.literal(1, INT)),
        "codes": (C,),
        "where": (B, X, Y),
        "len_chars": (C,),
        "head": (C,),
    }
    made |= {op: (C, tree.literal("a", CATEGORY)) for op in ("starts_with", "ends_with", "contains")}
    params = {"codes": {"min_count": 1, "vocabulary": ("a",)}, "head": {"number": 2}}
    table = {"tz": "UTC", "table": zone("UTC").digest}
    frame = pl.DataFrame({"x": [1.0], "y": [2.0], "n": [1], "b": [True], "t": [0], "c": ["a"]})
    frame = frame.with_columns(pl.col("t").cast(pl.Datetime("ns", "UTC")))
    values = frame.with_columns(pl.col("t").to_physical()).to_dicts()[0]
    for op, function in FUNCTIONS.items():
        if op in JOINS or op in LEARNED - {"codes"}:  # the others become functions that are here
            continue
        for args in [made[op]] if op in made else [(each,) * function.arity for each in (X, N, B, T)]:
            if function.result([arg.type for arg in args]) is None:
                continue
            node = tree.apply(op, *args, **params.get(op, table if function.params else {}))
            found = frame.select(out=compile_frame(node, lambda contract, column: column))["out"][0]
            assert found == _row(node, **values), op
            break
        else:
            pytest.fail(f"{op} was not tried")


def test_values_of_a_question_are_of_exactly_their_type_or_refused():
    """An int where a float belongs would compute other bits."""
    found = checked({"x": FLOAT, "n": INT}, {"x": 3, "n": 3, "more": object()})
    assert [type(value) for value in found.values()] == [float, int]
    assert checked({"x": FLOAT}, {"x": math.nan}) == {"x": None}
    assert checked({"x": FLOAT}, {"x": -INF}) == {"x": -INF}
    for wrong in ("3", True, 10**400, b"3"):
        with pytest.raises(InputError):
            checked({"x": FLOAT}, {"x": wrong})


def test_names_with_quotes_cannot_write_code():
    """The row function is generated; a column's name is data, whatever it is."""
    name = "'] or __import__('os').abort() or x['"
    node = tree.apply("add", tree.column("S", name, INT), tree.literal(1, INT))
    assert compile_row({name: node}, lambda contract, column: column).call({name: 1}) == {name: 2}
    words = tree.apply("eq", tree.column("S", "c", Type("category")), tree.literal("'\"\\\n{0}", Type("category")))
    assert _row(words, c="'\"\\\n{0}") is True
