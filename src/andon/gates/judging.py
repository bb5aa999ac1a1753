"""Judges one request: everything that follows from the answer is written together, or nothing is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from andon.attest.statement import GATE_VERDICT, SIGNOFF
from andon.attest.trust_root import Principal, TrustRoot
from andon.contracts.policy import Finding, Outcome, Policy
from andon.contracts.wire import to_json
from andon.gates.annulment import standing
from andon.gates.chain import release_facts, single_input
from andon.gates.criteria import check_policy, final_failures, is_of_the_world, weigh, with_looks
from andon.gates.keeping import Keeping
from andon.gates.looks import count_looks, is_counted
from andon.gates.passage import count_people, decide, demanded, final_verdicts, floor_for, makers_of, rules_for
from andon.gates.request import Judgement, JudgeRequest, Publication, Question
from andon.gates.said import Said
from andon.gates.signers import gate_behind, person_behind
from andon.gates.signoff import Count
from andon.gates.verdict import Moved, Verdict, content_of, read_verdict, verdict_statement
from andon.gates.waiver import waive
from andon.kernel.canonical import dumps
from andon.kernel.digest import Digest
from andon.kernel.errors import ConflictError, InputError, RefusedError
from andon.kernel.unit import Unit

_SUBJECTS: Final = {"data": "batch", "training": "model", "model": "model", "release": "release"}


@dataclass(frozen=True, slots=True)
class _Case:
    """A request with all that is known about it at the moment of judging."""

    request: JudgeRequest
    policy: Policy
    root: TrustRoot
    known: tuple[Said, ...]
    excluded: tuple[str, ...]
    is_first: bool
    looks: int
    findings: tuple[Finding, ...]
    waivers: tuple[Digest, ...]
    counts: tuple[Count, ...]
    stands: tuple[Digest, ...]
    now_ns: int

    @property
    def question(self) -> Question:
        """What people sign about."""
        return self.request.question(self.policy)

    @property
    def outcome(self) -> Outcome:
        """What the gate says."""
        return "FAILED" if self.stands else decide(self.findings, self.counts)


def judge(keeping: Keeping, request: JudgeRequest) -> Judgement:
    """Weigh evidence against policy and people, sign what comes out, and publish what a Pass allows.

    The same question asked again is answered with the recorded verdict. While people, rows or the target's health are
    missing, the work is recorded and nothing is decided; evidence and policy are then stored as objects, under the
    digests that the sign-offs must name.

    Raises:
        InputError: The request contradicts itself.
        RefusedError: The policy demands nothing or cannot be judged, or the target is unknown.
        ConflictError: The champion or the published name has moved meanwhile; measure or build again.
        IntegrityError: The records are not what they were.
    """
    root = keeping.record.root()
    keeping.record.check_memory()
    _check_request(request, root)
    with keeping.units.begin() as unit:
        request = replace(request, champion=_champion(keeping, request, root))
        if request.publish:
            _check_publication(keeping, request, request.publish)
        case = _case(keeping, request, root)
        _record_work(keeping, unit, request)
        judgement = _recorded(keeping, case) or _decide(keeping, unit, case)
    if judgement.outcome == "PENDING":
        keeping.blobs.put([dumps(to_json(request.evidence))])
        keeping.blobs.put([dumps(to_json(case.policy))])
    else:
        keeping.remember(root)
    return judgement


def question_of(keeping: Keeping, request: JudgeRequest) -> Question:
    """What exactly people sign about who answer for a request: the policy is the one in effect, floor included.

    Raises:
        RefusedError: The target is unknown, or its floor allows another policy only.
    """
    root = keeping.record.root()
    return request.question(_effective(keeping, request, root)[0])


def counts_of(keeping: Keeping, request: JudgeRequest) -> tuple[Count, ...]:
    """How the people that a request needs stand now: who counts, who does not and why, who is missing.

    Raises:
        InputError: The request contradicts itself.
        RefusedError: The target is unknown, or its floor allows another policy only.
    """
    root = keeping.record.root()
    _check_request(request, root)
    return _case(keeping, request, root).counts


def _effective(keeping: Keeping, request: JudgeRequest, root: TrustRoot) -> tuple[Policy, bool]:
    """What is demanded in effect, and whether the target has no champion yet."""
    is_first = False
    if request.target:
        name = request.policy.gate.partition(":")[2]
        is_first = not keeping.serving(keeping.decisions(root), root, name, request.target)[0]
    return demanded(request.policy, floor_for(root, request.target), is_first=is_first), is_first


def _check_request(request: JudgeRequest, root: TrustRoot) -> None:
    check_policy(request.policy)
    kind = _SUBJECTS[request.policy.gate.partition(":")[0]]
    if request.subject.kind != kind:
        raise _contradiction("gates.wrong-kind", request, f"a {request.subject.kind} where a {kind} is judged")
    if request.evidence.subject != request.subject.digest:
        raise _contradiction("gates.evidence-elsewhere", request, f"evidence about {request.evidence.subject}")
    if request.factory != root.factory:
        raise _contradiction("gates.other-factory", request, f"{request.factory}, and this gate is of {root.factory}")
    floor_for(root, request.target)
    if kind == "release" and release_facts(request.subject).target != request.target:
        raise _contradiction("gates.other-target", request, f"a release for another target than {request.target!r}")
    needs_target = kind == "release" or any(one.baseline == "champion" for one in request.policy.criteria)
    if needs_target and not request.target:
        raise _contradiction("gates.no-target", request, "a criterion speaks of the champion, and no target is named")


def _champion(keeping: Keeping, request: JudgeRequest, root: TrustRoot) -> Digest:
    """The champion that evidence was compared with, as the ledger proves it; empty where nothing is compared."""
    is_compared = request.champion or any(one.baseline == "champion" for one in request.policy.criteria)
    if not is_compared:
        return ""
    champion = ""
    if request.target:
        name = request.policy.gate.partition(":")[2]
        release, _ = keeping.serving(keeping.decisions(root), root, name, request.target)
        champion = keeping.model_of(release)
    if champion != request.champion:
        raise ConflictError(
            "gates.champion-moved",
            "The target serves another model than the one that was compared with.",
            place=request.target or request.policy.gate,
            found=f"{champion or 'none'}, and the evidence is about {request.champion or 'none'}",
            fix="Measure again, against the model that serves now.",
        )
    return champion


def _check_publication(keeping: Keeping, request: JudgeRequest, publication: Publication) -> None:
    """A published artefact holds nothing but the judged artefact's objects and those published before."""
    allowed = {item.sha256 for item in request.subject.content}
    if publication.expected:
        allowed |= {item.sha256 for item in keeping.manifests.get(publication.expected).content}
    inputs = {item.digest for item in publication.manifest.inputs}
    foreign = [item.name for item in publication.manifest.content if item.sha256 not in allowed]
    if request.subject.digest not in inputs or foreign:
        raise _contradiction(
            "gates.publication-elsewhere", request, ", ".join(foreign) or "its inputs do not name what is judged"
        )


