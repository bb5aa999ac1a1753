"""A function read as an expression gives what the function gives, on frames and on single rows."""

import math
import operator
from functools import partial

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon import Contract, boolean, category, event_time, integer, number, udf
from andon.expressions.frame import compile_frame
from andon.expressions.row import compile_row
from andon.kernel.errors import AndonError, UsageError

FREEZING = 32.0


class Day(Contract):
    """Weather of a day."""

    place = category(key=True)
    at = event_time(known_after="0s")
    heat = number()
    wind = number(nullable=True)
    rain = integer()
    is_dry = boolean()


@udf
def felt(heat: float, wind: float) -> float:
    """How warm it feels, with branches that return and some that do not."""
    if heat > 80.0:
        return heat + 1.5
    loss = 0.0
    if wind > 10.0:
        loss = wind * 0.3
    elif wind > 5.0:
        loss = 1.0
    if heat < FREEZING and not wind < 1.0:
        loss += 2
        return max(heat - loss, -40.0)
    return heat - loss


@udf
def wet(rain: int, is_dry: bool) -> int:
    steps = rain // 7 + rain % 5
    return 0 if is_dry else min(steps, 100, rain + 3)


@udf
def kind(place: str, rain: int) -> bool:
    return (place in ("north", "east") and 0 < rain <= 50) or place.startswith("so") or "x" in place


@udf
def rounded(heat: float) -> int:
    whole = math.floor(heat)
    return abs(int(heat)) + round(heat) * 2 - whole


@udf
def nested(heat: float, wind: float) -> float:
    return felt(heat, wind) * 2.0 if heat > 10.0 else math.sqrt(abs(heat)) + math.tanh(wind)


UDFS = {
    "felt": (felt, ("heat", "wind")),
    "wet": (wet, ("rain", "is_dry")),
    "kind": (kind, ("place", "rain")),
    "rounded": (rounded, ("heat",)),
    "nested": (nested, ("heat", "wind")),
}
NODES = {
    name: function(*(getattr(Day, column) for column in columns)).node for name, (function, columns) in UDFS.items()
}
ROW = compile_row(NODES, lambda _, name: name)
FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 80.0, 10.0, 5.0, 32.0, 1.0, 0.5, 1.5, 2.5])


@settings(deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "place": st.sampled_from(["north", "east", "south", "ax", "", "so"]),
                "heat": FLOATS,
                "wind": FLOATS,
                "rain": st.integers(-200, 200),
                "is_dry": st.booleans(),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_an_expression_gives_what_the_function_gives(rows):
    frame = pl.DataFrame(rows).select(
        compile_frame(node, lambda _, name: name).alias(name) for name, node in NODES.items()
    )
    for place, row in enumerate(rows):
        alone = ROW.call(row)
        assert alone == frame.row(place, named=True)
        for name, (function, columns) in UDFS.items():
            expected = function(*(row[column] for column in columns))
            wanted = pytest.approx(expected, rel=1e-12, abs=0) if name == "nested" else expected
            assert alone[name] == wanted, name
            assert type(alone[name]) is type(expected)


def test_a_null_makes_null_and_a_null_condition_is_not_met():
    row = {"place": "a", "heat": 20.0, "wind": None, "rain": 1, "is_dry": False}
    assert ROW.call(row)["felt"] == 20.0


def test_missing_values_can_be_asked_for():
    @udf
    def filled(wind: float) -> float:
        return -1.0 if wind is None else wind * 2.0

    node = filled(Day.wind).node
    call = compile_row({"f": node}, lambda _, name: name).call
    assert [call({"wind": value}) for value in (None, 4.0)] == [{"f": -1.0}, {"f": 8.0}]
    assert (filled(None), filled(4.0)) == (-1.0, 8.0)


def loops(heat):
    while heat > 1.0:
        heat = heat / 2.0
    return heat


def falls_off(heat):  # noqa: RET503  # that is the point
    if heat > 1.0:
        return heat


def unassigned(heat):
    if heat > 1.0:
        more = 1.0
    return heat + more


def calls_out(heat):
    return operator.length_hint(heat)


def picks(heat):
    return [heat][0]


def sometimes_text(heat):
    return "a" if heat > 1.0 else 2.0


def nothing(heat):
    return None if heat > 1.0 else heat


def compares_kinds(heat):
    text = "a"
    return heat == text


@pytest.mark.parametrize(
    ("function", "line", "word"),
    [
        (loops, 1, "while"),
        (falls_off, 1, "return"),
        (unassigned, 3, "more"),
        (calls_out, 1, "length_hint"),
        (picks, 1, "[heat][0]"),
        (sometimes_text, 1, ""),
        (nothing, 1, "None"),
        (compares_kinds, 2, ""),
    ],
)
def test_what_has_no_expression_is_refused_at_its_line(function, line, word):
    with pytest.raises(AndonError) as error:
        udf(function)(Day.heat)
    first = function.__code__.co_firstlineno
    assert error.value.place == f"{__file__}:{first + line}"
    assert word in f"{error.value.message} {error.value.found}"
    assert error.value.fix


def test_what_has_no_source_is_refused():
    for function in (partial(loops), lambda x: x, eval("lambda x: x")):
        with pytest.raises(UsageError) as error:
            udf(function)
        assert error.value.code == "udf.unreadable"
