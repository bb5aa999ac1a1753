"""How well a model predicts: a value a metric with its interval, over all rows, each segment, and against another."""

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from andon.contracts.evidence import Measurement
from andon.contracts.model import Task
from andon.kernel.digest import Digest
from andon.measures.intervals import Floats, Interval, around, of_logit, of_mean, of_share

Segment = npt.NDArray[np.object_]
METRICS: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("auc", "brier", "log_loss", "accuracy"),
    "classes": ("accuracy", "log_loss"),
    "regression": ("rmse", "mae"),
}
_CLIP: Final = 1e-15
NULL_SEGMENT: Final = "(null)"


class Auc(NamedTuple):
    """An area under the ROC curve with what DeLong's variance needs.

    Attributes:
        placed_true: For each true row, the share of false rows it stands above (ties count half).
        placed_false: For each false row, the share of true rows it stands below.
    """

    value: float
    placed_true: Floats
    placed_false: Floats

    @property
    def variance(self) -> float:
        """DeLong's variance (DeLong, DeLong and Clarke-Pearson 1988); NaN with fewer than two rows of a class."""
        return _placed_variance(self.placed_true, self.placed_false)

    @property
    def rarer(self) -> int:
        """Rows of the rarer class."""
        return min(len(self.placed_true), len(self.placed_false))


def measure(
    task: Task, y: npt.ArrayLike, p: npt.ArrayLike, segments: Mapping[str, npt.ArrayLike] | None = None
) -> tuple[Measurement, ...]:
    """Every metric of a task, over all rows and then over every value of every segment column.

    Args:
        task: Decides the metrics, see `METRICS`.
        y: `n` labels: 0 or 1, the number of the class (-1 for one the model does not know), or a value.
        p: `n` predictions: probabilities of 1, rows of one probability a class, or values.
        segments: Columns of `n` values by name; the slice `column=value` has the rows of that value.
    """
    labels, answers = _arrays(y, p)
    found = [_measured(task, metric, labels, answers, "") for metric in METRICS[task]]
    for column, values in (segments or {}).items():
        for value, rows in by_value(values):
            where = f"{column}={value}"
            found += [_measured(task, metric, labels[rows], answers[rows], where) for metric in METRICS[task]]
    return tuple(found)


def difference_to_champion(
    metric: str,
    y: npt.ArrayLike,
    p_new: npt.ArrayLike,
    p_champion: npt.ArrayLike,
    *,
    champion: Digest,
    slice: str = "",  # noqa: A002  # the glossary's word
) -> Measurement:
    """How much more a metric is for a new model than for the champion on the same rows, as `<metric>.difference`.

    The interval is paired: DeLong's covariance for `auc`, differences of the losses row by row for all others.

    Args:
        metric: One of the metrics in `METRICS`.
        y: `n` labels, as `measure` takes them.
        p_new: `n` predictions of the new model.
        p_champion: `n` predictions of the champion.
        champion: Digest of the champion, kept as the measurement's baseline.
        slice: Which rows these are; empty for all.
    """
    labels, new = _arrays(y, p_new)
    _, old = _arrays(y, p_champion)
    name = f"{metric}.difference"
    problem = _problem(labels, new, metric) or _problem(labels, old, metric)
    if problem:
        return Measurement(name, None, n=len(labels), slice=slice, baseline=champion, problem=problem)
    interval = _difference(metric, labels, new, old)
    return Measurement(
        name, interval.value, interval.lower, interval.upper, n=len(labels), slice=slice, baseline=champion
    )


def area_under_curve(y: npt.ArrayLike, p: npt.ArrayLike) -> Auc:
    """The share of pairs of a true and a false row that are in the right order; ties count half.

    Args:
        y: `n` labels, 0 or 1, both present.
        p: `n` finite scores.
    """
    labels, scores = _arrays(y, p)
    true, false = scores[labels == 1], scores[labels != 1]
    ranks = _midranks(np.concatenate([true, false]))
    placed_true = (ranks[: len(true)] - _midranks(true)) / len(false)
    placed_false = 1 - (ranks[len(true) :] - _midranks(false)) / len(true)
    return Auc(float(placed_true.mean()), placed_true, placed_false)


def by_value(values: npt.ArrayLike) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
    """Every value of a segment column as text, in order, with the places of its rows."""
    texts = np.array([NULL_SEGMENT if value is None else str(value) for value in np.asarray(values, dtype=object)])
    if not len(texts):
        return
    names, places = np.unique(texts, return_inverse=True)
    order = np.argsort(places, kind="stable")
    cuts = np.cumsum(np.bincount(places, minlength=len(names)))[:-1]
    yield from zip(map(str, names), np.split(order, cuts), strict=True)


