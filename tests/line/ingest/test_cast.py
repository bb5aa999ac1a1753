"""Raw columns of every type to the contract's types: exactly, or marked; never lost."""

from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.kernel.errors import InputError
from andon.line.ingest.cast import cast_landed, physical_schema

# ruff: noqa: DTZ001  # times without a zone are what this file is about

BERLIN = "Europe/Berlin"
FLOATS = st.one_of(st.floats(-1e9, 1e9), st.floats(-2, 2), st.integers(-4000, 4000).map(lambda n: n / 8))


def cast(column, values, dtype=None):
    """Typed values (physical) and, for each, whether it was marked."""
    contract = DatasetContract("T", (column,))
    frame, reasons = cast_landed(pl.DataFrame({column.name: pl.Series(values, dtype=dtype, strict=False)}), contract)
    done = frame.collect()
    assert done.height == len(values)
    assert done["_row"].to_list() == list(range(len(values)))
    assert done.schema[column.name] == physical_schema(contract)[column.name]
    marked = done[reasons[0]].to_list() if reasons else [False] * len(values)
    return done[column.name].to_physical().to_list(), marked


def ns(moment):
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


def rounded(value, scale):
    """What a decimal is at a scale: half to even, once, from the exact value; None where int64 cannot hold it."""
    with localcontext() as context:
        context.prec = 2000
        number = int((Decimal(value) * 10**scale).quantize(Decimal(1), ROUND_HALF_EVEN))
    return number if abs(number) <= 2**63 - 1 else None


@pytest.mark.parametrize(
    ("values", "dtype", "typed"),
    [
        ([1, -2, None], pl.Int8, [1, -2, None]),
        ([1, 2**63, 2**64 - 1], pl.UInt64, [1, None, None]),
        ([2**70, -(2**63)], pl.Int128, [None, -(2**63)]),
        ([1.0, -0.0, 2.5, 1e300, float("inf"), float("nan"), 2.0**53 + 2], pl.Float64, [1, 0, *[None] * 5]),
        (["7", " 07 ", "-3", "+4", "5.0", "5.", "5.5", "1e3", "1_0", "", "x", "٣", "9" * 30], pl.String,
         [7, 7, -3, 4, 5, 5, None, None, None, None, None, None, None]),
        ([Decimal("3.00"), Decimal("3.01"), None], pl.Decimal(10, 2), [3, None, None]),
        (["5", "no"], pl.Categorical, [5, None]),
        ([None, None], pl.Null, [None, None]),
    ],
)  # fmt: skip
def test_integers_come_from_anything_that_is_exactly_one(values, dtype, typed):
    found, marked = cast(Column("x", "int"), values, dtype)
    assert found == typed
    is_gap = [value is None or value != value for value in values]
    assert marked == [a is None and not gap for a, gap in zip(typed, is_gap, strict=True)]


@given(st.lists(st.floats(width=64), max_size=30))
@settings(max_examples=80, deadline=None)
def test_integral_floats_become_that_integer_and_others_are_marked(values):
    found, marked = cast(Column("x", "int"), values, pl.Float64)
    for value, typed, is_marked in zip(values, found, marked, strict=True):
        is_number = value == value
        fits = is_number and abs(value) <= 2**53 and value == int(value)
        assert typed == (int(value) if fits else None)
        assert is_marked == (is_number and not fits)


@given(st.lists(FLOATS, max_size=30), st.integers(0, 6))
@example([0.125, 0.375, 2.675, 1.005, 0.15, 0.285, 1.115, -1.115], 2)
@example([0.5, 1.5, 2.5, -0.5, -1.5], 0)
@example([0.15, 0.25, 0.35, 0.45], 1)
@settings(max_examples=200, deadline=None)
def test_floats_are_rounded_once_from_their_exact_value(values, scale):
    found, marked = cast(Column("x", "fixed", scale=scale), values, pl.Float64)
    assert found == [rounded(value, scale) for value in values]
    assert not any(marked)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**13), max_value=10**13),
                max_size=30), st.integers(0, 7))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_decimals_and_their_text_become_the_same_fixed_value(values, scale):
    texts = [format(value, "f") for value in values]
    expected = [rounded(value, scale) for value in values]
    column = Column("x", "fixed", scale=scale)
    assert cast(column, texts, pl.String)[0] == expected
    assert cast(column, values, pl.Decimal(30, 5))[0] == expected


