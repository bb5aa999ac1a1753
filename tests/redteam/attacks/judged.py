"""Attacks on the gates themselves: policies, thresholds, evidence, verdicts, and second tries."""

import json
from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.attest.statement import seal
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, SignOffRule
from andon.gates.criteria import weigh
from andon.gates.verdict import verdict_statement
from andon.kernel.digest import of_bytes
from tests.gates.world import DATA, GOOD_AUC, MODEL, RELEASE
from tests.redteam.catalogue import Ground, Tried, attack, together, tried, variants
from tests.redteam.moves import BAD_AUC, LOOSE, admission, bound, built, edit_statement, overwrite, unlogged

GATES = ("data:schedule", "training:late", "model:late")


@attack("4a", "Take a gate out of the factory's code and run the line again", "user code", "gates.gate-undeclared")
def gate_removed(ground: Ground) -> Tried:
    world = ground.at("bound")
    return admission(bound(world, declaration=world.declaration_without("model:late")))


@attack("4d", "Take the release gate out of the factory's code", "user code", "gates.gate-undeclared")
def release_gate_removed(ground: Ground) -> Tried:
    world = ground.at("bound")
    return admission(bound(world, declaration=world.declaration_without("release:late")))


@attack("4b", "Never run a gate at all", "python", "gates.no-pass")
def never_judged(ground: Ground) -> Tried:
    def without(gate):
        world = ground.at("founded")
        batch = world.batch()
        publication = world.publication(batch)
        if gate != "data":
            world.judge_data(batch)
        world.add(batch)
        model = world.model(dataset=world.add(publication.manifest))
        world.made.model = world.add(model)
        if gate != "training":
            world.judge_training(model)
        if gate != "model":
            world.judge_model(model)
        world.add(world.report(model))
        return admission(bound(world))

    return together(without(gate) for gate in ("data", "training", "model"))


@attack("4c", "Release on a batch that failed its data gate", "python", "gates.not-passed")
def failed_batch(ground: Ground) -> Tried:
    world = ground.at("founded")
    batch = world.batch()
    world.judge_data(batch, 3.0)
    model = world.model(dataset=world.add(world.publication(batch).manifest))
    world.made.model = world.add(model)
    world.judge_training(model)
    world.judge_model(model)
    world.add(world.report(model))
    return admission(bound(world))


@attack(
    "6a", "Loosen a threshold and judge under it, while the declared one stays strict", "python", "gates.other-policy"
)
def other_policy(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, BAD_AUC, model_policy=LOOSE)
    return admission(world)


@attack(
    "6b",
    "Loosen the declared threshold after a measured failure",
    "user code",
    "gates.failure-is-final",
    "gates.not-passed",
)
def loosened_after_failure(ground: Ground) -> Tried:
    world = ground.at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model, BAD_AUC)
    world.judge_model(model, BAD_AUC, policy=LOOSE)
    return admission(bound(world, declaration=world.declaration(LOOSE)))


@attack(
    "6c",
    "Tighten a data gate later, and release on a batch that would not satisfy it",
    "user code",
    "gates.other-policy",
)
def stricter_than_the_batch(ground: Ground) -> Tried:
    world = ground.at("bound")
    stricter = replace(DATA, criteria=(*DATA.criteria, Criterion("rows.good", "ge", 10.0)))
    return admission(bound(world, declaration=world.declaration(stricter)))


@attack("7a", "Edit the text of the policy beside the verifier", "store folder", "store.object-damaged")
def policy_text(ground: Ground) -> Tried:
    world = ground.at("founded")
    built(world, BAD_AUC)
    declared = world.blobs.local(world.declaration())
    softer = declared.read_bytes().replace(b'"bound":0.7', b'"bound":0.6')
    assert softer != declared.read_bytes()
    overwrite(declared, softer)
    return admission(world)


@attack("7b", "Serve with a declaration whose gates are softer", "store folder", "store.object-damaged", needs="whole")
def softer_declaration(ground: Ground) -> Tried:
    whole = ground.whole()
    path = whole.stored(whole.manifest(whole.releases[1])["facts"]["declaration"])
    softer = path.read_bytes().replace(b'"auc"', b'"one"')
    assert softer != path.read_bytes()
    overwrite(path, softer)
    code = whole.loaded(whole.releases[1])
    return Tried((), (code,)) if code else Tried(("loaded",), ())


