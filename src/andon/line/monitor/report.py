"""Live against baseline: how far each column moved, and how good the predictions were where labels are there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np
import polars as pl

from andon.contracts.evidence import Measurement
from andon.contracts.model import Task
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.line.monitor.labels import LABEL, Joined, LabelCounts
from andon.measures.metrics import measure
from andon.measures.profile import PREDICTION, Baseline, ColumnBaseline, ColumnCounts, Shift, compare, count

Level = Literal["steady", "moved", "far", "too few rows"]
MOVED: Final = 0.05
FAR: Final = 0.15
_CONFIDENCE: Final = 0.05
_FEWEST: Final = 30
_TRUTH: Final = frozenset({"true", "false"})


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """How one column stands.

    Attributes:
        level: By the part of the distance that chance does not explain.
        chance: The Kolmogorov-Smirnov distance that as many rows of the baseline itself stay within, 19 times of 20.
        live: Live counts on the baseline's cells.
        trained: The baseline's own counts.
    """

    shift: Shift
    level: Level
    chance: float
    live: tuple[int, ...]
    trained: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """One model over one stretch of time.

    Attributes:
        since_ns: First question.
        until_ns: Last question.
        lost: Predictions whose numbers are known but whose records are not.
        labels: `None` where no labels were looked for.
        measurements: Metrics of the labelled predictions, with intervals.
        reference: The same metrics on the holdout rows, where given.
    """

    factory: str
    model_name: str
    model: Digest
    releases: tuple[Digest, ...]
    since_ns: int
    until_ns: int
    predictions: int
    lost: int
    columns: tuple[ColumnReport, ...]
    labels: LabelCounts | None
    measurements: tuple[Measurement, ...]
    reference: tuple[Measurement, ...]

    def to_json(self) -> Json:
        """The report as JSON."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """Which model a report is about, and what it is held against."""

    factory: str
    model_name: str
    model: Digest
    task: Task
    classes: tuple[str, ...]
    baseline: Baseline
    reference: tuple[Measurement, ...] = ()


def live_report(
    subject: Subject,
    predictions: pl.DataFrame,
    joined: Joined | None = None,
    *,
    lost: int = 0,
    segments: Sequence[str] = (),
) -> MonitorReport:
    """The report of a model's logged predictions.

    Args:
        subject: The model; predictions of others are left out.
        predictions: As they were logged.
        joined: Those with labels, where labels were looked for.
        lost: How many are known to be lost.
        segments: Columns of `joined` by whose values the metrics are also measured.

    Raises:
        InputError: The logged inputs are not those that the baseline was built from.
    """
    mine = predictions.filter(pl.col("model") == subject.model)
    asked = mine["asked"].dt.epoch("ns")
    counts = count(subject.baseline, live_columns(subject, mine))
    return MonitorReport(
        factory=subject.factory,
        model_name=subject.model_name,
        model=subject.model,
        releases=tuple(sorted(set(mine["release"].to_list()))),
        since_ns=cast("int", asked.min() or 0),
        until_ns=cast("int", asked.max() or 0),
        predictions=mine.height,
        lost=lost,
        columns=_columns(subject.baseline, counts),
        labels=None if joined is None else joined.counts,
        measurements=() if joined is None else measure_live(subject, joined, segments),
        reference=subject.reference,
    )


def live_columns(subject: Subject, predictions: pl.DataFrame) -> pl.DataFrame:
    """The logged inputs and answers in the types of the baseline's columns.

    The model took numbers, so a condition was logged as 1 or 0; the baseline may know it as `true` and `false`.
    """
    frame = predictions.unnest("inputs") if "inputs" in predictions.columns else predictions
    columns = []
    for column in subject.baseline.columns:
        if column.name == PREDICTION:
            columns.append(_answer(subject, frame).alias(PREDICTION))
        elif column.name in frame.columns:
            columns.append(_as_trained(frame[column.name], column))
    return pl.DataFrame(columns) if columns else pl.DataFrame()


def measure_live(subject: Subject, joined: Joined, segments: Sequence[str] = ()) -> tuple[Measurement, ...]:
    """The task's metrics on the labelled predictions of the model, each with its interval and `n`."""
    rows = joined.rows.filter(pl.col("model") == subject.model)
    width = max(1, len(subject.classes))
    answers = np.array(rows["outputs"].to_list(), dtype=np.float64).reshape(rows.height, width)
    if subject.task == "classes":
        numbers = {name: number for number, name in enumerate(subject.classes)}
        labels = np.array([numbers.get(str(label), -1) for label in rows[LABEL]], dtype=np.float64)
    else:
        labels = rows[LABEL].cast(pl.Float64).to_numpy()
        answers = answers[:, 0] if answers.shape[1] else answers.reshape(-1)
    slices: Mapping[str, Sequence[object]] = {name: rows[name].to_list() for name in segments if name in rows.columns}
    return measure(subject.task, labels, answers, {name: np.array(v, dtype=object) for name, v in slices.items()})


def level_of(shift: Shift, present: int) -> tuple[Level, float]:
    """How bad a shift is, and how much of it chance alone explains.

    The chance part is the bound of Dvoretzky, Kiefer and Wolfowitz (P. Massart, Ann. Probab. 18, 1990): an empirical
    distribution of n rows is further than sqrt(ln(2 / 0.05) / 2n) from its source once in twenty times at most. So a
    small window is not an alarm by being small.

    Args:
        shift: The shift of one column.
        present: Live values that are not null.
    """
    if shift.rows < _FEWEST:
        return "too few rows", 1.0
    chance = math.sqrt(math.log(2 / _CONFIDENCE) / (2 * max(present, 1)))
    nulls = math.sqrt(math.log(2 / _CONFIDENCE) / (2 * shift.rows))
    certain = max(shift.ks - chance, abs(shift.nulls) - nulls, shift.unseen - chance)
    if certain >= FAR:
        return "far", chance
    return ("moved" if certain >= MOVED else "steady"), chance


def _columns(baseline: Baseline, counts: Sequence[ColumnCounts]) -> tuple[ColumnReport, ...]:
    reports = []
    for column, live, shift in zip(baseline.columns, counts, compare(baseline, counts), strict=True):
        level, chance = level_of(shift, sum(live.counts))
        reports.append(ColumnReport(shift, level, chance, live.counts, column.counts))
    order = {"far": 0, "moved": 1, "steady": 2, "too few rows": 3}
    return tuple(sorted(reports, key=lambda one: (order[one.level], -one.shift.ks, one.shift.name)))


def _answer(subject: Subject, frame: pl.DataFrame) -> pl.Series:
    if subject.task != "classes":
        return frame["outputs"].cast(pl.List(pl.Float64)).list.first()
    names = [subject.classes[int(np.argmax(row))] for row in frame["outputs"].to_list()]
    return pl.Series(names, dtype=pl.String)


def _as_trained(live: pl.Series, column: ColumnBaseline) -> pl.Series:
    if column.kind == "category" and live.dtype.is_numeric() and set(column.categories) <= _TRUTH:
        return (live != 0).cast(pl.String)
    return live
