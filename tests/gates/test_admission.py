"""Each check of an admission by itself: the chain as values, one thing changed, one refusal."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest.trust_root import Demand, Floor, RoleInterval
from andon.contracts.policy import Criterion, SignOffRule
from andon.gates.admission import World, admit
from andon.gates.chain import by_subject
from andon.gates.releasing import _gather
from andon.gates.serving import Revocation, decision_statement
from andon.ledger.memory import Remembered
from andon.ledger.verify import Finding
from tests.gates.world import DAY_NS, DOMAIN, FACTORY, MODEL, TARGET, TRAINING, moments_in, refusal


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A chain that stands, and the world in which it does."""
    world = moments_in(tmp_path_factory.mktemp("moments"))["approved"].copied_to(tmp_path_factory.mktemp("case") / "w")
    report = world.record.audit(world.root)
    chain, _ = _gather(world.keeper.keeping, world.root, world.made.release, TARGET, report.size)
    yield chain, World(report, world.record.remembered(), "", world.clock.now_ns())
    world.database.close()


def all_said(chain):
    return {one.digest: one for said in chain.said.values() for one in said}


def with_root(chain, **changes):
    return replace(chain, root=replace(chain.root, **changes))


def with_principal(chain, name, **changes):
    people = tuple(replace(one, **changes) if one.name == name else one for one in chain.root.principals)
    return with_root(chain, principals=people, root_keys=chain.root.root_keys)


def with_floor(chain, **changes):
    return with_root(chain, floors=(replace(Floor(TARGET, production=False, gates=("model",)), **changes),))


def code(chain, world):
    return refusal(lambda: admit(chain, world))


def test_the_chain_stands(case):
    chain, world = case
    proven = admit(chain, world)
    assert proven.model in chain.manifests
    assert set(proven.relied) == set(all_said(chain))


def test_every_statement_is_needed(case):
    chain, world = case
    for digest in all_said(chain):
        rest = [one for one in all_said(chain).values() if one.digest != digest]
        assert code(replace(chain, said=by_subject(rest)), world) in {
            "gates.no-pass",
            "gates.not-bound",
            "gates.people-missing",
        }


def test_every_manifest_is_needed(case):
    chain, world = case
    for digest in chain.manifests:
        rest = {name: manifest for name, manifest in chain.manifests.items() if name != digest}
        assert code(replace(chain, manifests=rest), world) == "gates.lineage-open"


def test_every_object_of_the_model_is_needed(case):
    chain, world = case
    for sha256 in chain.objects:
        assert code(replace(chain, objects=chain.objects - {sha256}), world) == "gates.object-missing"


def test_no_signature_can_be_missing(case):
    chain, world = case
    for digest, one in all_said(chain).items():
        unsigned = [
            replace(one, keys=frozenset()) if name == digest else said for name, said in all_said(chain).items()
        ]
        assert code(replace(chain, said=by_subject(unsigned)), world) in {
            "gates.signer-not-gate",
            "gates.people-missing",
        }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: {"now_ns": w.ledger.last_ns - 1}, "gates.clock-behind"),
        (lambda w: {"serving": "sha256:" + "0" * 64}, "gates.predecessor-moved"),
        (lambda w: {"remembered": Remembered("o", 1, b"", 2)}, "gates.root-rolled-back"),
        (lambda w: {"now_ns": w.now_ns + 366 * DAY_NS}, "gates.root-expired"),
        (lambda w: {"ledger": replace(w.ledger, findings=(Finding("ledger.forked", "", ""),))}, "ledger.forked"),
    ],
)
def test_the_world_must_be_right(case, change, expected):
    chain, world = case
    assert code(chain, replace(world, **change(world))) == expected


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        ({}, ""),
        ({"gates": ("data", "training", "model", "release")}, ""),
        ({"gates": ("model:late", "data:schedule")}, ""),
        ({"gates": ("data:weather",)}, "gates.no-pass"),
        ({"gates": ("security",)}, "gates.unknown-gate"),
        ({"signoffs": (("operations", 2),)}, "gates.floor-changed"),
        ({"signoffs": (("risk", 1),)}, "gates.floor-changed"),
        ({"first_signoffs": (("operations", 1),)}, ""),
        ({"first_signoffs": (("operations", 2),)}, "gates.floor-changed"),
        ({"criteria": (Demand("model", Criterion("auc", "ge", 0.7, side="lower")),)}, ""),
        ({"criteria": (Demand("model", Criterion("auc", "ge", 0.75, side="lower")),)}, "gates.floor-changed"),
        ({"criteria": (Demand("model:other", Criterion("auc", "ge", 0.99)),)}, ""),
        ({"criteria": (Demand("data", Criterion("blocked", "le", 0.0)),)}, ""),
        ({"criteria": (Demand("data:schedule", Criterion("missing", "le", 0.0)),)}, "gates.other-policy"),
        ({"first_criteria": (Demand("training", Criterion("epochs", "ge", 1.0)),)}, "gates.floor-changed"),
        ({"policies": (("model:late", MODEL.digest()),)}, ""),
        ({"policies": (("model:late", TRAINING.digest()),)}, "gates.policy-not-pinned"),
        ({"policies": (("data:schedule", MODEL.digest()),)}, "gates.policy-not-pinned"),
        ({"looks": 5}, "gates.floor-changed"),
        ({"tier": "T1"}, "gates.tier-too-low"),
        ({"target": "elsewhere"}, "trust.unknown-target"),
    ],
)
def test_the_floor_is_asked_for_whatever_the_factory_asks(case, floor, expected):
    chain, world = case
    assert code(with_floor(chain, **floor), world) == expected


