"""Intervals are those of the textbooks, hold the value, and cover the truth as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from andon.measures.intervals import Z95, around, of_logit, of_mean, of_share, t95


@settings(deadline=None)
@given(st.integers(1, 10_000))
def test_students_t_is_scipys(freedom):
    assert t95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=3e-4)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_the_interval_of_a_mean_is_scipys(values):
    array = np.array(values)
    interval = of_mean(array)
    if stats.sem(array) > 1e-9:
        lower, upper = stats.t.interval(0.95, len(array) - 1, array.mean(), stats.sem(array))
        assert (interval.lower, interval.upper) == pytest.approx((lower, upper), rel=1e-3, abs=1e-3 * (upper - lower))


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_the_interval_of_a_share_is_wilsons(n, data):
    count = data.draw(st.integers(0, n))
    expected = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    interval = of_share(count, n)
    assert (interval.lower, interval.upper) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert interval.lower <= interval.value <= interval.upper


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.3), st.integers(2, 1000))
def test_a_logit_interval_stays_between_0_and_1_and_holds_the_value(value, variance, n):
    interval = of_logit(value, variance, n)
    assert 0 <= interval.lower <= value + 1e-12
    assert value - 1e-12 <= interval.upper <= 1


@settings(deadline=None)
@given(st.integers(2, 300))
def test_a_perfect_value_is_bounded_as_if_all_rows_had_agreed(n):
    exact = stats.binomtest(n, n).proportion_ci(0.95, method="exact")
    perfect, none = of_logit(1.0, 0.0, n), of_logit(0.0, 0.0, n)
    assert (perfect.lower, perfect.upper) == pytest.approx((exact.low, 1.0))
    assert (none.lower, none.upper) == pytest.approx((0.0, 1 - exact.low))


def test_too_few_rows_give_a_value_without_an_interval():
    for interval in (
        of_mean(np.array([0.25])),
        of_logit(0.25, 0.1, 1),
        around(0.25, 0.1, 1),
        around(0.25, math.nan, 9),
    ):
        assert interval == (0.25, None, None)


def test_the_interval_of_a_mean_covers_the_truth_in_95_of_100_draws():
    draws = np.random.default_rng(0).exponential(size=(2000, 60))
    held = [i.lower <= 1 <= i.upper for i in map(of_mean, draws)]
    assert 0.91 < np.mean(held) < 0.97


def test_the_normal_point_is_the_one_of_the_tables():
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-15) == Z95
