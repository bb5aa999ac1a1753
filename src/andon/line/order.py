"""The order of the line as data: which stage or gate comes after which."""

from dataclasses import dataclass
from typing import Final, Literal

from andon.contracts.policy import GateKind
from andon.kernel.errors import UsageError

StageName = Literal["ingest", "features", "train", "validate", "deploy", "serve", "monitor"]


@dataclass(frozen=True, slots=True)
class Step:
    """One place where a run can stand.

    Attributes:
        gate: The gate that judges what the stage made before anything may use it; empty where none does.
    """

    stage: StageName
    gate: GateKind | Literal[""] = ""


INGEST_RUN: Final = (Step("ingest", "data"),)
MODEL_RUN: Final = (
    Step("features"),
    Step("train", "training"),
    Step("validate", "model"),
    Step("deploy", "release"),
)
AFTER_RELEASE: Final = (Step("serve"), Step("monitor"))
LINE: Final = INGEST_RUN + MODEL_RUN + AFTER_RELEASE
STAGES: Final = tuple(step.stage for step in LINE)
GATES: Final = tuple(step.gate for step in LINE if step.gate)


def steps_of(kind: Literal["ingest", "model"]) -> tuple[Step, ...]:
    """The steps of an ingest run or of a model run, in order."""
    return INGEST_RUN if kind == "ingest" else MODEL_RUN


def gate_after(stage: str) -> str:
    """Kind of the gate that judges what a stage made; empty where none does.

    Raises:
        UsageError: There is no such stage.
    """
    for step in LINE:
        if step.stage == stage:
            return step.gate
    raise UsageError(
        "line.unknown-stage",
        f"The line has no stage {stage!r}.",
        found=stage,
        fix=f"Use one of {', '.join(STAGES)}.",
    )
