"""A judged batch as an artefact, and the dataset version that it becomes when its gate lets it pass."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.evidence import MEASURED, Evidence
from andon.contracts.wire import to_json
from andon.gates.request import JudgeRequest, Publication
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest
from andon.line.ingest.personal import PERSONAL
from andon.line.ingest.stage import Ingested
from andon.runtime.line import Line
from andon.runtime.measured import read_measurements
from andon.runtime.run import Run
from andon.runtime.tables import LATEST, PUBLISHED, REFERENCE
from andon.runtime.work import Made, store_bytes
from andon.store.manifest import Input, Manifest, Object

LANDED: Final = "landed.parquet"
GOOD: Final = "good.parquet"


def batch_of(
    line: Line,
    contract: DatasetContract,
    landed: Object,
    checked: Ingested,
    *,
    inputs: tuple[Input, ...],
    key: Digest,
    facts: Mapping[str, Json],
) -> Made:
    """The batch that became of landed rows, with what was set aside beside it.

    Args:
        line: The line.
        contract: What the rows had to be.
        landed: The rows as they came in.
        checked: What became of them.
        inputs: What they were made from.
        key: The stage key.
        facts: What else is to be known of the batch.
    """
    measured = store_bytes(line, MEASURED, dumps([to_json(item) for item in checked.measurements]))
    content = [replace(landed, rows=checked.counts.rows_in), measured]
    if checked.good_file:
        content.insert(1, _store(line, GOOD, checked.good_file, checked.counts.good))
    output = Manifest(
        kind="batch",
        content=tuple(content),
        contract=contract.digest(),
        inputs=inputs,
        stage_key=key,
        facts={
            "contract": contract.name,
            "counts": checked.counts.to_json(),
            "logical": checked.logical,
            **facts,
        },
    )
    if not checked.quarantine_file:
        return Made(output)
    quarantine = Manifest(
        kind="quarantine",
        content=(_store(line, "quarantine.parquet", checked.quarantine_file, checked.counts.quarantined),),
        contract=contract.digest(),
        inputs=(Input("batch", output.digest),),
        stage_key=key,
        facts={"contract": contract.name, "rows": checked.counts.quarantined},
    )
    return Made(output, (quarantine,))


def references_of(references: Mapping[str, Digest]) -> tuple[Input, ...]:
    """The dataset versions that rows of a batch refer to, as its inputs."""
    return tuple(Input(f"{REFERENCE}{name}", digest) for name, digest in references.items())


def compared(line: Line, run: Run) -> frozenset[str]:
    """The metrics that are measured only where the data gate of a run asks: they cost more than counting does."""
    criteria = line.policy(f"data:{run.subject}").criteria
    return frozenset(one.metric for one in criteria if one.baseline == "published" or one.metric == PERSONAL)


def version_of(
    line: Line, contract: DatasetContract, grown_from: Manifest | None, batch: Manifest, facts: Mapping[str, Json]
) -> Manifest:
    """The dataset version that a Pass publishes: the objects so far, and the batch's good rows as one more.

    Args:
        line: The line.
        contract: The dataset's.
        grown_from: The version whose objects it keeps; `None` where it has only those of the batch.
        batch: What the gate judges.
        facts: What else is to be known of the version.
    """
    good = next((item for item in batch.content if item.name == GOOD), None)
    moments = dict(cast("Mapping[str, Json]", grown_from.facts[PUBLISHED])) if grown_from else {}
    content = grown_from.content if grown_from else ()
    latest = [int(str(grown_from.facts[LATEST]))] if grown_from else [0]
    if good is not None:
        name = f"{len(content) + 1:06d}.parquet"
        # Where the contract says itself when a row could be known, the moment of publication is no part of identity.
        moments[name] = "0" if contract.declares_known_at else str(line.clock.now_ns())
        content = (*content, replace(good, name=name))
        latest += [int(str(moments[name])), _latest(line, contract, good)]
    previous = (Input("previous", grown_from.digest),) if grown_from else ()
    return Manifest(
        kind="dataset",
        content=content,
        contract=contract.digest(),
        inputs=(*previous, Input("batch", batch.digest)),
        stage_key=batch.stage_key,
        facts={
            "contract": contract.name,
            PUBLISHED: moments,
            LATEST: str(max(latest)),
            "rows": sum(item.rows or 0 for item in content),
            **facts,
        },
    )


def request_of(
    line: Line, run: Run, batch: Manifest, expected: Digest | None, version: Manifest | None
) -> JudgeRequest:
    """What a data gate is asked: the batch, and the dataset version it would become, if it brings anything new."""
    return JudgeRequest(
        factory=line.factory,
        policy=line.policy(f"data:{run.subject}"),
        evidence=Evidence(
            subject=batch.digest,
            rows=batch.object(LANDED).sha256,
            measurements=read_measurements(line, batch.object(MEASURED).sha256),
        ),
        subject=batch,
        excluded=(run.started_by,),
        publish=Publication(line.dataset_ref(str(batch.facts["contract"])), expected, version) if version else None,
    )


def _store(line: Line, name: str, path: Path, rows: int) -> Object:
    stored = line.records.blobs.put_file(path)
    return Object(sha256=stored.digest, bytes=stored.size_bytes, rows=rows, name=name)


def _latest(line: Line, contract: DatasetContract, good: Object) -> int:
    """The last moment that any row of a batch happened or became known."""
    rows = pl.scan_parquet(line.records.blobs.local(good.sha256))
    names = [name for name in (contract.event_time, "_known_at") if name in rows.collect_schema().names()]
    if not names:
        return 0
    found = rows.select(pl.max_horizontal(pl.col(name).max().to_physical() for name in names)).collect().item()
    return int(found or 0)
