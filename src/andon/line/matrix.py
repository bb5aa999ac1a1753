"""Features as the numbers a model takes: one frame or one row, float64, nulls as NaN."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.model import Feature
from andon.expressions.functions import Type
from andon.expressions.plan import FeaturePlan
from andon.kernel.errors import InputError

Matrix = npt.NDArray[np.float64]
_NUMERIC: Final = ("int", "fixed", "float", "bool")
_EXACT_INTEGER: Final = 2**53


def features_of(plan: FeaturePlan) -> tuple[Feature, ...]:
    """The inputs that a plan gives a model, in order: codes of categories are taken as categories.

    A vector gives as many as it has numbers; see `input_names`. None has the name of another, or of another feature.

    Raises:
        InputError: A feature is no number and no vector of numbers, or a name stands for two things.
    """
    features: list[Feature] = []
    for name, node in plan.features:
        kind = "float" if node.type.kind == "vector" else node.type.kind
        features += [Feature(one, kind, categorical=node.op == "codes") for one in input_names(name, node.type)]
    for feature in features:
        if feature.type not in _NUMERIC:
            raise _not_numeric(feature, "an expression")
    vectors = [name for name, node in plan.features if node.type.kind == "vector"]
    names = [*(feature.name for feature in features), *vectors]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        message = "A vector's numbers are inputs of their own, and one has the name of something else."
        raise InputError("package.doubled-input", message, place=twice, found=twice, fix="Rename one of the features.")
    return tuple(features)


def input_names(name: str, type_: Type) -> tuple[str, ...]:
    """Names of the inputs that a feature gives a model: its own, or `name_0`, `name_1` and so on of a vector."""
    return tuple(f"{name}_{place}" for place in range(type_.size)) if type_.kind == "vector" else (name,)


def inputs_of(features: pl.DataFrame) -> pl.DataFrame:
    """Features as `evaluate` gives them with a column for each input of the model: vectors become their numbers."""
    columns: list[pl.Series] = []
    for column in features.iter_columns():
        if isinstance(column.dtype, pl.Array):
            names = input_names(column.name, Type("vector", size=column.dtype.size))
            columns += column.arr.to_struct(list(names)).struct.unnest().get_columns()
        else:
            columns.append(column)
    return pl.DataFrame(columns)


def matrix_of(frame: pl.DataFrame, features: Sequence[Feature]) -> Matrix:
    """The rows of a frame as the model takes them: float64, one column a feature, nulls as NaN.

    Raises:
        InputError: A feature is missing, is not a number, or holds integers that a double cannot tell apart.
    """
    columns = [_numbers(frame, feature) for feature in features]
    return np.column_stack(columns) if columns else np.empty((frame.height, 0))


def rows_of(rows: Sequence[Mapping[str, object]], features: Sequence[Feature]) -> Matrix:
    """The features of a few rows, as `matrix_of` gives them for a frame of those rows.

    Args:
        rows: Of each the features of a plan by name; the value of a vector is a tuple of its numbers, or null.
        features: The model's inputs, in the plan's order.

    Raises:
        InputError: A feature is missing, is not a number, or is an integer that a double cannot tell apart.
    """
    matrix = np.empty((len(rows), len(features)))
    for number, values in enumerate(rows):
        index = 0
        while index < len(features):
            feature = features[index]
            if feature.name in values:
                matrix[number, index] = _number(values[feature.name], feature)
                index += 1
            else:
                width = _vector_width(values, features, index)
                vector = values[feature.name.removesuffix("_0")]
                matrix[number, index : index + width] = vector if isinstance(vector, tuple) else np.nan
                index += width
    return matrix


def _vector_width(values: Mapping[str, object], features: Sequence[Feature], index: int) -> int:
    """How many inputs the vector takes that begins here; other features have their own values."""
    first = features[index].name
    name = first.removesuffix("_0")
    vector = values.get(name)
    if name == first or name not in values or not isinstance(vector, tuple | None):
        raise _missing(first, values)
    width = 0 if vector is None else max(len(vector) - 1, 0)  # the inputs of a vector stand side by side
    while index + width < len(features) and _is_number(features[index + width].name, name, width, values):
        width += 1
    if vector is not None and len(vector) != width:
        raise _missing(f"{name}_{min(width, len(vector))}", values)
    return width


def _is_number(found: str, name: str, place: int, values: Mapping[str, object]) -> bool:
    return found == f"{name}_{place}" and found not in values


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
