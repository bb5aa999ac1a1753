"""One question, one answer: features, the model's numbers, and nothing but finite numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from andon.contracts.dataset import DatasetContract
from andon.contracts.routing import position
from andon.kernel.errors import InputError
from andon.line.matrix import Matrix, rows_of
from andon.line.package import answer
from andon.line.serve.entity import Questions
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.ports import FeatureSource

_TOLERANCE: Final = 1e-6
Inputs = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Spine:
    """What questions are about: the contract, and the column of the time asked.

    Attributes:
        questions: Reads what callers ask.
    """

    contract: DatasetContract
    asked: str
    questions: Questions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare once what every question needs."""
        object.__setattr__(self, "questions", Questions(self.contract))


@dataclass(frozen=True, slots=True)
class Serving:
    """A loaded release with its features prepared: all that answering needs.

    Attributes:
        packed: The number in the cell that it answers under.
        spine: `None` where its dataset is not served yet; then only complete feature rows can be answered.
        features: `None` where a dataset of the plan is not served yet.
        problem: Why spine or features are missing, or older than what is published.
        is_pending: Whether that mends itself: they are being made.
        sequence: Sequence of the routing table that it answers under.
        columns: Names of the features, in order.
    """

    loaded: LoadedRelease
    spine: Spine | None = None
    features: FeatureSource | None = None
    problem: str = ""
    packed: int = 0
    is_pending: bool = False

    sequence: int = field(init=False, repr=False, compare=False)
    columns: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what every answer says."""
        object.__setattr__(self, "sequence", position(self.packed).sequence)
        object.__setattr__(self, "columns", tuple(feature.name for feature in self.loaded.package.features))


def predict_rows(loaded: LoadedRelease, matrix: Matrix) -> list[tuple[float, ...]]:
    """The model's answer to each row of numbers: one probability or value, or one probability a class.

    Raises:
        InputError: The model fails, or its answer has another shape or is not finite: no answer is given then.
    """
    if len(matrix) == 1 and (alone := _one_row(loaded, matrix)) is not None:
        return [alone]
    package = loaded.package
    answers = answer(loaded.predictor, matrix, package.task, len(package.classes))
    return [tuple(row) for row in answers.reshape(len(matrix), -1).tolist()]


def source_of(serving: Serving) -> tuple[Spine, FeatureSource]:
    """What questions are about, and where their features come from.

    Raises:
        InputError: A dataset that they are made of is not served (`serve.no-features`).
    """
    if serving.features is None or serving.spine is None:
        raise InputError(
            "serve.no-features",
            "The features of this release cannot be fetched now.",
            place=serving.loaded.release,
            found=serving.problem,
            fix="Publish the datasets that the features are read from, or send complete feature rows to /v2.",
        )
    return serving.spine, serving.features


def predict_features(
    serving: Serving, asking: Sequence[Mapping[str, object]]
) -> list[tuple[tuple[float, ...], Inputs]]:
    """The model's answer to each row of features, and the numbers it was asked with.

    Raises:
        InputError: A feature is missing or no number, the model fails, or an answer is not finite.
    """
    matrix = rows_of(asking, serving.loaded.package.features)
    answers = predict_rows(serving.loaded, matrix)
    return [(answer, inputs_of(serving, row)) for answer, row in zip(answers, matrix.tolist(), strict=True)]


def inputs_of(serving: Serving, row: Sequence[float]) -> Inputs:
    """A row of numbers by the names of the features."""
    return dict(zip(serving.columns, row, strict=True))


def _one_row(loaded: LoadedRelease, matrix: Matrix) -> tuple[float, ...] | None:
    """The answer to a single row, checked without arrays; `None` when anything is odd, for `answer` to say what.

    Checking one number with the tools for many would cost as much as asking the model.
    """
    package = loaded.package
    try:
        found = loaded.predictor.predict(matrix)
        if package.task == "classes":
            return _of_classes(found, len(package.classes))
        if found.shape != (1,):
            return None
        value = float(found.item())
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None
    is_answer = math.isfinite(value) if package.task == "regression" else 0.0 <= value <= 1.0
    return (value,) if is_answer else None


def _of_classes(found: Matrix, width: int) -> tuple[float, ...] | None:
    if found.shape != (1, width):
        return None
    values = tuple(map(float, found[0].tolist()))
    is_answer = all(0.0 <= value <= 1.0 for value in values) and abs(sum(values) - 1.0) <= _TOLERANCE
    return values if is_answer else None
