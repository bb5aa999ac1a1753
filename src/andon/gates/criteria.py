"""Measured values against a policy: how each criterion came out, and what the gate says to that."""

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from andon.contracts.evidence import ANDON, Evidence, Measurement, find
from andon.contracts.policy import Criterion, Finding, Outcome, Policy
from andon.kernel.digest import Digest
from andon.kernel.errors import RefusedError

GATE_NAME: Final = re.compile(r"(data|training|model|release):[A-Za-z0-9_][A-Za-z0-9_.-]*")
FACTORY: Final = "factory"
FACTORY_METRIC: Final = "factory:"
WORLD_METRIC: Final = "target."
LOOKS: Final = "looks.overlapping"


def check_policy(policy: Policy) -> None:
    """Refuse a policy that could pass anything, or that cannot be judged.

    Raises:
        RefusedError: It demands nothing (`gates.empty-policy`), or its gate, a bound, a number of people or a number of
            rows makes no sense (`gates.malformed-policy`).
    """
    if not policy.criteria and not policy.signoffs:
        raise RefusedError(
            "gates.empty-policy",
            "This gate demands nothing, so it would pass anything.",
            place=policy.gate,
            fix="Give the gate at least one criterion or sign-off.",
        )
    if not GATE_NAME.fullmatch(policy.gate):
        raise _malformed(policy, "its name is not a kind and a subject, such as model:late")
    for criterion in policy.criteria:
        if not _is_finite(criterion.bound):
            raise _malformed(policy, f"{criterion.metric} has the bound {criterion.bound!r}")
        if type(criterion.min_n) is not int or criterion.min_n < 0:
            raise _malformed(policy, f"{criterion.metric} asks for {criterion.min_n!r} rows")
        if criterion.by and criterion.slice:
            raise _malformed(policy, f"{criterion.metric} asks for every slice of {criterion.by}, and for one")
    for rule in policy.signoffs:
        if type(rule.people) is not int or rule.people < 1 or rule.within_ns <= 0 or not rule.role:
            raise _malformed(policy, f"{rule.people!r} people of {rule.role!r} within {rule.within_ns!r} ns")


def weigh(policy: Policy, evidence: Evidence, champion: Digest | str) -> tuple[Finding, ...]:
    """How each criterion of a policy came out on what was measured, slice by slice, in the policy's order.

    What is missing, not a finite number, doubly measured, or measured by others than andon does not hold. The one
    exception for others is a team's own metric, which the policy names as `factory:<name>`. What was to be compared
    with a champion or with published rows is not applicable where andon found nothing to compare with.

    Args:
        policy: What is demanded.
        evidence: What was measured.
        champion: Digest of the model now serving on the target, as the ledger proves it; empty when there is none.

    Raises:
        RefusedError: The policy demands nothing or cannot be judged.
    """
    check_policy(policy)
    findings: list[Finding] = []
    for criterion in policy.criteria:
        if criterion.baseline == "champion" and not champion:
            findings.append(
                Finding(criterion, criterion.slice, "not applicable", None, 0, "not applicable: first release")
            )
        elif criterion.by:
            findings += _weigh_slices(criterion, evidence, champion)
        else:
            findings.append(_weigh_one(criterion, criterion.slice, evidence, champion))
    return tuple(findings)


def outcome(findings: Iterable[Finding], *, few_accepted: bool = False, people_missing: bool = False) -> Outcome:
    """What a gate says: one "no" fails it; what only time or people can settle leaves it pending.

    A sick target is a state of the world, not a property of the subject: it makes the gate wait.

    Args:
        findings: How the criteria came out.
        few_accepted: Whether people accepted, in their sign-off, that some slices have too few rows.
        people_missing: Whether sign-offs that the gate asks for are missing.
    """
    held = [finding for finding in findings if finding.criterion.severity == "block"]
    if any(finding.holds == "no" and not is_of_the_world(finding) for finding in held):
        return "FAILED"
    if people_missing or any(finding.holds == "no" for finding in held):
        return "PENDING"
    if not few_accepted and any(finding.holds == "too few" for finding in held):
        return "PENDING"
    return "PASSED"


def is_of_the_world(finding: Finding) -> bool:
    """Whether a finding is about the state of the target, which may be asked again, and not about the subject."""
    return finding.criterion.metric.startswith(WORLD_METRIC)


