"""LightGBM models survive the way through text bit for bit, and what would answer otherwise is refused."""

import gc
import re
import sys
import threading
import weakref

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from andon.adapters.lightgbm import LightGbmText
from andon.contracts.model import Feature
from andon.kernel.errors import InputError, IntegrityError
from andon.line.package import Door, Recipe, choose_questions, load_package, make_package

COLUMNS = ("a", "b", "c", "d")
QUIET = {"verbosity": -1, "num_threads": 2, "deterministic": True, "seed": 1}


def rows(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    x = random.normal(size=(n, 4)) * [1, 1e-9, 1e12, 1]
    x[:, 3] = random.integers(-1, 5, n)
    x[random.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0]) + random.normal(size=n) > 0
    return x, y


def booster(objective: str, **options: object) -> lightgbm.Booster:
    x, y = rows()
    labels = np.digitize(np.nan_to_num(x[:, 0]), [-0.5, 0.5]) if objective == "multiclass" else y * 1.37
    labels = y if objective == "binary" else labels
    params = {**QUIET, "objective": objective, **options}
    return lightgbm.train(params, lightgbm.Dataset(x, labels, categorical_feature=[3]), num_boost_round=20)


def edge_rows() -> np.ndarray:
    x, _ = rows()
    edges = np.array(
        [[np.nan] * 4, [np.inf] * 4, [-np.inf] * 4, [0.0, -0.0, 5e-324, 99.0], [1e308, -1e308, 0.1 + 0.2, -1]]
    )
    return np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf), edges])


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("binary", {}),
        ("regression", {}),
        ("regression", {"linear_tree": True}),
        ("multiclass", {"num_class": 3}),
        ("binary", {"boosting": "dart"}),
        ("binary", {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}),
    ],
)
def test_a_reloaded_model_answers_with_the_same_bits(objective, options):
    door, model = LightGbmText(), booster(objective, **options)
    data = door.save(model, COLUMNS)
    asked = edge_rows()
    before = door.wrap(model, COLUMNS).predict(asked)
    after = door.load(data, COLUMNS).predict(asked)
    assert before.tobytes() == after.tobytes()
    assert before.shape == ((len(asked), 3) if objective == "multiclass" else (len(asked),))


def test_the_same_training_gives_the_same_bytes():
    door = LightGbmText()
    assert door.save(booster("binary"), COLUMNS) == door.save(booster("binary"), COLUMNS)


def test_only_the_best_rounds_of_an_early_stopped_model_are_kept():
    x, y = rows()
    data = lightgbm.Dataset(x, y)
    model = lightgbm.train(
        {**QUIET, "objective": "binary", "learning_rate": 0.9},
        data,
        num_boost_round=200,
        valid_sets=[lightgbm.Dataset(*rows(90), reference=data)],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 0 < model.best_iteration < model.current_iteration()
    door = LightGbmText()
    loaded = door.load(door.save(model, COLUMNS), COLUMNS)
    assert loaded.predict(x).tobytes() == model.predict(x, num_threads=1).tobytes()


@pytest.mark.parametrize("labels", ["bool", "codes"])
def test_a_wrapped_classifier_is_packaged_like_its_booster(labels):
    x, y = rows()
    target = y if labels == "bool" else np.digitize(np.nan_to_num(x[:, 0]), [-0.5, 0.5])
    model = lightgbm.LGBMClassifier(n_estimators=8, verbosity=-1).fit(x, target)
    door = LightGbmText()
    loaded = door.load(door.save(model, COLUMNS), COLUMNS)
    expected = model.booster_.predict(x, num_threads=1)
    assert loaded.predict(x).tobytes() == expected.tobytes()


def test_labels_that_are_not_the_plans_codes_are_refused():
    x, y = rows()
    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1).fit(x, np.where(y, "yes", "no"))
    with pytest.raises(InputError, match="labels of its own"):
        LightGbmText().save(model, COLUMNS)


