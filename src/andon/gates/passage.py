"""The signed word of a gate, and the only maker of a Pass: whoever relies on a verdict recomputes it here."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from andon.attest.statement import GATE_VERDICT, SIGNOFF, Statement, Subject
from andon.attest.trust_root import GATE_ROLE, Floor, TrustRoot, holds, principals_of
from andon.contracts.evidence import Evidence
from andon.contracts.policy import Finding, Outcome, Policy, SignOffRule
from andon.contracts.wire import from_json, to_json
from andon.gates.criteria import final_failures, outcome, weigh
from andon.gates.request import Question
from andon.gates.said import Said, members
from andon.gates.signoff import Count, acceptance_rules, count, effective_rules
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError, RefusedError
from andon.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a statement moved a name: to what, and the how many-eth move that was."""

    ref: str
    digest: Digest
    sequence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said, with everything needed to say it again.

    Attributes:
        domain: The trust domain whose keys and roles are meant.
        content: Identity of the subject's bytes alone, so that a failure stays with them under another manifest.
        champion: Digest of the model that served on the target then; empty for none, or where nothing was compared.
        excluded: Principals whose sign-off did not count.
        signoffs: Digests of the sign-offs relied on.
        stands: Digests of earlier verdicts whose measured failure is final for this subject, gate and rows.
        output: Digest of the artefact that the judged work put out; empty where no work was recorded with the verdict.
        publish: The name moved together with this verdict, if one was.
        time_ns: When it was judged, in nanoseconds UTC.
    """

    domain: str
    factory: str
    gate: str
    target: str
    subject: Digest
    content: Digest
    evidence: Evidence
    policy: Policy
    findings: tuple[Finding, ...]
    outcome: Literal["PASSED", "FAILED"]
    champion: Digest
    excluded: tuple[str, ...]
    signoffs: tuple[Digest, ...]
    stands: tuple[Digest, ...]
    output: Digest
    publish: Moved | None
    time_ns: int

    def question(self) -> Question:
        """What people signed about."""
        return Question(
            factory=self.factory,
            gate=self.gate,
            subject=self.subject,
            target=self.target,
            evidence=self.evidence.digest(),
            policy=self.policy.digest(),
        )


@dataclass(frozen=True, slots=True)
class Pass:
    """A verdict that passed, recomputed from its values and its policy. Only `check_pass` makes one."""

    verdict: Verdict
    digest: Digest
    signed_by: str
    logged_ns: int


def content_of(manifest: Manifest) -> Digest:
    """Identity of an artefact's bytes, whatever was written about them; of the manifest itself where it has none."""
    if not manifest.content:
        return manifest.digest
    return of_value([manifest.kind, sorted(item.sha256 for item in manifest.content)])


def verdict_statement(verdict: Verdict) -> Statement:
    """The statement that the gate signs: about the artefact, and about its bytes."""
    content = () if verdict.content == verdict.subject else (Subject("content", verdict.content),)
    return Statement((Subject(verdict.gate, verdict.subject), *content), GATE_VERDICT, members(to_json(verdict)))


def read_verdict(statement: Statement) -> Verdict:
    """The verdict in a statement, without believing it.

    Raises:
        InputError: It is not one, or it speaks of other subjects than its own values do.
    """
    verdict = from_json(Verdict, statement.predicate)
    if tuple(s.digest for s in statement.subjects) != tuple(dict.fromkeys((verdict.subject, verdict.content))):
        raise InputError(
            "gates.subject-mismatch",
            "This verdict's subjects are not the ones its values are about.",
            place=verdict.gate,
            fix="Judge the artefact again.",
        )
    return verdict


def rules_for(policy: Policy, floor: Floor | None, findings: Iterable[Finding]) -> tuple[SignOffRule, ...]:
    """The people a gate asks for, and those who must accept that rows are too few."""
    rules = effective_rules(policy, floor)
    return acceptance_rules(rules) if any(finding.holds == "too few" for finding in findings) else rules


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