def test_fixed_values_that_do_not_fit_are_marked():
    column = Column("x", "fixed", scale=2)
    largest = 2**63 - 1
    assert cast(column, [largest // 100, largest // 100 + 1, None], pl.Int64) == (
        [largest // 100 * 100, None, None],
        [False, True, False],
    )
    assert cast(column, [1e300, 1e17, float("inf"), float("nan")]) == ([None] * 4, [True, True, True, False])
    texts = ["92233720368547758.07", "92233720368547758.08", "1e3", "1.2.3", "", "-0.005", "-0.015", "1.", ".5"]
    assert cast(column, texts)[0] == [None, None, None, None, None, 0, -2, 100, None]


def test_floats_take_numbers_and_their_text_and_nan_is_null():
    column = Column("x", "float")
    assert cast(column, [1, 2, None], pl.Int32) == ([1.0, 2.0, None], [False] * 3)
    assert cast(column, [1.5, float("nan"), float("inf")], pl.Float32)[0] == [1.5, None, float("inf")]
    assert cast(column, [" 1e5 ", "nan", "-inf", "abc", "", None]) == (
        [1e5, None, float("-inf"), None, None, None],
        [False, False, False, True, True, False],
    )
    assert cast(column, [Decimal("1.25")], pl.Decimal(10, 2))[0] == [1.25]


def test_booleans_take_true_false_0_and_1():
    column = Column("x", "bool")
    assert cast(column, ["true", "False", " TRUE", "0", "1", "yes", "2", "", None]) == (
        [True, False, True, False, True, None, None, None, None],
        [False, False, False, False, False, True, True, True, False],
    )
    assert cast(column, [0, 1, 2, None], pl.UInt8) == ([False, True, None, None], [False, False, True, False])
    assert cast(column, [0.0, 1.0, 0.5, float("nan")]) == ([False, True, None, None], [False, False, True, False])


@pytest.mark.parametrize(
    ("values", "dtype", "typed"),
    [
        ([1, None], pl.Int64, ["1", None]),
        ([True, False], pl.Boolean, ["true", "false"]),
        ([1.5, float("nan")], pl.Float64, ["1.5", None]),
        ([date(2013, 1, 2)], pl.Date, ["2013-01-02"]),
        ([Decimal("1.50")], pl.Decimal(10, 2), ["1.50"]),
        (["a", " a "], pl.Categorical, ["a", " a "]),
        ([time_of_day(3, 4)], pl.Time, ["03:04:00"]),
    ],
)
def test_categories_take_any_scalar(values, dtype, typed):
    assert cast(Column("x", "category"), values, dtype) == (typed, [False] * len(values))


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2060, 1, 1)), max_size=20), st.sampled_from(
    [BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]))  # fmt: skip
@example([datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30)], BERLIN)
@settings(max_examples=80, deadline=None)
def test_times_without_a_zone_are_meant_in_the_columns_zone(values, tz):
    expected = []
    for value in values:
        moment = value.replace(tzinfo=ZoneInfo(tz), fold=0)
        exists = moment.astimezone(UTC).astimezone(ZoneInfo(tz)).replace(tzinfo=None) == value
        expected.append(ns(moment.astimezone(UTC)) if exists else None)
    column = Column("x", "time", tz=tz)
    marked = [value is None for value in expected]
    assert cast(column, values, pl.Datetime("us")) == (expected, marked)
    assert cast(column, [value.isoformat() for value in values], pl.String) == (expected, marked)
    assert cast(column, [value.isoformat(" ") for value in values], pl.String) == (expected, marked)


def test_the_hour_that_comes_twice_is_the_earlier_one_and_the_skipped_one_is_marked():
    twice, skipped = datetime(2024, 10, 27, 2, 30), datetime(2024, 3, 31, 2, 30)
    found, marked = cast(Column("x", "time", tz=BERLIN), [twice, skipped], pl.Datetime("ms"))
    assert found == [ns(datetime(2024, 10, 27, 0, 30, tzinfo=UTC)), None]
    assert marked == [False, True]
    in_2018 = [date(2018, 11, 4), date(2018, 11, 5)]  # Brazil's clocks skipped midnight
    assert cast(Column("x", "time", tz="America/Sao_Paulo"), in_2018)[1] == [True, False]


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2060, 1, 1)), min_size=1, max_size=10), st.integers(-840, 840)
)
@settings(max_examples=60, deadline=None)
def test_text_with_an_offset_is_that_moment_whatever_the_columns_zone(values, minutes):
    zone = timezone(timedelta(minutes=minutes))
    moments = [value.replace(tzinfo=zone) for value in values]
    found, marked = cast(Column("x", "time", tz=BERLIN), [moment.isoformat() for moment in moments], pl.String)
    assert found == [ns(moment.astimezone(UTC)) for moment in moments]
    assert not any(marked)


