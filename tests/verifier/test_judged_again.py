"""The verifier judges for itself: whatever the gatekeeper's own key signed, values, policies and people decide."""

from dataclasses import replace

import pytest

from andon.adapters.keys import load_signer
from andon.attest.statement import Statement, Subject
from andon.attest.trust_root import Demand, RoleInterval, Waivable
from andon.contracts.evidence import Measurement
from andon.contracts.policy import Criterion, Policy, SignOffRule
from andon.gates.serving import Revocation, decision_statement
from andon.gates.verdict import verdict_statement
from andon.gates.waiver import waiver_statement
from andon.ledger.cosignature import cosign
from tests.gates.world import DATA, DAY_NS, DOMAIN, FACTORY, GOOD_AUC, RELEASE, SINCE_NS, moments_in, principal
from tests.verifier.shown import forge_admission, shown

TWO = Policy("model:late", "ops", (Criterion("auc", "ge", 0.7, side="lower"), Criterion("brier", "le", 0.2)))
AUC = Measurement("auc", 0.7, lower=0.68, upper=0.72, n=5000)
WAIVABLE = (Waivable("model", "auc", "operations", 7 * DAY_NS),)


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    return moments_in(tmp_path_factory.mktemp("verified"))


@pytest.fixture
def at(moments, tmp_path):
    """A function that gives a fresh copy of a world at a moment: founded, bound, approved or admitted."""
    opened = []

    def copy(moment):
        opened.append(moments[moment].copied_to(tmp_path / f"world-{len(opened)}"))
        return opened[-1]

    yield copy
    for world in opened:
        world.database.close()


def ready(world, weights=b"weights", *measured):
    """From a batch to a model that the model gate judged on these measurements."""
    batch = world.batch()
    world.made.batch, world.made.dataset = batch.digest, world.judge_data(batch).published
    model = world.model(weights)
    world.made.model = model.digest
    world.add(model)
    world.judge_training(model)
    judged = world.judge_model(model, *measured)
    return model, judged


def bound(world, model):
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model))
    return world


def test_what_the_gates_let_through_holds_for_the_verifier_too(verify, at):
    for moment in ("bound", "approved", "admitted"):
        assert shown(verify, at(moment)).problems() == {}, moment


def test_a_pass_that_its_values_do_not_give_is_found(verify, at):
    world = at("approved")
    verdict = world.verdict(world.made.model, "model:late")
    poor = replace(verdict.evidence, measurements=(Measurement("auc", 0.1, lower=0.1, upper=0.1, n=5000),))
    world.forge_verdict(world.made.model, "model:late", evidence=poor)
    (text,) = shown(verify, world).problems().values()
    assert "findings" in text


def test_a_failure_that_calls_itself_passed_is_found(verify, at):
    world = at("founded")
    model, judged = ready(world, b"weights", AUC)
    assert judged.outcome == "FAILED"
    bound(world, model)
    world.forge_verdict(model.digest, "model:late", outcome="PASSED")
    (text,) = shown(verify, world).problems().values()
    assert "PASSED" in text


