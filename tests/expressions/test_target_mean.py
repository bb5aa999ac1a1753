"""The mean label of a category is what plain Python computes, and no row to fit on has seen its own label."""

import math
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import TargetEncoder

from andon.expressions import tree
from andon.expressions.evaluate import evaluate
from andon.expressions.fit import fit, learn_all
from andon.expressions.functions import BOOL, CATEGORY, FLOAT, INT, Type
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.target_mean import FOLDS, Labels, check_label
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import InputError
from tests.fakes.online import TablePoint as Point

MONEY = Type("fixed", 2)
PLACE = tree.column("Ask", "place", CATEGORY)
VALUES = {
    BOOL: st.booleans(),
    INT: st.integers(-(2**63), 2**63 - 1),
    MONEY: st.integers(-(10**12), 10**12),
    FLOAT: st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
}
TYPES = {BOOL: pl.Boolean, INT: pl.Int64, MONEY: pl.Int64, FLOAT: pl.Float64, CATEGORY: pl.String}


def mean_of(smoothing=3, **params):
    return tree.apply("target_mean", PLACE, smoothing=smoothing, **params)


def plan_of(node=None):
    return FeaturePlan("Ask", "asked", (("mean", node or mean_of()),))


def frame(rows):
    asked = pl.Series("asked", [at for _, at, _ in rows], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame([pl.Series("place", [place for place, _, _ in rows], dtype=pl.String), asked])


def labels_of(rows, type_):
    return Labels(pl.Series([label for _, _, label in rows], dtype=TYPES[type_]), type_)


def learned_of(rows, type_=BOOL, node=None):
    return learn_all(plan_of(node), frame(rows), {}, labels_of(rows, type_))


def own_of(rows, type_=BOOL, node=None):
    """The values that these rows have as rows to fit on."""
    everybody = pl.Series([True] * len(rows))
    return learned_of(rows, type_, node).features(frame(rows), everybody, {})["mean"].to_list()


def histories(type_, low=12):
    row = st.tuples(st.sampled_from([*"abcdefg", None]), st.integers(-20, 20), st.none() | VALUES[type_])
    return st.lists(row, min_size=low, max_size=60).filter(lambda rows: len(folds(rows)[1]) > 1)


# An oracle that shares nothing with the code: folds by counting, means by fractions.


def folds(rows):
    """The fold of each row, and the folds in which somebody has a label."""
    times = sorted(at for _, at, label in rows if label is not None)
    if not times:
        return [0] * len(rows), set()
    edges = {times[len(times) * step // FOLDS] for step in range(1, FOLDS)}
    found = [sum(edge <= at for edge in edges) for _, at, _ in rows]
    return found, {fold for fold, (_, _, label) in zip(found, rows, strict=True) if label is not None}


def total(values, type_):
    exact = sum((Fraction(value) for value in values), Fraction(0))
    return Fraction(float(exact)) if type_ == FLOAT else exact


def expected(rows, place, type_, smoothing=3):
    counted = [(where, label) for where, _, label in rows if label is not None]
    overall = total([label for _, label in counted], type_) / len(counted)
    here = [label for where, label in counted if where == place]
    mean = (total(here, type_) + smoothing * overall) / (len(here) + smoothing)
    return float(mean / 10**type_.scale)


@pytest.mark.parametrize("type_", VALUES, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_to_fit_on_get_the_mean_without_their_fold_and_others_that_of_all_rows(type_, data):
    """To the last bit: a mean that depended on the order of the rows would be another model every time."""
    rows = data.draw(histories(type_))
    fold, _ = folds(rows)
    for (place, _, _), number, found in zip(rows, fold, own_of(rows, type_), strict=True):
        others = [row for row, other in zip(rows, fold, strict=True) if other != number]
        assert found == (None if place is None else expected(others, place, type_))
    plan = learned_of(rows, type_).plan
    asking = [("a", 0, None), ("new", 0, None), (None, 0, None)]
    found = evaluate(plan, frame(asking), {})["mean"].to_list()
    assert found == [expected(rows, "a", type_), expected(rows, "new", type_), None]
    assert [Point(plan, {}).features({"place": place}, 5)["mean"] for place, _, _ in asking] == found


@settings(max_examples=60, deadline=None)
@given(rows=histories(BOOL), data=st.data())
def test_no_label_reaches_a_row_of_its_own_stretch_of_time(rows, data):
    """The leak that target encoding is known for: change a row's label, and its own value stays as it was."""
    place = data.draw(st.sampled_from([n for n, row in enumerate(rows) if row[2] is not None]))
    changed = [*rows]
    changed[place] = (*rows[place][:2], not rows[place][2])
    before, after, (fold, _) = own_of(rows), own_of(changed), folds(rows)
    for was, now, number, (where, _, _) in zip(before, after, fold, rows, strict=True):
        if number == fold[place]:
            assert now == was
        elif where is not None:
            assert now != was
    assert learned_of(changed).plan != learned_of(rows).plan


@settings(max_examples=40, deadline=None)
@given(rows=histories(FLOAT), random=st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_bits(rows, random):
    """Datasets arrive in any order; floats added up in any order would not give the same model."""
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = [rows[number] for number in order]
    assert learned_of(shuffled, FLOAT).plan == learned_of(rows, FLOAT).plan
    before = own_of(rows, FLOAT)
    assert own_of(shuffled, FLOAT) == [before[number] for number in order]


@settings(max_examples=25, deadline=None)
@given(rows=histories(BOOL), smoothing=st.integers(1, 50))
def test_the_means_of_all_rows_are_those_of_scikit_learn(rows, smoothing):
    counted = [(place, label) for place, _, label in rows if label is not None and place is not None]
    assume(len({label for _, label in counted}) == 2)
    known = [row for row in rows if row[0] is not None]
    assume(len(folds(known)[1]) > 1)
    encoder = TargetEncoder(smooth=smoothing, target_type="binary")
    encoder.fit([[place] for place, _ in counted], [int(label) for _, label in counted])
    means, overall = tree.means_of(learned_of(known, BOOL, mean_of(smoothing)).plan.features[0][1])
    assert list(means) == list(encoder.categories_[0])
    assert list(means.values()) == pytest.approx(encoder.encodings_[0], rel=1e-12)
    assert overall == pytest.approx(encoder.target_mean_, rel=1e-12)


def steady(label=lambda n: n % 3 == 0, n=30):
    return [("ab"[n % 2], n, label(n)) for n in range(n)]


def test_a_class_that_is_named_has_its_share_in_each_category():
    rows = steady(lambda n: ["late", "on time", "lost"][n % 3])
    as_bools = [(place, at, label == "late") for place, at, label in rows]
    found = learned_of(rows, CATEGORY, mean_of(of="late"))
    assert tree.means_of(found.plan.features[0][1]) == tree.means_of(learned_of(as_bools).plan.features[0][1])
    assert own_of(rows, CATEGORY, mean_of(of="late")) == own_of(as_bools)


def test_a_fitted_plan_is_plain_constants_that_survive_the_package():
    plan = learned_of(steady()).plan
    assert plan.is_fitted
    assert plan_from_json(loads(dumps(plan.to_json()))) == plan
    assert fit(plan, frame(steady()), {}) == plan


def test_what_is_computed_with_a_mean_and_what_a_mean_is_of_may_be_any_expression():
    """A mean of a text that was computed, in an expression of its own, among learned ones."""
    first = tree.apply("target_mean", tree.apply("head", PLACE, number=1), smoothing=1)
    risk = tree.apply("mul", first, tree.literal(100.0, FLOAT))
    codes = tree.apply("codes", PLACE, min_count=1)
    rows = [(f"{place}{at}", at, label) for place, at, label in steady()]
    learned = learn_all(
        FeaturePlan("Ask", "asked", (("risk", risk), ("codes", codes))), frame(rows), {}, labels_of(rows, BOOL)
    )
    plain = own_of(steady(), node=mean_of(1))
    found = learned.features(frame(rows), pl.Series([True] * len(rows)), {})
    assert found["risk"].to_list() == [value * 100.0 for value in plain]
    assert found["codes"].n_unique() == len(rows)


def test_rows_that_were_not_learned_from_stand_among_those_that_were():
    rows = steady()
    learned, mixed = learned_of(rows), [rows[0], ("b", 99, True), *rows[1:], ("new", 100, None)]
    is_fit = pl.Series([at < 99 for _, at, _ in mixed])
    found = learned.features(frame(mixed), is_fit, {})["mean"]
    assert found.filter(is_fit).to_list() == own_of(rows)
    assert found.filter(~is_fit).to_list() == [expected(rows, "b", BOOL), expected(rows, "new", BOOL)]
    assert learned.served(frame(rows), {})["mean"].to_list() == [expected(rows, place, BOOL) for place, _, _ in rows]


@pytest.mark.parametrize(
    ("rows", "type_", "node", "message"),
    [
        ([("a", 1, True)] * 9, BOOL, mean_of(), "different moments"),
        ([("a", n, None) for n in range(9)], BOOL, mean_of(), "different moments"),
        ([("a", n, math.inf) for n in range(9)], FLOAT, mean_of(), "different moments"),
        ([("a", n, 1.7e308) for n in range(9)], FLOAT, mean_of(), "beyond what a float holds"),
        ([("a", n, "late") for n in range(9)], CATEGORY, mean_of(of="lost"), "has this class"),
    ],
)
def test_what_has_no_mean_is_refused(rows, type_, node, message):
    with pytest.raises(InputError, match=message) as refusal:
        learned_of(rows, type_, node)
    assert refusal.value.fix


def test_a_mean_is_never_learned_without_labels():
    with pytest.raises(InputError, match="learns from labels"):
        fit(plan_of(), frame(steady()), {})
    with pytest.raises(InputError, match="not learned"):
        evaluate(plan_of(), frame(steady()), {})


@pytest.mark.parametrize(("op", "params"), [("standardised", {}), ("bins", {"number": 4})])
def test_nothing_learns_from_a_mean(op, params):
    """Mean and deviation of the fit rows would carry a row's label back to it, however little of it."""
    with pytest.raises(InputError, match="own label back"):
        tree.apply(op, mean_of(), **params)


LATE = tree.column("Ask", "late", BOOL)
KIND = tree.column("Ask", "kind", CATEGORY)


@pytest.mark.parametrize(
    ("node", "label", "message"),
    [
        (mean_of(), KIND, "a class has no mean"),
        (mean_of(of="lost"), LATE, "has none"),
        (mean_of(), tree.apply("eq", tree.apply("codes", KIND, min_count=1), tree.literal(1, INT)), "learns nothing"),
    ],
)
def test_a_label_that_has_no_mean_is_refused_with_a_way_out(node, label, message):
    with pytest.raises(InputError, match=message) as refusal:
        check_label(plan_of(node), label)
    assert refusal.value.fix


@pytest.mark.parametrize(
    "params",
    [
        {"smoothing": 0},
        {"smoothing": True},
        {"of": ""},
        {"vocabulary": ("a",)},
        {"vocabulary": ("a",), "means": (), "overall": (0.5).hex()},
        {"vocabulary": ("a",), "means": ("nan",), "overall": (0.5).hex()},
        {"vocabulary": ("a",), "means": ("0.5",), "overall": (0.5).hex()},
        {"vocabulary": ("b", "a"), "means": ((0.5).hex(),) * 2, "overall": (0.5).hex()},
    ],
)
def test_what_was_learned_is_whole_or_refused(params):
    """A package edited by hand must not answer with half of its constants."""
    with pytest.raises(InputError):
        mean_of(**params)
    edited = {"op": "target_mean", "args": [tree.to_json(PLACE)], "smoothing": 3, **params}
    with pytest.raises(InputError):
        tree.from_json({name: list(v) if isinstance(v, tuple) else v for name, v in edited.items()})


def test_only_a_category_has_a_mean_label():
    with pytest.raises(InputError, match="takes a category"):
        tree.apply("target_mean", tree.column("Ask", "who", INT), smoothing=3)
