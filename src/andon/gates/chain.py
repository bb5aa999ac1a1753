"""Everything a release rests on, as values, and the checks that a chain must stand whenever it is relied on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from andon.attest.statement import DELEGATION, RELEASE, REVOCATION
from andon.attest.trust_root import Floor, TrustRoot, floor_of
from andon.contracts.declaration import Declaration
from andon.contracts.policy import GateKind, Policy
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import from_json
from andon.gates.criteria import weigh
from andon.gates.passage import (
    Pass,
    count_people,
    decide,
    demanded,
    final_verdicts,
    found_again,
    newest_pass,
    rules_for,
)
from andon.gates.refusal import refuse
from andon.gates.said import Said
from andon.gates.signers import gate_behind
from andon.gates.verdict import content_of
from andon.gates.waiver import read_waiver
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, RefusedError
from andon.store.manifest import Kind, Manifest

MODEL_GATES = ("training", "model")


@dataclass(frozen=True, slots=True)
class Chain:
    """A release, its ancestors down to the source batches, and all that was said about them.

    Attributes:
        release: Digest of the release manifest.
        target: Where it is to be served.
        manifests: The release, its report, its model and all the model's ancestors, and the release before it with its
            model, each read again from its bytes.
        said: Statements about any of them, by each subject, each proved to be in the ledger; see `by_subject`.
        general: Every delegation and revocation, whatever it is about, in the order of the ledger.
        objects: Digests of the objects whose bytes were just read and found right.
        declaration: The factory's declaration that the release names, read again from its bytes.
        root: Who is who, and the targets' floors.
        at_ns: The moment for which people are counted: now for an admission, the admission's own for a load.
    """

    release: Digest
    target: str
    manifests: Mapping[Digest, Manifest]
    said: Mapping[Digest, Sequence[Said]]
    objects: frozenset[Digest]
    declaration: Declaration
    root: TrustRoot
    at_ns: int
    general: Sequence[Said] = ()

    def about(self, *subjects: Digest) -> Sequence[Said]:
        """What was said about an artefact, or about bytes, and what is general, in the order of the ledger."""
        about = [one for subject in subjects for one in self.said.get(subject, ())]
        found = {one.digest: one for one in (*about, *self.general)}
        return sorted(found.values(), key=lambda one: one.index)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a chain that stands was proved to be.

    Attributes:
        relied: Digests of the statements that were relied on, in the order of the ledger.
    """

    facts: ReleaseFacts
    model: Digest
    report: Digest
    relied: tuple[Digest, ...]


def by_subject(said: Iterable[Said]) -> dict[Digest, list[Said]]:
    """Statements by what they are about, each list in the order of the ledger."""
    found: dict[Digest, list[Said]] = {}
    for one in sorted(said, key=lambda one: one.index):
        for subject in dict.fromkeys(one.subjects):
            found.setdefault(subject, []).append(one)
    return found


def general_of(said: Iterable[Said]) -> tuple[Said, ...]:
    """The delegations and revocations among statements, in the order of the ledger."""
    found = (one for one in said if one.statement.predicate_type in (DELEGATION, REVOCATION))
    return tuple(sorted(found, key=lambda one: one.index))


def release_facts(manifest: Manifest) -> ReleaseFacts:
    """The facts of a release.

    Raises:
        RefusedError: The artefact is not a release (`gates.not-a-release`).
    """
    try:
        if manifest.kind == "release":
            return from_json(ReleaseFacts, manifest.facts)
        found = f"a {manifest.kind}"
    except InputError as error:
        found = error.found
    raise refuse(
        "gates.not-a-release",
        "This artefact is not a release.",
        manifest.digest,
        found,
        "Name the digest of a release.",
    )


def ancestry(of: Digest, manifests: Mapping[Digest, Manifest]) -> list[Digest]:
    """An artefact and everything it was made from, directly or not.

    Raises:
        RefusedError: An ancestor is missing (`gates.lineage-open`).
    """
    seen: dict[Digest, None] = {}
    waiting = [of]
    while waiting:
        digest = waiting.pop()
        if digest in seen:
            continue
        if digest not in manifests:
            raise refuse(
                "gates.lineage-open",
                "An ancestor of this release is not recorded.",
                digest,
                "no manifest",
                "Run the line.",
            )
        seen[digest] = None
        waiting += [item.digest for item in manifests[digest].inputs]
    return list(seen)


