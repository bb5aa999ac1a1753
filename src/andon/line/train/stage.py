"""Measures a training for its gate: completed, captured, converged, packaged, and how it does on tuning rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from andon.contracts.evidence import Measurement, find
from andon.contracts.model import Package, Task
from andon.kernel.digest import of_value
from andon.kernel.errors import AndonError
from andon.line.package import Loader, load_package
from andon.line.train.record import Step, TrainingRecord
from andon.measures.metrics import measure

_LOSS_NAMES: Final = ("loss", "logloss", "rmse", "mae", "mse", "brier", "error", "l1", "l2", "deviance", "perplexity")
_LOSS: Final[Mapping[Task, str]] = {"binary": "log_loss", "classes": "log_loss", "regression": "rmse"}
_EXPLODED: Final = 2.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """Labels and predictions of the tuning rows, with the labels of the fit rows to compare with.

    Attributes:
        fit: Labels of the fit rows, as numbers.
        y: Labels of the tuning rows, as numbers.
        p: The packaged model's answers to them.
        segments: Segment columns of the tuning rows.
    """

    fit: npt.ArrayLike
    y: npt.ArrayLike
    p: npt.ArrayLike
    segments: Mapping[str, npt.ArrayLike] = field(default_factory=dict)


def measure_training(
    task: Task, record: TrainingRecord, package: Sequence[Measurement], tuning: Tuning | None
) -> tuple[Measurement, ...]:
    """All that the training gate judges.

    Args:
        task: Decides the metrics.
        record: What the training said of itself.
        package: What `measure_package` found, or `not_packaged`.
        tuning: Rows to measure on; `None` where no model could be asked.
    """
    done = Measurement("completed", float(record.completed), n=record.rows_fit, problem=record.problem)
    took = (
        Measurement("training.seconds", record.seconds, n=record.rows_fit),
        Measurement("training.peak_bytes", float(record.peak_bytes), n=record.rows_fit),
    )
    if tuning is None:
        lost = Measurement("converged", None, problem="there are no predictions on the tuning rows")
        return (done, *package, lost, *took)
    found = measure(task, tuning.y, tuning.p, tuning.segments)
    return (done, *package, converged(task, record.steps, found, tuning), *took, *found)


def measure_package(
    package: Package, data: bytes, record: TrainingRecord, loaders: Mapping[str, Loader]
) -> tuple[Measurement, Measurement]:
    """Whether the package answers as it did (`packaged`) and says how it was made (`captured`): 1 or 0 each.

    Args:
        package: What the package says.
        data: The model's bytes.
        record: What the training said of itself.
        loaders: Readers of models by format.
    """
    return _packaged(package, data, loaders), _captured(package, record)


def not_packaged(problem: AndonError) -> Measurement:
    """The measurement `packaged` of a model that could not be packaged at all: no value, and why."""
    return Measurement("packaged", None, problem=str(problem))


def converged(task: Task, steps: Iterable[Step], found: Iterable[Measurement], tuning: Tuning) -> Measurement:
    """1 when the training came to something, 0 with the reason when it did not.

    It did not when the last value of a series it reported is not finite; when the last value of a loss is above its
    first and above twice its lowest; or when the loss on the tuning rows is not finite or above twice the loss of the
    best constant answer learned from the fit rows.
    """
    n = len(np.asarray(tuning.y))
    for metric, values in _series(steps).items():
        problem = _diverged(metric, values)
        if problem:
            return Measurement("converged", 0.0, n=n, problem=problem)
    loss = find(found, _LOSS[task])
    constant = find(measure(task, tuning.y, constant_answers(task, tuning)), _LOSS[task])
    if loss is None or loss.value is None:
        return Measurement("converged", 0.0, n=n, problem=f"{_LOSS[task]}: {loss.problem if loss else 'not measured'}")
    bound = _EXPLODED * constant.value if constant and constant.value else math.inf
    if loss.value > bound:
        problem = f"{_LOSS[task]} on tuning rows {loss.value:g}, above twice that of a constant answer ({bound / 2:g})"
        return Measurement("converged", 0.0, n=n, problem=problem)
    return Measurement("converged", 1.0, n=n)


def constant_answers(task: Task, tuning: Tuning) -> npt.NDArray[np.float64]:
    """The best answer that looks at no feature: the share of true, of each class, or the mean, in the fit rows."""
    fit, n = np.asarray(tuning.fit, dtype=np.float64), len(np.asarray(tuning.y))
    if task != "classes":
        return np.full(n, fit.mean())
    shares = np.bincount(fit.astype(np.int64), minlength=np.asarray(tuning.p).shape[1]) / len(fit)
    return np.tile(shares, (n, 1))


def _series(steps: Iterable[Step]) -> dict[str, list[float]]:
    series: dict[str, list[float]] = {}
    for step in sorted(steps, key=lambda step: step.number):
        series.setdefault(step.metric, []).append(math.nan if step.value is None else step.value)
    return series


def _diverged(metric: str, values: list[float]) -> str:
    last = values[-1]
    if not math.isfinite(last):
        return f"{metric} ended as something that is not a finite number"
    finite = [value for value in values if math.isfinite(value)]
    words = metric.lower().replace("-", "_").replace(".", "_").replace("/", "_").split("_")
    if set(words) & set(_LOSS_NAMES) and last > max(finite[0], _EXPLODED * min(finite)):
        return f"{metric} ended at {last:g}, above its first {finite[0]:g} and twice its lowest {min(finite):g}"
    return ""


def _packaged(package: Package, data: bytes, loaders: Mapping[str, Loader]) -> Measurement:
    try:
        load_package(package, data, loaders)
    except AndonError as error:
        return replace(not_packaged(error), n=len(package.golden))
    return Measurement("packaged", 1.0, n=len(package.golden))


def _captured(package: Package, record: TrainingRecord) -> Measurement:
    told = {
        "params": of_value(package.params) == of_value(record.params),
        "seed": package.seed == record.seed,
        "threads": package.threads == record.threads >= 1,
        "environment": package.environment == record.environment.digest(),
    }
    wrong = [name for name, same in told.items() if not same]
    problem = f"package and record do not agree on {', '.join(wrong)}" if wrong else ""
    return Measurement("captured", float(not wrong), n=record.rows_fit, problem=problem)
