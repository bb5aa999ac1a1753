"""An ingest run without a source: rows derived from pinned dataset versions, judged like any others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Derivation
from andon.expressions.plan import plan_from_json
from andon.gates.request import JudgeRequest
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError
from andon.line.ingest.before import Before
from andon.line.ingest.derive import derive
from andon.line.ingest.stage import ingest
from andon.measures.logical import parquet_bytes
from andon.runtime.batches import LANDED, batch_of, compared, references_of, request_of, version_of
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived, ended
from andon.runtime.tables import (
    DATASET,
    REPLACES,
    UNTIL,
    check_passes,
    contracts_of_derivation,
    open_tables,
    open_version,
    published,
)
from andon.runtime.work import Made, once, stage_key
from andon.store.manifest import Input, Manifest, Object

MADE_OF: Final = "made_of"


@dataclass(frozen=True, slots=True)
class _Work:
    """What a derivation works on.

    Attributes:
        datasets: The pinned versions that it reads, by contract.
        references: The pinned versions that its rows refer to, by contract; some may be read, too.
        compared: The metrics that its gate asks for, of those that are measured only then.
        until_ns: How far the newest of them goes.
        made_of: Identity of everything that decides its rows.
    """

    derivation: Derivation
    contract: DatasetContract
    datasets: Mapping[str, Digest]
    references: Mapping[str, Digest]
    compared: frozenset[str]
    until_ns: int
    made_of: Digest


def step_derive(line: Line, run: Run, tell: Tell) -> Run:
    """Derive all rows anew from the pinned versions, and check them row by row.

    Nothing is done where the published version was made of the very same, or of later ones.

    Raises:
        RefusedError: A dataset's newest batch has no Pass.
        InputError: The rows cannot be derived, or the spine has none.
    """
    work, before = _work(line, run), published(line, line.derivation(run.subject).contract)
    if before is not None and (
        before.facts.get(MADE_OF) == work.made_of or int(str(before.facts[UNTIL])) > work.until_ns
    ):
        tell(f"{run.subject}: nothing new before {iso(work.until_ns)}")
        return ended(line, run, {"result": "up to date"})
    check_passes(line, {**work.datasets, **work.references})
    replaces = before.digest if before else None
    asked: dict[str, Json] = {"compared": sorted(work.compared)} if work.compared else {}
    key = stage_key("derive", {MADE_OF: work.made_of, REPLACES: replaces, **asked})

    def make() -> Made:
        tell(f"{run.subject}: deriving {work.contract.name} from {', '.join(work.datasets)}")
        return _make(line, work, before, key)

    output, was_there = once(line, run, "ingest", key, make)
    counts = cast("Mapping[str, Json]", line.records.manifests.get(output).facts["counts"])
    words = " ".join(f"{name} {counts[name]}" for name in ("in", "good", "quarantined", "duplicate"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    return arrived(line, run, "data gate", {"batch": output, "counts": counts})


def derived_request(line: Line, run: Run) -> JudgeRequest:
    """What the data gate is asked: the derived rows, and the dataset version that would replace the one before."""
    batch = line.records.manifests.get(str(run.facts["batch"]))
    replaces = cast("Digest | None", batch.facts[REPLACES])
    facts = {name: batch.facts[name] for name in (UNTIL, MADE_OF, REPLACES)}
    contract = line.contracts[line.derivation(run.subject).contract]
    return request_of(line, run, batch, replaces, version_of(line, contract, None, batch, facts))


def _work(line: Line, run: Run) -> _Work:
    derivation = line.derivation(run.subject)
    contract = line.contracts[derivation.contract]
    pinned = cast("Mapping[str, Digest]", run.facts["datasets"])
    datasets = {name: pinned[name] for name in contracts_of_derivation(derivation)}
    made_of = identity_of(derivation, contract, pinned)
    until = max(int(str(line.records.manifests.get(digest).facts[UNTIL])) for digest in datasets.values())
    references = {name: pinned[name] for name in contract.references}
    return _Work(derivation, contract, datasets, references, compared(line, run), until, made_of)


def identity_of(derivation: Derivation, contract: DatasetContract, datasets: Mapping[str, Digest]) -> Digest:
    """Identity of everything that decides a derivation's rows; a batch of them says it under `MADE_OF`."""
    made_of: dict[str, Json] = {
        "plan": derivation.plan,
        "known_after_ns": str(derivation.known_after_ns),
        "contract": contract.digest(),
        "datasets": datasets,
    }
    return of_value(made_of)


def _make(line: Line, work: _Work, replaced: Manifest | None, key: Digest) -> Made:
    plan = plan_from_json(work.derivation.plan)
    rows = derive(plan, work.contract, open_tables(line, work.datasets), work.derivation.known_after_ns)
    if rows.is_empty():
        raise InputError(
            "ingest.empty-spine",
            f"There is nothing to derive {work.contract.name} from: {plan.spine} has no rows.",
            place=work.contract.name,
            found=f"0 rows before {iso(work.until_ns)}",
            fix=f"See why rows of {plan.spine} were set aside: andon data quarantine {plan.spine}",
        )
    replaces = replaced.digest if replaced else None
    so_far = open_version(line, replaced, work.contract.name) if replaced and work.compared else None
    before = Before(work.compared, so_far, replaces or "", None, work.until_ns)
    with line.scratch() as folder:
        path = folder / LANDED
        path.write_bytes(parquet_bytes(rows))
        stored = line.records.blobs.put_file(path)
        landed = Object(sha256=stored.digest, bytes=stored.size_bytes, rows=None, name=LANDED)
        return batch_of(
            line,
            work.contract,
            landed,
            ingest(path, work.contract, None, work.until_ns, folder, open_tables(line, work.references), before),
            inputs=(
                *(Input(f"{DATASET}{name}", digest) for name, digest in work.datasets.items()),
                *references_of(work.references),
            ),
            key=key,
            facts={UNTIL: str(work.until_ns), MADE_OF: work.made_of, REPLACES: replaces},
        )