def test_an_untrained_wrapper_is_refused():
    with pytest.raises(InputError, match="not trained"):
        LightGbmText().save(lightgbm.LGBMRegressor(), COLUMNS)


def test_pandas_categories_are_refused_because_they_number_values_otherwise():
    x, y = rows()
    frame = pd.DataFrame(x, columns=list(COLUMNS))
    frame["d"] = pd.Categorical(np.where(np.nan_to_num(x[:, 3]) > 2, "high", "low"))
    model = lightgbm.train({**QUIET, "objective": "binary"}, lightgbm.Dataset(frame, y), num_boost_round=3)
    with pytest.raises(InputError, match="pandas categories"):
        LightGbmText().save(model, COLUMNS)


def test_columns_in_another_order_are_refused():
    x, y = rows()
    model = lightgbm.train(
        {**QUIET, "objective": "binary"}, lightgbm.Dataset(x, y, feature_name=list(COLUMNS)), num_boost_round=3
    )
    door = LightGbmText()
    assert door.save(model, COLUMNS)
    for columns in (("b", "a", "c", "d"), ("a", "b", "c")):
        with pytest.raises(InputError, match="other columns"):
            door.save(model, columns)
        with pytest.raises(InputError, match="other columns"):
            door.load(model.model_to_string().encode(), columns)


@pytest.mark.parametrize("data", [b"", b"garbage", b"tree\nbut nothing else", b"\x80\x05pickle"])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(InputError, match="not a LightGBM model"):
        LightGbmText().load(data, COLUMNS)


def test_another_frameworks_model_is_left_to_the_other_doors():
    assert LightGbmText().save(lambda x: x, COLUMNS) is None


def test_no_rows_give_no_answers():
    door = LightGbmText()
    assert door.wrap(booster("binary"), COLUMNS).predict(np.empty((0, 4))).shape == (0,)
    assert door.wrap(booster("multiclass", num_class=3), COLUMNS).predict(np.empty((0, 4))).shape == (0, 3)


def test_a_packaged_model_loads_and_a_flipped_leaf_does_not():
    x, _ = rows()
    features = tuple(Feature(name, "float", categorical=name == "d") for name in COLUMNS)
    recipe = Recipe("late", "binary", features, (), {}, {}, 1, 1, "sha256:" + "0" * 64, "sha256:" + "0" * 64)
    doors: dict[str, Door] = {"lightgbm-text": LightGbmText()}
    package, data = make_package(booster("binary"), recipe, choose_questions(x, features), doors)
    load_package(package, data, doors)
    flipped = re.sub(rb"( -?0\.)(\d)(?=[^\n]*\nleaf_weight)", lambda leaf: leaf[1] + b"%d" % (9 - int(leaf[2])), data)
    assert len(flipped) == len(data)
    with pytest.raises(IntegrityError, match="golden questions otherwise"):
        load_package(package, flipped, doors)