def single_input(manifest: Manifest, kind: Kind, manifests: Mapping[Digest, Manifest]) -> Digest:
    """The one input of a kind.

    Raises:
        RefusedError: There is none, or more than one (`gates.lineage-open`).
    """
    found = [i.digest for i in manifest.inputs if i.digest in manifests and manifests[i.digest].kind == kind]
    if len(set(found)) != 1:
        raise refuse(
            "gates.lineage-open",
            f"This {manifest.kind} does not name one {kind}.",
            manifest.digest,
            f"{len(found)} found",
        )
    return found[0]


def check_chain(chain: Chain) -> Proven:
    """Check everything about a chain that bytes, statements and trust root prove, and that stays true.

    Raises:
        RefusedError: A proof is missing or does not hold; code, place and `fix` say which, and who can give it.
    """
    floor = floor_of(chain.root, chain.target)
    _check_floor(chain, floor)
    facts = _check_release(chain)
    manifest = chain.manifests[chain.release]
    model = single_input(manifest, "model", chain.manifests)
    report = single_input(manifest, "report", chain.manifests)
    if model not in {item.digest for item in chain.manifests[report].inputs}:
        raise refuse("gates.lineage-open", "The report is about another model.", report, model)
    lineage = ancestry(model, chain.manifests)
    _check_objects(chain, model)
    relied = [_bound(chain).digest]
    relied += _check_sources(chain, lineage, floor, facts)
    for kind in MODEL_GATES:
        relied += _check_gate(chain, floor, facts, f"{kind}:{facts.model_name}", model)
    relied += _check_release_gate(chain, floor, facts)
    order = {one.digest: one.index for said in (*chain.said.values(), chain.general) for one in said}
    return Proven(facts, model, report, tuple(sorted(set(relied), key=lambda digest: order[digest])))


def _check_release(chain: Chain) -> ReleaseFacts:
    if chain.release not in chain.manifests:
        raise refuse("gates.lineage-open", "The release is not recorded.", chain.release, "no manifest")
    facts = release_facts(chain.manifests[chain.release])
    if facts.target != chain.target:
        raise refuse(
            "gates.other-target",
            "This release is for another target.",
            chain.target,
            facts.target,
            "Bind a new release.",
        )
    if facts.root_version > chain.root.version:
        raise refuse(
            "gates.root-rolled-back",
            "This release was bound under a newer trust root than the one at hand.",
            chain.release,
            f"version {chain.root.version}, and {facts.root_version} is needed",
            "Restore the newest trust root.",
        )
    if chain.declaration.digest() != facts.declaration or chain.declaration.factory != facts.factory:
        raise refuse(
            "gates.other-declaration",
            "This is not the declaration the release names.",
            chain.release,
            facts.declaration,
        )
    return facts


def _check_objects(chain: Chain, model: Digest) -> None:
    content = chain.manifests[model].content
    unread = [item.name for item in content if item.sha256 not in chain.objects]
    if unread or not content:
        raise refuse(
            "gates.object-missing",
            "Not every object of the model could be read and checked.",
            model,
            ", ".join(unread) or "no objects",
            "Restore the store from a copy, then run: andon audit verify.",
        )


def _bound(chain: Chain) -> Said:
    for one in chain.about(chain.release):
        if one.statement.predicate_type == RELEASE and one.subjects == (chain.release,):
            gate_behind(one, chain.root)
            return one
    raise refuse("gates.not-bound", "Nobody signed this release as bound.", chain.release, "no statement", "Bind it.")


def _is_required(chain: Chain, floor: Floor, gate: str) -> bool:
    """Whether a gate of the model is demanded: by the floor or by the factory itself."""
    kind = gate.partition(":")[0]
    asked = {*floor.gates, *(one.gate for one in (*floor.criteria, *floor.first_criteria))}
    pinned = {name for name, _ in floor.policies}
    return not asked.isdisjoint((kind, gate)) or gate in pinned or _declared(chain.declaration, gate) is not None


def _declared(declaration: Declaration, gate: str) -> Policy | None:
    return next((policy for policy in declaration.gates if policy.gate == gate), None)