def row_losses(metric: str, y: Floats, p: Floats) -> Floats:
    """What each row adds to a metric that is a mean over rows; for `rmse`, its squared error.

    Raises:
        ValueError: The metric is not made of rows.
    """
    if metric in ("brier", "rmse"):
        return np.square(p - y, dtype=np.float64)
    if metric == "mae":
        return np.abs(p - y)
    if metric == "log_loss":
        return -np.log(np.clip(_given(y, p), _CLIP, 1.0))
    if metric == "accuracy":
        guess = p.argmax(axis=1) if p.ndim == 2 else p >= 0.5
        return np.asarray(guess == y, dtype=np.float64)
    raise ValueError(metric)


def _measured(task: Task, metric: str, y: Floats, p: Floats, where: str) -> Measurement:
    problem = _problem(y, p, metric)
    if problem:
        return Measurement(metric, None, n=len(y), slice=where, problem=problem)
    interval = _interval(metric, y, p)
    if not math.isfinite(interval.value):
        return Measurement(metric, None, n=len(y), slice=where, problem=f"not a finite number for a {task} task")
    return Measurement(metric, interval.value, interval.lower, interval.upper, n=len(y), slice=where)


def _interval(metric: str, y: Floats, p: Floats) -> Interval:
    if metric == "auc":
        area = area_under_curve(y, p)
        return of_logit(area.value, area.variance, area.rarer)
    losses = row_losses(metric, y, p)
    if metric == "accuracy":
        return of_share(int(losses.sum()), len(losses))
    if metric == "rmse":
        return _root(of_mean(losses))
    return _not_below_zero(of_mean(losses))


def _difference(metric: str, y: Floats, new: Floats, old: Floats) -> Interval:
    if metric == "auc":
        return _auc_difference(area_under_curve(y, new), area_under_curve(y, old))
    losses = row_losses(metric, y, new), row_losses(metric, y, old)
    if metric != "rmse":
        return of_mean(losses[0] - losses[1])
    roots = [math.sqrt(loss.mean()) for loss in losses]
    pulls = [loss / (2 * root) if root else np.zeros_like(loss) for loss, root in zip(losses, roots, strict=True)]
    n = len(y)
    variance = float((pulls[0] - pulls[1]).var(ddof=1)) / n if n > 1 else math.nan
    return around(roots[0] - roots[1], variance, n)


def _auc_difference(new: Auc, old: Auc) -> Interval:
    variance = _placed_variance(new.placed_true - old.placed_true, new.placed_false - old.placed_false)
    value, lower, upper = around(new.value - old.value, variance, new.rarer)
    if lower is None or upper is None or (variance == 0 and value):
        return Interval(value, None, None)  # rows that never disagree say nothing about how far others might
    return Interval(value, max(-1.0, lower), min(1.0, upper))


def _problem(y: Floats, p: Floats, metric: str) -> str:
    """Why nothing can be measured; empty when it can."""
    if not len(y):
        return "no rows"
    if len(p) != len(y):
        return f"{len(p)} predictions for {len(y)} rows"
    for name, values in (("labels", y), ("predictions", p)):
        bad = ~np.isfinite(values)
        if bad.any():
            count = int(bad.any(axis=tuple(range(1, values.ndim))).sum())
            return f"{count} of {len(values)} {name} are not finite"
    if metric == "auc" and not 0 < np.count_nonzero(y == 1) < len(y):
        return "only one class among the labels"
    return ""


def _placed_variance(true: Floats, false: Floats) -> float:
    if min(len(true), len(false)) < 2:
        return math.nan
    return float(true.var(ddof=1)) / len(true) + float(false.var(ddof=1)) / len(false)


def _midranks(scores: Floats) -> Floats:
    """Ranks from 1, the same for equal scores: the mean of the places they take."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places], dtype=np.float64)


def _given(y: Floats, p: Floats) -> Floats:
    """The probability each row's label was given; none for a class the model does not know."""
    if p.ndim == 1:
        return np.asarray(np.where(y == 1, p, 1 - p), dtype=np.float64)
    known = (y >= 0) & (y < p.shape[1])
    picked = p[np.arange(len(y)), np.where(known, y, 0).astype(np.intp)]
    return np.asarray(np.where(known, picked, 0.0), dtype=np.float64)


def _root(interval: Interval) -> Interval:
    value, lower, upper = interval
    root = math.sqrt(value)
    if lower is None or upper is None:
        return Interval(root, None, None)
    return Interval(root, math.sqrt(max(0.0, lower)), math.sqrt(upper))


def _not_below_zero(interval: Interval) -> Interval:
    value, lower, upper = interval
    return Interval(value, None if lower is None else max(0.0, lower), upper)


def _arrays(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
