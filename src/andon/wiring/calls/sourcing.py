"""The exact source rows that one prediction was computed from, and whether they give the numbers the model saw."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.model import Package
from andon.contracts.prediction import Prediction
from andon.expressions.evaluate import evaluate, spine_of
from andon.expressions.lineage import sources_of
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest, of_bytes
from andon.line.matrix import input_names, inputs_of, matrix_of
from andon.line.serve.entity import values_of
from andon.runtime.batches import LANDED
from andon.runtime.line import Line
from andon.runtime.tables import open_tables
from andon.store.manifest import Manifest

_LANDED_ROW: Final = "_landed_row"
Cell = str | int | float | bool | bytes | list[float] | None
Place = tuple[str, Digest, int]
Tables = Mapping[str, pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row that was read for a prediction.

    Attributes:
        object: Digest of the stored object it stands in, whose bytes were just checked.
        row: Its number there.
        batch: Digest of the batch it came with; empty where none of the dataset's batches has the object.
        landed: Digest of the landed object it was brought in.
        landed_row: Its number among the rows that landed.
        values: Its columns as text; `None` for null, and of bytes their digest and size.
    """

    contract: str
    object: Digest
    row: int
    batch: Digest
    landed: Digest
    landed_row: int | None
    values: Mapping[str, str | None]

    @property
    def place(self) -> Place:
        """Where it stands: contract, object and number."""
        return self.contract, self.object, self.row

    def to_json(self) -> dict[str, Json]:
        """The row for programs."""
        return {
            "contract": self.contract,
            "object": self.object,
            "row": self.row,
            "batch": self.batch,
            "landed": self.landed,
            "landed_row": self.landed_row,
            "values": dict(self.values),
        }


@dataclass(frozen=True, slots=True)
class Used:
    """What a prediction was computed from.

    Attributes:
        question: The published row that was asked about; `None` where the caller gave all columns, or features.
        inputs: For each feature the names of the model's inputs that it gives: its own, or one for each number.
        rows: For each feature the rows it looked at, the oldest first.
        computed: Each input as the rows give it, as the model takes it; NaN is null.
        differing: Inputs that the published rows do not give as the model saw them.
        unknown: Features that were given by the caller, or whose question nobody published.
    """

    question: SourceRow | None
    inputs: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, tuple[SourceRow, ...]]
    computed: Mapping[str, float]
    differing: tuple[str, ...]
    unknown: tuple[str, ...]


def rows_of(line: Line, package: Package, prediction: Prediction) -> Used:
    """The rows that a prediction was computed from, each object checked as it is read.

    The features are computed again from the dataset versions that the prediction names, and compared bit for bit.

    Args:
        line: The line of the release's declaration.
        package: The package of the model that answered.
        prediction: As it was logged.

    Raises:
        AndonError: A dataset version that the prediction names is not recorded, or not what was recorded.
    """
    plan = plan_from_json(package.plan)
    inputs = {name: input_names(name, node.type) for name, node in plan.features}
    wanted = {name: digest for name, digest in prediction.state.items() if name in (plan.spine, *plan.contracts)}
    tables = open_tables(line, wanted)
    asked = _question(line.contracts[plan.spine], tables, plan, prediction)
    if asked is None:
        return Used(None, inputs, {}, {}, (), plan.names)
    place, values = asked
    computed = _computed(plan, package, prediction, tables, values)
    sources = sources_of(plan, values, prediction.asked_ns, tables)
    places = [(contract, digest, row) for _, contract, digest, row in sources]
    read = read_rows(line, wanted, [*places, *([(plan.spine, *place)] if place else [])])
    return Used(
        question=read[(plan.spine, *place)] if place else None,
        inputs=inputs,
        rows={name: tuple(read[one[1:]] for one in sources if one[0] == name) for name in plan.names},
        computed=computed,
        differing=tuple(name for name, now in computed.items() if not _is_same(now, prediction.inputs.get(name))),
        unknown=(),
    )