def _check_gate(chain: Chain, floor: Floor, facts: ReleaseFacts, gate: str, subject: Digest) -> list[Digest]:
    """The Pass of one gate under exactly the declared policy and the floor; what it relied on, oldest first."""
    if not _is_required(chain, floor, gate):
        return []
    declared = _declared(chain.declaration, gate)
    if declared is None:
        raise refuse(
            "gates.gate-undeclared",
            f"The target demands the gate {gate}, and the factory does not declare it.",
            chain.target,
            "no such gate",
            "Declare the gate in the factory, then run the line.",
        )
    passed = find_pass(chain, gate, subject)
    _check_demanded(chain, floor, facts, declared, passed)
    return _relied(chain, passed, subject)


def _check_demanded(chain: Chain, floor: Floor, facts: ReleaseFacts, declared: Policy, passed: Pass) -> None:
    """A Pass must be for this target, over what is declared and demanded there, against the champion it follows."""
    verdict, gate = passed.verdict, declared.gate
    if verdict.target != chain.target:
        raise refuse(
            "gates.other-target",
            f"The gate {gate} passed for another target.",
            passed.digest,
            verdict.target or "no target",
        )
    effective = demanded(declared, floor, is_first=not facts.predecessor)
    if (verdict.declared.digest(), verdict.policy.digest()) != (declared.digest(), effective.digest()):
        raise refuse(
            "gates.other-policy",
            f"The gate {gate} passed under another policy than the declared one with the floor of {floor.target}.",
            passed.digest,
            verdict.policy.digest(),
        )
    champion = champion_before(chain, facts)
    if any(one.baseline == "champion" for one in effective.criteria) and verdict.champion != champion:
        raise refuse(
            "gates.champion-moved",
            f"The gate {gate} compared with another model than the one this release follows.",
            passed.digest,
            f"{verdict.champion or 'none'}, and {champion or 'none'} served",
            "Run the line again: the model is measured against the one that serves now.",
        )


def champion_before(chain: Chain, facts: ReleaseFacts) -> Digest:
    """The model of the release that this one follows; empty for the first.

    Raises:
        RefusedError: That release is not among the manifests (`gates.lineage-open`).
    """
    if not facts.predecessor:
        return ""
    if facts.predecessor not in chain.manifests:
        raise refuse("gates.lineage-open", "The release before this one is not recorded.", facts.predecessor, "nothing")
    return single_input(chain.manifests[facts.predecessor], "model", chain.manifests)


def _relied(chain: Chain, passed: Pass, subject: Digest) -> list[Digest]:
    """What a Pass rests on: itself, people, and waivers with the verdicts they are about."""
    verdict = passed.verdict
    about = chain.about(subject, verdict.content)
    waived = [read_waiver(one.statement).verdict for one in about if one.digest in verdict.waivers]
    return [passed.digest, *verdict.signoffs, *verdict.waivers, *waived]


def find_pass(chain: Chain, gate: str, subject: Digest) -> Pass:
    """The Pass of a gate over an artefact, if its newest verdict is one and no failure stands.

    Raises:
        RefusedError: There is none, and why; or a measured failure on the same bytes and rows is final
            (`gates.failure-is-final`).
    """
    about = chain.about(subject, content_of(chain.manifests[subject]))
    passed = newest_pass(about, chain.root, factory=chain.declaration.factory, gate=gate, subject=subject)
    _check_waivers(chain, passed, about)
    _check_final(chain, passed, subject, about)
    return passed


def _check_waivers(chain: Chain, passed: Pass, about: Sequence[Said]) -> None:
    """Waivers that a Pass relied on must hold at the moment that counts, not only when it was judged."""
    verdict = passed.verdict
    if not verdict.waivers:
        return
    now = found_again(verdict, about, chain.root, now_ns=chain.at_ns, only=verdict.waivers)
    void = [one.criterion.text() for one, then in zip(now, verdict.findings, strict=True) if one.holds != then.holds]
    if void:
        raise refuse(
            "gates.waiver-void",
            f"The gate {verdict.gate} passed on a waiver that holds no more.",
            verdict.subject,
            "; ".join(void),
            "Have it waived again by who may, or train another model.",
        )


def _check_final(chain: Chain, passed: Pass, subject: Digest, about: Sequence[Said]) -> None:
    content = content_of(chain.manifests[subject])
    verdict = passed.verdict
    failed = final_verdicts(
        about,
        chain.root,
        content=content,
        gate=verdict.gate,
        rows=verdict.evidence.rows,
        target=chain.target,
        now_ns=chain.at_ns,
    )
    if failed or verdict.content != content:
        raise refuse(
            "gates.failure-is-final",
            f"The gate {verdict.gate} failed these bytes on these rows before, and that stands.",
            subject,
            ", ".join(failed),
            "Train another model; a measured failure is final.",
        )