def final_failures(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stay: a "no" that was measured, on the subject itself, of a criterion that blocks.

    A value that was never measured says nothing about the subject, so that such a "no" may be asked again.
    """
    return tuple(
        finding
        for finding in findings
        if finding.holds == "no"
        and finding.value is not None
        and finding.criterion.severity == "block"
        and not is_of_the_world(finding)
    )


def with_looks(evidence: Evidence, looks: int) -> Evidence:
    """The evidence as it is weighed: how often was looked is counted by the gate, and nobody else's count is taken.

    Args:
        evidence: What was measured.
        looks: How many looks there were at overlapping rows, this one included; 0 for not counted.
    """
    measured = tuple(one for one in evidence.measurements if one.metric != LOOKS)
    if looks:
        measured = (*measured, Measurement(LOOKS, float(looks), n=looks))
    return evidence if measured == evidence.measurements else replace(evidence, measurements=measured)


def _weigh_slices(criterion: Criterion, evidence: Evidence, champion: Digest) -> list[Finding]:
    prefix = f"{criterion.by}="
    slices = sorted(
        {m.slice for m in evidence.measurements if m.metric == criterion.metric and m.slice.startswith(prefix)}
    )
    if not slices:
        return [Finding(criterion, f"{prefix}*", "no", None, 0, f"no slice of {criterion.by} was measured")]
    return [_weigh_one(criterion, name, evidence, champion) for name in slices]


def _weigh_one(criterion: Criterion, name: str, evidence: Evidence, champion: Digest) -> Finding:
    measured = find(evidence.measurements, criterion.metric, name)
    if measured is None:
        return Finding(criterion, name, "no", None, 0, "not measured")
    rows = measured.n if type(measured.n) is int and measured.n >= 0 else 0
    problem = _problem(criterion, measured, evidence.measurements, champion)
    value = getattr(measured, _SIDES[criterion.side])
    if not problem and _has_no_baseline(criterion, measured):
        return Finding(criterion, name, "not applicable", None, rows, f"not applicable: {measured.problem}")
    problem = problem or _not_finite(criterion, measured)
    if problem:
        return Finding(criterion, name, "no", None, rows, problem)
    if rows < criterion.min_n:
        return Finding(criterion, name, "too few", value, rows, f"{rows} rows, and {criterion.min_n} are needed to say")
    holds = value >= criterion.bound if criterion.op == "ge" else value <= criterion.bound
    sign = {("ge", True): ">=", ("ge", False): "<", ("le", True): "<=", ("le", False): ">"}[criterion.op, holds]
    why = f"{value:.6g} {sign} {criterion.bound:.6g}"
    return Finding(criterion, name, "yes" if holds else "no", float(value), rows, why)


def _problem(
    criterion: Criterion, measured: Measurement, everything: Collection[Measurement], champion: Digest
) -> str | None:
    """Why a measurement cannot answer a criterion, or nothing."""
    if sum(1 for m in everything if (m.metric, m.slice) == (measured.metric, measured.slice)) > 1:
        return "measured more than once"
    wanted = FACTORY if criterion.metric.startswith(FACTORY_METRIC) else ANDON
    if measured.measured_by != wanted:
        return f"measured by {measured.measured_by!r}, and only {wanted!r} counts here"
    if criterion.baseline == "champion" and measured.baseline != champion:
        return f"compared with {measured.baseline or 'nothing'}, and the champion is {champion}"
    if type(measured.n) is not int or measured.n < 0:
        return f"measured on {measured.n!r} rows"
    return None


def _has_no_baseline(criterion: Criterion, measured: Measurement) -> bool:
    """Whether a batch was to be held against published rows, and there were none, or too few to say what is usual."""
    return criterion.baseline == "published" and measured.value is None and not measured.baseline


def _not_finite(criterion: Criterion, measured: Measurement) -> str | None:
    """Why the value that a criterion looks at is none, or nothing."""
    value = getattr(measured, _SIDES[criterion.side])
    if not _is_finite(value):
        side = "" if criterion.side == "point" else f" ({criterion.side} confidence bound)"
        return measured.problem or f"{value!r} is not a finite number{side}"
    return None


_SIDES: Final = {"point": "value", "lower": "lower", "upper": "upper"}
_EXACT: Final = 2**53


def _is_finite(value: object) -> bool:
    if type(value) is int:
        return abs(value) <= _EXACT
    return type(value) is float and math.isfinite(value)


def _malformed(policy: Policy, found: str) -> RefusedError:
    return RefusedError(
        "gates.malformed-policy",
        "This gate cannot be judged.",
        place=policy.gate,
        found=found,
        fix="Mend the gate in the factory's declaration.",
    )
