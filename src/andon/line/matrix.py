"""Features as the numbers a model takes: one frame or one row, float64, nulls as NaN."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.model import Feature
from andon.expressions.plan import FeaturePlan
from andon.kernel.errors import InputError

Matrix = npt.NDArray[np.float64]
_NUMERIC: Final = ("int", "fixed", "float", "bool")
_EXACT_INTEGER: Final = 2**53


def features_of(plan: FeaturePlan) -> tuple[Feature, ...]:
    """The inputs that a plan gives a model, in order: codes of categories are taken as categories.

    Raises:
        InputError: A feature is not a number.
    """
    features = tuple(Feature(name, node.type.kind, categorical=node.op == "codes") for name, node in plan.features)
    for feature in features:
        if feature.type not in _NUMERIC:
            raise _not_numeric(feature, "an expression")
    return features


def matrix_of(frame: pl.DataFrame, features: Sequence[Feature]) -> Matrix:
    """The rows of a frame as the model takes them: float64, one column a feature, nulls as NaN.

    Raises:
        InputError: A feature is missing, is not a number, or holds integers that a double cannot tell apart.
    """
    columns = [_numbers(frame, feature) for feature in features]
    return np.column_stack(columns) if columns else np.empty((frame.height, 0))


def rows_of(rows: Sequence[Mapping[str, object]], features: Sequence[Feature]) -> Matrix:
    """The features of a few rows, as `matrix_of` gives them for a frame of those rows.

    Raises:
        InputError: A feature is missing, is not a number, or is an integer that a double cannot tell apart.
    """
    matrix = np.empty((len(rows), len(features)))
    for number, values in enumerate(rows):
        for index, feature in enumerate(features):
            if feature.name not in values:
                raise _missing(feature.name, values)
            matrix[number, index] = _number(values[feature.name], feature)
    return matrix


def _numbers(frame: pl.DataFrame, feature: Feature) -> npt.NDArray[np.float64]:
    if feature.name not in frame.columns:
        raise _missing(feature.name, frame.columns)
    column = frame[feature.name]
    if feature.type not in _NUMERIC or not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise _not_numeric(feature, str(column.dtype))
    if column.dtype.is_integer():
        low, high = (int(cast("int", value or 0)) for value in (column.min(), column.max()))
        if low < -_EXACT_INTEGER or high > _EXACT_INTEGER:
            raise _too_large(feature, low if low < -_EXACT_INTEGER else high)
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _number(value: object, feature: Feature) -> float:
    if value is None:
        return float("nan")
    if feature.type not in _NUMERIC or not isinstance(value, bool | int | float):
        raise _not_numeric(feature, type(value).__name__)
    if isinstance(value, int) and abs(value) > _EXACT_INTEGER:
        raise _too_large(feature, value)
    return float(value)


def _missing(name: str, found: Iterable[str]) -> InputError:
    return InputError(
        "package.missing-feature",
        f"The model needs the feature {name!r}.",
        found=", ".join(found),
        fix="Give every feature of the plan; null is a value.",
    )


def _not_numeric(feature: Feature, found: str) -> InputError:
    return InputError(
        "package.not-numeric",
        f"The feature {feature.name!r} is not a number, and models take numbers.",
        place=feature.name,
        found=f"{feature.type}, {found}",
        fix="Use .codes() on a category, and hour(), weekday() or a difference on a time.",
    )


def _too_large(feature: Feature, value: int) -> InputError:
    return InputError(
        "package.integer-too-large",
        f"The feature {feature.name!r} holds integers that a double cannot tell apart.",
        place=feature.name,
        found=str(value),
        fix="Divide it, take a difference, or use it as a category.",
    )