def evidence_of(world, *measured: Measurement) -> Evidence:
    return replace(world.verdict(world.made.model, "model:late").evidence, measurements=measured)


@attack("8a", "Sign PASSED over values that fail", "key files", "gates.findings-differ")
def lying_word(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence_of(world, BAD_AUC))
    return admission(world)


@attack("8b", "Sign PASSED over honest findings that fail", "key files", "gates.not-passed", "gates.failure-is-final")
def passed_over_failure(ground: Ground) -> Tried:
    world = ground.at("approved")
    evidence = evidence_of(world, BAD_AUC)
    findings = weigh(MODEL, evidence, "")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence, findings=findings)
    return admission(world)


@attack("8c", "Sign PASSED under a policy that demands nothing", "key files", "gates.empty-policy")
def empty_policy(ground: Ground) -> Tried:
    world = ground.at("bound")
    empty = replace(MODEL, criteria=(), signoffs=())
    world.forge_verdict(world.made.model, "model:late", declared=empty, policy=empty, findings=())
    return admission(bound(world, declaration=world.declaration(empty)))


@attack("8m", "Sign a Pass under a trust root still to come", "key files", "gates.root-unknown")
def under_a_root_to_come(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", root_version=99)
    return admission(world)


@attack("8d", "Sign a Pass about evidence of another model", "key files", "gates.findings-differ")
def evidence_elsewhere(ground: Ground) -> Tried:
    world = ground.at("approved")
    evidence = replace(evidence_of(world, GOOD_AUC), subject=world.made.snapshot)
    world.forge_verdict(world.made.model, "model:late", evidence=evidence)
    return admission(world)


@attack("8e", "Use the Pass of one gate for another", "key files", "gates.no-pass")
def another_gates_pass(ground: Ground) -> Tried:
    world = ground.at("bound")
    model = world.verdict(world.made.model, "model:late")
    evidence = replace(model.evidence, subject=world.made.release)
    lie = replace(model, subject=world.made.release, content=world.made.release, evidence=evidence)
    world.forge(verdict_statement(lie))
    return admission(world)


@attack(
    "8f",
    "Judge under a policy that could pass anything, or that cannot be judged",
    "user code",
    "gates.empty-policy",
    "gates.malformed-policy",
)
def absurd_policies(ground: Ground) -> Tried:
    world = ground.at("bound")
    auc = MODEL.criteria[0]
    policies = {
        "nothing": replace(MODEL, criteria=()),
        "no kind": replace(MODEL, gate="model:"),
        "no number": replace(MODEL, criteria=(replace(auc, bound=float("nan")),)),
        "boundless": replace(MODEL, criteria=(replace(auc, bound=float("-inf")),)),
        "negative rows": replace(MODEL, criteria=(replace(auc, min_n=-1),)),
        "every slice of one slice": replace(MODEL, criteria=(replace(auc, by="origin", slice="origin=JFK"),)),
        "nobody": replace(MODEL, signoffs=(SignOffRule("operations", 0, 1),)),
        "no time": replace(MODEL, signoffs=(SignOffRule("operations", 1, 0),)),
    }
    return variants(
        {name: lambda one=one: weigh(one, evidence_of(world, GOOD_AUC), "") for name, one in policies.items()}
    )


@attack("11a", "Run the gate again until it passes", "python", "gates.failure-is-final", "gates.not-passed")
def again_until_passed(ground: Ground) -> Tried:
    world = ground.at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model, BAD_AUC)
    world.judge_model(model, GOOD_AUC)
    return admission(bound(world))


@attack(
    "11b",
    "Give the same weights another manifest after a failure",
    "python",
    "gates.failure-is-final",
    "gates.not-passed",
)
def another_manifest(ground: Ground) -> Tried:
    world = ground.at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.judge_training(model)
    world.judge_model(model, BAD_AUC)
    trace = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    renamed = replace(model, facts=trace, stage_key=of_bytes(b"another run"))
    world.made.model = renamed.digest
    world.judge_training(renamed)
    world.judge_model(renamed, GOOD_AUC)
    return admission(bound(world))