def test_a_verdict_that_no_gatekeeper_signed_is_found(verify, at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", key="trainer")
    assert "no gatekeeper" in str(shown(verify, world).problems())


def test_a_statement_signed_by_a_stranger_is_found(verify, at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", key="mallory")
    assert "not in the trust root" in str(shown(verify, world).problems())


def test_a_release_gate_that_asked_nobody_is_found(verify, at):
    world = at("bound")
    world.forge(verdict_statement(world.release_verdict(policy=RELEASE)))
    (text,) = shown(verify, world).problems().values()
    assert "operations" in text


def test_an_admission_past_the_people_is_found(verify, at):
    """A stolen gatekeeper's key can sign an admission; it cannot sign for people."""
    world = at("bound")
    assert shown(verify, world).problems() == {}
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "release:late had not passed" in text


def test_an_admission_past_a_later_rejection_is_found(verify, at):
    world = at("approved")
    world.approve("bo", "reject")
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "rejected by bo" in text


def test_an_admission_of_a_revoked_release_is_found(verify, at):
    world = at("approved")
    revocation = Revocation(DOMAIN, FACTORY, world.made.release, "al", "wrong", world.clock.now_ns())
    world.forge(decision_statement(revocation))
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "revoked" in text


def test_an_admission_below_its_targets_floor_is_found(verify, at):
    """The floor of the version of the trust root under which it was admitted counts, not what the factory declares."""
    world = at("approved")
    demand = Demand("model", Criterion("auc", "ge", 0.95))
    world.govern(criteria=(demand,))
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "auc" in text


def test_an_admission_with_fewer_people_than_the_floor_asks_for_is_found(verify, at):
    world = at("approved")
    world.govern(signoffs=(("operations", 2),))
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "1 of operations" in text


def test_an_admission_is_held_to_the_trust_root_it_names(verify, at):
    """Expired then, or with one policy only for a gate that the factory declares otherwise."""
    world = at("approved")
    policy = "sha256:" + "d" * 64
    world.govern(policies=(("model:late", policy),))
    forge_admission(world)
    assert "another policy only" in str(shown(verify, world).problems())
    world.next_root(expires_ns=world.clock.now_ns())
    forge_admission(world)
    assert "had expired" in str(shown(verify, world).problems())


def test_a_pass_for_another_target_does_not_admit_to_this_one(verify, at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", target="strict")
    forge_admission(world)
    assert "another target" in str(shown(verify, world).problems())


def test_a_statement_of_another_trust_domain_is_found(verify, at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", domain="other.example")
    assert "trust domain" in str(shown(verify, world).problems())


def test_a_dataset_that_no_data_gate_published_is_found(verify, at):
    world = at("approved")
    world.forge_verdict(world.made.batch, "data:schedule", publish=None)
    forge_admission(world)
    assert "no data gate published" in str(shown(verify, world).problems())


def test_an_admission_that_names_another_trust_root_is_found(verify, at):
    world = at("approved")
    forge_admission(world, root="sha256:" + "f" * 64)
    assert "another trust root" in str(shown(verify, world).problems())


def test_a_delegation_that_is_over_lends_nothing(verify, at):
    world = at("bound")
    world.delegate("bo", "di")
    world.approve("di")
    world.judge_release(world.the("release"))
    world.clock.now += 3 * DAY_NS
    forge_admission(world)
    assert "1 of operations" in str(shown(verify, world).problems())


def test_a_sign_off_too_old_for_its_gate_does_not_count(verify, at):
    world = at("approved")
    world.clock.now += 6 * DAY_NS
    forge_admission(world)
    assert "1 of operations" in str(shown(verify, world).problems())


def test_a_sign_off_about_other_evidence_does_not_count(verify, at):
    world = at("bound")
    question = world.question()
    world.approve(question=replace(question, evidence="sha256:" + "e" * 64))
    signoff = world.record.of_types(world.root, "andon/signoff/v1")[-1].digest
    request = world.keeper.question(world.release_request(world.the("release")))
    assert request == question
    world.forge(verdict_statement(world.release_verdict(signoffs=(signoff,))))
    assert "operations" in str(shown(verify, world).problems())


def test_one_person_with_two_keys_counts_once(verify, at):
    world = at("approved")
    world.approve("bo", key="bo2")
    world.govern(signoffs=(("operations", 2),))
    forge_admission(world)
    (text,) = shown(verify, world).problems().values()
    assert "1 of operations" in text


def test_whoever_started_the_run_does_not_count(verify, at):
    world = at("approved")
    world.approve("al")
    world.govern(signoffs=(("operations", 2),))
    forge_admission(world)
    assert "1 of operations" in str(shown(verify, world).problems())


def test_two_people_count(verify, at):
    world = at("approved")
    world.approve("cy")
    world.govern(signoffs=(("operations", 2),))
    forge_admission(world)
    assert shown(verify, world).problems() == {}


def test_a_delegate_counts_and_never_beside_the_delegator(verify, at):
    world = at("bound")
    world.delegate("bo", "di")
    world.approve("di")
    world.judge_release(world.the("release"))
    world.admit()
    assert shown(verify, world).problems() == {}
    world.approve("bo")
    world.govern(signoffs=(("operations", 2),))
    forge_admission(world)
    assert "of operations" in str(shown(verify, world).problems())


def test_a_waived_failure_holds_and_a_waiver_beyond_its_worst_value_does_not(verify, at):
    world = at("founded").govern(waivable=WAIVABLE)
    model, judged = ready(world, b"weights", AUC)
    assert judged.outcome == "FAILED"
    world.waive(model.digest)
    assert world.judge_model(model, AUC).outcome == "PASSED"
    bound(world, model).build_approved()
    world.admit()
    assert shown(verify, world).problems() == {}


@pytest.mark.parametrize("changes", [{"worst": 0.69}, {"role": "reader"}, {"reason": " "}])
def test_a_waiver_that_does_not_cover_does_not_count(verify, at, changes):
    """The gatekeeper would not take such a waiver in; whoever holds its database and key can put it there."""
    world = at("founded").govern(waivable=WAIVABLE)
    model, _ = ready(world, b"weights", AUC)
    waiver = world.seal(waiver_statement(world.waiver(model.digest, **changes), model.digest), "cy")
    with world.database.units.begin() as unit:
        bad = world.record.add(unit, waiver)
    world.waive(model.digest)
    world.judge_model(model, AUC)
    bound(world, model)
    assert shown(verify, world).problems() == {}
    world.forge_verdict(model.digest, "model:late", waivers=(bad,))
    assert len(shown(verify, world).problems()) == 1


def test_a_waiver_by_who_started_the_run_does_not_count(verify, at):
    world = at("founded").govern(waivable=WAIVABLE)
    model, _ = ready(world, b"weights", AUC)
    world.waive(model.digest)
    world.judge_model(model, AUC)
    bound(world, model)
    world.forge_verdict(model.digest, "model:late", excluded=("al", "bo"))
    assert len(shown(verify, world).problems()) == 1


def test_a_final_failure_cannot_be_walked_around_by_another_verdict(verify, at):
    world = at("founded")
    model, _ = ready(world, b"weights", AUC)
    good = replace(world.verdict(model.digest, "model:late").evidence, measurements=(GOOD_AUC,))
    bound(world, model)
    verdict = world.verdict(model.digest, "model:late")
    passed = [
        replace(one, holds="yes", value=0.78, why="0.78 >= 0.7") if one.criterion.metric == "auc" else one
        for one in verdict.findings
    ]
    world.forge_verdict(
        model.digest,
        "model:late",
        evidence=good,
        findings=tuple(passed),
        outcome="PASSED",
        time_ns=world.clock.now_ns(),
    )
    world.build_approved()
    forge_admission(world)
    assert "final" in str(shown(verify, world).problems())


def test_an_annulled_failure_is_not_final(verify, at):
    world = at("founded")
    model, _ = ready(world, b"weights", AUC)
    world.annul(model.digest, "bo")
    world.annul(model.digest, "cy", of=world.verdict_said(model.digest, "model:late"))
    assert world.judge_model(model).outcome == "PASSED"
    bound(world, model).build_approved()
    world.admit()
    assert shown(verify, world).problems() == {}


def witnessed(world, name, now_ns):
    """The newest head under a witness's cosignature of a moment."""
    head = world.record.ledger.head()
    note = world.database.checkpoints.at(head.size)
    with world.database.units.begin() as unit:
        line = cosign(note, name, load_signer(world.home.key(name)), now_ns)
        world.database.checkpoints.cosign(unit, head.size, line)


def test_what_a_compromised_key_signed_stands_only_where_a_witness_saw_it_before(verify, at):
    world = at("bound")
    witness = principal(world.home, "tower", "service", RoleInterval("witness", SINCE_NS))
    world.next_root(principals=(*world.root.principals, witness))
    world.build_approved()
    witnessed(world, "tower", world.clock.now_ns())
    world.approve("cy")
    world.clock.now += 1_000_000_000
    since = world.clock.now_ns()
    people = tuple(
        replace(one, keys=tuple(replace(key, state="compromised", since_ns=since) for key in one.keys))
        if one.name in ("bo", "cy")
        else one
        for one in world.root.principals
    )
    world.next_root(principals=people)
    assert shown(verify, world).void() == {"cy"}
    assert shown(verify, world).problems() == {}


def test_an_admission_without_the_witnesses_that_its_target_asks_for_is_found(verify, at):
    world = at("approved")
    witness = principal(world.home, "tower", "service", RoleInterval("witness", SINCE_NS))
    world.next_root(principals=(*world.root.principals, witness))
    world.govern(witnesses=1)
    forge_admission(world)
    assert "witnesses" in str(shown(verify, world).problems())
    witnessed(world, "tower", world.clock.now_ns())
    forge_admission(world)
    assert len(shown(verify, world).problems()) == 1


def test_an_admission_at_a_lower_tier_than_its_target_asks_for_is_found(verify, at):
    world = at("approved")
    world.govern(tier="T1")
    forge_admission(world)
    assert "T1" in str(shown(verify, world).problems())


def test_a_sign_off_that_is_none_is_named_with_its_proof(verify, at):
    world = at("admitted")
    with world.database.units.begin() as unit:
        sealed = world.seal(Statement((Subject("x", "sha256:" + "1" * 64),), "andon/signoff/v1", {}), "bo")
        digest = world.record.add(unit, sealed)
    assert set(shown(verify, world).problems()) == {f"statements/{digest[7:]}.dsse.json"}


def test_a_delegates_rejection_stands_when_the_delegation_is_over(verify, at):
    world = at("approved")
    world.delegate("cy", "di")
    world.approve("di", "reject")
    world.clock.now += 3 * DAY_NS
    forge_admission(world)
    assert "rejected by di" in str(shown(verify, world).problems())


def test_a_waiver_by_who_started_the_release_does_not_count(verify, at):
    world = at("founded").govern(waivable=WAIVABLE)
    model, _ = ready(world, b"weights", AUC)
    world.waive(model.digest, "bo")
    world.judge_model(model, AUC)
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model, initiators=("bo",)))
    world.approve("cy")
    world.judge_release(world.the("release"))
    assert shown(verify, world).problems() == {}
    forge_admission(world)
    assert "auc" in str(shown(verify, world).problems())


@pytest.mark.parametrize(("rows", "word"), [(4, ""), (1000, "blocked")])
def test_rows_too_few_for_the_floor_that_nobody_accepted_are_found(verify, at, rows, word):
    world = at("approved").govern(criteria=(Demand("data", Criterion("blocked", "le", 0.0, min_n=rows)),))
    forge_admission(world)
    found = shown(verify, world).problems()
    assert word in str(found) if word else found == {}


@pytest.mark.parametrize("people", [1, 2])
def test_people_of_a_data_gate_are_counted_again(verify, at, people):
    asks = replace(DATA, signoffs=(SignOffRule("operations", people, 30 * DAY_NS),))
    world = at("founded")
    batch = world.batch()
    world.made.batch, world.made.dataset = batch.digest, world.judge_data(batch).published
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model)
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model, declaration=world.declaration(asks)))
    world.build_approved()
    forge_admission(world)
    assert f"people of data:schedule were missing when it was admitted: {people}" in str(
        shown(verify, world).problems()
    )


def test_only_the_people_of_a_first_release_annul_where_a_target_asks_for_no_others(verify, at):
    world = at("founded")
    model, _ = ready(world, b"weights", AUC)
    for who in ("bo", "di"):
        world.annul(model.digest, who, of=world.verdict_said(model.digest, "model:late"))
    world.judge_model(model)
    bound(world, model).build_approved()
    world.govern(first_signoffs=(("operations", 1),))
    forge_admission(world)
    assert "final" in str(shown(verify, world).problems())
