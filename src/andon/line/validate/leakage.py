"""Whether the answer stands in the question: rows that were learned from, and features that know the label alone."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from andon.contracts.evidence import Measurement
from andon.contracts.model import Feature, Task
from andon.measures.metrics import area_under_curve

Floats = npt.NDArray[np.float64]
_ENOUGH: Final = 20


def shared_rows(held: Iterable[str], learned: Iterable[str]) -> Measurement:
    """`leak.rows`: how many holdout rows the training saw."""
    ids = set(held)
    return Measurement("leak.rows", float(len(ids.intersection(learned))), n=len(ids))


def measure_features(task: Task, matrix: Floats, features: Sequence[Feature], y: Floats) -> tuple[Measurement, ...]:
    """How well each feature alone puts the rows in order: `leak.feature.auc` by feature, `leak.feature.max_auc` of all.

    Nulls count as lowest and as highest value, whichever tells more, so that a feature which is only there for one
    outcome shows. Codes of categories have no order: each category's rate on every second row orders the others.
    Classes are taken one against the rest, values above their median against the rest.

    Args:
        task: What the labels are.
        matrix: `n` rows of the features, nulls as NaN.
        features: The columns of `matrix`.
        y: `n` labels.
    """
    targets = _targets(task, y)
    best = [
        max((_best_order(column, f, target) for target in targets), default=None)
        for column, f in zip(matrix.T, features, strict=True)
    ]
    known = [area for area in best if area is not None]
    n = len(y)
    problem = "" if known else f"fewer than {_ENOUGH} rows of an outcome, or no features"
    top = Measurement("leak.feature.max_auc", max(known, default=None), n=n, problem=problem)
    each = [
        Measurement("leak.feature.auc", area, n=n, slice=f"feature={feature.name}")
        for feature, area in zip(features, best, strict=True)
        if area is not None
    ]
    return (top, *each)


def _targets(task: Task, y: Floats) -> list[npt.NDArray[np.bool_]]:
    """Yes-or-no questions that a leaking feature would answer."""
    if not len(y):
        return []
    if task == "classes":
        found = [y == value for value in np.unique(y)]
    else:
        found = [y == 1 if task == "binary" else y > np.median(y)]
    return [target for target in found if _ENOUGH <= np.count_nonzero(target) <= len(y) - _ENOUGH]


def _best_order(column: Floats, feature: Feature, target: npt.NDArray[np.bool_]) -> float:
    if feature.categorical:
        return _rate_order(column, target)
    areas = []
    for null in (-np.inf, np.inf) if np.isnan(column).any() else (np.inf,):
        ranks = np.unique(np.where(np.isnan(column), null, column), return_inverse=True)[1]
        areas.append(area_under_curve(target, ranks).value)
    return max(max(area, 1 - area) for area in areas)


def _rate_order(codes: Floats, target: npt.NDArray[np.bool_]) -> float:
    """Rates learned on even rows, judged on odd ones: a category of one row must not know its own label."""
    groups = np.unique(np.nan_to_num(codes, nan=-2.0), return_inverse=True)[1]
    even, odd = groups[::2], groups[1::2]
    if not 0 < np.count_nonzero(target[1::2]) < len(odd):
        return 0.5
    size = int(groups.max()) + 1
    seen = np.bincount(even, minlength=size)
    true = np.bincount(even, weights=target[::2].astype(np.float64), minlength=size)
    overall = target[::2].mean()
    area = area_under_curve(target[1::2], (true[odd] + overall) / (seen[odd] + 1)).value
    return max(area, 1 - area)
