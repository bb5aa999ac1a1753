"""Runs the ingest stage on one landed file, and reads published objects back as one dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.evidence import Measurement
from andon.expressions.frame import dtype_of
from andon.expressions.functions import type_of
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.ingest.before import Before, measure_against
from andon.line.ingest.cast import physical_schema
from andon.line.ingest.judge import NOTHING, Counts, judge_rows
from andon.line.ingest.measure import measure_batch
from andon.line.ingest.personal import PERSONAL, measure_personal
from andon.measures.logical import logical_digest, parquet_bytes

_NOTHING_BEFORE = Before()
LANDED_ROW = "_landed_row"
SYSTEM = {"_known_at": pl.Datetime("ns", "UTC"), "_object": pl.String(), "_row": pl.Int64()}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one landed file.

    Attributes:
        good_file: Parquet of the good rows, ordered by identity, with `_landed_row` and, where declared, `_known_at`;
            `None` where there are none.
        quarantine_file: Parquet of the quarantined rows as text, with `_reasons` and `_row`; `None` where there are
            none.
        logical: Logical digest of the good rows; the same whatever the order in which they landed.
    """

    good_file: Path | None
    quarantine_file: Path | None
    counts: Counts
    measurements: tuple[Measurement, ...]
    logical: Digest


def ingest(
    landed: Path,
    contract: DatasetContract,
    published: pl.LazyFrame | None,
    now_ns: int,
    workdir: Path,
    references: Mapping[str, pl.LazyFrame] = NOTHING,
    before: Before = _NOTHING_BEFORE,
) -> Ingested:
    """Judge a landed Parquet file, and write its good and its quarantined rows into `workdir`.

    Args:
        landed: What the source brought.
        contract: What it must be.
        published: The dataset so far, as `read_dataset` gives it; `None` before the first batch.
        now_ns: What counts as now: the run's `as_of`.
        workdir: An existing folder.
        references: The published rows of the contracts that it refers to, by name, as `read_dataset` gives them.
        before: What its gate holds it against.

    Raises:
        InputError: The file cannot be read, or its columns are not those of the contract.
        IntegrityError: A row is not accounted for.
    """
    judged = judge_rows(read_landed(landed), contract, published, now_ns=now_ns, references=references)
    order = [*contract.of_role("event_time"), *contract.of_role("key")]
    good = judged.good.sort(order, maintain_order=True) if order else judged.good
    return Ingested(
        good_file=_write(good.rename({"_row": LANDED_ROW}), workdir / "good.parquet"),
        quarantine_file=_write(judged.quarantined, workdir / "quarantine.parquet"),
        counts=judged.counts,
        measurements=(
            *measure_batch(judged.counts, contract),
            *measure_against(before, judged.good, contract),
            *(measure_personal(judged.good, contract) if PERSONAL in before.wanted else ()),
        ),
        logical=logical_digest(good.drop("_row")),
    )


def read_dataset(objects: Sequence[tuple[Path, Digest, int]], contract: DatasetContract) -> pl.LazyFrame:
    """Published objects as one frame, in the order given.

    Args:
        objects: For each object its local file, its digest, and when its batch was published (ns UTC).
        contract: Their contract. A nullable column that an older object does not have yet is null there.

    Returns:
        The contract's columns, and `_known_at` (declared, else when the batch was published), `_object` (the object's
        digest) and `_row` (the row's number in that object).

    Raises:
        InputError: An object cannot be read as this contract.
    """
    if not objects:
        return pl.LazyFrame(schema=pl.Schema({**physical_schema(contract), **SYSTEM}))
    return pl.concat([_scan(path, digest, published_ns, contract) for path, digest, published_ns in objects])


def read_landed(landed: Path) -> pl.DataFrame:
    """Raw rows from the Parquet file in which they landed.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        return pl.read_parquet(landed, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            "ingest.unreadable",
            "What the source brought cannot be read as Parquet.",
            place=landed.name,
            found=f"{type(error).__name__}: {error}"[:300],
            fix="Run the source again; the file is written by andon and read at once.",
        ) from error


def _write(frame: pl.DataFrame, path: Path) -> Path | None:
    if frame.is_empty():
        return None
    path.write_bytes(parquet_bytes(frame))
    return path


def _scan(path: Path, digest: Digest, published_ns: int, contract: DatasetContract) -> pl.LazyFrame:
    found = _schema(path, digest)
    columns = [_column(name, found, contract, digest) for name in physical_schema(contract)]
    moment = pl.lit(published_ns, dtype=pl.Int64).cast(SYSTEM["_known_at"])
    known = pl.col("_known_at") if "_known_at" in found else moment
    scan = pl.scan_parquet(path, row_index_name="_row", hive_partitioning=False)
    return scan.select(
        *columns, known.alias("_known_at"), pl.lit(digest).alias("_object"), pl.col("_row").cast(pl.Int64)
    )


def _schema(path: Path, digest: Digest) -> pl.Schema:
    try:
        return pl.Schema(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            "ingest.unreadable-object",
            "A published object cannot be read as Parquet.",
            place=digest,
            found=f"{type(error).__name__}: {error}"[:300],
            fix="Run andon audit verify.",
        ) from error


def _column(name: str, found: pl.Schema, contract: DatasetContract, digest: Digest) -> pl.Expr:
    column = contract.column(name)
    dtype = dtype_of(type_of(column))
    if name not in found and column.nullable:
        return pl.lit(None, dtype=dtype).alias(name)
    if found.get(name) != dtype:
        raise InputError(
            "ingest.other-contract",
            f"Rows published earlier do not have {name!r} as {contract.name} declares it now.",
            place=f"{contract.name}.{name} in {digest}",
            found=f"{found.get(name, 'no such column')}, not {dtype}",
            fix="Make a new column nullable, or give the changed contract a new name and load it again.",
        )
    return pl.col(name)
