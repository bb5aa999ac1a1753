"""The validate stage: model and holdout in, measurements and a report out; the champion runs beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.declaration import Model
from andon.contracts.evidence import MEASURED, Evidence, Measurement
from andon.contracts.model import Package
from andon.contracts.wire import from_json, to_json
from andon.expressions.evaluate import evaluate
from andon.expressions.marks import Carried, carried_marks, words_of_marks
from andon.expressions.plan import plan_from_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest, short
from andon.line.features.snapshot import ROW_ID, SEGMENT, as_served, targets
from andon.line.features.split import LABEL
from andon.line.matrix import inputs_of, matrix_of
from andon.line.validate.calibration import reliability
from andon.line.validate.marked import measure_marks
from andon.line.validate.report import About, report
from andon.line.validate.stage import Champion, Rows, Trial, evidence_of
from andon.measures.profile import build_baseline
from andon.runtime.asking import ASK_LIMIT_NS, ROWS, ask, model_files
from andon.runtime.children import Job
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.snapshot_stage import SPINE
from andon.runtime.steps import Tell, arrived, ended
from andon.runtime.tables import open_tables
from andon.runtime.train_stage import package_of
from andon.runtime.work import Made, once, stage_key, store_bytes, store_frame
from andon.store.manifest import Input, Manifest

REPORT: Final = "report.html"
BASELINE: Final = "baseline.json"
PREDICTIONS: Final = "predictions.parquet"
PARTS: Final = ("fit", "tune")


@dataclass(frozen=True, slots=True)
class _Case:
    """One candidate with what it is measured by, and the marks that its features carry."""

    line: Line
    model: Model
    candidate: Manifest
    package: Package
    snapshot: Manifest
    champion: Manifest | None
    carried: Mapping[str, Carried]

    def frame(self, name: str) -> pl.DataFrame:
        """Rows of the snapshot."""
        return pl.read_parquet(self.line.records.blobs.local(self.snapshot.object(name).sha256))


def step_validate(line: Line, run: Run, tell: Tell) -> Run:
    """Measure the model on rows it never saw; a model that serves already is not judged against itself.

    Raises:
        RefusedError: The training gate did not pass the model.
        AndonError: The model, the champion or a team's measurement fails.
    """
    digest = str(run.facts["model"])
    line.gatekeeper.pass_of(digest, f"training:{run.subject}")
    champion = champion_of(line, run.subject)
    if champion is not None and champion.digest == digest:
        tell(f"{run.subject}: {line.release(run.subject).target} serves this model already")
        return ended(line, run, {"result": "serves already"})
    model = line.model(run.subject)
    candidate = line.records.manifests.get(digest)
    snapshot = line.records.manifests.get(str(run.facts["snapshot"]))
    package = package_of(line, candidate)
    carried = carried_marks(package.plan, line.feature_set(model.features).label, line.declaration)
    key = stage_key(
        "validate",
        {
            "model": digest,
            "snapshot": snapshot.digest,
            "champion": champion.digest if champion else "",
            "measures": dict(model.measures),
            **({"marks": _json(carried)} if carried else {}),
        },
    )
    case = _Case(line, model, candidate, package, snapshot, champion, carried)

    def measure() -> Made:
        tell(f"{run.subject}: measuring on {snapshot.object('holdout_features.parquet').rows} holdout rows")
        return _measure(case, run, key)

    output, was_there = once(line, run, "validate", key, measure)
    tell(f"{run.subject}: measured on the holdout{' (cached)' if was_there else ''}")
    return arrived(line, run, "model gate", {"report": output})


def champion_of(line: Line, name: str) -> Manifest | None:
    """The model that the target serves now; `None` before its first release."""
    release = line.gatekeeper.serving(name, line.release(name).target)
    if not release:
        return None
    return line.records.manifests.get(line.records.manifests.get(release).inputs_of("model")[0])


def _measure(case: _Case, run: Run, key: Digest) -> Made:
    features, labels = case.frame("holdout_features.parquet"), case.frame("holdout_labels.parquet")
    learned = {part: case.frame(f"{part}.parquet") for part in PARTS}
    columns = [feature.name for feature in case.package.features]
    served = as_served(learned["fit"], columns)
    asked = [frame.select(columns) for frame in (features, *learned.values())]
    is_other = not served.equals(asked[1])
    asked += [served] if is_other else []
    answers = ask(case.line, case.candidate, pl.concat(asked))
    pieces = _pieces(answers, [frame.height for frame in asked])
    trial = Trial(
        task=case.package.task,
        holdout=_rows(labels, pieces[0], case.package),
        matrix=matrix_of(features, case.package.features),
        features=case.package.features,
        learned={
            part: _rows(frame, piece, case.package)
            for (part, frame), piece in zip(learned.items(), pieces[1:3], strict=True)
        },
        champion=_champion(case),
    )
    evidence = evidence_of(case.candidate.digest, trial)
    marks = measure_marks(case.carried, labels.height)
    evidence = replace(evidence, measurements=(*evidence.measurements, *marks, *_team(case)))
    baseline = _baseline(case, served, pieces[-1] if is_other else pieces[1], key)
    return Made(_report(case, run, evidence, trial, baseline, key), (baseline,))


def _json(carried: Mapping[str, Carried]) -> Json:
    return {name: {mark: list(columns) for mark, columns in marks.items()} for name, marks in carried.items()}


def _pieces(answers: npt.NDArray[np.float64], lengths: Sequence[int]) -> list[npt.NDArray[np.float64]]:
    return np.split(answers, np.cumsum(lengths)[:-1])


def _rows(frame: pl.DataFrame, answers: npt.NDArray[np.float64], package: Package) -> Rows:
    return Rows(
        ids=frame[ROW_ID].to_list(),
        y=targets(frame.select(LABEL), package.classes).cast(pl.Float64).to_numpy(),
        p=answers,
        segments={
            name.removeprefix(SEGMENT): frame[name].to_numpy() for name in frame.columns if name.startswith(SEGMENT)
        },
    )


def _champion(case: _Case) -> Champion | None:
    """The champion's answers to the same rows, made with its own features."""
    if case.champion is None:
        return None
    line = case.line
    plan = plan_from_json(package_of(line, case.champion).plan)
    spine = case.frame(SPINE)
    datasets = {item.role.removeprefix("dataset:"): item.digest for item in case.snapshot.inputs}
    answers = ask(line, case.champion, inputs_of(evaluate(plan, spine, open_tables(line, datasets))))
    before = line.records.manifests.get(case.champion.inputs_of("snapshot")[0])
    learned: set[str] = set()
    for part in PARTS:
        path = line.records.blobs.local(before.object(f"{part}.parquet").sha256)
        learned |= set(pl.read_parquet(path, columns=[ROW_ID])[ROW_ID])
    return Champion(case.champion.digest, answers, frozenset(learned))


