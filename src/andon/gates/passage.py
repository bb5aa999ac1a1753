"""The only maker of a Pass: whoever relies on a verdict recomputes it here, from its values and its policy."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from andon.attest.statement import GATE_VERDICT, REVOCATION, WAIVER
from andon.attest.trust_root import Floor, TrustRoot, floor_of
from andon.contracts.policy import Finding, Outcome, Policy, SignOffRule
from andon.gates.annulment import standing
from andon.gates.criteria import final_failures, outcome
from andon.gates.floor import effective_policy
from andon.gates.looks import with_budget
from andon.gates.refusal import refuse
from andon.gates.request import Question
from andon.gates.said import Said
from andon.gates.signers import gate_behind
from andon.gates.signoff import Count, acceptance_rules, count
from andon.gates.verdict import Verdict, read_verdict
from andon.gates.waiver import waive
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, RefusedError

_OF_MODELS: Final = ("training", "model")


@dataclass(frozen=True, slots=True)
class Pass:
    """A verdict that passed, recomputed from its values and its policy. Only `check_pass` makes one."""

    verdict: Verdict
    digest: Digest
    signed_by: str
    logged_ns: int


def rules_for(policy: Policy, findings: Iterable[Finding]) -> tuple[SignOffRule, ...]:
    """The people a gate asks for, and those who must accept that rows are too few."""
    is_few = any(one.holds == "too few" and one.criterion.severity == "block" for one in findings)
    return acceptance_rules(policy.signoffs) if is_few else policy.signoffs


def floor_for(root: TrustRoot, target: str) -> Floor | None:
    """The floor of a target; `None` where a gate leads to none.

    Raises:
        RefusedError: The target is not in the trust root.
    """
    return floor_of(root, target) if target else None


def demanded(declared: Policy, floor: Floor | None, *, is_first: bool) -> Policy:
    """What a gate demands in effect: what the factory declared, and what the target's floor adds to it.

    Raises:
        RefusedError: The floor allows one policy only for this gate, and this is another (`gates.policy-not-pinned`).
    """
    pinned = dict(floor.policies).get(declared.gate) if floor else None
    if floor and pinned and declared.digest() != pinned:
        raise refuse(
            "gates.policy-not-pinned",
            f"The floor of {floor.target} allows one policy only for the gate {declared.gate}.",
            declared.gate,
            f"{declared.digest()}, and {pinned} is pinned",
            f"Declare the pinned policy, or ask {floor.owner or 'the owners of the trust root'} to pin this one.",
        )
    return with_budget(effective_policy(declared, floor, has_champion=not is_first), floor)


def count_people(
    rules: Iterable[SignOffRule],
    question: Question,
    said: Sequence[Said],
    root: TrustRoot,
    *,
    excluded: Collection[str],
    now_ns: int,
) -> tuple[Count, ...]:
    """Count the people that each rule asks for; see `andon.gates.signoff.count`."""
    return tuple(count(rule, question, said, root, excluded=excluded, now_ns=now_ns) for rule in rules)


def decide(findings: Iterable[Finding], counts: Iterable[Count]) -> Outcome:
    """What a gate says to its findings and to the people who spoke."""
    are_met = all(one.is_met for one in counts)
    return outcome(findings, few_accepted=are_met, people_missing=not are_met)


def check_pass(said: Said, about: Sequence[Said], root: TrustRoot, *, factory: str, gate: str, subject: Digest) -> Pass:
    """Make a Pass of a verdict, by judging again: the word PASSED alone is worth nothing.

    Args:
        said: The verdict.
        about: What was said about the artefact, with all delegations and revocations, in the order of the ledger.
        root: Who is who.
        factory: Whose gate it must be.
        gate: The gate it must be of.
        subject: The artefact it must be about.

    Raises:
        RefusedError: It is not a verdict (`gates.not-a-verdict`), not of this gate and artefact
            (`gates.verdict-elsewhere`), not signed by a gate key (`gates.signer-not-gate`), not judged by what its
            target demands (`gates.floor-changed`, `gates.policy-not-pinned`), its findings are not what its values give
            (`gates.findings-differ`), people are missing (`gates.people-missing`), or it did not pass
            (`gates.not-passed`).
    """
    verdict = _verdict_of(said)
    asked = (root.domain, factory, gate, subject)
    gates = {verdict.policy.gate, verdict.declared.gate}
    if (verdict.domain, verdict.factory, verdict.gate, verdict.subject) != asked or gates != {gate}:
        raise refuse("gates.verdict-elsewhere", "This verdict is about something else.", gate, verdict.gate)
    signer = gate_behind(said, root)
    if not 1 <= verdict.root_version <= root.version:
        raise refuse(
            "gates.root-unknown",
            f"The gate {gate} judged by a trust root that does not exist.",
            subject,
            f"version {verdict.root_version} of {root.version}",
        )
    if demanded(verdict.declared, floor_for(root, verdict.target), is_first=verdict.is_first) != verdict.policy:
        raise refuse(
            "gates.floor-changed",
            f"The gate {gate} did not judge by what its target demands.",
            subject,
            f"{verdict.policy.digest()}, under version {verdict.root_version} of the trust root",
        )
    before = [one for one in about if one.index < said.index]
    findings = found_again(verdict, before, root, now_ns=verdict.time_ns, only=verdict.waivers)
    if findings != verdict.findings or verdict.evidence.subject != subject:
        raise refuse(
            "gates.findings-differ", "This verdict's findings are not what its values and policy give.", gate, subject
        )
    _check_outcome(verdict, findings, before, root)
    return Pass(verdict, said.digest, signer, said.logged_ns)


def found_again(
    verdict: Verdict, said: Sequence[Said], root: TrustRoot, *, now_ns: int, only: Collection[Digest] | None = None
) -> tuple[Finding, ...]:
    """A verdict's findings, from its values and its policy, with the waivers that hold at a moment.

    Args:
        verdict: The verdict.
        said: Statements about its subject.
        root: Who is who.
        now_ns: The moment.
        only: The only waivers that may be relied on; `None` for any.
    """
    weighed = verdict.weighed
    if all(one.statement.predicate_type != WAIVER for one in said):
        return weighed
    findings, _ = waive(weighed, verdict.question(), said, root, excluded=verdict.excluded, now_ns=now_ns, only=only)
    return findings


def newest_pass(about: Sequence[Said], root: TrustRoot, *, factory: str, gate: str, subject: Digest) -> Pass:
    """The Pass that a gate's newest verdict over an artefact is.

    What is not a verdict of this gate, was not signed by a gate's key, or was annulled by two people, is passed over; a
    newer failure is not.

    Args:
        about: Everything said about the artefact, with all delegations and revocations, in the order of the ledger.
        root: Who is who.
        factory: Whose gate it must be.
        gate: The gate.
        subject: The artefact.

    Raises:
        RefusedError: There is no verdict (`gates.no-pass`), or the newest is not a Pass, and why.
    """
    refusal = refuse("gates.no-pass", f"The gate {gate} never passed this artefact.", subject, "no verdict")
    for one in reversed(standing(about, root)):
        try:
            return check_pass(one, about, root, factory=factory, gate=gate, subject=subject)
        except RefusedError as error:
            if error.code == "gates.signer-not-gate":
                refusal = error
            elif error.code not in ("gates.not-a-verdict", "gates.verdict-elsewhere"):
                raise
    raise refusal


def final_verdicts(
    said: Sequence[Said], root: TrustRoot, *, content: Digest, gate: str, rows: Digest, target: str, now_ns: int
) -> list[Digest]:
    """The verdicts whose measured failure is final for these bytes, this gate and these rows.

    What the factory declared then stands, for every target; of the target's floor, what it demands now: a signed change
    of the floor judges the same evidence anew. Verdicts that two people annulled are passed over, and so is what a
    valid waiver covers. Statements that no gate signed are not verdicts.

    Args:
        said: Statements about the bytes and the artefact, with all revocations, in the order of the ledger.
        root: Who is who, and what targets demand now.
        content: The bytes.
        gate: The gate.
        rows: The rows measured on.
        target: Where the subject is to be served; what another target's floor refused is nothing to this one.
        now_ns: The moment.
    """
    found: list[Digest] = []
    for one in standing(said, root):
        try:
            verdict = _verdict_of(one)
            gate_behind(one, root)
            same = (verdict.content, verdict.gate, verdict.evidence.rows) == (content, gate, rows)
            if same and final_failures(_under_floor_of_now(verdict, said, root, target, now_ns)):
                found.append(one.digest)
        except RefusedError:
            continue
    return found


def _under_floor_of_now(
    verdict: Verdict, said: Sequence[Said], root: TrustRoot, target: str, now_ns: int
) -> tuple[Finding, ...]:
    """A verdict's evidence weighed by what the factory declared then and what the floor demands now."""
    floor = next((floor for floor in root.floors if floor.target == target == verdict.target), None)
    policy = with_budget(effective_policy(verdict.declared, floor, has_champion=not verdict.is_first), floor)
    asked = verdict if policy == verdict.policy else replace(verdict, policy=policy)
    return found_again(asked, said, root, now_ns=now_ns)


