"""The factory loosens a gate, before or after its verdict."""

from dataclasses import replace

from andon.contracts.evidence import Measurement
from andon.contracts.policy import Criterion
from tests.gates.world import DATA, GOOD_AUC, MODEL, TARGET, refusal

LOOSE = replace(MODEL, criteria=(replace(MODEL.criteria[0], bound=0.5),))
BAD = Measurement("auc", 0.66, lower=0.62, upper=0.7, n=5000)


def test_untouched_a_good_model_under_the_declared_gate_is_admitted(at):
    assert refusal(at("approved").admit) == ""


def test_a_verdict_under_another_policy_than_the_declared_one_admits_nothing(at):
    world = at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.judge_training(model)
    assert world.judge_model(model, BAD, policy=LOOSE).outcome == "PASSED"
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    assert refusal(world.admit) == "gates.other-policy"


def test_loosening_the_declared_gate_after_a_measured_failure_does_not_help(at):
    world = at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.judge_training(model)
    first = world.judge_model(model, BAD)
    assert first.outcome == "FAILED"
    again = world.judge_model(model, BAD, policy=LOOSE)
    assert (again.outcome, again.is_recorded) == ("FAILED", False)
    assert again.findings[0].holds == "no"


def test_a_verdict_forged_over_a_final_failure_admits_nothing(at):
    world = at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.judge_training(model)
    world.judge_model(model, BAD)
    world.judge_model(model, BAD, policy=LOOSE)
    world.forge_verdict(model.digest, "model:late", outcome="PASSED", stands=())
    world.made.release = world.keeper.bind(world.release(model, declaration=world.declaration(LOOSE)))
    world.build_approved()
    assert refusal(world.admit) == "gates.failure-is-final"


def test_the_same_weights_under_another_manifest_are_still_the_failed_ones(at):
    world = at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.judge_model(model, BAD)
    renamed = replace(model, facts={"note": "a fresh start"})
    assert renamed.digest != model.digest
    assert world.judge_model(renamed, GOOD_AUC).outcome == "FAILED"


def test_a_release_that_names_another_declaration_than_it_was_bound_with_is_another_release(at):
    world = at("approved")
    other = world.release(world.the("model"), declaration=world.declaration(LOOSE))
    world.add(other)
    assert refusal(lambda: world.keeper.admit(other.digest, TARGET)) == "gates.not-bound"


def test_a_gate_taken_out_of_the_declaration_is_missed(at):
    world = at("bound")
    release = world.release(world.the("model"), declaration=world.declaration_without("model:late"))
    world.made.release = world.keeper.bind(release)
    world.build_approved()
    assert refusal(world.admit) == "gates.gate-undeclared"


def test_a_batch_judged_under_an_older_policy_must_satisfy_the_present_one_too(at):
    world = at("bound")
    same = world.release(world.the("model"), declaration=world.declaration(replace(DATA, owner="somebody else")))
    world.made.release = world.keeper.bind(same)
    world.build_approved()
    assert refusal(world.admit) == ""
    world = at("bound")
    stricter = replace(DATA, criteria=(*DATA.criteria, Criterion("rows.good", "ge", 10.0)))
    release = world.release(world.the("model"), declaration=world.declaration(stricter))
    world.made.release = world.keeper.bind(release)
    world.build_approved()
    assert refusal(world.admit) == "gates.other-policy"