def _record_work(keeping: Keeping, unit: Unit, request: JudgeRequest) -> None:
    for manifest in (request.subject, *request.manifests):
        keeping.manifests.add(unit, manifest)
    if request.commit:
        done = request.commit
        keeping.commits.commit(unit, done.stage_key, done.output, done.run_id, keeping.clock.now_ns())


def _recorded(keeping: Keeping, case: _Case) -> Judgement | None:
    """The newest verdict that answered this very question, if there is one and it would be the same now."""
    for one in reversed(standing(case.known, case.root)):
        try:
            gate_behind(one, case.root)
            verdict = read_verdict(one.statement)
        except (InputError, RefusedError):
            continue
        if verdict.question() == case.question:
            asked = (case.request.champion, case.findings, case.outcome)
            answered = (verdict.champion, verdict.findings, verdict.outcome)
            is_same = asked == answered and set(case.excluded) <= set(verdict.excluded)
            return _answered(keeping, case, one.digest, verdict) if is_same else None
    return None


def _answered(keeping: Keeping, case: _Case, digest: Digest, verdict: Verdict) -> Judgement:
    return Judgement(
        outcome=verdict.outcome,
        question=case.question,
        findings=_final_first(keeping, verdict.stands, case.root) + verdict.findings,
        verdict=digest,
        published=verdict.publish.digest if verdict.publish else "",
        missing=(),
        counted=_signers(keeping, verdict.signoffs, case.root),
        is_recorded=True,
    )


def _decide(keeping: Keeping, unit: Unit, case: _Case) -> Judgement:
    request = case.request
    verdict_digest, moved = "", None
    if case.outcome != "PENDING":
        if case.outcome == "PASSED" and request.publish:
            moved = _next_move(keeping, request.publish)
        verdict_digest = keeping.record.say(unit, verdict_statement(_verdict(keeping, case, moved)))
    if moved and request.publish:
        keeping.manifests.add(unit, request.publish.manifest)
        keeping.refs.move(unit, moved.ref, request.publish.expected, moved.digest, case.now_ns)
    return Judgement(
        outcome=case.outcome,
        question=case.question,
        findings=_final_first(keeping, case.stands, case.root) + case.findings,
        verdict=verdict_digest,
        published=moved.digest if moved else "",
        missing=_missing(case) if case.outcome == "PENDING" else (),
        counted=_names(case.counts) if case.outcome == "PASSED" else (),
        is_recorded=False,
    )


