"""The rows of a model as frames: what it learns from, is tuned on and is judged on, with the judge's labels apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from andon.kernel.errors import InputError
from andon.line.features.split import LABEL, PARTS, TIME, Split, SplitSpec

ASKED: Final = "_asked"
ROW_ID: Final = "_row_id"
KEY: Final = "_key."
SEGMENT: Final = "_segment."
SERVED: Final = "_served."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The frames of a snapshot, each sorted by `_asked` and then `_row_id`.

    `fit`, `tune` and `holdout` have the features, `label`, `_asked` (Datetime ns UTC), `_row_id` (digest of the stored
    object, colon, row in it), the spine's keys as `_key.<name>` and its segments as `_segment.<name>`. Where a feature
    learns from labels, `fit` also has it as `_served.<name>`: what a server would compute for these rows.

    Attributes:
        holdout_features: What a model's own process gets of the holdout: features and `_row_id`, nothing else.
        holdout_labels: What only the measuring process gets: `_row_id`, `label`, `_asked` and the segments.
    """

    fit: pl.DataFrame
    tune: pl.DataFrame
    holdout: pl.DataFrame
    holdout_features: pl.DataFrame
    holdout_labels: pl.DataFrame

    def objects(self) -> dict[str, pl.DataFrame]:
        """The frames by the name of the object they are stored as."""
        return {name: getattr(self, name) for name in Snapshot.__slots__}


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the spine that go along: keys to find a row again, segments to measure by."""

    keys: tuple[str, ...]
    segments: tuple[str, ...]


def snapshot(
    spine: pl.DataFrame,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    parts: Split,
    spec: SplitSpec,
    columns: Columns,
) -> Snapshot:
    """The frames of a snapshot.

    Args:
        spine: One row a question, with `_object` and `_row`.
        features: Feature columns, row by row.
        labels: `label` and `_label_known_at`, row by row.
        parts: The part of every row, as `split` decided; other rows are left out.
        spec: Names the spine's column of the question.
        columns: Spine columns that go along.

    Raises:
        InputError: A feature has a name the snapshot needs itself, or two rows are the same stored row.
    """
    _check_names(features.columns)
    rows = pl.concat([features, labels.select(LABEL), _marks(spine, spec, columns)], how="horizontal")
    if rows[ROW_ID].n_unique() < rows.height:
        raise InputError(
            "features.doubled-row",
            "The spine names the same stored row twice.",
            found=f"{rows.height - rows[ROW_ID].n_unique()} rows",
            fix="Read every dataset version once.",
        )
    frames = {part: rows.filter(parts.parts == part).sort(ASKED, ROW_ID) for part in PARTS}
    segments = [f"{SEGMENT}{name}" for name in columns.segments]
    return Snapshot(
        **frames,
        holdout_features=frames["holdout"].select(*features.columns, ROW_ID),
        holdout_labels=frames["holdout"].select(ROW_ID, LABEL, ASKED, *segments),
    )


def classes_of(fit: pl.DataFrame) -> tuple[str, ...]:
    """Names of the classes that the fit rows have, sorted: a class's number is its place. Empty for other labels."""
    label = fit[LABEL]
    return tuple(label.unique().sort().to_list()) if label.dtype == pl.String else ()


def as_served(fit: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The features of the fit rows as a server would compute them, which knows their labels where they do not."""
    served = {f"{SERVED}{name}" for name in columns} & set(fit.columns)
    return fit.select(
        pl.col(f"{SERVED}{name}" if f"{SERVED}{name}" in served else name).alias(name) for name in columns
    )


def targets(frame: pl.DataFrame, classes: Sequence[str]) -> pl.Series:
    """The labels as numbers: true as 1, a class as its place among `classes` or -1 where it is not one of them."""
    label = frame[LABEL]
    if label.dtype == pl.String:
        places = {name: place for place, name in enumerate(classes)}
        return label.replace_strict(places, default=-1, return_dtype=pl.Int64)
    return label.cast(pl.Int64) if label.dtype == pl.Boolean else label.cast(pl.Float64)


def _marks(spine: pl.DataFrame, spec: SplitSpec, columns: Columns) -> pl.DataFrame:
    return spine.select(
        pl.col(spec.asked).cast(TIME).alias(ASKED),
        pl.format("{}:{}", pl.col("_object"), pl.col("_row")).alias(ROW_ID),
        *(pl.col(name).alias(f"{KEY}{name}") for name in columns.keys),
        *(pl.col(name).alias(f"{SEGMENT}{name}") for name in columns.segments),
    )


def _check_names(names: Sequence[str]) -> None:
    taken = [name for name in names if name == LABEL or name.startswith("_")]
    if taken:
        raise InputError(
            "features.reserved-name",
            "These feature names are andon's own.",
            found=", ".join(taken),
            fix="Rename them: not `label`, and not beginning with an underscore.",
        )
