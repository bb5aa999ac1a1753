"""The train stage: a snapshot in, a packaged model out, made in a keyless child, and measured for its gate."""

from typing import Final, cast

import polars as pl

from andon.contracts.declaration import Model
from andon.contracts.evidence import MEASURED
from andon.contracts.model import Feature, Package, Task
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest, short
from andon.line.features.snapshot import SEGMENT, targets
from andon.line.package import MODEL, PACKAGE, read_package
from andon.line.train.record import TrainingRecord, record_from_bytes
from andon.line.train.stage import Tuning, measure_package, measure_training
from andon.runtime.asking import ask
from andon.runtime.children import Job, Outcome
from andon.runtime.handed import TrainArguments
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.snapshot_stage import PLAN
from andon.runtime.steps import Tell, arrived, telling
from andon.runtime.work import Made, once, stage_key, store_bytes
from andon.store.manifest import Input, Manifest, Object

RECORD: Final = "record.json"


def step_train(line: Line, run: Run, tell: Tell) -> Run:
    """Train a model on the snapshot, unless the very same training was done before.

    Raises:
        AndonError: The training failed, or its model cannot be packaged.
    """
    model = line.model(run.subject)
    snapshot = line.records.manifests.get(str(run.facts["snapshot"]))
    key = stage_key(
        "train",
        {
            "name": model.name,
            "function": model.function,
            "snapshot": snapshot.digest,
            "params": model.params,
            "seed": model.seed,
            "threads": model.threads,
            "environment": line.environment.digest(),
        },
    )
    output, was_there = once(line, run, "train", key, lambda: _train(line, model, snapshot, key, tell))
    report = line.records.manifests.get(output)
    trained = report.inputs_of("model")[0]
    tell(f"{run.subject}: model {short(trained)}{' (cached)' if was_there else ' trained'}")
    return arrived(line, run, "training gate", {"model": trained, "training report": output})


def _train(line: Line, model: Model, snapshot: Manifest, key: Digest, tell: Tell) -> Made:
    arguments = TrainArguments(
        model=model.name,
        function=model.function,
        task=cast("Task", snapshot.facts["task"]),
        features=tuple(from_json(Feature, item) for item in cast("list[Json]", snapshot.facts["features"])),
        classes=tuple(cast("list[str]", snapshot.facts["classes"])),
        plan=cast("dict[str, Json]", loads(line.records.blobs.read(snapshot.object(PLAN).sha256))),
        params=model.params,
        seed=model.seed,
    )
    job = Job(
        verb="train",
        factory=line.code,
        inputs={
            name: line.records.blobs.local(snapshot.object(name).sha256) for name in ("fit.parquet", "tune.parquet")
        },
        arguments=cast("dict[str, Json]", to_json(arguments)),
        limit_ns=model.limit_ns,
        threads=model.threads,
    )
    tell(f"{model.name}: training on {snapshot.object('fit.parquet').rows} rows")
    with line.children.run(job, telling(model.name, tell)) as outcome:
        trained, record = _stored_model(line, model.name, snapshot, outcome, key)
    report = _report(line, trained, snapshot, record, key)
    seen: dict[str, Json] = {"seconds": record.seconds, "peak_bytes": record.peak_bytes}
    return Made(report, (trained,), seen)


def _stored_model(
    line: Line, name: str, snapshot: Manifest, outcome: Outcome, key: Digest
) -> tuple[Manifest, TrainingRecord]:
    content = tuple(_store_file(line, outcome, item) for item in (MODEL, PACKAGE))
    package = read_package((outcome.folder / PACKAGE).read_bytes())
    manifest = Manifest(
        kind="model",
        content=content,
        contract="",
        inputs=(Input("snapshot", snapshot.digest),),
        stage_key=key,
        facts={"name": name, "format": package.format, "task": package.task},
    )
    return manifest, record_from_bytes((outcome.folder / RECORD).read_bytes())


def _store_file(line: Line, outcome: Outcome, name: str) -> Object:
    stored = line.records.blobs.put_file(outcome.folder / name)
    return Object(sha256=stored.digest, bytes=stored.size_bytes, rows=None, name=name)


def _report(line: Line, model: Manifest, snapshot: Manifest, record: TrainingRecord, key: Digest) -> Manifest:
    """What the training gate judges, as an artefact of its own."""
    data = line.records.blobs.read(model.object(MODEL).sha256)
    package = read_package(line.records.blobs.read(model.object(PACKAGE).sha256))
    fit, tune = (
        pl.read_parquet(line.records.blobs.local(snapshot.object(f"{part}.parquet").sha256)) for part in ("fit", "tune")
    )
    answers = ask(line, model, tune)
    tuning = Tuning(
        fit=targets(fit, package.classes).to_numpy(),
        y=targets(tune, package.classes).to_numpy(),
        p=answers,
        segments={
            name.removeprefix(SEGMENT): tune[name].to_numpy() for name in tune.columns if name.startswith(SEGMENT)
        },
    )
    measured = measure_training(package.task, record, measure_package(package, data, record, line.loaders()), tuning)
    return Manifest(
        kind="report",
        content=(
            store_bytes(line, MEASURED, dumps([to_json(item) for item in measured])),
            store_bytes(line, RECORD, record.to_bytes()),
        ),
        contract="",
        inputs=(Input("model", model.digest), Input("snapshot", snapshot.digest)),
        stage_key=key,
        facts={"of": "training", "rows": snapshot.object("tune.parquet").sha256},
    )


def package_of(line: Line, model: Manifest) -> Package:
    """What a model's package says about itself."""
    return read_package(line.records.blobs.read(model.object(PACKAGE).sha256))
