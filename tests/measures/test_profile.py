"""Profiles, cells, baselines and how far live rows are from them."""

import math

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import InputError
from andon.measures.profile import (
    Baseline,
    ColumnCounts,
    build_baseline,
    compare,
    count,
    count_on,
    edges,
    profile,
)

numbers = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan])), max_size=60
)
words = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), max_size=60)


@given(numbers, numbers)
@settings(max_examples=150, deadline=None)
def test_counts_on_edges_agree_with_plain_python(reference, live):
    cells = edges(np.array(reference, dtype=float), 5)
    assert list(cells) == sorted(set(cells.tolist()))
    assert len(cells) <= 4
    expected = [0] * (len(cells) + 1)
    for value in live:
        if not math.isnan(value):
            expected[sum(value >= edge for edge in cells)] += 1
    assert count_on(cells, np.array(live, dtype=float)).tolist() == expected


def test_cells_are_about_equally_full_and_a_frequent_value_has_its_own():
    smooth = np.arange(1000.0)
    assert set(count_on(edges(smooth, 10), smooth).tolist()) <= set(range(95, 106))
    lumpy = np.array([0.0] * 900 + list(range(1, 101)))
    cells = edges(lumpy, 20)
    assert count_on(cells, lumpy).max() <= 950
    assert 0.0 not in cells


@given(numbers, words, st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_counts_of_two_batches_add_up_to_those_of_both(values, texts, cut):
    size = min(len(values), len(texts))
    frame = pl.DataFrame(
        {"x": values[:size], "c": texts[:size]}, schema={"x": pl.Float64, "c": pl.String}, strict=False
    )
    baseline = build_baseline(pl.DataFrame({"x": [1.0, 2.0, 3.0, None], "c": ["a", "b", "b", None]}))
    parts = [count(baseline, frame[:cut]), count(baseline, frame[cut:])]
    assert tuple(a.merge(b) for a, b in zip(*parts, strict=True)) == count(baseline, frame)
    for column in count(baseline, frame):
        assert sum(column.counts) + column.nulls == column.rows == size


def test_category_counts_agree_with_duckdb():
    generator = np.random.default_rng(3)
    live = pl.DataFrame({"c": [None if i == 0 else f"k{i}" for i in generator.integers(0, 12, 5000)]})
    baseline = build_baseline(pl.DataFrame({"c": [f"k{i}" for i in range(1, 9) for _ in range(i)]}))
    (counted,) = count(baseline, live)
    table = live.to_dict(as_series=False)["c"]
    connection = duckdb.connect()
    connection.execute("CREATE TABLE live (c VARCHAR)")
    connection.executemany("INSERT INTO live VALUES (?)", [[value] for value in table[:800]])
    (small,) = count(baseline, live[:800])
    assert baseline.columns[0].categories == tuple(f"k{i}" for i in range(8, 0, -1))
    for category, cell in zip(baseline.columns[0].categories, small.counts, strict=False):
        assert connection.execute("SELECT count(*) FROM live WHERE c = ?", [category]).fetchone() == (cell,)
    assert connection.execute("SELECT count(*) FROM live WHERE c IS NULL").fetchone() == (small.nulls,)
    assert counted.unseen == sum(value in ("k9", "k10", "k11") for value in table)


def test_the_same_rows_have_not_moved_at_all():
    frame = pl.DataFrame({"x": [1.0, 2.0, None, 4.0] * 30, "c": ["a", None, "b", "b"] * 30, "b": [True, False] * 60})
    baseline = build_baseline(frame)
    for shift in compare(baseline, count(baseline, frame)):
        assert (shift.psi, shift.js, shift.ks, shift.nulls, shift.unseen) == (0.0, 0.0, 0.0, 0.0, 0.0)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.lists(st.integers(0, 50), min_size=3, max_size=3))
@settings(max_examples=150, deadline=None)
def test_effect_sizes_agree_with_their_formulas(before, now):
    train = pl.DataFrame({"c": [name for name, times in zip("abc", before, strict=True) for _ in range(times + 1)]})
    live = pl.DataFrame({"c": [name for name, times in zip("abc", now, strict=True) for _ in range(times)]})
    live = live.cast({"c": pl.String})
    baseline = build_baseline(train)
    (shift,) = compare(baseline, count(baseline, live))
    if not sum(now):
        assert (shift.psi, shift.js, shift.ks) == (0.0, 0.0, 0.0)
        return
    cells = [*zip([n + 1 for n in before], now, strict=True), (0, 0)]
    p, q = ([(cell[i] + 0.5) / (sum(c[i] for c in cells) + 2) for cell in cells] for i in (0, 1))
    psi = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    js = sum(a * math.log2(a / m) + b * math.log2(b / m) for a, b, m in zip(p, q, middle, strict=True)) / 2
    ks = max(abs(cell[1] / sum(now) - cell[0] / (sum(before) + 3)) for cell in cells)
    assert shift.psi == pytest.approx(psi, abs=1e-12)
    assert shift.js == pytest.approx(js, abs=1e-12)
    assert shift.ks == pytest.approx(ks, abs=1e-12)