def _team(case: _Case) -> tuple[Measurement, ...]:
    """What the team's own functions measure, in a child that gets no labels."""
    if not case.model.measures:
        return ()
    line = case.line
    rows = line.records.blobs.local(case.snapshot.object("holdout_features.parquet").sha256)
    job = Job(
        verb="measure",
        factory=line.code,
        inputs={**model_files(line, case.candidate), ROWS: rows},
        arguments={"model": case.model.name, "measures": dict(case.model.measures)},
        limit_ns=ASK_LIMIT_NS,
    )
    with line.children.run(job, lambda _: None) as outcome:
        items = cast("list[Json]", loads((outcome.folder / "measurements.json").read_bytes()))
    return tuple(from_json(Measurement, item) for item in items)


def _baseline(case: _Case, fit: pl.DataFrame, answers: npt.NDArray[np.float64], key: Digest) -> Manifest:
    """What live rows will be compared with: counts of the training rows and of the model's answers to them."""
    prediction = pl.Series(answers) if answers.ndim == 1 else pl.Series(answers.argmax(axis=1).astype(np.float64))
    numbers = fit.with_columns(pl.col(pl.Boolean).cast(pl.Float64))
    baseline = build_baseline(numbers, prediction)
    return Manifest(
        kind="baseline",
        content=(store_bytes(case.line, BASELINE, dumps(to_json(baseline))),),
        contract="",
        inputs=(Input("model", case.candidate.digest), Input("snapshot", case.snapshot.digest)),
        stage_key=key,
        facts={"rows": fit.height},
    )


def _report(case: _Case, run: Run, evidence: Evidence, trial: Trial, baseline: Manifest, key: Digest) -> Manifest:
    line, package = case.line, case.package
    feature_set = line.feature_set(case.model.features)
    about = About(
        factory=line.factory,
        model=case.model.name,
        purpose=line.declaration.purpose,
        owner=case.model.owner,
        task=package.task,
        subject=case.candidate.digest,
        snapshot=case.snapshot.digest,
        as_of_ns=run.as_of_ns,
        split=cast("Mapping[str, Mapping[str, Json]]", case.snapshot.facts["split"]),
        champion=case.champion.digest if case.champion else "",
        features=package.features,
        made=(
            ("Format", package.format),
            ("Parameters", ", ".join(f"{name} {value}" for name, value in package.params.items()) or "none"),
            ("Seed", str(package.seed)),
            ("Threads", str(package.threads)),
            ("Environment", short(package.environment)),
            ("Features", feature_set.name),
            *((f"From {mark} columns", text) for mark, text in words_of_marks(case.carried)),
        ),
    )
    bins = reliability(trial.holdout.y, trial.holdout.p) if package.task == "binary" else ()
    page = report(about, evidence.measurements, bins)
    held = pl.DataFrame({ROW_ID: pl.Series(trial.holdout.ids, dtype=pl.String)}).with_columns(
        *(pl.Series(name, values) for name, values in _columns(trial.holdout.p).items())
    )
    champion = (Input("champion", case.champion.digest),) if case.champion else ()
    return Manifest(
        kind="report",
        content=(
            store_bytes(line, MEASURED, dumps([to_json(item) for item in evidence.measurements])),
            store_bytes(line, REPORT, page.encode()),
            store_frame(line, PREDICTIONS, held),
        ),
        contract="",
        inputs=(
            Input("model", case.candidate.digest),
            Input("snapshot", case.snapshot.digest),
            Input("baseline", baseline.digest),
            *champion,
        ),
        stage_key=key,
        facts={"of": "validation", "rows": evidence.rows, "champion": case.champion.digest if case.champion else ""},
    )


def _columns(answers: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    if answers.ndim == 1:
        return {"prediction": answers}
    return {f"prediction_{place}": answers[:, place] for place in range(answers.shape[1])}