def _check_sources(chain: Chain, lineage: Iterable[Digest], floor: Floor, facts: ReleaseFacts) -> list[Digest]:
    """Every batch passed its data gate, and every dataset was published by such a Pass."""
    kinds = {digest: chain.manifests[digest].kind for digest in lineage}
    passes = [_data_pass(chain, floor, digest) for digest, kind in kinds.items() if kind == "batch"]
    if not passes:
        raise refuse(
            "gates.lineage-open", "No source batch stands at the beginning of this release.", chain.release, "no batch"
        )
    missing = {gate for gate in floor.gates if gate.startswith("data:")} - {one.verdict.gate for one in passes}
    if missing:
        gates = ", ".join(sorted(missing))
        raise refuse(
            "gates.no-pass", f"The target demands the gate {gates}, and no batch passed it.", chain.release, gates
        )
    published = {one.verdict.publish.digest for one in passes if one.verdict.publish}
    for digest, kind in kinds.items():
        if kind == "dataset" and digest not in published:
            raise refuse(
                "gates.not-published",
                "No data gate published this dataset.",
                digest,
                f"an ancestor of {facts.model_name}",
            )
    return [digest for one in passes for digest in (one.digest, *one.verdict.signoffs)]


def _check_floor(chain: Chain, floor: Floor) -> None:
    """A floor that demands a gate nobody knows is not met by anything."""
    for gate in floor.gates:
        if gate.partition(":")[0] not in get_args(GateKind):
            raise refuse(
                "gates.unknown-gate",
                "The target demands a gate of a kind that does not exist.",
                chain.target,
                gate,
                "Have the trust root signed anew with the gates data, training, model and release.",
            )


def _data_pass(chain: Chain, floor: Floor, batch: Digest) -> Pass:
    """The Pass of a batch. It may have been judged under another policy, if its values satisfy the present one too.

    A data gate judges before anybody knows where a model goes, so the target's floor is held against its values here.
    """
    gates = {policy.gate: policy for policy in chain.declaration.gates if policy.gate.startswith("data:")}
    refusal = refuse("gates.no-pass", "No data gate of the factory passed this batch.", batch, "no verdict")
    for gate, declared in gates.items():
        try:
            passed = find_pass(chain, gate, batch)
        except RefusedError as error:
            refusal = refusal if error.code == "gates.no-pass" else error
            continue
        verdict = passed.verdict
        effective = demanded(declared, floor, is_first=False)
        findings = weigh(effective, verdict.evidence, verdict.champion)
        if verdict.policy.digest() != effective.digest() and decide(findings, ()) != "PASSED":
            raise refuse(
                "gates.other-policy",
                f"This batch passed {gate}, and its values do not satisfy what is demanded of it for this target now.",
                batch,
                "; ".join(f"{f.criterion.text()}: {f.why}" for f in findings if f.holds != "yes"),
                "Ingest the batch again, or train without it.",
            )
        return passed
    raise refusal


def _check_release_gate(chain: Chain, floor: Floor, facts: ReleaseFacts) -> list[Digest]:
    """The release gate's Pass, and its people counted again, with the floor's."""
    gate = f"release:{facts.model_name}"
    if not (floor.signoffs or floor.first_signoffs or _is_required(chain, floor, gate)):
        return []
    relied = _check_gate(chain, floor, facts, gate, chain.release)
    if not relied:
        raise refuse(
            "gates.gate-undeclared",
            f"The target asks for people, and the factory does not declare the gate {gate}.",
            chain.target,
            "no such gate",
            "Declare the gate in the factory, then run the line.",
        )
    verdict = find_pass(chain, gate, chain.release).verdict
    excluded = (*verdict.excluded, *facts.initiators)
    counts = count_people(
        rules_for(verdict.policy, verdict.findings),
        verdict.question(),
        chain.about(chain.release),
        chain.root,
        excluded=excluded,
        now_ns=chain.at_ns,
    )
    missing = "; ".join(filter(None, (one.missing() for one in counts)))
    if missing:
        raise refuse(
            "gates.people-missing",
            f"The release gate {gate} lacks people.",
            chain.release,
            missing,
            "Have the people named sign off: andon approve.",
        )
    return relied + [digest for one in counts for digest in (*(d for _, d in one.approved), *one.lent)]