def _case(keeping: Keeping, request: JudgeRequest, root: TrustRoot) -> _Case:
    policy, is_first = _effective(keeping, request, root)
    question, content = request.question(policy), content_of(request.subject)
    known = tuple(keeping.record.known((request.subject.digest, content), root))
    excluded, now_ns = _excluded(keeping, request, root), keeping.clock.now_ns()
    looks = _looks(keeping, request, root)
    weighed = weigh(policy, with_looks(request.evidence, looks), request.champion)
    findings, waivers = waive(weighed, question, known, root, excluded=excluded, now_ns=now_ns)
    counts = count_people(rules_for(policy, findings), question, known, root, excluded=excluded, now_ns=now_ns)
    rows, gate = request.evidence.rows, request.policy.gate
    stands = final_verdicts(known, root, content=content, gate=gate, rows=rows, target=request.target, now_ns=now_ns)
    return _Case(
        request=request,
        policy=policy,
        root=root,
        known=known,
        excluded=excluded,
        is_first=is_first,
        looks=looks,
        findings=findings,
        waivers=waivers,
        counts=counts,
        stands=tuple(stands),
        now_ns=now_ns,
    )


def _looks(keeping: Keeping, request: JudgeRequest, root: TrustRoot) -> int:
    """How often this gate has looked at overlapping rows; 0 where the target does not count."""
    gate = request.policy.gate
    if not is_counted(gate, floor_for(root, request.target)):
        return 0
    verdicts = keeping.record.of_types(root, GATE_VERDICT)
    return count_looks(
        verdicts, span=request.evidence.span, content=content_of(request.subject), rows=request.evidence.rows
    )


def _verdict(keeping: Keeping, case: _Case, moved: Moved | None) -> Verdict:
    request = case.request
    is_passed = case.outcome == "PASSED"
    relied = [digest for one in case.counts for digest in (*(d for _, d in one.approved), *one.lent)]
    return Verdict(
        domain=case.root.domain,
        factory=request.factory,
        gate=request.policy.gate,
        target=request.target,
        subject=request.subject.digest,
        content=content_of(request.subject),
        evidence=request.evidence,
        declared=request.policy,
        policy=case.policy,
        findings=case.findings,
        outcome="PASSED" if is_passed else "FAILED",
        champion=request.champion,
        is_first=case.is_first,
        looks=case.looks,
        excluded=case.excluded,
        signoffs=tuple(dict.fromkeys(relied)) if is_passed else (),
        waivers=case.waivers,
        stands=case.stands,
        output=request.commit.output if request.commit else "",
        publish=moved,
        tier=keeping.tier,
        root_version=case.root.version,
        time_ns=case.now_ns,
    )


def _next_move(keeping: Keeping, publication: Publication) -> Moved:
    ref = keeping.refs.get(publication.ref)
    return Moved(publication.ref, publication.manifest.digest, (ref.sequence if ref else 0) + 1)


def _final_first(keeping: Keeping, stands: Sequence[Digest], root: TrustRoot) -> tuple[Finding, ...]:
    """The findings of earlier verdicts that made a failure final."""
    verdicts = [read_verdict(keeping.record.get(digest, root).statement) for digest in stands]
    return tuple(finding for verdict in verdicts for finding in final_failures(verdict.findings))


def _excluded(keeping: Keeping, request: JudgeRequest, root: TrustRoot) -> tuple[str, ...]:
    """Whose approval does not count: those named by who asks; for a release, those it names and who made its model."""
    if request.subject.kind != "release":
        return tuple(sorted(set(request.excluded)))
    inputs = keeping.manifests.many([item.digest for item in request.subject.inputs])
    model = inputs[single_input(request.subject, "model", inputs)]
    makers = makers_of(keeping.record.known((model.digest, content_of(model)), root), root)
    return tuple(sorted({*request.excluded, *release_facts(request.subject).initiators, *makers}))


def _missing(case: _Case) -> tuple[str, ...]:
    """What a pending gate waits for, in words for a person."""
    world = [f"{f.criterion.text()}: {f.why}" for f in case.findings if f.holds == "no" and is_of_the_world(f)]
    few = [f"{f.criterion.text()} {f.slice}: {f.why}" for f in case.findings if f.holds == "too few"]
    people = [text for one in case.counts if (text := one.missing())]
    return (*people, *few, *world) if people else tuple(world)


def _signers(keeping: Keeping, signoffs: Sequence[Digest], root: TrustRoot) -> tuple[str, ...]:
    relied = (keeping.record.get(digest, root) for digest in signoffs)
    people = (person_behind(one, root) for one in relied if one.statement.predicate_type == SIGNOFF)
    return tuple(dict.fromkeys(person.name for person in people if isinstance(person, Principal)))


def _names(counts: Sequence[Count]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in counts for name, _ in one.approved))


def _contradiction(code: str, request: JudgeRequest, found: str) -> InputError:
    return InputError(
        code,
        "This request to judge contradicts itself.",
        place=request.policy.gate,
        found=found,
        fix="Build the request from the artefact that was measured.",
    )