def makers_of(said: Iterable[Said], root: TrustRoot) -> frozenset[str]:
    """Everybody whose approval did not count when a model was judged: who trained and measured it, in whichever run.

    Args:
        said: Statements about the model and its bytes.
        root: Who is who.
    """
    found: set[str] = set()
    for one in said:
        try:
            verdict = _verdict_of(one)
            gate_behind(one, root)
        except RefusedError:
            continue
        if verdict.gate.partition(":")[0] in _OF_MODELS:
            found |= set(verdict.excluded)
    return frozenset(found)


def _verdict_of(said: Said) -> Verdict:
    try:
        if said.statement.predicate_type != GATE_VERDICT:
            raise refuse("gates.not-a-verdict", "This is no verdict.", said.digest, said.statement.predicate_type)
        return said.read_as(read_verdict)
    except InputError as error:
        raise refuse("gates.not-a-verdict", "This is no verdict.", said.digest, str(error)) from error


def _check_outcome(verdict: Verdict, findings: tuple[Finding, ...], before: Sequence[Said], root: TrustRoot) -> None:
    relied = [one for one in before if one.statement.predicate_type == REVOCATION or one.digest in verdict.signoffs]
    rules = rules_for(verdict.policy, findings)
    counts = (
        count_people(rules, verdict.question(), relied, root, excluded=verdict.excluded, now_ns=verdict.time_ns)
        if rules
        else ()
    )
    said_now = "FAILED" if verdict.stands else decide(findings, counts)
    if said_now == "PASSED" and verdict.outcome == "PASSED":
        return
    if said_now == "PENDING" and not all(one.is_met for one in counts):
        missing = "; ".join(filter(None, (one.missing() for one in counts)))
        raise refuse("gates.people-missing", "This verdict lacks people.", verdict.gate, missing)
    why = "; ".join(f"{f.criterion.text()} {f.slice}: {f.why}" for f in findings if f.holds in ("no", "too few"))
    raise refuse(
        "gates.not-passed", f"This gate did not pass: {verdict.gate}.", verdict.subject, why or verdict.outcome
    )
