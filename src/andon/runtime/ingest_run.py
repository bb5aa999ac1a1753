"""An ingest run: raw rows of one source, landed, checked row by row, and judged by the data gate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.evidence import Evidence
from andon.contracts.wire import to_json
from andon.gates.request import JudgeRequest, Publication
from andon.kernel.canonical import Json, dumps
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.ingest.stage import Ingested, ingest
from andon.line.ingest.window import check_known_at, is_empty, next_window
from andon.runtime.children import Job
from andon.runtime.line import Line
from andon.runtime.measured import read_measurements
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived, ended, judged, telling
from andon.runtime.tables import LATEST, PUBLISHED, UNTIL, contracts_in_features, open_version, published
from andon.runtime.work import Made, once, stage_key, store_bytes
from andon.store.manifest import Input, Manifest, Object

LANDED: Final = "landed.parquet"
GOOD: Final = "good.parquet"
MEASURED: Final = "measured.json"
READ_LIMIT_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class _Batch:
    """What an ingest run works on."""

    contract: DatasetContract
    version: Manifest | None
    since_ns: int | None
    until_ns: int


def step_ingest(line: Line, run: Run, tell: Tell) -> Run:
    """Land what a source has for the next window, and check it row by row.

    Raises:
        InputError: The source fails, gives nothing at first, or gives other columns than its contract declares.
    """
    batch = _next_batch(line, run)
    if is_empty((batch.since_ns, batch.until_ns)):
        tell(f"{run.subject}: nothing new before {iso(batch.until_ns)}")
        return ended(line, run, {"result": "up to date"})
    landed = _read_source(line, run, batch, tell)
    key = stage_key(
        "ingest",
        {
            "landed": landed.sha256,
            "contract": batch.contract.digest(),
            "onto": batch.version.digest if batch.version else None,
            "until_ns": str(batch.until_ns),
        },
    )
    output, was_there = once(line, run, "ingest", key, lambda: _check_rows(line, batch, landed, key))
    counts = cast("Mapping[str, Json]", line.records.manifests.get(output).facts["counts"])
    words = " ".join(f"{name} {counts[name]}" for name in ("in", "good", "quarantined", "duplicate"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    if batch.version is not None and not counts["good"] and not counts["quarantined"]:
        return ended(line, run, {"result": "up to date", "counts": counts})
    return arrived(line, run, "data gate", {"batch": output, "counts": counts})


def data_request(line: Line, run: Run) -> JudgeRequest:
    """What the data gate is asked: the batch, and the dataset version it would become."""
    batch_digest = str(run.facts["batch"])
    batch = line.records.manifests.get(batch_digest)
    facts = _next_batch(line, run)
    return JudgeRequest(
        factory=line.factory,
        policy=line.policy(f"data:{run.subject}"),
        evidence=Evidence(
            subject=batch_digest,
            rows=batch.object(LANDED).sha256,
            measurements=read_measurements(line, batch.object(MEASURED).sha256),
        ),
        subject=batch,
        excluded=(run.started_by,),
        publish=Publication(
            ref=line.dataset_ref(facts.contract.name),
            expected=facts.version.digest if facts.version else None,
            manifest=_next_version(line, facts, batch),
        ),
    )


def step_data_gate(line: Line, run: Run, tell: Tell) -> Run:
    """Let the data gate judge the batch; a Pass publishes the next version of the dataset in the same moment."""
    judgement = line.gatekeeper.judge(data_request(line, run))
    if judgement.outcome != "PASSED":
        return judged(line, run, judgement, "", tell)
    contract = line.source(run.subject).contract
    version = published(line, contract)
    if version is not None:
        line.targets.publish({contract: version})
    tell(f"{run.subject}: data gate passed, {contract} published")
    return ended(line, run, {"result": "published", "verdict": judgement.verdict, "dataset": judgement.published})


def _next_batch(line: Line, run: Run) -> _Batch:
    contract = line.contracts[line.source(run.subject).contract]
    version = published(line, contract.name)
    committed = None if version is None else int(str(version.facts[UNTIL]))
    return _Batch(contract, version, *next_window(committed, run.as_of_ns))


def _read_source(line: Line, run: Run, batch: _Batch, tell: Tell) -> Object:
    check_known_at(
        batch.contract,
        used_by_windows=batch.contract.name in contracts_in_features(line.declaration),
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
        checked = ingest(path, batch.contract, rows, batch.until_ns, folder)
        if batch.version is None and checked.counts.rows_in == 0:
            raise InputError(
                "ingest.empty-source",
                f"The source of {batch.contract.name} gave no rows at all.",
                place=batch.contract.name,
                found=f"0 rows before {iso(batch.until_ns)}",
                fix="Check where the source function reads from, and --as-of.",
            )
        return _made(line, batch, replace(landed, rows=checked.counts.rows_in), checked, key)


def _made(line: Line, batch: _Batch, landed: Object, checked: Ingested, key: Digest) -> Made:
    measured = store_bytes(line, MEASURED, dumps([to_json(item) for item in checked.measurements]))
    content = [landed, measured]
    if checked.good_file:
        content.insert(1, _store(line, GOOD, checked.good_file, checked.counts.good))
    output = Manifest(
        kind="batch",
        content=tuple(content),
        contract=batch.contract.digest(),
        inputs=(Input("onto", batch.version.digest),) if batch.version else (),
        stage_key=key,
        facts={
            "contract": batch.contract.name,
            "counts": checked.counts.to_json(),
            "logical": checked.logical,
            UNTIL: str(batch.until_ns),
        },
    )
    if not checked.quarantine_file:
        return Made(output)
    quarantine = Manifest(
        kind="quarantine",
        content=(_store(line, "quarantine.parquet", checked.quarantine_file, checked.counts.quarantined),),
        contract=batch.contract.digest(),
        inputs=(Input("batch", output.digest),),
        stage_key=key,
        facts={"contract": batch.contract.name, "rows": checked.counts.quarantined},
    )
    return Made(output, (quarantine,))


def _store(line: Line, name: str, path: Path, rows: int) -> Object:
    stored = line.records.blobs.put_file(path)
    return Object(sha256=stored.digest, bytes=stored.size_bytes, rows=rows, name=name)


def _next_version(line: Line, facts: _Batch, batch: Manifest) -> Manifest:
    """The dataset version that a Pass publishes: the objects so far, and the batch's good rows as one more."""
    before = facts.version
    good = next((item for item in batch.content if item.name == GOOD), None)
    moments = dict(cast("Mapping[str, Json]", before.facts[PUBLISHED])) if before else {}
    content = before.content if before else ()
    latest = [int(str(before.facts[LATEST]))] if before else [0]
    if good is not None:
        name = f"{len(content) + 1:06d}.parquet"
        # Where the contract says itself when a row could be known, the moment of publication is no part of identity.
        moments[name] = "0" if facts.contract.declares_known_at else str(line.clock.now_ns())
        content = (*content, replace(good, name=name))
        latest += [int(str(moments[name])), _latest(line, facts.contract, good)]
    previous = (Input("previous", before.digest),) if before else ()
    return Manifest(
        kind="dataset",
        content=content,
        contract=facts.contract.digest(),
        inputs=(*previous, Input("batch", batch.digest)),
        stage_key=batch.stage_key,
        facts={
            "contract": facts.contract.name,
            UNTIL: str(facts.until_ns),
            PUBLISHED: moments,
            LATEST: str(max(latest)),
            "rows": sum(item.rows or 0 for item in content),
        },
    )


def _latest(line: Line, contract: DatasetContract, good: Object) -> int:
    """The last moment that any row of a batch happened or became known."""
    rows = pl.scan_parquet(line.records.blobs.local(good.sha256))
    names = [name for name in (contract.event_time, "_known_at") if name in rows.collect_schema().names()]
    if not names:
        return 0
    found = rows.select(pl.max_horizontal(pl.col(name).max().to_physical() for name in names)).collect().item()
    return int(found or 0)
