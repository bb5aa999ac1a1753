"""Which rows a model may learn from, is tuned on and is judged on: by time, and only rows whose label has matured."""

from dataclasses import dataclass
from typing import Final, cast

import polars as pl

from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.errors import InputError

TIME: Final = pl.Datetime("ns", "UTC")
PARTS: Final = ("fit", "tune", "holdout")
LABEL: Final = "label"
LABEL_KNOWN_AT: Final = "_label_known_at"
PART: Final = "_part"


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """How rows are split by time, in nanoseconds.

    Attributes:
        asked: The spine's column with the moment of the question.
        label_within_ns: How long after the question the label is waited for.
        tune_ns: Length of the tuning rows, before the holdout.
        holdout_ns: Length of the holdout rows, the newest ones whose label has matured.
        as_of_ns: The moment up to which anything may be known.
    """

    asked: str
    label_within_ns: int
    tune_ns: int
    holdout_ns: int
    as_of_ns: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Where every row went: `rows_in` is the sum of all others.

    Attributes:
        immature: Rows whose label is still waited for, however early it came.
        unlabelled: Rows whose label did not come in time.
        known_late: Fit and tune rows whose label was not known before the holdout starts.
    """

    rows_in: int
    immature: int
    unlabelled: int
    known_late: int
    fit: int
    tune: int
    holdout: int


@dataclass(frozen=True, slots=True)
class Times:
    """Where the parts begin and end: each holds the rows asked after its beginning, up to and including its end."""

    tune_from_ns: int
    holdout_from_ns: int
    holdout_until_ns: int


@dataclass(frozen=True, slots=True)
class Split:
    """The part of every row.

    Attributes:
        parts: One String a row, in the order of the spine: `fit`, `tune`, `holdout`, or why the row is left out:
            `immature`, `unlabelled` or `known_late`.
    """

    parts: pl.Series
    counts: Counts
    times: Times

    def facts(self) -> dict[str, Json]:
        """Counts and times for the manifest of a snapshot; times as ISO 8601."""
        counts: dict[str, Json] = {name: getattr(self.counts, name) for name in Counts.__slots__}
        times: dict[str, Json] = {
            name.removesuffix("_ns"): iso(cast("int", getattr(self.times, name))) for name in Times.__slots__
        }
        return {"rows": counts, "times": times}


def split(spine: pl.DataFrame, labels: pl.DataFrame, spec: SplitSpec) -> Split:
    """The part of every row of a spine.

    A row's label is usable once `asked + label_within < as_of`, however early it came: early labels are not like late
    ones. A label whose arrival is not recorded counts as known at the end of its waiting time.

    Args:
        spine: One row a question, with the column `spec.asked`.
        labels: `label` and `_label_known_at`, row by row.
        spec: Lengths and times.

    Raises:
        InputError: There are no rows, no mature rows, no labels, a part is empty, or a label has one class only.
    """
    _check_lengths(spine, labels)
    rows = _timed(spine, labels, spec)
    mature = rows.filter(pl.col("mature"))
    if mature.is_empty():
        raise _no_mature(rows, spec)
    until = cast("int", mature["asked"].max())
    times = Times(until - spec.holdout_ns - spec.tune_ns, until - spec.holdout_ns, until)
    parts = rows.select(_part(times)).to_series()
    found = dict(parts.value_counts().iter_rows())
    counts = Counts(
        rows_in=spine.height, **{name: found.get(name, 0) for name in Counts.__slots__ if name != "rows_in"}
    )
    _check_parts(counts, times)
    _check_classes(labels[LABEL], parts)
    return Split(parts, counts, times)


def _timed(spine: pl.DataFrame, labels: pl.DataFrame, spec: SplitSpec) -> pl.DataFrame:
    """What decides about a row, its times as integers."""
    asked = spine[spec.asked].to_physical().cast(pl.Int64)
    if asked.null_count():
        raise InputError(
            "features.no-question-time",
            f"{asked.null_count()} rows do not say when the question is asked.",
            place=spec.asked,
            fix="Make the event time of the spine's contract not nullable.",
        )
    label = labels[LABEL]
    missing = label.is_null() | ~label.is_finite().fill_null(False) if label.dtype.is_float() else label.is_null()
    waited = asked + spec.label_within_ns
    return pl.DataFrame(
        {
            "asked": asked,
            "mature": waited < spec.as_of_ns,
            "missing": missing,
            "known": labels[LABEL_KNOWN_AT].cast(TIME).to_physical().fill_null(waited),
        }
    )


def _part(times: Times) -> pl.Expr:
    asked = pl.col("asked")
    return (
        pl.when(~pl.col("mature"))
        .then(pl.lit("immature"))
        .when(pl.col("missing"))
        .then(pl.lit("unlabelled"))
        .when(asked > times.holdout_from_ns)
        .then(pl.lit("holdout"))
        .when(pl.col("known") > times.holdout_from_ns)
        .then(pl.lit("known_late"))
        .when(asked > times.tune_from_ns)
        .then(pl.lit("tune"))
        .otherwise(pl.lit("fit"))
        .alias(PART)
    )


def _check_lengths(spine: pl.DataFrame, labels: pl.DataFrame) -> None:
    if spine.height != labels.height:
        raise InputError(
            "features.rows-differ",
            "Labels and spine do not have the same rows.",
            found=f"{labels.height} labels for {spine.height} rows",
            fix="Evaluate the label on the same spine.",
        )
    if spine.is_empty():
        raise InputError(
            "features.no-rows",
            "There is nothing to predict: the spine has no rows.",
            fix="Ingest and publish the spine's dataset first, or choose a later --as-of.",
        )


def _no_mature(rows: pl.DataFrame, spec: SplitSpec) -> InputError:
    first = cast("int", rows["asked"].min()) + spec.label_within_ns
    return InputError(
        "features.no-mature-rows",
        "No row is old enough for its label to be final.",
        place=f"as of {iso(spec.as_of_ns)}",
        found=f"the first of {rows.height} rows is final after {iso(first)}",
        fix="Choose a later --as-of, or a shorter label_within if labels come sooner.",
    )


def _check_parts(counts: Counts, times: Times) -> None:
    if counts.fit + counts.tune + counts.holdout == 0:
        raise InputError(
            "features.label-always-null",
            "No row has a label.",
            place=LABEL,
            found=f"{counts.unlabelled} rows without, {counts.known_late} labelled too late, {counts.immature} young",
            fix="Check the label's match= and that its dataset is published up to --as-of.",
        )
    for part in PARTS:
        if not getattr(counts, part):
            raise InputError(
                "features.empty-part",
                f"The {part} part has no rows.",
                place=f"tune after {iso(times.tune_from_ns)}, holdout after {iso(times.holdout_from_ns)}",
                found=", ".join(f"{name} {getattr(counts, name)}" for name in Counts.__slots__),
                fix="Shorten tune= or holdout= in by_time(), or load more history.",
            )


def _check_classes(label: pl.Series, parts: pl.Series) -> None:
    """A part of one class teaches and measures nothing; tuning rows may have one, their metrics then say so."""
    if label.dtype not in (pl.Boolean, pl.String):
        return
    for part in ("fit", "holdout"):
        classes = label.filter(parts == part).unique()
        if len(classes) < 2:
            raise InputError(
                "features.one-class",
                f"All labels of the {part} rows are the same.",
                place=LABEL,
                found=repr(classes[0]),
                fix="Check the label's condition, or take a longer time so that both outcomes occur.",
            )