def check_pass(
    said: Said, signoffs: Sequence[Said], root: TrustRoot, *, factory: str, gate: str, subject: Digest
) -> Pass:
    """Make a Pass of a verdict, by judging again: the word PASSED alone is worth nothing.

    Args:
        said: The verdict.
        signoffs: The sign-offs it relied on, and others if at hand.
        root: Who is who.
        factory: Whose gate it must be.
        gate: The gate it must be of.
        subject: The artefact it must be about.

    Raises:
        RefusedError: It is not a verdict (`gates.not-a-verdict`), not of this gate and artefact
            (`gates.verdict-elsewhere`), not signed by a gate key (`gates.signer-not-gate`), its findings are not what
            its values give (`gates.findings-differ`), people are missing (`gates.people-missing`), or it did not pass
            (`gates.not-passed`).
    """
    verdict = _verdict_of(said)
    asked = (root.domain, factory, gate, subject)
    if (verdict.domain, verdict.factory, verdict.gate, verdict.subject) != asked or verdict.policy.gate != gate:
        raise refuse("gates.verdict-elsewhere", "This verdict is about something else.", gate, verdict.gate)
    signer = gate_behind(said, root)
    findings = weigh(verdict.policy, verdict.evidence, verdict.champion)
    if findings != verdict.findings or verdict.evidence.subject != subject:
        raise refuse(
            "gates.findings-differ", "This verdict's findings are not what its values and policy give.", gate, subject
        )
    _check_outcome(verdict, findings, said, signoffs, root)
    return Pass(verdict, said.digest, signer, said.logged_ns)


def newest_pass(about: Sequence[Said], root: TrustRoot, *, factory: str, gate: str, subject: Digest) -> Pass:
    """The Pass that a gate's newest verdict over an artefact is.

    What is not a verdict of this gate, or was not signed by a gate's key, is passed over; a newer failure is not.

    Args:
        about: Everything said about the artefact, in the order of the ledger.
        root: Who is who.
        factory: Whose gate it must be.
        gate: The gate.
        subject: The artefact.

    Raises:
        RefusedError: There is no verdict (`gates.no-pass`), or the newest is not a Pass, and why.
    """
    signoffs = [one for one in about if one.statement.predicate_type == SIGNOFF]
    refusal = refuse("gates.no-pass", f"The gate {gate} never passed this artefact.", subject, "no verdict")
    for one in reversed(about):
        try:
            return check_pass(one, signoffs, root, factory=factory, gate=gate, subject=subject)
        except RefusedError as error:
            if error.code == "gates.signer-not-gate":
                refusal = error
            elif error.code not in ("gates.not-a-verdict", "gates.verdict-elsewhere"):
                raise
    raise refusal


def gate_behind(said: Said, root: TrustRoot) -> str:
    """The name of the gatekeeper whose key signed a statement when it came into the ledger.

    Raises:
        RefusedError: No key of a service that held the role `gate` then signed it (`gates.signer-not-gate`).
    """
    for principal in principals_of(root, said.keys, said.logged_ns):
        if principal.kind == "service" and holds(root, principal, GATE_ROLE, said.logged_ns):
            return principal.name
    raise refuse(
        "gates.signer-not-gate",
        "This statement was not signed by a gate's key.",
        said.digest,
        "a signature by no service that held the role gate",
    )


def final_verdicts(said: Iterable[Said], root: TrustRoot, *, content: Digest, gate: str, rows: Digest) -> list[Digest]:
    """The verdicts whose measured failure is final for these bytes, this gate and these rows.

    Statements that no gate signed are not verdicts, and are passed over.
    """
    found: list[Digest] = []
    for one in said:
        try:
            verdict = _verdict_of(one)
            gate_behind(one, root)
        except RefusedError:
            continue
        same = (verdict.content, verdict.gate, verdict.evidence.rows) == (content, gate, rows)
        if same and final_failures(weigh(verdict.policy, verdict.evidence, verdict.champion)):
            found.append(one.digest)
    return found


def refuse(code: str, message: str, place: str, found: str, fix: str = "") -> RefusedError:
    """A refusal whose remedy, unless said otherwise, is to let the gate judge."""
    return RefusedError(
        code, message, place=place, found=found, fix=fix or "Let the gate judge the artefact: andon run."
    )


def _verdict_of(said: Said) -> Verdict:
    try:
        if said.statement.predicate_type != GATE_VERDICT:
            raise refuse("gates.not-a-verdict", "This is no verdict.", said.digest, said.statement.predicate_type)
        return read_verdict(said.statement)
    except InputError as error:
        raise refuse("gates.not-a-verdict", "This is no verdict.", said.digest, str(error)) from error


def _check_outcome(
    verdict: Verdict, findings: tuple[Finding, ...], said: Said, signoffs: Sequence[Said], root: TrustRoot
) -> None:
    relied = [one for one in signoffs if one.digest in verdict.signoffs and one.index < said.index]
    counts = count_people(
        rules_for(verdict.policy, None, findings),
        verdict.question(),
        relied,
        root,
        excluded=verdict.excluded,
        now_ns=verdict.time_ns,
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
