"""Measures a candidate on its holdout for the model gate: how good, where, against the champion, how honestly."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.evidence import Evidence, Measurement, find, measurement
from andon.contracts.model import Feature, Task
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import InputError
from andon.line.validate.calibration import measure_calibration
from andon.line.validate.leakage import measure_features, shared_rows
from andon.measures.intervals import Z95
from andon.measures.metrics import METRICS, by_value, difference_to_champion, measure

Floats = npt.NDArray[np.float64]
ROW_ID: Final = "_row_id"
TEAM: Final = "factory:"
_HIGHER_IS_BETTER: Final = ("auc", "accuracy")
_COMPARED: Final[Mapping[Task, str]] = {"binary": "auc", "classes": "log_loss", "regression": "rmse"}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with labels and answers.

    Attributes:
        ids: The stored row each one is.
        y: Labels as numbers, see `measures.metrics`.
        p: Answers of the candidate.
        segments: Segment columns by name.
    """

    ids: Sequence[str]
    y: Floats
    p: Floats
    segments: Mapping[str, npt.ArrayLike] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that serves now.

    Attributes:
        p: Its answers to the holdout rows, made with its own features.
        learned: Stored rows it was trained or tuned on; they count for neither side.
    """

    digest: Digest
    p: Floats
    learned: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything a candidate is judged by.

    Attributes:
        matrix: Features of the holdout rows, nulls as NaN.
        features: Columns of `matrix`.
        learned: Rows of `fit` and of `tune`.
        team: What the team's own measurements returned, by the function's name; anything but a finite number is kept as
            a measurement without a value.
    """

    task: Task
    holdout: Rows
    matrix: Floats
    features: Sequence[Feature]
    learned: Mapping[str, Rows]
    champion: Champion | None = None
    team: Mapping[str, object] = field(default_factory=dict)


def validate(trial: Trial) -> tuple[Measurement, ...]:
    """All that the model gate judges, overall first.

    Raises:
        InputError: Labels, answers, features and row ids are not of the same rows.
    """
    _check_same_rows(trial)
    rows = trial.holdout
    ids = (row for part in trial.learned.values() for row in part.ids)
    return (
        *measure(trial.task, rows.y, rows.p, rows.segments),
        *against_champion(trial),
        *measure_calibration(trial.task, rows.y, rows.p),
        shared_rows(rows.ids, ids),
        *measure_features(trial.task, trial.matrix, trial.features, rows.y),
        *gaps(trial),
        *(_of_team(name, value, len(rows.y)) for name, value in trial.team.items()),
    )


def evidence_of(subject: Digest, trial: Trial) -> Evidence:
    """What `validate` measures, as evidence about the candidate and the holdout rows it was measured on.

    Raises:
        InputError: Labels, answers, features and row ids are not of the same rows.
    """
    rows = of_bytes("\n".join(sorted(trial.holdout.ids)).encode())
    return Evidence(subject, rows, validate(trial))


