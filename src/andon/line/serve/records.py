"""Closed batches of the prediction log: Parquet files named by the numbers they hold and the digest of their bytes."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.prediction import Prediction
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import IntegrityError
from andon.measures.logical import parquet_bytes

_NAME: Final = re.compile(r"(\d{12})-(\d{12})-([0-9a-f]{64})\.parquet")
_TIME: Final = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, slots=True)
class Batch:
    """One closed batch: all numbers from `first` to `last`, without a gap."""

    path: Path
    first: int
    last: int
    digest: Digest

    @staticmethod
    def file_name(first: int, last: int, sha256: str) -> str:
        """The name of a batch's file."""
        return f"{first:012d}-{last:012d}-{sha256}.parquet"


def batches_in(folder: Path) -> list[Batch]:
    """The closed batches of a worker's folder, in the order of their numbers; their bytes are not checked."""
    names = ((path, _NAME.fullmatch(path.name)) for path in (folder.iterdir() if folder.is_dir() else ()))
    found = [Batch(path, int(m[1]), int(m[2]), f"sha256:{m[3]}") for path, m in names if m is not None]
    return sorted(found, key=lambda batch: batch.first)


def read_batch(batch: Batch) -> pl.DataFrame:
    """The predictions of a batch, one a row, after checking its bytes.

    Raises:
        IntegrityError: The bytes are not those that were closed (`serve.batch-damaged`).
    """
    data = batch.path.read_bytes()
    if of_bytes(data) != batch.digest:
        raise IntegrityError(
            "serve.batch-damaged",
            "The bytes of this batch of the prediction log are not those that were closed.",
            place=str(batch.path),
            found=of_bytes(data),
            fix="Put the file back from a backup; if there is none, its numbers are lost and must be reported so.",
        )
    return pl.read_parquet(data)


def batch_bytes(records: Sequence[Prediction]) -> bytes:
    """Predictions with the same names of inputs as a Parquet file.

    `inputs` is a struct of the numbers the model took, null for a missing one; `entity` and `state` are JSON text.
    """
    names = list(records[0].inputs)
    frame = pl.DataFrame(
        {
            "id": [one.id for one in records],
            "worker": [one.worker for one in records],
            "number": [one.number for one in records],
            "asked": [one.asked_ns for one in records],
            "answered": [one.answered_ns for one in records],
            "release": [one.release for one in records],
            "model": [one.model for one in records],
            "entity": [_text(one.entity) for one in records],
            "outputs": [list(one.outputs) for one in records],
            "state": [_text(one.state) for one in records],
            **{f"inputs.{name}": [_number(one.inputs[name]) for one in records] for name in names},
        },
        schema_overrides={
            "asked": pl.Int64,
            "answered": pl.Int64,
            "outputs": pl.List(pl.Float64),
            **{f"inputs.{name}": pl.Float64 for name in names},
        },
    )
    inputs = [pl.struct([pl.col(f"inputs.{name}").alias(name) for name in names]).alias("inputs")] if names else []
    return parquet_bytes(
        frame.with_columns(pl.col("asked", "answered").cast(_TIME)).select(
            *("id", "worker", "number", "asked", "answered", "release", "model", "entity"),
            *inputs,
            "outputs",
            "state",
        )
    )


def gaps_of(ranges: Iterable[tuple[int, int]], issued: int) -> list[tuple[int, int]]:
    """The numbers from 1 to `issued` that no range covers, as ranges."""
    gaps = []
    expected = 1
    for first, last in sorted(ranges):
        if first > expected:
            gaps.append((expected, first - 1))
        expected = max(expected, last + 1)
    if expected <= issued:
        gaps.append((expected, issued))
    return gaps


def _number(value: float | int | str | bool | None) -> float | None:
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    return None if math.isnan(number) else number


def _text(value: Mapping[str, str | int | float | bool | None]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
