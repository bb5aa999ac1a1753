"""An ingest run: raw rows of one source, landed, checked row by row, and judged by the data gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from andon.contracts.dataset import DatasetContract
from andon.gates.request import JudgeRequest
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.ingest.before import EMPTY_TOO, Before
from andon.line.ingest.stage import ingest
from andon.line.ingest.window import check_known_at, is_empty, next_window
from andon.runtime.batches import LANDED, batch_of, compared, references_of, request_of, version_of
from andon.runtime.children import Job
from andon.runtime.derive_run import derived_request, step_derive
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived, ended, judged, telling
from andon.runtime.tables import UNTIL, check_passes, looked_into, open_tables, open_version, published
from andon.runtime.work import Made, once, stage_key
from andon.store.manifest import Input, Manifest, Object

READ_LIMIT_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class _Batch:
    """What an ingest run works on.

    Attributes:
        references: The pinned versions of the datasets that its rows refer to, by contract.
        compared: The metrics that its gate asks for in comparison with what is published.
    """

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
        InputError: The source fails, gives nothing at first, or gives other columns than its contract declares; or rows
            cannot be derived.
    """
    if line.is_derived(run.subject):
        return step_derive(line, run, tell)
    batch = _next_batch(line, run)
    if is_empty((batch.since_ns, batch.until_ns)):
        tell(f"{run.subject}: nothing new before {iso(batch.until_ns)}")
        return ended(line, run, {"result": "up to date"})
    check_passes(line, batch.references)
    landed = _read_source(line, run, batch, tell)
    key = stage_key(
        "ingest",
        {
            "landed": landed.sha256,
            "contract": batch.contract.digest(),
            "onto": batch.version.digest if batch.version else None,
            "until_ns": str(batch.until_ns),
            **({"references": dict(batch.references)} if batch.references else {}),
            **({"compared": sorted(batch.compared)} if batch.compared else {}),
        },
    )
    output, was_there = once(line, run, "ingest", key, lambda: _check_rows(line, batch, landed, key))
    counts = cast("Mapping[str, Json]", line.records.manifests.get(output).facts["counts"])
    words = " ".join(f"{name} {counts[name]}" for name in ("in", "good", "quarantined", "duplicate"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    # Whether a source that brings nothing keeps its promises is for its gate to say.
    if _is_nothing_new(batch, counts) and not batch.compared & EMPTY_TOO:
        return ended(line, run, {"result": "up to date", "counts": counts})
    return arrived(line, run, "data gate", {"batch": output, "counts": counts})


def data_request(line: Line, run: Run) -> JudgeRequest:
    """What the data gate is asked: the batch, and the dataset version it would become."""
    if line.is_derived(run.subject):
        return derived_request(line, run)
    batch, facts = line.records.manifests.get(str(run.facts["batch"])), _next_batch(line, run)
    version = None
    if not _is_nothing_new(facts, cast("Mapping[str, Json]", batch.facts["counts"])):
        version = version_of(line, facts.contract, facts.version, batch, {UNTIL: str(facts.until_ns)})
    return request_of(line, run, batch, facts.version.digest if facts.version else None, version)


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
    contract = line.contracts[line.source(run.subject).contract]
    version = published(line, contract.name)
    committed = None if version is None else int(str(version.facts[UNTIL]))
    pinned = cast("Mapping[str, Digest]", run.facts.get("datasets", {}))
    return _Batch(contract, version, *next_window(committed, run.as_of_ns), pinned, compared(line, run))


def _is_nothing_new(batch: _Batch, counts: Mapping[str, Json]) -> bool:
    return batch.version is not None and not counts["good"] and not counts["quarantined"]


def _read_source(line: Line, run: Run, batch: _Batch, tell: Tell) -> Object:
    check_known_at(
        batch.contract,
        used_by_windows=batch.contract.name in looked_into(line.declaration),
        is_first_load=batch.version is None,
    )
    job = Job(
        verb="read",
        factory=line.code,
        inputs={},
        arguments={
            "source": run.subject,
            "function": line.source(run.subject).function,
            "since_ns": None if batch.since_ns is None else str(batch.since_ns),
            "until_ns": str(batch.until_ns),
        },
        limit_ns=READ_LIMIT_NS,
        threads=1,
    )
    tell(f"{run.subject}: reading rows before {iso(batch.until_ns)}")
    with line.children.run(job, telling(run.subject, tell)) as outcome:
        stored = line.records.blobs.put_file(outcome.folder / LANDED)
    return Object(sha256=stored.digest, bytes=stored.size_bytes, rows=None, name=LANDED)


def _check_rows(line: Line, batch: _Batch, landed: Object, key: Digest) -> Made:
    path = line.records.blobs.local(landed.sha256)
    rows = None if batch.version is None else open_version(line, batch.version, batch.contract.name)
    with line.scratch() as folder:
        version = "" if batch.version is None else batch.version.digest
        before = Before(batch.compared, rows, version, batch.since_ns, batch.until_ns)
        references = open_tables(line, batch.references)
        checked = ingest(path, batch.contract, rows, batch.until_ns, folder, references, before)
        if batch.version is None and checked.counts.rows_in == 0:
            raise InputError(
                "ingest.empty-source",
                f"The source of {batch.contract.name} gave no rows at all.",
                place=batch.contract.name,
                found=f"0 rows before {iso(batch.until_ns)}",
                fix="Check where the source function reads from, and --as-of.",
            )
        onto = (Input("onto", batch.version.digest),) if batch.version else ()
        return batch_of(
            line,
            batch.contract,
            landed,
            checked,
            inputs=(*onto, *references_of(batch.references)),
            key=key,
            facts={UNTIL: str(batch.until_ns)},
        )
