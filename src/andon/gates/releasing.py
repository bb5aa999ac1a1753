"""Binds, admits, rolls back and revokes releases: one signed statement each, and what follows from it."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from andon.attest.statement import ADMISSION, DELEGATION, RELEASE, REVOCATION, ROLLBACK, WAIVER
from andon.attest.trust_json import fingerprint
from andon.attest.trust_root import TrustRoot, floor_of
from andon.contracts.release import ReleaseFacts
from andon.gates.admission import World, admit, check_floor, check_unrevoked, check_world, revoked
from andon.gates.bundle import make_bundle
from andon.gates.chain import Chain, Proven, by_subject, general_of, read_declaration, release_facts, single_input
from andon.gates.keeping import Keeping
from andon.gates.refusal import refuse
from andon.gates.request import Receipt, serving_ref
from andon.gates.said import Said
from andon.gates.serving import (
    Admission,
    Bound,
    Revocation,
    Rollback,
    admission_of,
    decision_statement,
    read_decision,
)
from andon.gates.verdict import Moved, content_of
from andon.kernel.digest import Digest
from andon.kernel.errors import ConflictError, InputError
from andon.kernel.unit import Unit
from andon.ledger.witnessing import check_witnessed
from andon.registry.ports import Ref
from andon.store.manifest import Manifest


def bind(keeping: Keeping, manifest: Manifest) -> Digest:
    """Record a release and sign that it was put together, on top of what its target serves.

    Raises:
        InputError: It names another factory, no initiators, or another trust root than today's.
        RefusedError: It is not a release, its target is unknown, or its lineage is open.
        ConflictError: The target serves another release than the one it builds on.
    """
    root = keeping.record.root()
    keeping.record.check_memory()
    facts = release_facts(manifest)
    with keeping.units.begin() as unit:
        for one in keeping.record.about(manifest.digest, root, RELEASE):
            if read_decision(Bound, one, root):
                return manifest.digest
        _check_facts(keeping, manifest, facts, root)
        keeping.manifests.add(unit, manifest)
        bound = Bound(
            domain=root.domain,
            factory=root.factory,
            model_name=facts.model_name,
            target=facts.target,
            release=manifest.digest,
            predecessor=facts.predecessor,
            root_version=root.version,
            time_ns=keeping.clock.now_ns(),
        )
        keeping.record.say(unit, decision_statement(bound))
    keeping.remember(root)
    return manifest.digest


def admit_release(keeping: Keeping, release: Digest, target: str) -> Receipt:
    """Check the whole chain of a release again, from its bytes, and let the target serve it.

    The same again, while the target still serves it, gives the same receipt.

    Raises:
        RefusedError: A proof is missing; the message says which, and who can give it.
        ConflictError: Something was decided meanwhile; ask again.
        IntegrityError: The records are not what they were.
    """
    root = keeping.record.root()
    report = keeping.record.audit(root)
    floor = floor_of(root, target)
    world = World(report, keeping.record.remembered(), "", keeping.clock.now_ns(), keeping.tier)
    check_world(root, world)
    if floor.witnesses:
        world = replace(world, witnessed=keeping.record.witnessed(keeping.units, root), now_ns=keeping.clock.now_ns())
    check_floor(floor, world)
    chain, said = _gather(keeping, root, release, target, report.size)
    facts = release_facts(chain.manifests[release])
    serving, ref = keeping.serving(said, root, facts.model_name, target)
    check_unrevoked(chain)
    if serving == release:
        return _receipt(keeping, root, said, release, target, chain.manifests)
    proven = admit(chain, replace(world, serving=serving))
    with keeping.units.begin() as unit:
        keeping.record.check_size(unit, report.size)
        admission = _admission(root, chain, proven, _next(root, facts, release, ref), world)
        said.append(_move(keeping, unit, root, admission, ref))
    keeping.remember(root)
    if floor.witnesses:  # the admission too must be seen by others, before any server is shown it
        check_witnessed(keeping.record.witnessed(keeping.units, root), floor.witnesses, keeping.clock.now_ns())
    return _receipt(keeping, root, said, release, target, chain.manifests)


def roll_back(keeping: Keeping, *, target: str, to: Digest, by: str, reason: str) -> Receipt:
    """Let a target serve a release again that was admitted to it before.

    Raises:
        RefusedError: It was never admitted to this target, or was revoked; `by` is not a person of the trust root.
        ConflictError: Something was decided meanwhile; ask again.
    """
    root = keeping.record.root()
    keeping.record.check_memory()
    facts = release_facts(keeping.manifests.get(to))
    _check_person(root, by, reason)
    with keeping.units.begin() as unit:
        decisions = keeping.decisions(root)
        admitted, before = _admitted(decisions, root, to, target)
        if keeping.record.about(to, root, REVOCATION):
            raise revoked(to)
        serving, ref = keeping.serving(decisions, root, facts.model_name, target)
        if serving != to:
            rollback = Rollback(
                domain=root.domain,
                factory=root.factory,
                model_name=facts.model_name,
                target=target,
                release=to,
                instead_of=serving,
                admission=admitted.digest,
                by=by,
                reason=reason,
                publish=_next(root, facts, to, ref),
                time_ns=keeping.clock.now_ns(),
            )
            decisions.append(_move(keeping, unit, root, rollback, ref))
    keeping.remember(root)
    said = [*keeping.record.many(before.relied, root), *decisions]
    return _receipt(keeping, root, said, to, target, keeping.lineage_of(to))


def revoke(keeping: Keeping, *, digest: Digest, by: str, reason: str) -> Digest:
    """Sign that something counts no more: a release, a waiver or a delegation; returns the revocation's digest.

    Raises:
        InputError: Nothing of this digest is recorded.
        RefusedError: It is nothing that can be revoked, or `by` is not a person of the trust root.
    """
    root = keeping.record.root()
    keeping.record.check_memory()
    _check_revocable(keeping, digest, root)
    _check_person(root, by, reason)
    with keeping.units.begin() as unit:
        for one in keeping.record.about(digest, root, REVOCATION):
            if read_decision(Revocation, one, root):
                return one.digest
        now_ns = keeping.clock.now_ns()
        revocation = Revocation(root.domain, root.factory, digest, by, reason, now_ns)
        stated = keeping.record.say(unit, decision_statement(revocation))
    keeping.remember(root)
    return stated


def _check_revocable(keeping: Keeping, digest: Digest, root: TrustRoot) -> None:
    try:
        said = keeping.record.get(digest, root)
    except InputError:
        release_facts(keeping.manifests.get(digest))
        return
    if said.statement.predicate_type not in (WAIVER, DELEGATION):
        raise refuse(
            "gates.not-revocable",
            "Releases, waivers and delegations can be revoked, and nothing else.",
            digest,
            said.statement.predicate_type,
            "A verdict is annulled by two people: andon annul.",
        )


def revoked_releases(keeping: Keeping) -> frozenset[Digest]:
    """The digests of everything that was revoked, releases among them, for servers to know."""
    root = keeping.record.root()
    found = (read_decision(Revocation, one, root) for one in keeping.record.of_types(root, REVOCATION))
    return frozenset(one.revoked for one in found if one)


def _check_facts(keeping: Keeping, manifest: Manifest, facts: ReleaseFacts, root: TrustRoot) -> None:
    floor_of(root, facts.target)
    inputs = {item.digest: keeping.manifests.get(item.digest) for item in manifest.inputs}
    single_input(manifest, "model", inputs)
    single_input(manifest, "report", inputs)
    said = (facts.factory, facts.root_version)
    if said != (root.factory, root.version) or not any(facts.initiators):
        raise InputError(
            "gates.release-malformed",
            "This release does not say what it must.",
            place=manifest.digest,
            found=f"{said[0]}, trust root version {said[1]}, initiators: {', '.join(facts.initiators) or 'none'}",
            fix=f"Bind it for {root.factory} under trust root version {root.version}, and name who started the run.",
        )
    serving, _ = keeping.serving(keeping.decisions(root), root, facts.model_name, facts.target)
    if facts.predecessor != serving:
        raise ConflictError(
            "gates.predecessor-moved",
            "The target serves another release than the one this builds on.",
            place=facts.target,
            found=f"{serving or 'nothing'}, and it names {facts.predecessor or 'nothing'}",
            fix="Bind the release again, on top of what is served now.",
        )


def _gather(keeping: Keeping, root: TrustRoot, release: Digest, target: str, size: int) -> tuple[Chain, list[Said]]:
    """The chain of a release, and everything that was said about it, with all decisions; read from the whole ledger."""
    manifests = keeping.lineage_of(release)
    facts = release_facts(manifests[release])
    subjects = {*manifests, *(content_of(manifest) for manifest in manifests.values())}
    kinds = (ADMISSION, ROLLBACK, DELEGATION, REVOCATION)
    said = keeping.record.read_whole(size, root, subjects=subjects, predicate_types=kinds)
    model = single_input(manifests[release], "model", manifests)
    for item in manifests[model].content:
        keeping.blobs.local(item.sha256)
    chain = Chain(
        release=release,
        target=target,
        manifests=manifests,
        said=by_subject(said),
        objects=frozenset(item.sha256 for item in manifests[model].content),
        declaration=read_declaration(keeping.blobs.read(facts.declaration)),
        root=root,
        at_ns=keeping.clock.now_ns(),
        general=general_of(said),
    )
    return chain, said


def _admission(root: TrustRoot, chain: Chain, proven: Proven, publish: Moved, world: World) -> Admission:
    return Admission(
        domain=root.domain,
        factory=root.factory,
        model_name=proven.facts.model_name,
        target=chain.target,
        release=chain.release,
        model=proven.model,
        relied=proven.relied,
        root=fingerprint(root),
        root_version=root.version,
        tier=world.tier,
        publish=publish,
        time_ns=world.now_ns,
    )


def _next(root: TrustRoot, facts: ReleaseFacts, release: Digest, ref: Ref | None) -> Moved:
    name = serving_ref(root.factory, facts.model_name, facts.target)
    return Moved(name, release, (ref.sequence if ref else 0) + 1)


def _move(keeping: Keeping, unit: Unit, root: TrustRoot, decision: Admission | Rollback, ref: Ref | None) -> Said:
    """Sign a decision and move the name, in one unit; returns the statement as everybody reads it from now on."""
    said = keeping.record.decide(unit, decision_statement(decision), root)
    moved = decision.publish
    keeping.refs.move(unit, moved.ref, ref.digest if ref else None, moved.digest, decision.time_ns)
    return said


def _admitted(said: Collection[Said], root: TrustRoot, release: Digest, target: str) -> tuple[Said, Admission]:
    found = admission_of(said, root, release=release, target=target)
    if found is None:
        raise refuse(
            "gates.not-admitted",
            "This release was never admitted to this target.",
            target,
            release,
            "Name a release that served there before, or admit this one.",
        )
    return found


def _receipt(
    keeping: Keeping,
    root: TrustRoot,
    said: Collection[Said],
    release: Digest,
    target: str,
    manifests: Mapping[Digest, Manifest],
) -> Receipt:
    """The receipt of an admitted release, with its bundle made anew of statements that were read just now.

    Args:
        keeping: The gatekeeper's ports.
        root: Who is who.
        said: What its admission relied on, and all decisions in the order of the ledger.
        release: Digest of the release manifest.
        target: Where it is served.
        manifests: The release and all that it rests on.
    """
    admitted, admission = _admitted(said, root, release, target)
    needed = {*admission.relied, admitted.digest}
    relied = [one for one in said if one.digest in needed]
    proofs = keeping.record.ledger.prove_many([one.index for one in relied])
    bundle = make_bundle(release, manifests, relied, proofs, keeping.record.roots.envelopes())
    stored = keeping.blobs.put([bundle])
    newest = _newest(said, root, release, target)
    return Receipt(
        factory=root.factory,
        model_name=admission.model_name,
        target=target,
        release=release,
        statement=newest[0],
        bundle=stored.digest,
        sequence=newest[1].sequence,
    )


def _newest(said: Collection[Said], root: TrustRoot, release: Digest, target: str) -> tuple[Digest, Moved]:
    """The newest decision that put a release on a target, and the move it made."""
    found: tuple[Digest, Moved] | None = None
    for one in said:
        decision = read_decision(Admission, one, root) or read_decision(Rollback, one, root)
        if decision and (decision.release, decision.target) == (release, target):
            found = (one.digest, decision.publish)
    if found is None:
        raise refuse("gates.not-admitted", "This release was never admitted.", target, release)
    return found


def _check_person(root: TrustRoot, by: str, reason: str) -> None:
    people = [one.name for one in root.principals if one.kind == "person"]
    if by not in people or not reason.strip():
        raise refuse(
            "gates.who-and-why",
            "A person of the trust root must ask for this, and say why.",
            by or "nobody",
            reason.strip() or "no reason",
            f"Name one of {', '.join(people)}, and give a reason.",
        )
