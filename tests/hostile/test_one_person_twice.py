"""One person signs with two keys, where two people are needed."""

from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.attest.envelope import with_signature
from andon.contracts.policy import SignOffRule
from tests.gates.world import DAY_NS, RELEASE, refusal

TWO = replace(RELEASE, signoffs=(SignOffRule("operations", 2, 5 * DAY_NS),))


def judged_with(world, *envelopes_of):
    question = world.question(policy=TWO)
    for who, key in envelopes_of:
        world.approve(who, question=question, key=key)
    return world.judge_release(world.the("release"), TWO)


def test_untouched_two_people_count(at):
    judged = judged_with(at("bound"), ("bo", "bo"), ("cy", "cy"))
    assert (judged.outcome, judged.counted) == ("PASSED", ("bo", "cy"))


def test_two_keys_of_one_person_count_once(at):
    judged = judged_with(at("bound"), ("bo", "bo"), ("bo", "bo2"))
    assert judged.outcome == "PENDING"
    assert "1 sign-off" in judged.missing[0]


def test_both_keys_under_one_statement_count_once(at):
    world = at("bound")
    question = world.question(policy=TWO)
    both = with_signature(world.signoff("bo", question=question), load_signer(world.home.key("bo2")))
    world.keeper.hand_in(both)
    assert world.judge_release(world.the("release"), TWO).outcome == "PENDING"


def test_a_statement_signed_by_two_people_is_nobodys(at):
    world = at("bound")
    both = with_signature(world.signoff("bo"), load_signer(world.home.key("cy")))
    assert refusal(lambda: world.keeper.hand_in(both)) == "gates.not-a-person"


def test_a_floor_of_two_people_is_asked_for_whatever_the_factory_asks(at):
    world = at("bound")
    model = world.the("model")
    world.judge_training(model, target="strict")
    world.judge_model(model, target="strict")
    release = world.release(model, target="strict", declaration=world.declaration())
    world.keeper.bind(release)
    question = world.question(release, target="strict")
    world.approve("bo", question=question)
    assert world.judge_release(release, target="strict").outcome == "PENDING"
    world.approve("cy", question=question)
    assert world.judge_release(release, target="strict").outcome == "PASSED"
    assert world.keeper.admit(release.digest, "strict").release == release.digest