def align(ids: Sequence[str], answers: pl.DataFrame) -> Floats:
    """The answers a model's own process returned, in the order of `ids`.

    Args:
        ids: The rows that were asked about.
        answers: `_row_id` and one column, or one a class in the order of the classes.

    Returns:
        `n` answers, or `n` rows of one a class; nulls as NaN.

    Raises:
        InputError: A row is missing, doubled or was never asked about, or an answer is no number.
    """
    wanted = pl.DataFrame({ROW_ID: pl.Series(ids, dtype=pl.String)})
    columns = [name for name in answers.columns if name != ROW_ID]
    numeric = all(answers[name].dtype.is_numeric() for name in columns)
    if ROW_ID not in answers.columns or not columns or not numeric:
        raise _rows_differ(f"columns {answers.columns}")
    if answers.height != len(ids) or answers[ROW_ID].n_unique() != answers.height:
        raise _rows_differ(f"{answers.height} answers to {len(ids)} rows")
    joined = wanted.join(answers.with_columns(_answered=True), on=ROW_ID, how="left", maintain_order="left")
    if joined["_answered"].null_count():
        raise _rows_differ(f"{joined['_answered'].null_count()} rows without an answer")
    values = joined.select(pl.col(columns).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    return np.ascontiguousarray(values[:, 0] if len(columns) == 1 else values)


def against_champion(trial: Trial) -> tuple[Measurement, ...]:
    """Every metric's difference to the champion, over all rows and by segment; nothing where there is no champion."""
    champion = trial.champion
    if champion is None:
        return ()
    rows = trial.holdout
    fair = np.array([row not in champion.learned for row in rows.ids], dtype=bool)
    found = [
        Measurement("champion.rows_excluded", float((~fair).sum()), n=len(fair), baseline=champion.digest),
        *_differences(trial, champion, np.flatnonzero(fair), ""),
    ]
    for column, values in rows.segments.items():
        for value, places in by_value(values):
            found += _differences(trial, champion, places[fair[places]], f"{column}={value}")
    return tuple(found)


def gaps(trial: Trial) -> tuple[Measurement, ...]:
    """How much worse one metric is on the holdout than on the rows of training: `gap.<metric>`, `gap.tune.<metric>`.

    The metric is `auc`, or `log_loss` or `rmse` where the task has none. The rows differ, so the interval is that of
    independent values.
    """
    metric = _COMPARED[trial.task]
    sign = 1 if metric in _HIGHER_IS_BETTER else -1
    held = find(measure(trial.task, trial.holdout.y, trial.holdout.p), metric)
    found = []
    for part, rows in trial.learned.items():
        name = f"gap.{metric}" if part == "fit" else f"gap.{part}.{metric}"
        seen = find(measure(trial.task, rows.y, rows.p), metric)
        found.append(_gap(name, seen, held, sign))
    return tuple(found)


def _gap(name: str, seen: Measurement | None, held: Measurement | None, sign: int) -> Measurement:
    if seen is None or held is None or seen.value is None or held.value is None:
        problems = {m.problem for m in (seen, held) if m is not None and m.problem}
        return Measurement(name, None, problem="; ".join(sorted(problems)) or "not measured")
    gap, n = sign * (seen.value - held.value), min(seen.n, held.n)
    one, other = _standard_error(seen), _standard_error(held)
    if one is None or other is None:
        return Measurement(name, gap, n=n)
    reach = Z95 * math.hypot(one, other)
    return Measurement(name, gap, gap - reach, gap + reach, n=n)


def _of_team(name: str, value: object, n: int) -> Measurement:
    return measurement(f"{TEAM}{name}", value, n=n, measured_by="factory")


def _standard_error(m: Measurement) -> float | None:
    return None if m.lower is None or m.upper is None else (m.upper - m.lower) / (2 * Z95)


def _differences(trial: Trial, champion: Champion, places: npt.NDArray[np.intp], where: str) -> list[Measurement]:
    rows = trial.holdout
    return [
        difference_to_champion(
            metric, rows.y[places], rows.p[places], champion.p[places], champion=champion.digest, slice=where
        )
        for metric in METRICS[trial.task]
    ]


def _check_same_rows(trial: Trial) -> None:
    rows = trial.holdout
    lengths = {"labels": len(rows.y), "answers": len(rows.p), "features": len(trial.matrix), "ids": len(rows.ids)}
    lengths |= {name: len(np.asarray(values)) for name, values in rows.segments.items()}
    if trial.champion is not None:
        lengths["champion"] = len(trial.champion.p)
    if len(set(lengths.values())) > 1 or len(set(rows.ids)) < len(rows.ids):
        raise _rows_differ(", ".join(f"{name} {length}" for name, length in lengths.items()))


def _rows_differ(found: str) -> InputError:
    return InputError(
        "validate.rows-differ",
        "Labels and answers are not of the same rows.",
        found=found,
        fix="Answer every row once, in any order, under the _row_id it was given with.",
    )
