"""A model run after its snapshot: train, validate, bind, release, each stage opened by the Pass before it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from andon.contracts.evidence import MEASURED, Evidence, Span, find
from andon.contracts.wire import from_json, to_json
from andon.gates.request import JudgeRequest, Receipt
from andon.kernel.canonical import dumps
from andon.kernel.clock import parse_iso
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError
from andon.line.deploy.bind import Deployment, bind, measure_lineage
from andon.runtime.line import Line
from andon.runtime.measured import read_measurements
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived, ended, judged
from andon.runtime.train_stage import package_of
from andon.runtime.validate_stage import champion_of
from andon.runtime.work import store_bytes
from andon.store.manifest import Manifest


def training_request(line: Line, run: Run) -> JudgeRequest:
    """What the training gate is asked: the model, on what was measured of its training and on the tuning rows."""
    model = line.records.manifests.get(str(run.facts["model"]))
    report = line.records.manifests.get(str(run.facts["training report"]))
    return _request(line, run, "training", model, report)


def model_request(line: Line, run: Run) -> JudgeRequest:
    """What the model gate is asked: the model, on the holdout rows, against the champion."""
    model = line.records.manifests.get(str(run.facts["model"]))
    report = line.records.manifests.get(str(run.facts["report"]))
    request = _request(line, run, "model", model, report)
    evidence = replace(request.evidence, span=_holdout(line, run))
    return replace(request, evidence=evidence, champion=str(report.facts["champion"]))


def release_request(line: Line, run: Run) -> JudgeRequest:
    """What the release gate is asked: the release, on its lineage and its target, for that target."""
    release = line.records.manifests.get(str(run.facts["release"]))
    champion = champion_of(line, run.subject)
    return JudgeRequest(
        factory=line.factory,
        policy=line.policy(f"release:{run.subject}"),
        evidence=Evidence(
            subject=release.digest,
            rows=release.digest,
            measurements=read_measurements(line, str(run.facts["release measured"])),
        ),
        subject=release,
        target=line.release(run.subject).target,
        champion=champion.digest if champion else "",
        excluded=(run.started_by,),
    )


def step_training_gate(line: Line, run: Run, tell: Tell) -> Run:
    """Let the training gate judge the model."""
    return judged(line, run, line.gatekeeper.judge(training_request(line, run)), "validate", tell)


def step_model_gate(line: Line, run: Run, tell: Tell) -> Run:
    """Let the model gate judge the model on rows it never saw."""
    return judged(line, run, line.gatekeeper.judge(model_request(line, run)), "bind", tell)


def step_bind(line: Line, run: Run, tell: Tell) -> Run:
    """Put the release together, and measure its lineage and its target once, so that people sign for fixed values."""
    line.gatekeeper.pass_of(str(run.facts["model"]), f"model:{run.subject}")
    model = line.records.manifests.get(str(run.facts["model"]))
    report = line.records.manifests.get(str(run.facts["report"]))
    declared = line.release(run.subject)
    deployment = Deployment(
        target=declared.target,
        predecessor=line.gatekeeper.serving(run.subject, declared.target),
        initiators=(run.started_by,),
        root_version=line.root_version,
    )
    release = bind(model, report, package_of(line, model), line.declaration, deployment)
    digest = line.gatekeeper.bind(release)
    tell(f"{run.subject}: bound as release {short(digest)}")
    return arrived(line, run, "release gate", {"release": digest, "release measured": _measured(line, run, release)})


def step_release_gate(line: Line, run: Run, tell: Tell) -> Run:
    """Let the release gate judge, with the people it asks for; a target that was sick is looked at again."""
    found = find(read_measurements(line, str(run.facts["release measured"])), "target.healthy")
    if found is None or not found.value:
        release = line.records.manifests.get(str(run.facts["release"]))
        run = replace(run, facts={**run.facts, "release measured": _measured(line, run, release)})
    return judged(line, run, line.gatekeeper.judge(release_request(line, run)), "admit", tell)


def step_admit(line: Line, run: Run, tell: Tell) -> Run:
    """Have the whole chain checked once more from its bytes, and the release admitted."""
    receipt = line.gatekeeper.admit(str(run.facts["release"]), line.release(run.subject).target)
    tell(f"{run.subject}: admitted to {receipt.target}")
    return arrived(line, run, "promote", {"receipt": to_json(receipt)})


def step_promote(line: Line, run: Run, tell: Tell) -> Run:
    """Let the target answer with the release, once every worker has loaded and checked it."""
    receipt = from_json(Receipt, run.facts["receipt"])
    line.targets.promote(receipt)
    tell(f"{run.subject}: {receipt.target} answers with release {short(receipt.release)}")
    return ended(line, run, {"result": "released"})


def _measured(line: Line, run: Run, release: Manifest) -> Digest:
    """Store what is measured of a release and its target, and give the object's digest."""
    model = line.records.manifests.get(str(run.facts["model"]))
    declared = line.release(run.subject)
    measured = (
        measure_lineage(release, lambda ancestor: _manifest_or_none(line, ancestor)),
        *line.targets.measure(declared.target, model, declared.latency_ns),
    )
    return store_bytes(line, MEASURED, dumps([to_json(item) for item in measured])).sha256


def _request(line: Line, run: Run, kind: str, model: Manifest, report: Manifest) -> JudgeRequest:
    return JudgeRequest(
        factory=line.factory,
        policy=line.policy(f"{kind}:{run.subject}"),
        evidence=Evidence(
            subject=model.digest,
            rows=str(report.facts["rows"]),
            measurements=read_measurements(line, report.object(MEASURED).sha256),
        ),
        subject=model,
        manifests=(report,),
        target=line.release(run.subject).target,
        excluded=(run.started_by,),
    )


def _holdout(line: Line, run: Run) -> Span:
    """The time in which the holdout rows lie; the split names it without its beginning and with its end."""
    snapshot = line.records.manifests.get(str(run.facts["snapshot"]))
    times = cast("Mapping[str, Mapping[str, str]]", snapshot.facts["split"])["times"]
    spine = line.feature_set(line.model(run.subject).features).spine
    return Span(spine, parse_iso(times["holdout_from"]) + 1, parse_iso(times["holdout_until"]) + 1)


def _manifest_or_none(line: Line, digest: Digest) -> Manifest | None:
    try:
        return line.records.manifests.get(digest)
    except InputError:
        return None
