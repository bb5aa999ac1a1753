"""A promise: who does not like a verdict cannot ask again until it is another one."""

from dataclasses import replace

from andon.contracts.evidence import Measurement
from andon.contracts.policy import Criterion
from tests.gates.world import GOOD_AUC, MODEL

BAD = Measurement("auc", 0.69, lower=0.66, upper=0.72, n=5000)


def test_the_same_model_on_the_same_rows_stays_failed_whatever_is_tried(at):
    world = at("bound")
    model = world.model(b"not quite good enough")
    world.judge_training(model)
    first = world.judge_model(model, BAD)
    assert first.outcome == "FAILED"

    softer = replace(MODEL, criteria=(replace(MODEL.criteria[0], bound=0.6),))
    other = replace(MODEL, criteria=(Criterion("brier", "le", 0.3),))
    attempts = [
        (model, BAD, MODEL),
        (model, BAD, softer),
        (model, GOOD_AUC, MODEL),
        (model, Measurement("brier", 0.2, n=5000), other),
        (replace(model, facts={"renamed": True}), GOOD_AUC, MODEL),
    ]
    for subject, measured, policy in attempts:
        again = world.judge_model(subject, measured, policy=policy)
        assert again.outcome == "FAILED"
        assert again.findings[0].why.startswith("0.66 < 0.7")


def test_what_was_never_measured_may_be_measured(at):
    world = at("bound")
    model = world.model(b"measured late")
    assert world.judge_model(model, Measurement("brier", 0.1, n=5000)).outcome == "FAILED"
    assert world.judge_model(model, GOOD_AUC).outcome == "PASSED"


def test_another_model_is_judged_by_itself(at):
    world = at("bound")
    world.judge_model(world.model(b"first try"), BAD)
    assert world.judge_model(world.model(b"second try"), GOOD_AUC).outcome == "PASSED"