def test_a_moved_column_is_told_from_one_that_stayed():
    generator = np.random.default_rng(0)
    train = pl.DataFrame({"stays": generator.normal(size=4000), "moves": generator.normal(size=4000)})
    live = pl.DataFrame({"stays": generator.normal(size=4000), "moves": generator.normal(size=4000) + 0.5})
    baseline = build_baseline(train, pl.Series(generator.random(4000)))
    counts = count(baseline, live.with_columns(prediction=pl.Series(generator.random(4000))))
    shifts = {shift.name: shift for shift in compare(baseline, counts)}
    assert shifts["moves"].psi > 0.1 > 0.03 > shifts["stays"].psi
    assert shifts["moves"].ks == pytest.approx(0.197, abs=0.04)
    assert shifts["prediction"].psi < 0.03


def test_nulls_and_unseen_values_are_told_apart():
    baseline = build_baseline(pl.DataFrame({"x": [0.0, 1.0, 2.0, None], "c": ["a", "b", "a", "b"]}))
    live = pl.DataFrame({"x": [None, None, 5.0, 1.0], "c": ["a", "new", None, "b"]})
    x, c = compare(baseline, count(baseline, live))
    assert (x.nulls, x.unseen) == (0.25, 0.5)
    assert (c.nulls, c.unseen) == (0.25, pytest.approx(1 / 3))


def test_categories_that_training_cut_off_are_not_called_unseen():
    train = pl.DataFrame({"c": ["a"] * 8 + ["b", "c"]})
    baseline = build_baseline(train, vocabulary=1)
    (same,) = compare(baseline, count(baseline, train))
    assert same.unseen == 0.0


def test_a_column_without_values_in_training_makes_every_live_value_unseen():
    baseline = build_baseline(pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64}))
    (shift,) = compare(baseline, count(baseline, pl.DataFrame({"x": [0.0, 3.0]})))
    assert (shift.unseen, shift.nulls, shift.psi) == (1.0, -1.0, 0.0)


def test_a_baseline_survives_canonical_json():
    frame = pl.DataFrame({"x": [1.5, math.inf, None, -2.0], "n": [2**40, 1, 2, 3], "c": ["é", "b", None, "b"]})
    baseline = build_baseline(frame, pl.Series([0.1, 0.2, 0.3, 0.4]))
    assert from_json(Baseline, loads(dumps(to_json(baseline)))) == baseline


@pytest.mark.parametrize(
    "live",
    [pl.DataFrame({"y": [1.0]}), pl.DataFrame({"x": ["a"]}), pl.DataFrame({"x": [[1.0]]})],
    ids=["missing", "text", "list"],
)
def test_rows_that_do_not_fit_the_baseline_are_refused(live):
    baseline = build_baseline(pl.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(InputError) as caught:
        count(baseline, live)
    assert caught.value.code == "measures.not-this-baseline"


def test_counts_of_other_cells_are_refused():
    baseline = build_baseline(pl.DataFrame({"x": [1.0, 2.0]}))
    for counts in [(), (ColumnCounts("x", 1, 0, (1,) * 9, 0),), (ColumnCounts("y", 1, 0, (1, 0), 0),)]:
        with pytest.raises(InputError):
            compare(baseline, counts)
    with pytest.raises(InputError):
        ColumnCounts("x", 1, 0, (1, 0), 0).merge(ColumnCounts("y", 1, 0, (1, 0), 0))


@given(numbers, words)
@settings(max_examples=60, deadline=None)
def test_a_profile_is_canonical_json_and_right(values, texts):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Float64}, strict=False)
    described = loads(dumps(profile(frame, {"x": "float"})))["x"]
    finite = [value for value in values if math.isfinite(value)]
    assert described["nulls"] == sum(math.isnan(value) for value in values)
    assert described["infinite"] == sum(math.isinf(value) for value in values)
    if finite:
        assert (described["min"], described["max"]) == (min(finite), max(finite))
        assert described["quantiles"]["0.5"] == sorted(finite)[(len(finite) - 1) // 2]
        assert described["mean"] == pytest.approx(sum(finite) / len(finite), abs=1e-6)
    else:
        assert "min" not in described
    column = pl.DataFrame({"c": texts}, schema={"c": pl.String})
    categories = loads(dumps(profile(column, {"c": "category"})))["c"]
    present = [text for text in texts if text]
    assert dict(categories.get("top", [])) == {text: present.count(text) for text in present}


def test_times_booleans_and_large_integers_have_a_profile():
    frame = pl.DataFrame(
        {
            "t": pl.Series([0, 1_500_000_000_000_000_001, None]).cast(pl.Datetime("ns", "UTC")),
            "b": [True, None, True],
            "n": [2**62, -1, 0],
        }
    )
    described = loads(dumps(profile(frame, {"t": "time", "b": "bool", "n": "int"})))
    assert described["t"] == {
        "rows": 3,
        "nulls": 1,
        "min": "1970-01-01T00:00:00Z",
        "max": "2017-07-14T02:40:00.000000001Z",
    }
    assert described["b"]["true"] == 2
    assert described["n"]["max"] == str(2**62)
