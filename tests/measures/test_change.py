"""What changed certainly, and what chance alone explains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.measures.change import share_change, total_variation, unusual_ratio

counts = st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(any)


def test_the_interval_of_a_difference_is_the_published_one():
    """Newcombe 1998, table II, example (a), method 10: 56/70 against 48/80."""
    found = share_change((48, 80), (56, 70))
    assert (round(found.value, 4), round(found.lower, 4), round(found.upper, 4)) == (0.2, 0.0524, 0.3339)
    assert share_change((56, 70), (48, 80)) == pytest.approx(found)


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_a_change_of_shares_lies_in_its_interval(had, n, has, m):
    found = share_change((min(had, n), n), (min(has, m), m))
    assert 0 <= found.lower <= found.value <= found.upper <= 1
    assert found.value == abs(min(had, n) / n - min(has, m) / m)


@given(counts, st.data())
def test_total_variation_is_the_largest_difference_of_any_set_of_cells(before, data):
    now = data.draw(st.lists(st.integers(0, 50), min_size=len(before), max_size=len(before)).filter(any))
    p, q = np.array(before) / sum(before), np.array(now) / sum(now)
    sets = [[bool(number >> place & 1) for place in range(len(before))] for number in range(2 ** len(before))]
    found = total_variation(before, now)
    assert found.value == pytest.approx(max((p - q)[chosen].sum() for chosen in sets))
    assert 0 <= found.lower <= found.value <= found.upper <= 1


def test_chance_alone_is_no_certain_change():
    """Of many batches drawn from what was published, hardly one may be refused."""
    random = np.random.default_rng(5)
    shares = random.dirichlet(np.ones(10))
    alarms = {"cells": 0, "nulls": 0, "hours": 0}
    for _ in range(400):
        before, now = random.multinomial(2_000, shares), random.multinomial(300, shares)
        alarms["cells"] += total_variation(before.tolist(), now.tolist()).lower > 0
        nulls = share_change((int(random.binomial(2_000, 0.1)), 2_000), (int(random.binomial(300, 0.1)), 300))
        alarms["nulls"] += nulls.lower > 0
        hours = random.poisson(40, 24).astype(float)
        alarms["hours"] += int((unusual_ratio(hours, np.full(24, 40.0)) != 1).any())
    assert alarms["cells"] <= 10  # 2.5 %
    assert alarms["nulls"] <= 32  # 5 %, and three deviations
    assert alarms["hours"] <= 12  # a thousandth of each of 24 hours


def test_a_real_change_is_certain_with_some_rows_and_not_with_few():
    assert total_variation([500, 500], [50, 950]).lower > 0.3
    assert total_variation([500, 500], [0, 3]).lower == 0
    assert share_change((0, 10_000), (300, 1_000)).lower > 0.25
    assert unusual_ratio(np.array([50.0, 3.0, 0.0, 0.0, 400.0]), np.array([100.0, 5.0, 3.0, 30.0, 200.0])).tolist() == [
        0.5,
        1.0,
        1.0,
        0.0,
        2.0,
    ]
