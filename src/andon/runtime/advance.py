"""Advance a run by at most one stage: read where it stands, do that one thing, commit where it stands then."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from andon.gates.request import JudgeRequest
from andon.kernel.errors import AndonError, IntegrityError, UsageError, WaitingError
from andon.runtime import ingest_run, model_run
from andon.runtime.line import Line
from andon.runtime.run import Run, RunState
from andon.runtime.snapshot_stage import step_features
from andon.runtime.steps import Tell
from andon.runtime.train_stage import step_train
from andon.runtime.validate_stage import step_validate

Step = Callable[[Line, Run, Tell], Run]

STEPS: Final[Mapping[str, Mapping[str, Step]]] = {
    "ingest": {"ingest": ingest_run.step_ingest, "data gate": ingest_run.step_data_gate},
    "model": {
        "features": step_features,
        "train": step_train,
        "training gate": model_run.step_training_gate,
        "validate": step_validate,
        "model gate": model_run.step_model_gate,
        "bind": model_run.step_bind,
        "release gate": model_run.step_release_gate,
        "admit": model_run.step_admit,
        "promote": model_run.step_promote,
    },
}
QUESTIONS: Final[Mapping[str, Callable[[Line, Run], JudgeRequest]]] = {
    "data gate": ingest_run.data_request,
    "training gate": model_run.training_request,
    "model gate": model_run.model_request,
    "release gate": model_run.release_request,
}


def request_of(line: Line, run: Run) -> JudgeRequest:
    """What the gate is asked at which a run stands, so that people can sign for exactly that.

    Raises:
        UsageError: The run does not stand at a gate.
    """
    if run.stage not in QUESTIONS:
        raise UsageError(
            "runtime.not-at-a-gate",
            "This run does not stand at a gate.",
            place=run.id,
            found=run.stage,
            fix="Run it on.",
        )
    return QUESTIONS[run.stage](line, run)


def first_stage(kind: str) -> str:
    """Where a run of this kind begins."""
    return next(iter(STEPS[kind]))


def advance(line: Line, run_id: str, tell: Tell) -> Run:
    """Do the next stage of a run, and record where the run stands then.

    A run that is over stays as it is. A stage that was finished before, by whichever process, is not done again. A
    stage for which somebody or something is missing leaves the run waiting where it stands.

    Raises:
        AndonError: The stage failed; the run is recorded as failed with the reason.
    """
    run = line.records.runs.get(run_id)
    if run.is_over:
        return run
    step = STEPS[run.kind].get(run.stage)
    if step is None:
        raise IntegrityError(
            "runtime.unknown-stage",
            "This run stands at a stage that its line does not have.",
            place=run.id,
            found=run.stage,
            fix="Use the version of andon that started the run.",
        )
    try:
        moved = step(line, run, tell)
    except WaitingError as error:
        moved = replace(run, state="waiting", since_ns=line.clock.now_ns(), waiting_for=f"{error.message} {error.fix}")
        tell(f"{run.stage}: waits. {error.message}")
    except AndonError as error:
        _save(line, replace(run, state="failed", since_ns=line.clock.now_ns(), error=error.to_json()), run.state)
        raise
    _save(line, moved, run.state)
    return moved


def _save(line: Line, run: Run, expected: RunState) -> None:
    with line.records.units.begin() as unit:
        line.records.runs.save(unit, run, expected)
