"""What a gate demands: criteria over evidence, and people."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from andon.contracts.wire import to_json
from andon.kernel.digest import Digest, of_value

Op = Literal["ge", "le"]
Side = Literal["point", "lower", "upper"]
Severity = Literal["block", "warn"]
GateKind = Literal["data", "training", "model", "release"]
Tier = Literal["T0", "T1", "T2"]
Outcome = Literal["PASSED", "FAILED", "PENDING"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition on one metric.

    Attributes:
        metric: Name of the measurement.
        op: `ge`: at least `bound`; `le`: at most.
        side: Which of value, lower or upper confidence bound is compared.
        by: Column whose every segment must satisfy it; empty for all rows together.
        min_n: Fewer rows than this are too few to say; the gate then waits for a person.
        baseline: Empty; `champion`: the metric is a difference to the champion; `published`: it holds a batch against
            what was published before it, and so is judged once, when the batch may be published.
        slice: The one slice that must satisfy it, as `column=value`; empty for all rows together, or where `by` is.
        severity: Whether a "no" stops the line, or is only shown.
    """

    metric: str
    op: Op
    bound: float
    side: Side = "point"
    by: str = ""
    min_n: int = 0
    baseline: Literal["", "champion", "published"] = ""
    slice: str = ""
    severity: Severity = "block"

    def text(self) -> str:
        """The condition as a person would write it."""
        name = self.metric if self.side == "point" else f"{self.metric}.{self.side}()"
        name = f"{name}.by({self.by})" if self.by else name
        name = f"{name}[{self.slice}]" if self.slice else name
        return f"{name} {'>=' if self.op == 'ge' else '<='} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class SignOffRule:
    """So many distinct people of a role must have approved, not longer ago than `within_ns`."""

    role: str
    people: int
    within_ns: int


@dataclass(frozen=True)  # no slots: it keeps its digest
class Policy:
    """All conditions of one gate.

    Attributes:
        gate: Kind and subject, such as `data:schedule` or `model:late`.
        owner: Who answers for it.
    """

    gate: str
    owner: str
    criteria: tuple[Criterion, ...]
    signoffs: tuple[SignOffRule, ...] = ()

    def digest(self) -> Digest:
        """Identity of the policy."""
        return self._digest

    @cached_property
    def _digest(self) -> Digest:
        return of_value(to_json(self))


@dataclass(frozen=True, slots=True)
class Finding:
    """How one criterion came out on one slice.

    Attributes:
        holds: `waived` is a "no" that a person took upon themselves, within what the target's floor lets people waive.
    """

    criterion: Criterion
    slice: str
    holds: Literal["yes", "no", "too few", "not applicable", "waived"]
    value: float | None
    n: int
    why: str
