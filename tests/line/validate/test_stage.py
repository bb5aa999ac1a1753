"""A candidate is measured on rows it never saw, and what is dishonest about it shows."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from andon.contracts.evidence import find
from andon.contracts.model import Feature
from andon.kernel.errors import InputError
from andon.line.validate.calibration import logistic_slope, measure_calibration, reliability
from andon.line.validate.leakage import measure_features, shared_rows
from andon.line.validate.stage import Champion, Rows, Trial, align, evidence_of, validate

CANDIDATE, CHAMPION = "sha256:" + "a" * 64, "sha256:" + "c" * 64
FEATURES = (Feature("x", "float", categorical=False), Feature("noise", "float", categorical=False))


def expit(x):
    return 1 / (1 + np.exp(-x))


def drawn(n=3000, seed=1, prefix="h"):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    y = (random.random(n) < expit(x)).astype(float)
    segments = {"origin": np.array(["JFK", "LGA", None], dtype=object)[random.integers(0, 3, n)]}
    rows = Rows([f"{prefix}{i}" for i in range(n)], y, expit(x), segments)
    return rows, np.column_stack([x, random.normal(size=n)])


def trial(**changes):
    rows, matrix = drawn()
    learned = {"fit": drawn(seed=2, prefix="f")[0], "tune": drawn(800, seed=3, prefix="t")[0]}
    return replace(Trial("binary", rows, matrix, FEATURES, learned), **changes)


def value(found, metric, where=""):
    return find(found, metric, where).value


def test_a_good_candidate_has_all_its_evidence():
    found = validate(trial(team={"gain": 0.25}))
    assert value(found, "auc") > 0.7
    assert {m.slice for m in found if m.metric == "auc"} == {"", "origin=JFK", "origin=LGA", "origin=(null)"}
    assert value(found, "leak.rows") == 0
    assert value(found, "leak.feature.max_auc") == pytest.approx(value(found, "auc"))
    slope = find(found, "calibration.slope")
    assert slope.lower < 1 < slope.upper
    gap = find(found, "gap.auc")
    assert gap.lower < 0 < gap.upper
    assert find(found, "gap.tune.auc").n == 800
    assert not [m for m in found if "difference" in m.metric]
    assert all(math.isfinite(m.value) for m in found)
    assert evidence_of(CANDIDATE, trial()).subject == CANDIDATE


def test_the_order_of_rows_does_not_change_which_rows_the_evidence_is_about():
    one = trial()
    order = np.random.default_rng(0).permutation(3000)
    rows = one.holdout
    segments = {name: np.asarray(values)[order] for name, values in rows.segments.items()}
    moved = replace(rows, ids=[rows.ids[i] for i in order], y=rows.y[order], p=rows.p[order], segments=segments)
    other = replace(one, holdout=moved, matrix=one.matrix[order])
    assert evidence_of(CANDIDATE, one).rows == evidence_of(CANDIDATE, other).rows


@pytest.mark.parametrize("returned", [math.nan, math.inf, True, "0.1", None, [0.1]])
def test_a_teams_measurement_that_is_no_number_has_no_value(returned):
    found = find(validate(trial(team={"gain": returned})), "factory:gain")
    assert found.value is None
    assert found.problem
    assert found.measured_by == "factory"


def test_rows_the_training_saw_are_counted():
    one = trial()
    fit = one.learned["fit"]
    stolen = replace(fit, ids=[*fit.ids[:-3], *one.holdout.ids[:3]])
    assert value(validate(replace(one, learned={"fit": stolen})), "leak.rows") == 3
    assert shared_rows([], ["a"]).value == 0


@settings(deadline=None)
@given(st.sets(st.integers(0, 50)), st.sets(st.integers(0, 50)))
def test_shared_rows_are_the_rows_in_both(held, learned):
    assert shared_rows(map(str, held), map(str, learned)).value == len(held & learned)


def leaky(kind, y, random):
    n = len(y)
    match kind:
        case "copy":
            return y.copy(), False
        case "turned around":
            return -y + 1e-3 * random.normal(size=n), False
        case "missing for one outcome":
            return np.where(y == 1, math.nan, random.normal(size=n)), False
        case "codes":
            return np.where(y == 1, random.choice([3, 9, 14], n), random.choice([1, 5, 11], n)).astype(float), True
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["copy", "turned around", "missing for one outcome", "codes"])
def test_a_feature_that_knows_the_label_is_found_and_named(kind):
    rows, matrix = drawn()
    column, categorical = leaky(kind, rows.y, np.random.default_rng(8))
    features = (*FEATURES, Feature("arrival_delay", "float", categorical=categorical))
    found = measure_features("binary", np.column_stack([matrix, column]), features, rows.y)
    assert value(found, "leak.feature.max_auc") > 0.99
    assert value(found, "leak.feature.auc", "feature=arrival_delay") > 0.99
    assert value(found, "leak.feature.auc", "feature=noise") < 0.55


def test_a_category_of_one_row_each_does_not_look_like_a_leak():
    rows, _ = drawn()
    ids = np.arange(len(rows.y), dtype=float)[:, None]
    np.random.default_rng(0).shuffle(ids)
    feature = (Feature("tailnum", "int", categorical=True),)
    assert value(measure_features("binary", ids, feature, rows.y), "leak.feature.max_auc") < 0.55


def test_leaks_into_classes_and_values_are_found_too():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 900).astype(float)
    column = np.where(labels == 2, 1.0, random.normal(size=900) * 0.01)[:, None]
    assert value(measure_features("classes", column, FEATURES[:1], labels), "leak.feature.max_auc") > 0.99
    values = random.normal(size=900)
    assert value(measure_features("regression", -values[:, None], FEATURES[:1], values), "leak.feature.max_auc") == 1


def test_too_few_rows_say_nothing_about_leaks():
    found = measure_features("binary", np.zeros((10, 1)), FEATURES[:1], np.array([0.0, 1] * 5))
    assert find(found, "leak.feature.max_auc").value is None
    assert find(found, "leak.feature.max_auc").problem


def test_a_champion_is_compared_on_rows_neither_learned_from():
    rows, _ = drawn()
    worse = expit(np.random.default_rng(5).normal(size=3000) + np.log(rows.p / (1 - rows.p)))
    learned = frozenset(rows.ids[:500])
    found = validate(trial(champion=Champion(CHAMPION, worse, learned)))
    whole = find(found, "auc.difference")
    assert (whole.n, whole.baseline) == (2500, CHAMPION)
    assert whole.lower > 0
    assert find(found, "brier.difference").upper < 0
    assert value(found, "champion.rows_excluded") == 500
    slices = [m for m in found if m.metric == "auc.difference" and m.slice]
    assert sum(m.n for m in slices) == 2500


def test_a_champion_that_saw_every_row_is_no_comparison():
    rows, _ = drawn()
    found = find(validate(trial(champion=Champion(CHAMPION, rows.p, frozenset(rows.ids)))), "auc.difference")
    assert found.value is None
    assert found.problem == "no rows"


def test_an_overfitted_model_has_a_gap():
    fit = drawn(seed=2, prefix="f")[0]
    knows = replace(fit, p=0.8 * fit.y + 0.1)
    gap = find(validate(trial(learned={"fit": knows})), "gap.auc")
    assert gap.value > 0.2
    assert gap.lower > 0.15


def test_a_model_that_answers_nan_has_no_metric():
    rows, _ = drawn()
    p = rows.p.copy()
    p[7] = math.nan
    found = validate(trial(holdout=replace(rows, p=p)))
    for metric in ("auc", "brier", "log_loss", "accuracy", "gap.auc"):
        assert find(found, metric).value is None
        assert "1 of 3000 predictions" in find(found, metric).problem
    assert find(found, "calibration.slope") is None


@pytest.mark.parametrize("change", ["y", "p", "ids", "doubled", "matrix", "champion", "segments"])
def test_rows_that_do_not_belong_together_are_refused(change):
    rows, matrix = drawn()
    changes = {
        "y": {"holdout": replace(rows, y=rows.y[1:])},
        "p": {"holdout": replace(rows, p=rows.p[1:])},
        "ids": {"holdout": replace(rows, ids=rows.ids[1:])},
        "doubled": {"holdout": replace(rows, ids=[rows.ids[0], *rows.ids[:-1]])},
        "matrix": {"matrix": matrix[1:]},
        "champion": {"champion": Champion(CHAMPION, rows.p[1:], frozenset())},
        "segments": {"holdout": replace(rows, segments={"a": ["x"]})},
    }
    with pytest.raises(InputError) as refusal:
        validate(trial(**changes[change]))
    assert refusal.value.code == "validate.rows-differ"


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_answers_find_their_rows_in_any_order(order):
    ids = [f"r{i}" for i in range(12)]
    shuffled = pl.DataFrame({"_row_id": [ids[i] for i in order], "p": [i / 12 for i in order]})
    assert align(ids, shuffled).tolist() == [i / 12 for i in range(12)]
    wide = shuffled.with_columns(q=1 - pl.col("p"))
    assert align(ids, wide).shape == (12, 2)


@pytest.mark.parametrize(
    "answers",
    [
        {"_row_id": ["a"], "p": [0.5]},
        {"_row_id": ["a", "a"], "p": [0.5, 0.5]},
        {"_row_id": ["a", "c"], "p": [0.5, 0.5]},
        {"_row_id": ["a", "b", "c"], "p": [0.5, 0.5, 0.5]},
        {"_row_id": ["a", "b"]},
        {"_row_id": ["a", "b"], "p": ["0.5", "0.5"]},
        {"row": ["a", "b"], "p": [0.5, 0.5]},
    ],
)
def test_answers_to_other_rows_are_refused(answers):
    with pytest.raises(InputError, match="not of the same rows"):
        align(["a", "b"], pl.DataFrame(answers))


def test_an_answer_of_null_is_kept_as_no_number():
    assert np.isnan(align(["a", "b"], pl.DataFrame({"_row_id": ["b", "a"], "p": [None, 0.5]}))[1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.3, 3))
def test_the_slope_is_scikit_learns_without_penalty(seed, sharpness):
    random = np.random.default_rng(seed)
    odds = random.normal(size=400)
    y = (random.random(400) < expit(odds)).astype(float)
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(sharpness * odds[:, None], y)
    slope = logistic_slope(y, expit(sharpness * odds))
    assert slope.value == pytest.approx(fit.coef_[0, 0], rel=1e-4)
    assert slope.lower < slope.value < slope.upper


def test_the_interval_of_the_slope_covers_the_truth():
    random, held = np.random.default_rng(6), 0
    for _ in range(300):
        odds = random.normal(size=300)
        slope = logistic_slope((random.random(300) < expit(odds)).astype(float), expit(odds))
        held += slope.lower <= 1 <= slope.upper
    assert 0.91 < held / 300 < 0.985


@pytest.mark.parametrize(
    ("y", "p"),
    [([0, 1, 1, 0], [0.5] * 4), ([1, 1, 1], [0.1, 0.2, 0.3]), ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), ([0, 1], [0, 1])],
)
def test_where_there_is_no_slope_there_is_none(y, p):
    found = measure_calibration("binary", np.array(y, dtype=float), np.array(p, dtype=float))
    slope = find(found, "calibration.slope")
    assert slope.value is None
    assert slope.problem


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**32), st.booleans())
def test_every_row_is_in_one_bin_and_bins_rise(n, seed, few):
    random = np.random.default_rng(seed)
    p = random.integers(0, 4, n) / 4 if few else random.random(n)
    bins = reliability((random.random(n) < p).astype(float), p)
    assert sum(b.n for b in bins) == n
    assert 1 <= len(bins) <= 10
    assert [b.given for b in bins] == sorted(b.given for b in bins)


def test_a_shy_model_and_a_boastful_one_are_told_apart():
    rows, _ = drawn()
    odds = np.log(rows.p / (1 - rows.p))
    assert find(measure_calibration("binary", rows.y, expit(odds / 3)), "calibration.slope").lower > 2
    assert find(measure_calibration("binary", rows.y, expit(odds * 3)), "calibration.slope").upper < 0.5
    assert find(measure_calibration("binary", rows.y, expit(odds + 1)), "calibration.bias").lower > 0.1
    assert measure_calibration("classes", rows.y, rows.p) == ()
