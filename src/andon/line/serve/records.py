"""Closed batches of the prediction log: Parquet files named by the numbers they hold and the digest of their bytes."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from andon.contracts.prediction import Prediction, Said
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
    """Predictions with the same names of inputs and as many outputs as a Parquet file.

    `inputs` is a struct of the numbers the model took, null for a missing one; `entity` and `state` are JSON text.
    """
    names = list(records[0].inputs)
    entities, states = _Texts(), _Texts()
    frame = pl.DataFrame(
        {
            "id": [one.id for one in records],
            "worker": [one.worker for one in records],
            "number": [one.number for one in records],
            "asked": pl.Series([one.asked_ns for one in records], dtype=pl.Int64).cast(_TIME),
            "answered": pl.Series([one.answered_ns for one in records], dtype=pl.Int64).cast(_TIME),
            "release": [one.release for one in records],
            "model": [one.model for one in records],
            "entity": [entities.of(one.entity) for one in records],
            "outputs": pl.Series(np.array([one.outputs for one in records])).cast(pl.List(pl.Float64)),
            "state": [states.of(one.state) for one in records],
        }
    )
    numbers = [pl.Series(name, [one.inputs[name] for one in records], pl.Float64, strict=False) for name in names]
    if not names:
        return parquet_bytes(frame)
    inputs = pl.DataFrame(numbers).select(pl.all().fill_nan(None)).to_struct("inputs")
    return parquet_bytes(frame.insert_column(frame.columns.index("outputs"), inputs))


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


class _Texts:
    """JSON text of small mappings, written once for one that many predictions share."""

    def __init__(self) -> None:
        self._last: Mapping[str, Said] = {}
        self._text = "{}"

    def of(self, value: Mapping[str, Said]) -> str:
        """The text of a mapping, its members sorted by name."""
        if value != self._last:
            self._last = value
            self._text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return self._text
