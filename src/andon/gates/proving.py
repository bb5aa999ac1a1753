"""The checks that a chain must stand whenever it is relied on: at an admission, and at every load."""

from collections.abc import Iterable
from typing import Final, get_args

from andon.attest.statement import RELEASE
from andon.attest.trust_root import Floor, floor_of
from andon.contracts.policy import GateKind
from andon.contracts.release import ReleaseFacts
from andon.gates.chain import Chain, Proven, ancestry, release_facts, single_input
from andon.gates.gated import check_gate, check_release_gate, data_pass
from andon.gates.refusal import refuse
from andon.gates.said import Said
from andon.gates.signers import gate_behind
from andon.kernel.digest import Digest

MODEL_GATES: Final = ("training", "model")


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
        relied += check_gate(chain, floor, facts, f"{kind}:{facts.model_name}", model)
    relied += check_release_gate(chain, floor, facts)
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


def _check_sources(chain: Chain, lineage: Iterable[Digest], floor: Floor, facts: ReleaseFacts) -> list[Digest]:
    """Every batch passed its data gate, and every dataset was published by such a Pass."""
    kinds = {digest: chain.manifests[digest].kind for digest in lineage}
    passes = [data_pass(chain, floor, digest) for digest, kind in kinds.items() if kind == "batch"]
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
