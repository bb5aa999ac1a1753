"""Whether probabilities mean what they say: of the rows given 0.3, three in ten come true."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from andon.contracts.evidence import Measurement
from andon.contracts.model import Task
from andon.measures.intervals import Interval, around, of_mean, of_share

Floats = npt.NDArray[np.float64]
_CLIP: Final = 1e-9
_ROUNDS: Final = 50


class Bin(NamedTuple):
    """Rows of similar probability: what they were given on average, and the share that came true with its interval."""

    given: float
    came_true: Interval
    n: int


def measure_calibration(task: Task, y: Floats, p: Floats) -> tuple[Measurement, ...]:
    """How far the answers are off in sum (`calibration.bias`), and for a binary task how they are spread.

    `calibration.slope` is the slope of a logistic regression of the labels on the log-odds of the answers (Cox 1958): 1
    is right, less is too sure of itself, more too shy. `calibration.ece` is the mean distance between what bins of
    equally many rows were given and what came true.

    Args:
        task: Tasks of many classes have no measurement here.
        y: `n` labels.
        p: `n` answers.
    """
    n = len(y)
    if task == "classes" or not n or len(p) != n or not (np.isfinite(p).all() and np.isfinite(y).all()):
        return ()
    bias = of_mean(p - y)
    found = [Measurement("calibration.bias", bias.value, bias.lower, bias.upper, n=n)]
    if task == "binary":
        bins = reliability(y, p)
        ece = math.fsum(b.n * abs(b.given - b.came_true.value) for b in bins) / n
        found += [_slope(y, p), Measurement("calibration.ece", ece, n=n)]
    return tuple(found)


def reliability(y: Floats, p: Floats, count: int = 10) -> tuple[Bin, ...]:
    """Bins of equally many rows by rising probability; equal probabilities stay together.

    Args:
        y: `n` labels, 0 or 1.
        p: `n` finite probabilities.
        count: At most so many bins.
    """
    cuts = np.unique(np.quantile(p, np.linspace(0, 1, count + 1)[1:-1])) if len(p) else np.empty(0)
    places = np.searchsorted(cuts, p, side="left")
    groups = [np.flatnonzero(places == place) for place in np.unique(places)]
    return tuple(
        Bin(float(p[rows].mean()), of_share(int(np.count_nonzero(y[rows] == 1)), len(rows)), len(rows))
        for rows in groups
    )


def _slope(y: Floats, p: Floats) -> Measurement:
    fit = logistic_slope(y, p)
    if fit is None:
        return Measurement(
            "calibration.slope", None, n=len(y), problem="the answers or the labels are all the same, or separate"
        )
    return Measurement("calibration.slope", fit.value, fit.lower, fit.upper, n=len(y))


def logistic_slope(y: Floats, p: Floats) -> Interval | None:
    """Slope of the labels on the log-odds of the answers, by Newton's method; `None` where there is no finite one."""
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    odds = np.log(clipped / (1 - clipped))
    if np.ptp(odds) < 1e-9 or np.ptp(y) == 0:
        return None
    x = np.column_stack([np.ones_like(odds), odds])
    beta = np.array([0.0, 0.0])
    for _ in range(_ROUNDS):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        weights = np.maximum(fitted * (1 - fitted), 1e-12)
        information = x.T @ (x * weights[:, None])
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
            return None
        step = np.linalg.solve(information, x.T @ (y - fitted))
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-9:
            return around(float(beta[1]), float(np.linalg.inv(information)[1, 1]), len(y))
    return None
