"""Attacks on the bundle that a server loads a release with: trimmed, exchanged, of another ledger."""

from dataclasses import replace

from andon.attest.statement import ADMISSION
from andon.gates.bundle import check_bundle, make_bundle, read_bundle
from andon.gates.serving import admission_of, decision_statement
from tests.gates.world import TARGET
from tests.redteam.catalogue import Ground, Tried, attack, together
from tests.redteam.moves import (
    loading,
)


def bundle_with(ground: Ground, change) -> Tried:
    """A server is given a changed bundle."""
    world = ground.at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    changed = [change(bundle)] if not isinstance(change(bundle), list) else change(bundle)
    return together(
        loading(lambda one=one: check_bundle(one, TARGET, world.blobs.read, world.trust())) for one in changed
    )


@attack("44a", "Take any statement out of the bundle", "serve folder", "gates.bundle-incomplete")
def without_statements(ground: Ground) -> Tried:
    def without(bundle):
        said = bundle.statements
        return [replace(bundle, statements=said[:n] + said[n + 1 :]) for n in range(len(said))]

    return bundle_with(ground, without)


@attack("44b", "Take any proof out of the bundle", "serve folder", "gates.bundle-incomplete")
def without_proofs(ground: Ground) -> Tried:
    def without(bundle):
        return [
            replace(bundle, proofs={name: proof for name, proof in bundle.proofs.items() if name != gone})
            for gone in bundle.proofs
        ]

    return bundle_with(ground, without)


@attack("44c", "Take any manifest out of the bundle", "serve folder", "gates.lineage-open", "gates.bundle-incomplete")
def without_manifests(ground: Ground) -> Tried:
    def without(bundle):
        return [
            replace(bundle, manifests={name: one for name, one in bundle.manifests.items() if name != gone})
            for gone in bundle.manifests
        ]

    return bundle_with(ground, without)


@attack("44d", "Give each statement the proof of another", "serve folder", "gates.statement-damaged")
def exchanged_proofs(ground: Ground) -> Tried:
    def exchange(bundle):
        first, *rest = bundle.proofs.values()
        return replace(bundle, proofs=dict(zip(bundle.proofs, [*rest, first], strict=True)))

    return bundle_with(ground, exchange)


@attack("44e", "Put another manifest under a name that the proofs hold", "serve folder", "gates.bundle-damaged")
def another_manifest_in_bundle(ground: Ground) -> Tried:
    world = ground.at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    evil = world.model(b"evil weights")
    changed = replace(bundle, manifests={**bundle.manifests, world.made.model: evil.to_json()})
    return loading(lambda: check_bundle(changed, TARGET, world.blobs.read, world.trust()))


@attack(
    "44f",
    "Ask a server that saw a ledger to believe another of the same length",
    "serve folder",
    "gates.bundle-damaged",
)
def another_ledger(ground: Ground) -> Tried:
    world = ground.at("admitted")
    seen = replace(world.record.remembered(), root=b"\0" * 32)
    return loading(lambda: world.load(remembered=seen))


@attack("44g", "Damage the numbers, proofs and manifests in a bundle", "serve folder", "gates.bundle-damaged")
def damaged_bundle(ground: Ground) -> Tried:
    def damage(bundle):
        name, proof = next(iter(bundle.proofs.items()))
        digest = next(iter(bundle.manifests))
        root = next(iter(bundle.root.values()))
        return [
            replace(bundle, root={"one": root}),
            replace(bundle, proofs={**bundle.proofs, name: proof.replace("extra ", "extra !", 1)}),
            replace(bundle, manifests={**bundle.manifests, digest: {"kind": "model"}}),
        ]

    return bundle_with(ground, damage)


@attack("44h", "Admit on fewer proofs than a release must stand on", "key files", "gates.bundle-incomplete")
def admission_relying_on_less(ground: Ground) -> Tried:
    world = ground.at("admitted")
    record, root, release = world.record, world.root, world.made.release
    found = admission_of(record.of_types(root, ADMISSION), root, release=release, target=TARGET)
    assert found is not None
    digests = (*found[1].relied, world.forge(decision_statement(replace(found[1], relied=found[1].relied[1:]))))
    relied = record.many(digests, root)
    data = make_bundle(
        release,
        world.keeper.keeping.lineage_of(release),
        relied,
        record.ledger.prove_many([one.index for one in relied]),
        record.roots.envelopes(),
    )
    bundle = read_bundle(data)
    return loading(lambda: check_bundle(bundle, TARGET, world.blobs.read, world.trust()))


@attack(
    "44i",
    "Take the release before this one out of the bundle",
    "serve folder",
    "gates.lineage-open",
    "gates.bundle-incomplete",
)
def without_predecessor(ground: Ground) -> Tried:
    world = ground.at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    assert first in bundle.manifests
    rest = {name: one for name, one in bundle.manifests.items() if name != first}
    changed = replace(bundle, manifests=rest)
    return loading(lambda: check_bundle(changed, TARGET, world.blobs.read, world.trust()))


@attack(
    "44j",
    "Show a server a bundle under another trust root of the same version than it knows",
    "serve folder",
    "gates.bundle-damaged",
)
def another_second_root(ground: Ground) -> Tried:
    world = ground.at("admitted")
    known = (*world.record.all_roots()[:-1], replace(world.root, expires_ns=world.root.expires_ns + 1))
    return loading(lambda: world.load(versions=known))