def test_all_forms_of_iso_text_are_read_to_the_nanosecond_and_others_are_marked():
    good = {
        "2013-01-01": 0,
        "2013-01-01T00:00": 0,
        "2013-01-01 00:00:01.5": 1_500_000_000,
        "2013-01-01T00:00:00.123456789Z": 123_456_789,
        "2013-01-01T01:00:00+01": 0,
        "2013-01-01T01:00:00 +0100": 0,
        "2012-12-31T19:00:00-05:00": 0,
        " 2013-01-01T00:00:00z ": 0,
    }
    start = ns(datetime(2013, 1, 1, tzinfo=UTC))
    assert cast(Column("x", "time"), list(good)) == ([start + n for n in good.values()], [False] * len(good))
    bad = ["2013-02-30", "2013-13-01", "01/02/2013", "now", "", "1500-01-01", "2500-01-01T00:00:00Z", "2013-01-01Z",
           "2013-01-01T25:00", "1356998400", "2013-01-01T00:00:00+99:00", "2013-01-01T00:00:00.5x"]  # fmt: skip
    assert cast(Column("x", "time"), bad) == ([None] * len(bad), [True] * len(bad))


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_times_that_nanoseconds_cannot_hold_are_marked_not_wrapped_around(unit):
    values = [datetime(1500, 1, 1), datetime(2013, 1, 1), datetime(2900, 1, 1), None]
    for dtype in (pl.Datetime(unit), pl.Datetime(unit, BERLIN)):
        found, marked = cast(Column("x", "time"), values, dtype)
        assert marked == [True, False, True, False]
        assert found[1] is not None


@pytest.mark.parametrize(
    ("kind", "dtype", "code"),
    [
        ("time", pl.Int64, "ingest.time-from-number"),
        ("time", pl.Float64, "ingest.time-from-number"),
        ("time", pl.Boolean, "ingest.wrong-type"),
        ("time", pl.Duration("ns"), "ingest.wrong-type"),
        ("int", pl.Boolean, "ingest.wrong-type"),
        ("int", pl.Date, "ingest.wrong-type"),
        ("fixed", pl.Datetime("ns"), "ingest.wrong-type"),
        ("float", pl.List(pl.Float64), "ingest.wrong-type"),
        ("bool", pl.Date, "ingest.wrong-type"),
        ("category", pl.List(pl.String), "ingest.wrong-type"),
        ("category", pl.Struct({"a": pl.Int64}), "ingest.wrong-type"),
        ("category", pl.Binary, "ingest.wrong-type"),
    ],
)
def test_a_type_of_which_no_value_can_convert_is_refused_with_a_fix(kind, dtype, code):
    frame = pl.DataFrame(schema={"x": dtype})
    with pytest.raises(InputError) as caught:
        cast_landed(frame, DatasetContract("T", (Column("x", kind),)))
    assert caught.value.code == code
    assert "x" in caught.value.place
    assert caught.value.fix


def test_columns_must_be_exactly_the_declared_ones():
    contract = DatasetContract("T", (Column("distance", "int"), Column("carrier", "category")))
    with pytest.raises(InputError) as caught:
        cast_landed(pl.DataFrame({"distanse": [1], "carrier": ["A"]}), contract)
    assert (caught.value.code, caught.value.place) == ("ingest.missing-column", "T.distance")
    assert "'distanse'" in caught.value.fix
    with pytest.raises(InputError) as caught:
        cast_landed(pl.DataFrame({"distance": [1], "carrier": ["A"], "extra": [1]}), contract)
    assert (caught.value.code, caught.value.place) == ("ingest.unknown-column", "T.extra")
    with pytest.raises(InputError) as caught:
        cast_landed(pl.DataFrame(), contract)
    assert caught.value.code == "ingest.no-columns"
    with pytest.raises(InputError) as caught:
        cast_landed(pl.DataFrame({"t": ["x"]}), DatasetContract("T", (Column("t", "time", tz="Mars/Olympus"),)))
    assert caught.value.code == "ingest.unknown-zone"


def test_columns_come_out_in_the_contracts_order():
    contract = DatasetContract("T", (Column("b", "int"), Column("a", "int")))
    frame, reasons = cast_landed(pl.DataFrame({"a": ["1"], "b": ["2"]}).lazy(), contract)
    assert frame.collect_schema().names() == ["b", "a", "b.type", "a.type", "_row"]
    assert reasons == ("b.type", "a.type")
