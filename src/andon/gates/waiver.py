"""A person takes one failed criterion upon themselves: for one verdict, one target, up to a worst value, for a time."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from andon.attest.statement import GATE_VERDICT, WAIVER, Statement, Subject
from andon.attest.trust_root import Floor, Principal, TrustRoot, holds, roles
from andon.contracts.policy import Criterion, Finding
from andon.contracts.wire import from_json, to_json
from andon.gates.request import Question
from andon.gates.said import Said, members
from andon.gates.signers import gate_behind, person_behind, revoked_by
from andon.gates.verdict import Verdict, read_verdict
from andon.kernel.clock import SECOND_NS, iso
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, RefusedError

_SKEW_NS: Final = 300 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Waiver:
    """What a person signs who takes a failed criterion upon themselves.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        verdict: Digest of the one verdict that failed.
        criterion: The one criterion, exactly as it was weighed.
        slice: The one slice it failed on; empty for all rows together.
        worst: The worst value that is accepted.
        role: The role in which the person speaks: the one that the target's floor names for this criterion.
        expires_ns: Until when it holds, in nanoseconds UTC.
        time_ns: When it was signed, in nanoseconds UTC.
    """

    domain: str
    factory: str
    gate: str
    target: str
    verdict: Digest
    criterion: Criterion
    slice: str
    worst: float
    role: str
    reason: str
    expires_ns: int
    time_ns: int


def waiver_statement(waiver: Waiver, subject: Digest) -> Statement:
    """The statement that a person signs: about the artefact that failed, and about the verdict that says so."""
    subjects = (Subject(waiver.gate, subject), Subject("verdict", waiver.verdict))
    return Statement(subjects, WAIVER, members(to_json(waiver)))


def read_waiver(statement: Statement) -> Waiver:
    """The waiver in a statement, without believing it.

    Raises:
        InputError: It is not one, or it is not about the verdict it names.
    """
    waiver = from_json(Waiver, statement.predicate)
    if len(statement.subjects) != 2 or statement.subjects[1].digest != waiver.verdict:
        raise InputError(
            "gates.subject-mismatch",
            "This waiver is not about the verdict it names.",
            place=waiver.gate,
            found=waiver.verdict,
            fix="Make it again: andon waiver propose.",
        )
    return waiver


def waive(
    findings: Sequence[Finding],
    question: Question,
    said: Iterable[Said],
    root: TrustRoot,
    *,
    excluded: Collection[str],
    now_ns: int,
    only: Collection[Digest] | None = None,
) -> tuple[tuple[Finding, ...], tuple[Digest, ...]]:
    """The findings with each measured "no" that a waiver covers taken as waived, and the waivers relied on.

    Args:
        findings: How the criteria came out.
        question: What the gate was asked.
        said: Statements about the subject, waivers, verdicts and revocations among them, in the order of the ledger.
        root: Who is who, and what the target lets people waive.
        excluded: Principals whose waiver does not count: who made the work and who started the run.
        now_ns: The moment.
        only: The only waivers that may be relied on; `None` for any.
    """
    known = list(said)
    waivers = [one for one in known if one.statement.predicate_type == WAIVER and (only is None or one.digest in only)]
    if not waivers or not question.target:
        return tuple(findings), ()
    after: list[Finding] = []
    relied: dict[Digest, None] = {}
    for finding in findings:
        covering = None
        if finding.holds == "no" and finding.value is not None:
            covering = next(
                (
                    one
                    for one in reversed(waivers)
                    if not why_not(one, question, finding, known, root, excluded=excluded, now_ns=now_ns)
                ),
                None,
            )
        after.append(_waived(finding, covering, root) if covering else finding)
        if covering:
            relied[covering.digest] = None
    return tuple(after), tuple(relied)


def why_not(
    one: Said,
    question: Question,
    finding: Finding,
    known: Sequence[Said],
    root: TrustRoot,
    *,
    excluded: Collection[str],
    now_ns: int,
) -> str:
    """Why a waiver does not cover a finding, in words for a person; empty when it does."""
    try:
        waiver = one.read_as(read_waiver)
    except InputError:
        return "it is not a readable waiver"
    meant = (waiver.domain, waiver.factory, waiver.gate, waiver.target)
    if meant != (root.domain, question.factory, question.gate, question.target):
        return "it is for another gate, target, factory or trust domain"
    if question.subject not in one.subjects or not _failed(waiver, question, known, root):
        return "it is about another verdict, or one that did not fail on this"
    if (waiver.criterion, waiver.slice) != (finding.criterion, finding.slice):
        return "it is about another criterion or slice"
    if revoked_by(one.digest, known, root, now_ns):
        return "it was revoked"
    return (
        _why_value(waiver, finding)
        or _why_time(waiver, one.logged_ns, now_ns)
        or _why_person(waiver, person_behind(one, root), one.logged_ns, root, excluded, now_ns)
    )


def _why_value(waiver: Waiver, finding: Finding) -> str:
    if finding.value is None or not math.isfinite(waiver.worst):
        return "there is no value to accept"
    is_within = finding.value >= waiver.worst if finding.criterion.op == "ge" else finding.value <= waiver.worst
    return "" if is_within else f"{finding.value:.6g} is worse than the accepted {waiver.worst:.6g}"


def _why_time(waiver: Waiver, logged_ns: int, now_ns: int) -> str:
    if waiver.time_ns > logged_ns + _SKEW_NS:
        return "it was signed with a time in the future"
    if now_ns >= waiver.expires_ns:
        return f"it expired at {iso(waiver.expires_ns)}"
    return "" if waiver.reason.strip() else "it gives no reason"


def _why_person(
    waiver: Waiver,
    person: Principal | str,
    logged_ns: int,
    root: TrustRoot,
    excluded: Collection[str],
    now_ns: int,
) -> str:
    """Why a person may not waive this; a floor that does not name a criterion lets nobody waive it."""
    floor = next((floor for floor in root.floors if floor.target == waiver.target), None)
    allowed = [one for one in (floor.waivable if floor else ()) if one.is_about(waiver.gate, waiver.criterion.metric)]
    if not allowed:
        return f"the floor of {waiver.target} lets nobody waive {waiver.criterion.metric}"
    if isinstance(person, str):
        return person
    if person.name in excluded:
        return f"{person.name} made this work or started the run"
    fitting = [one for one in allowed if one.role == waiver.role]
    if not fitting:
        return f"{waiver.role} may not waive it; {' or '.join(one.role for one in allowed)} may"
    if all(waiver.expires_ns - waiver.time_ns > one.longest_ns for one in fitting):
        return f"it lasts longer than the floor of {waiver.target} allows"
    is_held = waiver.role in roles(root) and all(holds(root, person, waiver.role, at) for at in (logged_ns, now_ns))
    return "" if is_held else f"{person.name} does not have the role {waiver.role}"


def _failed(waiver: Waiver, question: Question, known: Sequence[Said], root: TrustRoot) -> bool:
    """Whether the verdict that a waiver names failed on its criterion, on the evidence that is asked about."""
    verdict = _verdict(waiver.verdict, known, root)
    if verdict is None or verdict.outcome != "FAILED":
        return False
    asked = (question.factory, question.gate, question.subject, question.target, question.evidence)
    about = (verdict.factory, verdict.gate, verdict.subject, verdict.target, verdict.evidence.digest())
    failed = any(
        (finding.criterion, finding.slice, finding.holds) == (waiver.criterion, waiver.slice, "no")
        for finding in verdict.findings
    )
    return asked == about and failed


def _verdict(digest: Digest, known: Sequence[Said], root: TrustRoot) -> Verdict | None:
    for one in known:
        if one.digest == digest and one.statement.predicate_type == GATE_VERDICT:
            try:
                gate_behind(one, root)
                return read_verdict(one.statement)
            except (InputError, RefusedError):
                return None
    return None


def _waived(finding: Finding, one: Said, root: TrustRoot) -> Finding:
    waiver, person = one.read_as(read_waiver), person_behind(one, root)
    name = person if isinstance(person, str) else person.name
    why = f"{finding.why}; waived by {name} until {iso(waiver.expires_ns)}: {waiver.reason}"
    return replace(finding, holds="waived", why=why)


def allowed_by(floor: Floor, gate: str, metric: str) -> tuple[tuple[str, int], ...]:
    """Which roles may waive a metric of a gate on a target, and for how many nanoseconds at most."""
    return tuple((one.role, one.longest_ns) for one in floor.waivable if one.is_about(gate, metric))
