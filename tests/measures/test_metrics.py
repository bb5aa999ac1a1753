"""Metrics are scikit-learn's, intervals cover the truth, and what cannot be measured has no value and says why."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as oracle

from andon.contracts.evidence import find
from andon.measures.metrics import METRICS, area_under_curve, difference_to_champion, measure

CHAMPION = "sha256:" + "c" * 64


@st.composite
def binary(draw, least=1, ties=True):
    n = draw(st.integers(least, 60))
    y = draw(arrays.arrays(np.int64, n, elements=st.integers(0, 1)))
    score = st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]) if ties else st.floats(0, 1)
    return y, draw(arrays.arrays(np.float64, n, elements=score))


def value(found, metric, where=""):
    return find(found, metric, where).value


@settings(deadline=None)
@given(binary())
def test_binary_metrics_are_scikit_learns(rows):
    y, p = rows
    found = measure("binary", y, p)
    assert [m.metric for m in found] == list(METRICS["binary"])
    assert value(found, "brier") == pytest.approx(oracle.brier_score_loss(y, p, pos_label=1))
    assert value(found, "accuracy") == oracle.accuracy_score(y, p >= 0.5)
    assert value(found, "log_loss") == pytest.approx(
        oracle.log_loss(y, np.clip(p, 1e-15, 1 - 1e-15), labels=[0, 1]), rel=1e-4
    )
    if 0 < y.sum() < len(y):
        assert value(found, "auc") == pytest.approx(oracle.roc_auc_score(y, p))


@settings(deadline=None)
@given(st.integers(2, 50), st.integers(2, 5), st.randoms())
def test_metrics_of_many_classes_are_scikit_learns(n, classes, random):
    numbers = np.random.default_rng(random.randrange(2**32))
    y, p = numbers.integers(0, classes, n), numbers.dirichlet(np.ones(classes), n)
    found = measure("classes", y, p)
    assert value(found, "log_loss") == pytest.approx(oracle.log_loss(y, p, labels=list(range(classes))))
    assert value(found, "accuracy") == pytest.approx(oracle.accuracy_score(y, p.argmax(axis=1)))


@settings(deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-1e5, 1e5)))
def test_regression_metrics_are_scikit_learns(rows):
    found = measure("regression", rows[:, 0], rows[:, 1])
    assert value(found, "rmse") == pytest.approx(oracle.root_mean_squared_error(rows[:, 0], rows[:, 1]))
    assert value(found, "mae") == pytest.approx(oracle.mean_absolute_error(rows[:, 0], rows[:, 1]))


@settings(deadline=None)
@given(binary(least=4))
def test_delongs_variance_is_that_of_all_pairs(rows):
    """The definition, pair by pair: O(n*m), without ranks."""
    y, p = rows
    true, false = p[y == 1], p[y == 0]
    assume(min(len(true), len(false)) >= 2)
    won = (true[:, None] > false[None, :]) + 0.5 * (true[:, None] == false[None, :])
    area = area_under_curve(y, p)
    assert area.value == pytest.approx(won.mean())
    expected = won.mean(axis=1).var(ddof=1) / len(true) + won.mean(axis=0).var(ddof=1) / len(false)
    assert area.variance == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(binary(least=2), st.floats(0.1, 5))
def test_the_area_under_the_curve_sees_only_the_order(rows, power):
    y, p = rows
    assume(0 < y.sum() < len(y))
    area = area_under_curve(y, p).value
    assert area_under_curve(y, np.searchsorted(np.unique(p), p)).value == pytest.approx(area)
    assert area_under_curve(1 - y, p).value == pytest.approx(1 - area)
    assert area_under_curve(y, -p).value == pytest.approx(1 - area)


@settings(deadline=None)
@given(binary(least=2), st.randoms())
def test_bounds_hold_the_value_and_the_order_of_rows_does_not_matter(rows, random):
    y, p = rows
    order = list(range(len(y)))
    random.shuffle(order)
    for one, other in zip(measure("binary", y, p), measure("binary", y[order], p[order]), strict=True):
        assert (one.metric, one.n) == (other.metric, other.n)
        assert one.value == pytest.approx(other.value)
        if one.lower is not None:
            assert one.lower <= one.value + 1e-12
            assert one.value <= one.upper + 1e-12


@settings(deadline=None)
@given(binary(least=1), st.data())
def test_every_row_is_in_exactly_one_slice_of_a_column(rows, data):
    y, p = rows
    names = data.draw(st.lists(st.sampled_from(["a", "b", "c=d", None]), min_size=len(y), max_size=len(y)))
    found = [
        m for m in measure("binary", y, p, {"col": np.array(names, dtype=object)}) if m.metric == "brier" and m.slice
    ]
    assert sum(m.n for m in found) == len(y)
    assert {m.slice for m in found} == {f"col={'(null)' if name is None else name}" for name in names}
    for m in found:
        rows_of = np.array([f"col={'(null)' if name is None else name}" == m.slice for name in names])
        assert m.value == pytest.approx(np.mean((y - p)[rows_of] ** 2))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_a_model_does_not_differ_from_itself(seed):
    random = np.random.default_rng(seed)
    y, p = random.integers(0, 2, 50), random.random(50)
    y[:4] = [0, 0, 1, 1]
    for metric in METRICS["binary"]:
        m = difference_to_champion(metric, y, p, p, champion=CHAMPION)
        assert (m.value, m.lower, m.upper) == (0, 0, 0)
        assert (m.metric, m.baseline) == (f"{metric}.difference", CHAMPION)


@settings(deadline=None)
@given(binary(least=8), st.randoms())
def test_a_difference_is_new_minus_champion_and_turns_around(rows, random):
    y, new = rows
    old = np.random.default_rng(random.randrange(2**32)).random(len(y))
    assume(0 < y.sum() < len(y))
    for metric in METRICS["binary"]:
        forth = difference_to_champion(metric, y, new, old, champion=CHAMPION)
        back = difference_to_champion(metric, y, old, new, champion=CHAMPION)
        expected = value(measure("binary", y, new), metric) - value(measure("binary", y, old), metric)
        assert forth.value == pytest.approx(expected, abs=1e-9)
        assert back.value == pytest.approx(-forth.value, abs=1e-9)
        if forth.lower is not None:
            assert (back.lower, back.upper) == pytest.approx((-forth.upper, -forth.lower), abs=1e-9)


def draw_scores(random, n):
    y = (random.random(n) < 0.3).astype(int)
    return y, random.normal(size=n) + y, random.normal(size=n) + 0.7 * y


def test_the_interval_of_an_area_covers_the_truth_in_95_of_100_draws():
    random, truth = np.random.default_rng(1), 0.7602499389  # normal scores one apart: Phi(1 / sqrt(2))
    held = 0
    for _ in range(400):
        y, p, _ = draw_scores(random, 150)
        m = measure("binary", y, 1 / (1 + np.exp(-p)))[0]
        held += m.lower <= truth <= m.upper
    assert 0.92 < held / 400 < 0.98


def test_the_interval_of_a_difference_covers_the_truth_in_95_of_100_draws():
    random = np.random.default_rng(2)
    truth = 0.7602499389 - 0.6896926  # Phi(.7 / sqrt(2))
    held = 0
    for _ in range(400):
        y, p, q = draw_scores(random, 150)
        m = difference_to_champion("auc", y, p, q, champion=CHAMPION)
        held += m.lower <= truth <= m.upper
    assert 0.92 < held / 400 < 0.98


def test_the_interval_of_a_root_mean_squared_error_difference_covers_the_truth():
    random, held = np.random.default_rng(3), 0
    for _ in range(500):
        y = random.normal(size=200)
        m = difference_to_champion(
            "rmse", y, y + random.normal(size=200), y + 1.2 * random.normal(size=200), champion=CHAMPION
        )
        held += m.lower <= -0.2 <= m.upper
    assert 0.92 < held / 500 < 0.98


def test_a_paired_interval_is_much_narrower_than_two_apart():
    random = np.random.default_rng(4)
    y, p, _ = draw_scores(random, 2000)
    paired = difference_to_champion("auc", y, p + 0.05 * random.normal(size=2000), p, champion=CHAMPION)
    alone = measure("binary", y, p)[0]
    assert paired.upper - paired.lower < 0.2 * (alone.upper - alone.lower)


@pytest.mark.parametrize(
    ("y", "p", "metric", "words"),
    [
        ([1, 1, 1], [0.2, 0.3, 0.4], "auc", "one class"),
        ([], [], "brier", "no rows"),
        ([0, 1], [0.5, math.nan], "log_loss", "1 of 2 predictions are not finite"),
        ([0, 1], [0.5, math.inf], "brier", "predictions are not finite"),
        ([0, math.nan], [0.5, 0.5], "brier", "labels are not finite"),
        ([0, 1], [0.5], "accuracy", "1 predictions for 2 rows"),
    ],
)
def test_what_cannot_be_measured_has_no_value_and_says_why(y, p, metric, words):
    for m in (find(measure("binary", y, p), metric), difference_to_champion(metric, y, p, p, champion=CHAMPION)):
        assert m.value is None
        assert m.lower is None
        assert m.upper is None
        assert words in m.problem


def test_a_confident_wrong_answer_costs_much_but_not_everything():
    assert value(measure("binary", [1, 0], [0.0, 0.0]), "log_loss") == pytest.approx(-math.log(1e-15) / 2)


def test_a_class_the_model_does_not_know_is_a_wrong_answer():
    found = measure("classes", [0, -1], np.array([[0.9, 0.1], [0.9, 0.1]]))
    assert value(found, "accuracy") == 0.5
    assert value(found, "log_loss") == pytest.approx((-math.log(0.9) - math.log(1e-15)) / 2)


def test_a_perfect_order_of_few_rows_is_not_certain():
    few, many = (
        measure("binary", [0, 0, 1, 1], [0, 0.1, 0.9, 1])[0],
        measure("binary", [0, 1] * 500, [0.1, 0.9] * 500)[0],
    )
    assert few.value == many.value == 1
    assert few.lower < 0.2
    assert many.lower > 0.99
    assert measure("binary", [0, 0, 1], [0, 0, 1])[0].lower is None