@attack("11c", "Forge a Pass over a failure that is final", "key files", "gates.failure-is-final")
def forged_over_failure(ground: Ground) -> Tried:
    world = ground.at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model, BAD_AUC)
    world.judge_model(model, BAD_AUC, policy=LOOSE)
    world.forge_verdict(model.digest, "model:late", outcome="PASSED", stands=())
    return admission(bound(world, declaration=world.declaration(LOOSE)))


@attack("11d", "Sign a Pass that itself names a failure that stands", "key files", "gates.not-passed")
def pass_with_failure(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.forge_verdict(world.made.model, "model:late", stands=(world.made.model,))
    return admission(world)


@attack("14a", "Rewrite a measured value inside a signed verdict", "control database", "gates.statement-damaged")
def rewritten_value(ground: Ground) -> Tried:
    world = ground.at("approved")
    edit_statement(world, _signature_edited, under_new_digest=False)
    return admission(world)


@attack("14b", "Rewrite it and the digest by which it is found", "control database", "gates.statement-missing")
def rewritten_with_digest(ground: Ground) -> Tried:
    world = ground.at("approved")
    edit_statement(world, _signature_edited, under_new_digest=True)
    return admission(world)


def _signature_edited(envelope: dict) -> None:
    envelope["signatures"][0]["sig"] = "AAAA" + envelope["signatures"][0]["sig"][4:]


def release_pass(world):
    """A Pass over the release that asks nobody."""
    policy = replace(RELEASE, signoffs=())
    evidence = world.release_request(world.the("release"), policy).evidence
    return world.release_verdict(policy=policy, findings=weigh(policy, evidence, ""))


@attack("15a", "Insert a passing verdict into the database, in no ledger", "control database", "gates.no-pass")
def unlogged_pass(ground: Ground) -> Tried:
    world = ground.at("bound")
    signer = load_signer(world.home.key("gatekeeper"))
    unlogged(world, seal(verdict_statement(release_pass(world)), signer), world.made.release)
    return admission(world)


def forged_by(ground: Ground, key: str) -> Tried:
    world = ground.at("bound")
    relied = world.approve("bo")
    world.forge(verdict_statement(world.release_verdict(signoffs=(relied,))), key)
    return admission(world)


@attack("16a", "Let the trainer sign its own gate", "key files", "gates.signer-not-gate")
def signed_by_trainer(ground: Ground) -> Tried:
    return forged_by(ground, "trainer")


@attack("17a", "Let another service sign the gate", "key files", "gates.signer-not-gate")
def signed_by_log(ground: Ground) -> Tried:
    return forged_by(ground, "ledger")


@attack("16b", "Let a person sign the gate", "key files", "gates.signer-not-gate")
def signed_by_person(ground: Ground) -> Tried:
    return forged_by(ground, "al")


@attack("18a", "Sign the gate with a key of one's own", "key files", "gates.signer-not-gate")
def signed_by_stranger(ground: Ground) -> Tried:
    return forged_by(ground, "mallory")


@attack("18b", "Sign with a key of one's own under the gate's key id", "key files", "gates.signer-not-gate")
def spoofed_key_id(ground: Ground) -> Tried:
    world = ground.at("bound")
    relied = world.approve("bo")
    statement = verdict_statement(world.release_verdict(signoffs=(relied,)))
    gate, mallory = (load_signer(world.home.key(name)) for name in ("gatekeeper", "mallory"))
    envelope = seal(statement, mallory)
    signature = replace(envelope.signatures[0], key_id=gate.key_id)
    keeping = world.keeper.keeping
    with keeping.units.begin() as unit:
        keeping.record.add(unit, replace(envelope, signatures=(signature,)))
    return admission(world)


@attack("32c", "Edit the evidence that people read before they sign", "store folder", "store.object-damaged")
def edited_evidence(ground: Ground) -> Tried:
    world = ground.at("bound")
    request = world.release_request(world.the("release"))
    world.keeper.judge(request)
    path = world.blobs.local(request.evidence.digest())
    overwrite(path, json.dumps({"better": True}).encode())
    return tried(lambda: world.blobs.read(request.evidence.digest()), "people read other evidence")