def test_a_gate_that_judged_below_the_tier_of_the_target_does_not_serve_it(case):
    chain, world = case
    floor = with_floor(chain, tier="T1")
    assert code(floor, replace(world, tier="T1")) == "gates.tier-too-low"
    assert code(floor, replace(world, tier="T0")) == "gates.tier-too-low"


def test_what_the_factory_declares_is_asked_for_whatever_the_floor_asks(case):
    chain, world = case
    rest = [one for one in all_said(chain).values() if "training:late" not in str(one.statement.predicate.get("gate"))]
    only_model = with_floor(chain, gates=("model",))
    assert code(only_model, world) == ""
    assert code(replace(only_model, said=by_subject(rest)), world) == "gates.no-pass"


def test_another_declaration_than_the_one_named_is_refused(case):
    chain, world = case
    gates = tuple(replace(gate, signoffs=(SignOffRule("x", 1, 1),)) for gate in (MODEL,))
    assert code(replace(chain, declaration=replace(chain.declaration, gates=gates)), world) == "gates.other-declaration"


def test_a_compromised_key_proves_nothing_and_a_retired_one_what_it_signed_in_its_time(case):
    chain, world = case
    for name, expected in (("gatekeeper", "gates.signer-not-gate"), ("bo", "gates.people-missing")):
        keys = next(one.keys for one in chain.root.principals if one.name == name)
        for state, since_ns, outcome in (
            ("compromised", world.now_ns, expected),
            ("retired", world.now_ns, ""),
            ("retired", 1, expected),
        ):
            changed = tuple(replace(key, state=state, since_ns=since_ns) for key in keys)
            assert code(with_principal(chain, name, keys=changed), world) == outcome


def test_the_gate_needs_its_role_when_it_judged_and_people_theirs_still(case):
    chain, world = case
    before, until_now = RoleInterval("gate", 1, 2), RoleInterval("gate", 1, world.now_ns)
    assert code(with_principal(chain, "gatekeeper", roles=(before,)), world) == "gates.signer-not-gate"
    assert code(with_principal(chain, "gatekeeper", roles=(until_now,)), world) == ""
    ended = RoleInterval("operations", 1, chain.at_ns)
    assert code(with_principal(chain, "bo", roles=(ended,)), world) == "gates.people-missing"


def test_a_revocation_by_anybody_stops_it(case):
    chain, world = case
    revocation = Revocation(DOMAIN, FACTORY, chain.release, "cy", "no longer", world.now_ns)
    template = next(iter(all_said(chain).values()))
    said = replace(template, digest="sha256:" + "1" * 64, statement=decision_statement(revocation), index=99)
    chain = replace(chain, said=by_subject([*all_said(chain).values(), said]))
    assert code(chain, world) == "gates.revoked"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_part_of_the_proofs_admits_more_than_the_whole(case, data):
    chain, world = case
    everything = list(all_said(chain).values())
    kept = data.draw(st.lists(st.sampled_from(everything), unique_by=lambda one: one.digest))
    if len(kept) < len(everything):
        assert code(replace(chain, said=by_subject(kept)), world) != ""
