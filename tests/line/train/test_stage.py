"""A training that did not come to anything is seen, and its gate is told why."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.evidence import find
from andon.contracts.model import Environment, Feature, Package
from andon.kernel.errors import InputError
from andon.line.package import Recipe, make_package
from andon.line.train.record import Step, TrainingRecord, record_from_bytes
from andon.line.train.stage import Tuning, constant_answers, converged, measure_package, measure_training, not_packaged
from andon.measures.metrics import measure

HERE = Environment("CPython 3.11", "linux", {"numpy": "2"}, "sha256:" + "1" * 64)
RECORD = TrainingRecord({"rate": 0.1}, 7, 2, HERE, 1.5, 10**8, 100, 40, (Step(1, "log_loss", 0.6),), completed=True)


class Line:
    """A model of one number, in eight bytes."""

    format = "line"

    def __init__(self, slope=0.5):
        self.slope = slope

    def predict(self, matrix):
        return 1 / (1 + np.exp(-self.slope * np.nan_to_num(matrix[:, 0])))

    def save(self, model, columns):
        return np.float64(model.slope).tobytes() if isinstance(model, Line) else None

    def wrap(self, model, columns):
        return model

    def load(self, data, columns):
        return Line(np.frombuffer(data)[0])


DOORS = {"line": Line()}


def packaged(model=None) -> tuple[Package, bytes]:
    features = (Feature("x", "float", categorical=False),)
    recipe = Recipe("late", "binary", features, (), {}, {"rate": 0.1}, 7, 2, HERE.digest(), HERE.digest())
    return make_package(model or Line(), recipe, np.array([[0.0], [1.0], [-2.0]]), DOORS)


def rows(n=200, slope=2.0):
    random = np.random.default_rng(5)
    x = random.normal(size=n)
    y = (random.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int)
    return y, 1 / (1 + np.exp(-slope * x))


def tuning(y=None, p=None):
    labels, answers = rows()
    return Tuning(fit=labels, y=labels if y is None else y, p=answers if p is None else p)


def verdict(steps=(), y=None, p=None, task="binary"):
    rows_ = tuning(y, p)
    return converged(task, steps, measure(task, rows_.y, rows_.p), rows_)


def test_a_good_training_gives_the_gate_all_it_judges():
    package, data = packaged()
    checks = measure_package(package, data, RECORD, DOORS)
    found = measure_training("binary", RECORD, checks, tuning())
    values = {m.metric: m.value for m in found}
    assert [values[name] for name in ("completed", "packaged", "captured", "converged")] == [1, 1, 1, 1]
    assert {"auc", "brier", "log_loss", "accuracy", "training.seconds", "training.peak_bytes"} < set(values)
    assert find(found, "auc").value > 0.7


def test_a_training_that_failed_says_so_and_claims_nothing():
    record = replace(RECORD, completed=False, problem="ValueError: no such column")
    refusal = InputError("package.unknown-framework", "andon cannot package this model.")
    found = measure_training("binary", record, [not_packaged(refusal)], None)
    assert find(found, "completed").value == 0
    assert "no such column" in find(found, "completed").problem
    for metric in ("converged", "packaged"):
        assert find(found, metric).value is None
        assert find(found, metric).problem
    assert find(found, "auc") is None


def test_a_changed_byte_of_the_model_is_not_packaged():
    package, data = packaged()
    found, _ = measure_package(package, np.float64(0.5000001).tobytes(), RECORD, DOORS)
    assert found.value is None
    assert "golden-differs" in found.problem
    assert measure_package(package, data, RECORD, {})[0].value is None


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"threads": 1}, {"params": {"rate": 0.2}}, {"environment": replace(HERE, python="3.12")}]
)
def test_a_package_that_does_not_say_how_it_was_made_is_not_captured(change):
    package, data = packaged()
    _, found = measure_package(package, data, replace(RECORD, **change), DOORS)
    assert found.value == 0
    assert next(iter(change)) in found.problem


def steps(*values, metric="fit.log_loss"):
    return [Step(number, metric, value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (steps(0.7, 0.6, 0.5), 1),
        (steps(0.7, 0.4, 0.45), 1),
        (steps(0.7, 0.6, None), 0),
        (steps(0.7, 0.3, 9.0), 0),
        (steps(0.7, None, 0.5), 1),
        (steps(0.5, 0.9, metric="auc"), 1),
        (steps(0.1, 5.0, metric="learning_rate"), 1),
        (list(reversed(steps(0.9, 0.2, 0.1))), 1),
        ([], 1),
    ],
)
def test_convergence_is_read_from_what_was_reported(reported, expected):
    found = verdict(reported)
    assert found.value == expected
    assert bool(found.problem) == (expected == 0)


def test_answers_far_worse_than_a_constant_are_no_convergence():
    y, p = rows()
    assert verdict(p=p).value == 1
    assert verdict(p=np.full(len(y), y.mean())).value == 1
    assert verdict(p=1 - np.clip(p * 20, 0, 1)).value == 0
    assert verdict(p=np.full(len(y), math.nan)).value == 0


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["binary", "regression", "classes"]))
def test_the_constant_answer_is_the_best_constant_on_its_own_rows(seed, task):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2 if task == "binary" else 3, 60).astype(float)
    shape = (60, 3) if task == "classes" else 60
    rows_ = Tuning(fit=y, y=y, p=random.random(shape))
    best = constant_answers(task, rows_)
    loss = {"binary": "log_loss", "classes": "log_loss", "regression": "rmse"}[task]
    other = 0.9 * best + 0.1 * (random.dirichlet(np.ones(3)) if task == "classes" else random.random())
    assert find(measure(task, y, best), loss).value <= find(measure(task, y, other), loss).value + 1e-12


def test_a_record_survives_its_bytes_and_refuses_others():
    record = replace(RECORD, steps=(Step(1, "auc", None), Step(2, "auc", 0.5)))
    assert record_from_bytes(record.to_bytes()) == record
    with pytest.raises(InputError):
        record_from_bytes(record.to_bytes().replace(b'"seed":7', b'"sead":7'))
