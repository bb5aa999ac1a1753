"""One row and many rows are answered and refused alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.wire import to_json
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError, IntegrityError
from andon.line.package import read_package
from andon.line.serve.loaded import load_release
from andon.line.serve.predict import predict_rows
from tests.line.serve.world import DOORS, Shelf

SHELF = Shelf()
LOADED = SHELF.load(SHELF.add(0.5))


class Says:
    def __init__(self, answer) -> None:
        self.answer = answer

    def predict(self, matrix):
        if isinstance(self.answer, Exception):
            raise self.answer
        return np.array([self.answer] * len(matrix))


@given(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3) | st.just(float("nan"))))
def test_a_row_alone_and_among_others_gets_the_same_answer(row):
    one = predict_rows(LOADED, np.array([row]))
    assert one == predict_rows(LOADED, np.array([row, row]))[:1]


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("binary", float("nan")),
        ("binary", float("inf")),
        ("binary", 1.5),
        ("binary", -0.1),
        ("binary", [0.5, 0.5]),
        ("binary", "text"),
        ("binary", ValueError("no")),
        ("regression", float("nan")),
        ("regression", float("-inf")),
        ("classes", 0.5),
        ("classes", [0.5]),
        ("classes", [0.5, 0.4]),
        ("classes", [1.5, -0.5]),
    ],
)
@pytest.mark.parametrize("rows", [1, 2])
def test_what_is_no_answer_is_never_given(task, answer, rows):
    package = replace(LOADED.package, task=task, classes=("a", "b") if task == "classes" else ())
    sick = replace(LOADED, predictor=Says(answer), package=package)
    with pytest.raises(InputError) as error:
        predict_rows(sick, np.zeros((rows, 2)))
    assert error.value.code == "package.bad-answer"


@pytest.mark.parametrize(("task", "answer"), [("regression", -7.0), ("classes", [0.25, 0.75]), ("binary", 1.0)])
def test_what_is_an_answer_is_given_as_it_is(task, answer):
    package = replace(LOADED.package, task=task, classes=("a", "b") if task == "classes" else ())
    well = replace(LOADED, predictor=Says(answer), package=package)
    wanted = tuple(answer) if isinstance(answer, list) else (answer,)
    assert predict_rows(well, np.zeros((1, 2))) == [wanted]
    assert predict_rows(well, np.zeros((2, 2))) == [wanted, wanted]


def test_a_model_that_learned_on_other_arithmetic_is_not_loaded():
    """Its features would be near what it learned, and a tree splits on the last bit."""
    objects = dict(SHELF.objects[SHELF.add(0.25)])
    package = read_package(objects["package.json"])
    objects["package.json"] = dumps(to_json(replace(package, arithmetic=of_bytes(b"another mathematics library"))))
    with pytest.raises(IntegrityError) as error:
        load_release("sha256:" + "0" * 64, LOADED.model, LOADED.facts, objects, DOORS)
    assert error.value.code == "package.other-arithmetic"
