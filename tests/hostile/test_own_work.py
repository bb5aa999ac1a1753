"""The author approves their own work."""

import pytest

from andon.gates.verdict import verdict_statement
from tests.gates.world import refusal


def test_untouched_another_person_of_the_role_approves(at):
    world = at("bound")
    world.approve("bo")
    assert world.judge_release(world.the("release")).counted == ("bo",)


def test_the_author_does_not_count_though_they_hold_the_role(at):
    world = at("bound")
    world.approve("al")
    judged = world.judge_release(world.the("release"))
    assert judged.outcome == "PENDING"
    assert "al: made this work or started the run" in judged.missing[0]
    assert refusal(world.admit) == "gates.no-pass"


@pytest.mark.parametrize(("who", "code"), [("bo", ""), ("al", "gates.people-missing")])
def test_a_gate_that_forgets_to_exclude_the_author_is_corrected_at_admission(at, who, code):
    world = at("bound")
    relied = world.approve(who)
    world.forge(verdict_statement(world.release_verdict(signoffs=(relied,), excluded=())))
    assert refusal(world.admit) == code


def test_who_trained_the_model_cannot_have_somebody_else_run_it_again_to_approve_it(at):
    """bo's run trains and measures; al runs again, finds the same model, and so starts its release."""
    world = at("founded")
    batch = world.batch()
    world.made.batch, world.made.dataset = batch.digest, world.judge_data(batch).published
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model, excluded=("bo",))
    world.judge_model(model, excluded=("al",))
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model))
    relied = world.approve("bo")
    assert world.judge_release(world.the("release")).outcome == "PENDING"
    forgetful = world.release_verdict(signoffs=(relied,), excluded=())
    forger = world.copied_to(world.path.with_name("forged"))
    forger.forge(verdict_statement(forgetful))
    assert refusal(forger.admit) == "gates.people-missing"
    forger.approve("cy")
    assert forger.judge_release(forger.the("release")).counted == ("cy",)
    assert refusal(forger.admit) == ""
    forger.database.close()


def test_a_release_that_names_no_author_is_not_bound(at):
    world = at("bound")
    release = world.release(world.the("model"), initiators=())
    assert refusal(lambda: world.keeper.bind(release)) == "gates.release-malformed"
