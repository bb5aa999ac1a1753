"""Logged predictions and what came true: joined by entity, once the label had all the time it was given."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract, Kind
from andon.kernel.errors import InputError

LABEL: Final = "label"
KNOWN_AT: Final = "_label_known_at"
_TIME: Final = pl.Datetime("ns", "UTC")
_TYPES: Final[Mapping[Kind, pl.DataType]] = {
    "int": pl.Int64(),
    "fixed": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "category": pl.String(),
    "time": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """What became of the predictions; the parts add up to `predictions`.

    Attributes:
        labelled: Mature, and the label is there.
        missing: Mature, but no label came.
        waiting: The label still has time to come.
        nameless: Asked with complete feature rows, without saying about whom.
    """

    predictions: int
    labelled: int
    missing: int
    waiting: int
    nameless: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Mature predictions with their labels.

    Attributes:
        rows: The prediction's columns, its key columns and `label`; labelled ones only.
    """

    rows: pl.DataFrame
    counts: LabelCounts


def with_keys(predictions: pl.DataFrame, contract: DatasetContract) -> pl.DataFrame:
    """Logged predictions with the spine's key columns beside them, null where none were given.

    Args:
        predictions: As `line.serve.records` logs them; `entity` is JSON text.
        contract: The spine's contract.
    """
    keys = contract.of_role("key")
    entities = [json.loads(text) for text in predictions["entity"]]
    kinds = {key: contract.column(key).kind for key in keys}
    columns = [pl.Series(key, [one.get(key) for one in entities], dtype=_TYPES[kinds[key]]) for key in keys]
    times = [pl.col(key).cast(_TIME) for key in keys if kinds[key] == "time"]
    return predictions.with_columns(columns).with_columns(times)


def join_labels(
    predictions: pl.DataFrame, labels: pl.DataFrame, keys: Sequence[str], *, within_ns: int, as_of_ns: int
) -> Joined:
    """Join labels to the predictions that are mature: asked, plus the time the label is given, is before `as_of`.

    A prediction that is not mature is never joined, however early its label came: early labels are not like late ones.

    Args:
        predictions: Logged predictions with their key columns, see `with_keys`.
        labels: Key columns, `label` and `_label_known_at`; at most one row an entity.
        keys: Names of the key columns.
        within_ns: How long a label is waited for.
        as_of_ns: The moment of the report.

    Raises:
        InputError: An entity has two labels.
    """
    usable = labels.filter(pl.col(LABEL).is_not_null(), pl.col(KNOWN_AT).dt.epoch("ns") < as_of_ns)
    if usable.select(keys).is_duplicated().any():
        raise InputError(
            "monitor.two-labels",
            "An entity has more than one label.",
            found=", ".join(keys),
            fix="Give one label an entity: the newest that is known.",
        )
    named = predictions.filter(pl.all_horizontal(pl.col(list(keys)).is_not_null()))
    mature = named.filter(pl.col("asked").dt.epoch("ns") + within_ns < as_of_ns)
    rows = mature.join(usable.select(*keys, LABEL), on=list(keys), how="inner", maintain_order="left")
    counts = LabelCounts(
        predictions=predictions.height,
        labelled=rows.height,
        missing=mature.height - rows.height,
        waiting=named.height - mature.height,
        nameless=predictions.height - named.height,
    )
    return Joined(rows, counts)
