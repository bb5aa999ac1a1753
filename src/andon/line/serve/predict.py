"""One question, one answer: features, the model's numbers, and nothing but finite numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from andon.contracts.dataset import DatasetContract
from andon.contracts.routing import position
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.matrix import Matrix, row_of
from andon.line.package import answer
from andon.line.serve.entity import SpineRows
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.ports import FeatureSource

_TOLERANCE: Final = 1e-6
Inputs = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Spine:
    """What questions are about: the contract, the column of the time asked, and the published rows, if any."""

    contract: DatasetContract
    asked: str
    rows: SpineRows | None


@dataclass(frozen=True, slots=True)
class Serving:
    """A loaded release with its features prepared on one serving state: all that answering needs.

    Attributes:
        packed: The number in the cell that it answers under.
        spine: `None` where its dataset is not served yet; then only complete feature rows can be answered.
        features: `None` where a dataset of the plan is not served yet.
        state: Digest of each dataset, by contract.
        problem: Why spine or features are missing.
    """

    loaded: LoadedRelease
    spine: Spine | None = None
    features: FeatureSource | None = None
    state: Mapping[str, Digest] = field(default_factory=dict)
    problem: str = ""
    packed: int = 0

    @property
    def sequence(self) -> int:
        """Sequence of the routing table that it answers under."""
        return position(self.packed).sequence


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


def features_of(
    serving: Serving, values: Mapping[str, str | int | float | bool | None], asked_ns: int
) -> Mapping[str, object]:
    """The features of one question, from the datasets that are served.

    Raises:
        InputError: The features cannot be made: a dataset is not served (`serve.no-features`) or a column is wrong.
    """
    if serving.features is None or serving.spine is None:
        raise InputError(
            "serve.no-features",
            "The features of this release cannot be fetched now.",
            place=serving.loaded.release,
            found=serving.problem,
            fix="Publish the datasets that the features are read from, or send complete feature rows to /v2.",
        )
    return serving.features.features({**values, serving.spine.asked: asked_ns}, asked_ns)


def predict_features(loaded: LoadedRelease, features: Mapping[str, object]) -> tuple[tuple[float, ...], Inputs]:
    """The model's answer to one row of features, and the numbers it was asked with.

    Raises:
        InputError: A feature is missing or no number, the model fails, or its answer is not finite.
    """
    row = row_of(features, loaded.package.features)
    return predict_rows(loaded, row)[0], inputs_of(loaded, row[0].tolist())


def inputs_of(loaded: LoadedRelease, row: Sequence[float]) -> Inputs:
    """A row of numbers by the names of the features."""
    return dict(zip((feature.name for feature in loaded.package.features), row, strict=True))


def _one_row(loaded: LoadedRelease, matrix: Matrix) -> tuple[float, ...] | None:
    """The answer to a single row, checked without arrays; `None` when anything is odd, for `answer` to say what.

    Checking one number with the tools for many would cost as much as asking the model.
    """
    try:
        found = loaded.predictor.predict(matrix)
        shape, values = found.shape, tuple(map(float, found.reshape(-1).tolist()))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None
    package = loaded.package
    width = len(package.classes) if package.task == "classes" else 1
    if shape != ((1, width) if package.task == "classes" else (1,)):
        return None
    if package.task == "regression":
        return values if math.isfinite(values[0]) else None
    is_probability = all(0.0 <= value <= 1.0 for value in values)
    adds_up = package.task == "binary" or abs(sum(values) - 1.0) <= _TOLERANCE
    return values if is_probability and adds_up else None
