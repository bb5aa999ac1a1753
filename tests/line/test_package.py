"""A package answers as it did when it was made, or it is refused; what is no answer never reaches a server."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.model import Feature
from andon.kernel.errors import InputError, IntegrityError
from andon.line.matrix import matrix_of, rows_of
from andon.line.package import (
    MODEL,
    PACKAGE,
    Recipe,
    answer,
    check_golden,
    choose_questions,
    load_package,
    make_package,
    package_objects,
    read_package,
)

FEATURES = (Feature("x", "float", categorical=False), Feature("kind", "int", categorical=True))
RECIPE = Recipe(
    "late",
    "binary",
    FEATURES,
    (),
    {"spine": "Schedule"},
    {"rate": 0.1},
    7,
    2,
    "sha256:" + "1" * 64,
    "sha256:" + "2" * 64,
)
GOLDEN = Path(__file__).parent.parent / "golden" / "package.json"
ROWS = np.array([[0.0, 1], [1.5, 0], [-2.25, 3], [math.nan, 2], [0.1, -1]])


class Shift:
    """A model of one number, in eight bytes; `answers` may be replaced by anything."""

    format = "shift"

    def __init__(self, shift=0.25, answers=None):
        self.shift, self.answers = shift, answers

    def predict(self, matrix):
        if self.answers:
            return self.answers(matrix)
        return 1 / (1 + np.exp(-np.nan_to_num(matrix[:, 0]) - self.shift))

    def save(self, model, columns):
        return np.float64(model.shift).tobytes() if isinstance(model, Shift) else None

    def wrap(self, model, columns):
        return model

    def load(self, data, columns):
        assert list(columns) == ["x", "kind"]
        return Shift(np.frombuffer(data)[0])


DOORS = {"shift": Shift()}


def made(model=None, recipe=RECIPE):
    return make_package(model or Shift(), recipe, choose_questions(ROWS, recipe.features), DOORS)


def test_a_package_survives_its_objects_and_answers_the_same():
    package, data = made()
    objects = package_objects(package, data)
    assert set(objects) == {MODEL, PACKAGE}
    again = read_package(objects[PACKAGE])
    assert again == package
    predictor = load_package(again, objects[MODEL], DOORS)
    assert np.array_equal(predictor.predict(ROWS), Shift().predict(ROWS))


@settings(deadline=None)
@given(st.integers(0, 51), st.sampled_from([0.25, -1.75]))
def test_any_bit_of_the_model_that_moves_an_answer_is_caught(bit, shift):
    package, _ = made(Shift(shift))
    moved = Shift((np.float64(shift).view(np.uint64) ^ np.uint64(1 << bit)).view(np.float64))
    asked = choose_questions(ROWS, FEATURES)
    if np.array_equal(moved.predict(asked), Shift(shift).predict(asked)):
        check_golden(moved, package)
    else:
        with pytest.raises(IntegrityError, match="golden"):
            check_golden(moved, package)


def test_a_zero_of_the_other_sign_is_another_answer():
    zero = ({"inputs": [None, None], "answer": [(0.0).hex()]},)
    package = replace(made()[0], task="regression", golden=zero)
    check_golden(Shift(answers=lambda m: np.zeros(len(m))), package)
    with pytest.raises(IntegrityError):
        check_golden(Shift(answers=lambda m: -np.zeros(len(m))), package)


def test_the_wire_format_of_a_package_does_not_change_by_accident():
    package, data = made(Shift(answers=None))
    golden = ({"inputs": [(-2.25).hex(), None], "answer": [(0.5).hex()]},)
    written = package_objects(replace(package, golden=golden), data)[PACKAGE]
    assert written == GOLDEN.read_bytes()


def fails(_):
    raise ValueError("Input X contains NaN.")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (lambda m: np.full(len(m), math.nan), "not a finite number"),
        (lambda m: np.where(np.isnan(m[:, 0]), math.inf, 0.5), "not a finite number"),
        (lambda m: np.full(len(m), 1.25), "not probabilities"),
        (lambda m: np.full(len(m), -1e-9), "not probabilities"),
        (lambda m: np.full((len(m), 2), 0.5), "wrong shape"),
        (lambda m: np.full(len(m) + 1, 0.5), "wrong shape"),
        (lambda m: 0.5, "wrong shape"),
        (lambda m: ["no", "number"] * len(m), "fails on rows"),
        (lambda m: None, "not a finite number|wrong shape"),
        (fails, "fails on rows"),
        (lambda m: np.full(len(m), 0.1 + 0.01 * len(m)), "asked alone"),
        (lambda m: np.linspace(0, 1, len(m)), "asked alone"),
    ],
)
def test_what_is_no_answer_is_refused_when_it_is_packaged(answers, words):
    with pytest.raises(InputError, match=words) as refusal:
        made(Shift(answers=answers))
    assert refusal.value.code == "package.bad-answer"
    assert refusal.value.fix


def test_a_model_that_reloads_as_another_one_is_not_packaged():
    class Forgetful(Shift):
        def save(self, model, columns):
            return np.float64(round(model.shift, 1)).tobytes()

    with pytest.raises(IntegrityError, match="golden questions otherwise"):
        make_package(Shift(0.123), RECIPE, choose_questions(ROWS, FEATURES), {"shift": Forgetful()})


@pytest.mark.parametrize("model", [lambda x: x, len, object(), None, {"weights": [1]}])
def test_what_no_framework_knows_is_refused(model):
    with pytest.raises(InputError) as refusal:
        make_package(model, RECIPE, choose_questions(ROWS, FEATURES), DOORS)
    assert refusal.value.code == "package.unknown-framework"
    assert refusal.value.fix


def test_many_classes_must_add_up_to_one():
    recipe = replace(RECIPE, task="classes", classes=("a", "b"))
    package, _ = make_package(Even(), recipe, choose_questions(ROWS, FEATURES), {"even": Even()})
    assert package.golden[0]["answer"] == [(0.5).hex()] * 2
    with pytest.raises(InputError, match="not probabilities"):
        answer(Shift(answers=lambda m: np.full((len(m), 2), 0.6)), ROWS, "classes", 2)


class Even:
    format = "even"

    def predict(self, matrix):
        return np.full((len(matrix), 2), 0.5)

    def save(self, model, columns):
        return b"even"

    def wrap(self, model, columns):
        return self

    def load(self, data, columns):
        return self


@pytest.mark.parametrize(
    "golden",
    [
        (),
        ({"inputs": ["0x1p+0"], "answer": ["0x1p+0"]},),
        ({"inputs": ["0x1p+0", None], "answer": []},),
        ({"inputs": ["0x1p+0", None], "answer": ["one half"]},),
        ({"inputs": ["0x1p+0", None], "answer": [None]},),
        ({"inputs": ["0x1p+0", 0.5], "answer": ["0x1p-1"]},),
        ({"inputs": ["0x1p+0", None]},),
        ({"inputs": ["0x1p+0", None], "answer": ["0x1p-1"], "skip": True},),
    ],
)
def test_a_package_without_readable_golden_questions_is_refused(golden):
    with pytest.raises(InputError) as refusal:
        check_golden(Shift(), replace(made()[0], golden=golden))
    assert "golden" in refusal.value.code


def test_an_unknown_format_names_the_ones_there_are():
    package, data = made()
    with pytest.raises(InputError, match="'shift'") as refusal:
        load_package(package, data, {"lightgbm-text": Shift()})
    assert refusal.value.found == "lightgbm-text"


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(0, 2**32))
def test_golden_questions_are_real_rows_the_emptiest_ones_and_the_edges(n, seed):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n, 2))
    matrix[random.random((n, 2)) < 0.2] = math.nan
    asked = choose_questions(matrix, FEATURES)
    assert 3 <= len(asked) <= 22
    assert np.isnan(asked[-2]).all()
    assert asked[-1, 1] == -1
    real = {row.tobytes() for row in matrix}
    assert all(row.tobytes() in real for row in asked[:-2])
    emptiest = np.isnan(matrix).sum(axis=1).max()
    assert np.isnan(asked[:-2]).sum(axis=1).max() == emptiest


def test_no_rows_make_no_questions():
    with pytest.raises(InputError, match="no rows"):
        choose_questions(np.empty((0, 2)), FEATURES)


KINDS = (
    Feature("f", "float", categorical=False),
    Feature("i", "int", categorical=False),
    Feature("b", "bool", categorical=False),
    Feature("d", "fixed", categorical=False),
)
ROW = st.fixed_dictionaries(
    {
        "f": st.none() | st.floats(allow_nan=False),
        "i": st.none() | st.integers(-(2**53), 2**53),
        "b": st.none() | st.booleans(),
        "d": st.none() | st.integers(-(2**53), 2**53),
    }
)


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=5))
def test_one_row_and_a_frame_are_the_same_numbers_bit_for_bit(rows):
    schema = {"b": pl.Boolean, "d": pl.Int64, "f": pl.Float64, "i": pl.Int64, "extra": pl.String}
    frame = pl.DataFrame([{**row, "extra": "x"} for row in rows], schema=schema)
    matrix = matrix_of(frame, KINDS)
    assert matrix.shape == (len(rows), 4)
    assert matrix.tobytes() == rows_of(rows, KINDS).tobytes()


@pytest.mark.parametrize(
    ("kind", "value", "dtype", "code"),
    [
        ("int", 2**53 + 1, pl.Int64, "package.integer-too-large"),
        ("int", -(2**60), pl.Int64, "package.integer-too-large"),
        ("category", "JFK", pl.String, "package.not-numeric"),
        ("time", 3, pl.Datetime("ns", "UTC"), "package.not-numeric"),
    ],
)
def test_what_a_double_cannot_hold_is_refused_in_a_frame_and_in_a_row(kind, value, dtype, code):
    feature = (Feature("a", kind, categorical=False),)
    for read in (
        lambda: matrix_of(pl.DataFrame({"a": pl.Series([value], dtype=dtype)}), feature),
        lambda: rows_of([{"a": value}], feature),
    ):
        with pytest.raises(InputError) as refusal:
            read()
        assert refusal.value.code == code
        assert refusal.value.fix


def test_a_missing_feature_is_named():
    for read in (lambda: matrix_of(pl.DataFrame({"y": [1]}), FEATURES), lambda: rows_of([{"y": 1}], FEATURES)):
        with pytest.raises(InputError, match="'x'"):
            read()
