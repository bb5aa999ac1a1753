"""An ingest run: raw rows of one source, landed, checked row by row, and judged by the data gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Source
from andon.gates.request import JudgeRequest
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.ingest.before import EMPTY_TOO, Before
from andon.line.ingest.changes import changes, check_columns, check_types
from andon.line.ingest.stage import ingest
from andon.line.ingest.window import check_known_at, has_window, is_empty, next_window, with_lag
from andon.runtime.batches import LANDED, batch_of, compared, references_of, request_of, version_of
from andon.runtime.derive_run import derived_request, step_derive
from andon.runtime.landing import READ, Landed, Wanted, land_rows
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived, ended, judged
from andon.runtime.tables import UNTIL, check_passes, looked_into, open_tables, open_version, published
from andon.runtime.work import Made, once, stage_key, store_frame
from andon.store.manifest import Input, Manifest, Object


@dataclass(frozen=True, slots=True)
class _Batch:
    """What an ingest run works on.

    Attributes:
        references: The pinned versions of the datasets that its rows refer to, by contract.
        compared: The metrics that its gate asks for, of those that are measured only then.
    """

    source: Source
    contract: DatasetContract
    version: Manifest | None
    since_ns: int | None
    until_ns: int
    references: Mapping[str, Digest]
    compared: frozenset[str]


def step_ingest(line: Line, run: Run, tell: Tell) -> Run:
    """Land what a source has for the next window, or what is derived from other datasets, and check it row by row.

    Raises:
        RefusedError: A dataset to derive from, or to refer to, has no Pass.
        WaitingError: The source cannot be reached.
        InputError: The source fails, gives nothing at first, or gives other columns than its contract declares, or than
            it did; or rows cannot be derived.
    """
    if line.is_derived(run.subject):
        return step_derive(line, run, tell)
    batch = _next_batch(line, run)
    if is_empty((batch.since_ns, batch.until_ns)):
        tell(f"{run.subject}: nothing new before {iso(batch.until_ns)}")
        return ended(line, run, {"result": "up to date"})
    check_passes(line, batch.references)
    landed = _read_source(line, batch, tell)
    rows, where = landed.rows, landed.facts(batch.version)
    if rows is None:
        tell(f"{run.subject}: nothing new to read")
        if not batch.compared & EMPTY_TOO:
            return ended(line, run, {"result": "up to date"})
        rows = _no_rows(line, batch)
    key = stage_key(
        "ingest",
        {
            "landed": rows.sha256,
            "contract": batch.contract.digest(),
            "onto": batch.version.digest if batch.version else None,
            "until_ns": str(batch.until_ns),
            **({"references": dict(batch.references)} if batch.references else {}),
            **({"compared": sorted(batch.compared)} if batch.compared else {}),
            **({"read": landed.identity()} if where else {}),
        },
    )
    output, was_there = once(line, run, "ingest", key, lambda: _check_rows(line, batch, rows, where, key))
    counts = cast("Mapping[str, Json]", line.records.manifests.get(output).facts["counts"])
    words = " ".join(f"{name} {counts[name]}" for name in ("in", "good", "quarantined", "duplicate"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    # Whether a source that brings nothing keeps its promises is for its gate to say.
    if _is_nothing_new(batch.version, counts, where) and not batch.compared & EMPTY_TOO:
        return ended(line, run, {"result": "up to date", "counts": counts})
    return arrived(line, run, "data gate", {"batch": output, "counts": counts})


def data_request(line: Line, run: Run) -> JudgeRequest:
    """What the data gate is asked: the batch, and the dataset version it would become."""
    if line.is_derived(run.subject):
        return derived_request(line, run)
    batch = line.records.manifests.get(str(run.facts["batch"]))
    contract = line.contracts[line.source(run.subject).contract]
    before = published(line, contract.name)
    version = None
    if not _is_nothing_new(before, cast("Mapping[str, Json]", batch.facts["counts"]), batch.facts):
        until_ns = max(int(str(one.facts[UNTIL])) for one in (batch, before) if one is not None)
        version = version_of(line, contract, before, batch, {UNTIL: str(until_ns)})
    return request_of(line, run, batch, before.digest if before else None, version)


def step_data_gate(line: Line, run: Run, tell: Tell) -> Run:
    """Let the data gate judge the batch; a Pass publishes the next version of the dataset in the same moment."""
    judgement = line.gatekeeper.judge(data_request(line, run))
    if judgement.outcome != "PASSED":
        return judged(line, run, judgement, "", tell)
    if not judgement.published:
        tell(f"{run.subject}: data gate passed, nothing new")
        return ended(line, run, {"result": "up to date", "verdict": judgement.verdict})
    contract = line.origin(run.subject).contract
    version = published(line, contract)
    if version is not None:
        line.targets.publish({contract: version})
    tell(f"{run.subject}: data gate passed, {contract} published")
    return ended(line, run, {"result": "published", "verdict": judgement.verdict, "dataset": judgement.published})


def _next_batch(line: Line, run: Run) -> _Batch:
    """The next window of a source; what cannot be asked for one is read as it is now."""
    source = line.source(run.subject)
    contract = line.contracts[source.contract]
    version = published(line, contract.name)
    committed = None if version is None else int(str(version.facts[UNTIL]))
    pinned = cast("Mapping[str, Digest]", run.facts.get("datasets", {}))
    if has_window(source.reads):
        window = next_window(committed, run.as_of_ns, settle_ns=source.settle_ns)
    else:
        window = next_window(committed, line.clock.now_ns())
    return _Batch(source, contract, version, *window, pinned, compared(line, run))


def _is_nothing_new(version: Manifest | None, counts: Mapping[str, Json], facts: Mapping[str, Json]) -> bool:
    """Whether a batch would change nothing: no row came, and no file or table was read for the first time."""
    return version is not None and not counts["good"] and not counts["quarantined"] and not {*READ} & set(facts)


def _read_source(line: Line, batch: _Batch, tell: Tell) -> Landed:
    check_known_at(
        batch.contract,
        used_by_windows=batch.contract.name in looked_into(line.declaration),
        is_first_load=batch.version is None,
    )
    what = f"rows before {iso(batch.until_ns)}" if has_window(batch.source.reads) else "what is new"
    tell(f"{batch.source.name}: reading {what}")
    since_ns = with_lag(batch.since_ns, batch.source.lag_ns)
    landed = land_rows(line, Wanted(batch.source, batch.contract, batch.version, since_ns, batch.until_ns), tell)
    if landed.rows is None and batch.version is None:
        raise _empty(batch, "nothing that can be read yet")
    return landed


def _check_rows(line: Line, batch: _Batch, landed: Object, where: Mapping[str, Json], key: Digest) -> Made:
    path = line.records.blobs.local(landed.sha256)
    rows = None if batch.version is None else open_version(line, batch.version, batch.contract.name)
    found = changes(before, pl.Schema(pl.read_parquet_schema(path))) if (before := _columns_before(line, batch)) else {}
    check_columns(found, batch.contract, batch.source.name)
    with line.scratch() as folder:
        version = "" if batch.version is None else batch.version.digest
        against = Before(batch.compared, rows, version, batch.since_ns, batch.until_ns)
        references = open_tables(line, batch.references)
        checked = ingest(path, batch.contract, rows, batch.until_ns, folder, references, against)
        check_types(found, checked.counts.broken, batch.contract, batch.source.name)
        if batch.version is None and checked.counts.rows_in == 0:
            raise _empty(batch, f"0 rows before {iso(batch.until_ns)}")
        onto = (Input("onto", batch.version.digest),) if batch.version else ()
        return batch_of(
            line,
            batch.contract,
            landed,
            checked,
            inputs=(*onto, *references_of(batch.references)),
            key=key,
            facts={UNTIL: str(batch.until_ns), **where},
        )


def _no_rows(line: Line, batch: _Batch) -> Object:
    """A table without rows for a source that brings none: whether that keeps its promises is for its gate to say."""
    return store_frame(line, LANDED, pl.DataFrame(schema=_columns_before(line, batch)))


def _columns_before(line: Line, batch: _Batch) -> pl.Schema | None:
    """The columns with which the last published batch landed."""
    last = None if batch.version is None else next(iter(batch.version.inputs_of("batch")), None)
    if last is None:
        return None
    landed = line.records.manifests.get(last).object(LANDED)
    return pl.Schema(pl.read_parquet_schema(line.records.blobs.local(landed.sha256)))


def _empty(batch: _Batch, found: str) -> InputError:
    return InputError(
        "ingest.empty-source",
        f"The source of {batch.contract.name} gave no rows at all.",
        place=batch.contract.name,
        found=found,
        fix="Check where the source reads from, and --as-of.",
    )