def _question(
    contract: DatasetContract, tables: Tables, plan: FeaturePlan, prediction: Prediction
) -> tuple[tuple[Digest, int] | None, Mapping[str, object]] | None:
    """The values of the question in physical types, and where its published row stands, if it was about one.

    `None` where there is nothing to compute: complete rows of features were given, or nobody published the row.
    """
    keys, said = set(contract.of_role("key")), values_of(contract, prediction.entity)
    if not keys <= set(said):
        return None
    if set(said) > keys or plan.spine not in tables:
        return None, {**said, plan.asked: prediction.asked_ns}
    event = contract.event_time or "_known_at"
    asked = pl.lit(prediction.asked_ns, dtype=pl.Int64)
    same = [pl.col(name).to_physical() == pl.lit(said[name]) for name in sorted(keys)]
    visible = tables[plan.spine].filter(*same, pl.col("_known_at").to_physical() <= asked)
    newest = visible.sort(event, "_known_at", "_object", "_row").tail(1).collect()
    if newest.is_empty():
        return None
    row = newest.with_columns(pl.selectors.temporal().to_physical()).row(0, named=True)
    named = {column.name: row[column.name] for column in contract.columns}
    return (str(row["_object"]), int(row["_row"])), {**named, plan.asked: prediction.asked_ns}


def _computed(
    plan: FeaturePlan, package: Package, prediction: Prediction, tables: Tables, values: Mapping[str, object]
) -> Mapping[str, float]:
    """Each feature of a question, as the model takes it."""
    others = {name: table for name, table in tables.items() if name != plan.spine}
    features = evaluate(plan, spine_of(plan, [values], [prediction.asked_ns]), others)
    row = matrix_of(inputs_of(features), package.features)[0].tolist()
    return dict(zip((feature.name for feature in package.features), row, strict=True))


def _is_same(now: float, logged: str | int | float | bool | None) -> bool:
    if logged is None or isinstance(logged, str):
        return logged is None and math.isnan(now)
    then = float(logged)
    return now == then or (math.isnan(now) and math.isnan(then))


def read_rows(line: Line, datasets: Mapping[str, Digest], places: Iterable[Place]) -> dict[Place, SourceRow]:
    """Rows by where they stand, each with the batch it came with.

    Args:
        line: The line.
        datasets: The dataset version of each contract that they are in.
        places: Contract, object and number of each.

    Raises:
        IntegrityError: An object's bytes are not those that were recorded.
    """
    wanted: dict[tuple[str, Digest], set[int]] = {}
    for contract, digest, row in places:
        wanted.setdefault((contract, digest), set()).add(row)
    batches = {contract: _batches(line, datasets[contract]) for contract, _ in wanted}
    found = {}
    for (contract, digest), rows in wanted.items():
        batch = batches[contract].get(digest)
        for row, values in _values(line, digest, rows).items():
            landed_row = values.pop(_LANDED_ROW, None)
            shown = {name: _text(value) for name, value in values.items() if not name.startswith("_")}
            found[contract, digest, row] = SourceRow(
                contract=contract,
                object=digest,
                row=row,
                batch=batch.digest if batch else "",
                landed=batch.object(LANDED).sha256 if batch else "",
                landed_row=landed_row if isinstance(landed_row, int) else None,
                values=shown,
            )
    return found


def _values(line: Line, digest: Digest, rows: set[int]) -> dict[int, dict[str, Cell]]:
    scan = pl.scan_parquet(line.records.blobs.local(digest), row_index_name="_row", hive_partitioning=False)
    chosen = scan.filter(pl.col("_row").is_in(sorted(rows)))
    times = pl.selectors.datetime()
    frame = chosen.with_columns(times.dt.cast_time_unit("ns")).collect()
    moments = set(frame.select(times).columns)
    found = {}
    for row in frame.with_columns(times.to_physical()).iter_rows(named=True):
        number = int(row.pop("_row"))
        found[number] = {
            name: iso(value) if name in moments and value is not None else cast("Cell", value)
            for name, value in row.items()
        }
    return found


def _batches(line: Line, version: Digest) -> dict[Digest, Manifest]:
    """The batch that each object of a dataset version came with."""
    manifests = line.records.manifests
    found: dict[Digest, Manifest] = {}
    waiting = [version]
    while waiting:
        dataset = manifests.get(waiting.pop())
        for batch in (manifests.get(digest) for digest in dataset.inputs_of("batch")):
            found |= {item.sha256: batch for item in batch.content}
        waiting += dataset.inputs_of("previous")
    return found


def _text(value: Cell) -> str | None:
    if isinstance(value, bytes):
        return f"{of_bytes(value)} ({len(value)} bytes)"
    return None if value is None else str(value)