def test_a_text_of_the_wrong_length_is_refused_before_lightgbm_ends_the_process_over_it():
    data = LightGbmText().save(booster("binary"), COLUMNS)
    start = data.index(b"leaf_value=")
    for broken in (
        data[:start] + b"x" + data[start:],
        data[: len(data) // 2],
        data.replace(b"tree_sizes=", b"tree_sizes=9"),
    ):
        with pytest.raises(InputError, match="not a LightGBM model"):
            LightGbmText().load(broken, COLUMNS)


def test_raw_scores_of_a_custom_objective_are_no_probabilities():
    x, _ = rows()
    features = tuple(Feature(name, "float", categorical=False) for name in COLUMNS)
    recipe = Recipe("late", "binary", features, (), {}, {}, 1, 1, "sha256:" + "0" * 64, "sha256:" + "0" * 64)
    with pytest.raises(InputError, match="not probabilities"):
        make_package(booster("regression"), recipe, choose_questions(x, features), {"lightgbm-text": LightGbmText()})


SHAPES = {
    "binary": {},
    "regression": {},
    "regression_linear": {"linear_tree": True},
    "multiclass": {"num_class": 3},
    "multiclassova": {"num_class": 3},
    "cross_entropy": {},
    "poisson": {},
    "missing_zero": {"zero_as_missing": True},
    "forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
}


def shaped(name: str) -> lightgbm.Booster:
    objective = {"regression_linear": "regression", "missing_zero": "binary", "forest": "binary"}.get(name, name)
    x, y = rows()
    values = np.nan_to_num(x[:, 0])
    labels = np.digitize(values, [-0.5, 0.5]) if objective.startswith("multi") else y.astype(float)
    data = lightgbm.Dataset(x, labels, categorical_feature=[3], params={"linear_tree": name == "regression_linear"})
    return lightgbm.train({**QUIET, "objective": objective, **SHAPES[name]}, data, num_boost_round=15)


LOADED = {name: LightGbmText().load(LightGbmText().save(shaped(name), COLUMNS), COLUMNS) for name in SHAPES}


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=40, deadline=None)
@given(row=arrays(np.float64, (1, 4), elements=st.floats(width=64) | st.sampled_from([0.0, -1.0, 1.0, 4.0, 1e12])))
def test_a_row_alone_gets_the_bits_of_the_call_for_many(name, row):
    trees = LOADED[name]
    assert trees._one_row is not None
    apart = np.asarray(trees._booster.predict(row, num_threads=1))
    alone = trees.predict(row)
    assert alone.shape == apart.shape
    assert alone.tobytes() == apart.tobytes()


def test_the_rows_memory_may_be_laid_out_in_any_way():
    trees, (x, _) = LOADED["binary"], rows()
    turned = np.asfortranarray(x)
    for index in range(20):
        whole = trees.predict(x[index : index + 1])
        assert trees.predict(turned[index : index + 1]).tobytes() == whole.tobytes()
        assert trees.predict(x[index : index + 1].astype(np.float32)).shape == whole.shape


def test_a_row_of_another_width_is_refused_and_not_read_beyond_its_end():
    with pytest.raises(InputError) as error:
        LOADED["binary"].predict(np.zeros((1, 3)))
    assert error.value.code == "package.lightgbm"


def test_an_answer_is_the_callers_own_and_does_not_change_with_the_next():
    trees, (x, _) = LOADED["binary"], rows()
    first = trees.predict(x[:1])
    kept = first.tobytes()
    others = {trees.predict(x[index : index + 1]).tobytes() for index in range(1, 50)}
    assert first.tobytes() == kept
    assert len(others) > 1


def test_threads_that_ask_at_once_get_their_own_answers():
    trees, (x, _) = LOADED["multiclass"], rows()
    expected = [trees.predict(x[index : index + 1]).tobytes() for index in range(len(x))]
    wrong: list[int] = []

    def ask(start: int) -> None:
        for step in range(1500):
            index = (start + step) % len(x)
            if trees.predict(x[index : index + 1]).tobytes() != expected[index]:
                wrong.append(index)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=ask, args=(150 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_lightgbm_without_the_call_for_one_row_gives_the_same_bits():
    trees, (x, _) = LOADED["binary"], rows()
    plain = LightGbmText().load(LightGbmText().save(shaped("binary"), COLUMNS), COLUMNS)
    plain._one_row = None
    assert all(
        trees.predict(x[index : index + 1]).tobytes() == plain.predict(x[index : index + 1]).tobytes()
        for index in range(50)
    )


def test_a_model_that_is_let_go_gives_its_memory_back():
    trees = LightGbmText().load(LightGbmText().save(shaped("binary"), COLUMNS), COLUMNS)
    booster, one_row = weakref.ref(trees._booster), weakref.ref(trees._one_row)
    del trees
    gc.collect()
    assert booster() is None
    assert one_row() is None
