"""What the functions of a factory are given: a window of time, rows to learn from, a model to ask, a word to say."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, dataclass_transform

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.api.nearest import unknown
from andon.contracts.model import Feature, Task
from andon.kernel.errors import UsageError
from andon.line import package
from andon.line.features.snapshot import targets
from andon.line.matrix import Matrix, matrix_of
from andon.runtime.handed import Report

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_report: ContextVar[Report | None] = ContextVar("report", default=None)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Params:
    """Parameters of a training: subclass it and give every parameter a type and a default.

    A parameter is a bool, an int, a float, a text, or `None`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(frozen=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True)
class Window:
    """The time for which a source is asked: from `since`, inclusive, until `until`, exclusive.

    Attributes:
        since_ns: Nanoseconds since 1970 in UTC; `None` means from the beginning.
        until_ns: Nanoseconds since 1970 in UTC.
    """

    since_ns: int | None
    until_ns: int

    @property
    def since(self) -> datetime | None:
        """The beginning in UTC, to the microsecond; `None` means from the beginning."""
        return None if self.since_ns is None else _moment(self.since_ns)

    @property
    def until(self) -> datetime:
        """The end in UTC, to the microsecond."""
        return _moment(self.until_ns)


class Rows:
    """Rows with features and labels."""

    __slots__ = ("_classes", "_described", "_frame")

    def __init__(self, frame: pl.DataFrame, features: Sequence[Feature], classes: Sequence[str]) -> None:
        self._frame = frame
        self._described = tuple(features)
        self._classes = tuple(classes)

    def __len__(self) -> int:
        return self._frame.height

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return tuple(feature.name for feature in self._described)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the features whose numbers are codes of categories; -1 is an unknown or rare one."""
        return tuple(feature.name for feature in self._described if feature.categorical)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, where the label is a category; a label is the place of its class here."""
        return self._classes

    def xy(self) -> tuple[pl.DataFrame, pl.Series]:
        """Features and labels, row by row.

        Returns:
            A frame of Float64 columns, nulls as NaN; and the labels: 0 and 1, the number of the class, or a value.

        Raises:
            InputError: A feature is not a number.
        """
        matrix, labels = self._arrays()
        return pl.DataFrame(matrix, schema=dict.fromkeys(self.features, pl.Float64)), labels

    def numpy(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Features as `n` rows of `k` float64, nulls as NaN, and `n` labels as float64.

        Raises:
            InputError: A feature is not a number.
        """
        matrix, labels = self._arrays()
        return matrix, labels.cast(pl.Float64).to_numpy()

    def pandas(self) -> tuple[Any, Any]:  # andon does not depend on pandas, so its types are not known here
        """Features and labels as pandas has them, where pandas is installed.

        Raises:
            UsageError: pandas or pyarrow is not installed.
            InputError: A feature is not a number.
        """
        x, y = self.xy()
        try:
            return x.to_pandas(), y.to_pandas()
        except ModuleNotFoundError as error:
            raise UsageError(
                "train.no-pandas",
                "pandas() needs a package that is not installed.",
                found=str(error.name),
                fix="Use xy() or numpy(), or install pandas and pyarrow.",
            ) from error

    def _arrays(self) -> tuple[Matrix, pl.Series]:
        return matrix_of(self._frame, self._described), targets(self._frame, self._classes)


class TrainingSet(Rows):
    """The rows that a model learns from; `tune` has those it may be tuned on, which are newer."""

    __slots__ = ("tune",)

    def __init__(
        self, fit: pl.DataFrame, tune: pl.DataFrame, features: Sequence[Feature], classes: Sequence[str]
    ) -> None:
        super().__init__(fit, features, classes)
        self.tune: Final = Rows(tune, features, classes)


class Holdout:
    """Rows that the model has not seen, without their labels."""

    __slots__ = ("_described", "_frame")

    def __init__(self, frame: pl.DataFrame, features: Sequence[Feature]) -> None:
        self._described = tuple(features)
        self._frame = frame.select(feature.name for feature in features)

    def __len__(self) -> int:
        return self._frame.height

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self._frame.columns)

    def frame(self) -> pl.DataFrame:
        """The features, row by row."""
        return self._frame

    def changed(self, **values: float | bool | pl.Series | pl.Expr | None) -> "Holdout":
        """The same rows with other values for some features.

        Only the named features change, not others that were computed from the same columns.

        Args:
            **values: By feature: one value for all rows, a series of as many values, or an expression over features.

        Raises:
            UsageError: There is no such feature.
        """
        for name in values:
            if name not in self._frame.columns:
                raise unknown(name, "The holdout", self._frame.columns)
        return Holdout(self._frame.with_columns(**values), self._described)

    def matrix(self) -> npt.NDArray[np.float64]:
        """The rows as the model takes them: `n` rows of `k` float64, nulls as NaN.

        Raises:
            InputError: A feature is not a number.
        """
        return matrix_of(self._frame, self._described)


class Predictor:
    """A packaged model, to be asked."""

    __slots__ = ("_classes", "_model", "_task")

    def __init__(self, model: package.Predictor, task: Task, classes: Sequence[str]) -> None:
        self._model = model
        self._task: Task = task
        self._classes = tuple(classes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns of an answer; empty for other tasks."""
        return self._classes

    def __call__(self, rows: Holdout) -> npt.NDArray[np.float64]:
        """The model's answers.

        Returns:
            `n` probabilities of true, `n` values, or `n` rows of one probability a class.

        Raises:
            InputError: The model cannot answer these rows.
        """
        return package.answer(self._model, rows.matrix(), self._task, len(self._classes))


def progress(step: int, of: int = 0, **metrics: float) -> None:
    """Say how far a training is; people see it, with the time that is left, and the training gate sees the metrics.

    Outside of a run it does nothing.

    Args:
        step: Steps done.
        of: Steps in all; 0 when nobody knows.
        **metrics: What was reached, such as `loss=0.31`.
    """
    report = _report.get()
    if report is not None:
        report(int(step), int(of), {name: float(value) for name, value in metrics.items()})


def reporting(report: Report) -> None:
    """Send what `progress` is told to a function, from now on."""
    _report.set(report)


def _moment(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1_000)
