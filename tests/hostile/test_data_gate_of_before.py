"""A batch passes its data gate while that asks for little, and serves a target that asks for more."""

from dataclasses import replace

import pytest

from andon.attest.trust_root import Demand
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, Policy, SignOffRule
from andon.gates.request import JudgeRequest
from tests.gates.world import DATA, DAY_NS, refusal

ASKS = replace(DATA, signoffs=(SignOffRule("operations", 1, 30 * DAY_NS),))


def judged(world, policy: Policy):
    """A batch before the data gate, and the question that people answer about it."""
    batch = world.batch()
    evidence = Evidence(batch.digest, batch.object("landed").sha256, (Measurement("blocked", 0.0, n=4),))
    request = JudgeRequest("flights", policy, evidence, batch, publish=world.publication(batch))
    question = world.keeper.question(request)
    judgement = world.keeper.judge(request)
    if policy.signoffs:
        world.approve("bo", question=question)
        judgement = world.keeper.judge(request)
    world.made.batch, world.made.dataset = batch.digest, judgement.published
    return question


def released(world, declared: Policy):
    """The rest of the line on that batch, under a declaration with a data gate; everything but the admission."""
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model)
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model, declaration=world.declaration(declared)))
    return world.build_approved()


@pytest.mark.parametrize(("rows", "code"), [(4, ""), (1000, "gates.other-policy")])
def test_too_few_rows_for_the_floor_are_not_accepted_by_nobody(at, rows, code):
    world = at("approved").govern(criteria=(Demand("data", Criterion("blocked", "le", 0.0, min_n=rows)),))
    assert refusal(world.admit) == code


@pytest.mark.parametrize(("then", "code"), [(ASKS, ""), (DATA, "gates.people-missing")])
def test_people_of_the_pinned_data_gate_are_asked_though_the_batch_was_judged_before(at, then, code):
    world = at("founded")
    judged(world, then)
    released(world.govern(policies=(("data:schedule", ASKS.digest()),)), ASKS)
    assert refusal(world.admit) == code


def test_a_later_policy_does_not_ask_again_how_a_batch_compared_when_it_was_published(at):
    """That cannot be measured any more: a check that is added today would take every model its data away."""
    world, usual = at("founded"), Criterion("volume.lowest", "ge", 0.6, baseline="published")
    judged(world, DATA)
    released(world, replace(DATA, criteria=(*DATA.criteria, usual))).admit()
    assert world.load().release == world.made.release


def test_what_the_floor_asks_of_a_batch_is_asked_of_those_of_before(at):
    world = at("approved").govern(criteria=(Demand("data", Criterion("volume.lowest", "ge", 0.6)),))
    assert refusal(world.admit) == "gates.other-policy"


def test_a_batch_that_was_signed_off_stays_usable_and_loads_when_the_sign_off_is_old(at):
    world = at("founded")
    judged(world, ASKS)
    world.clock.now += 90 * DAY_NS
    released(world, ASKS).admit()
    assert world.load().release == world.made.release


@pytest.mark.parametrize(("decision", "code"), [("approve", ""), ("reject", "gates.people-missing")])
def test_a_later_rejection_of_a_batch_counts_until_the_admission(at, decision, code):
    world = at("founded")
    question = judged(world, ASKS)
    released(world, ASKS)
    world.approve("bo", decision, question=question)
    assert refusal(world.admit) == code
