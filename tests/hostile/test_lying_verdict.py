"""A verdict says PASSED and its values say something else, or the wrong key signed it."""

from dataclasses import replace

import pytest

from andon.contracts.evidence import Measurement
from andon.gates.criteria import weigh
from andon.gates.verdict import verdict_statement
from tests.gates.world import GOOD_AUC, MODEL, refusal

BAD = Measurement("auc", 0.6, lower=0.58, upper=0.62, n=5000)


def evidence_of(world, *measurements):
    return replace(world.verdict(world.made.model, "model:late").evidence, measurements=measurements)


def test_untouched_a_verdict_signed_again_with_the_same_values_is_admitted(at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late")
    assert refusal(world.admit) == ""


def test_the_word_passed_over_failing_values_admits_nothing(at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence_of(world, BAD))
    assert refusal(world.admit) == "gates.findings-differ"


def test_the_word_passed_over_honest_findings_that_fail_admits_nothing(at):
    world = at("approved")
    evidence = evidence_of(world, BAD)
    findings = weigh(MODEL, evidence, "")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence, findings=findings)
    assert refusal(world.admit) == "gates.not-passed"


@pytest.mark.parametrize("bad", [None, float("-1e300")])
def test_a_value_that_is_missing_or_absurd_admits_nothing(at, bad):
    world = at("approved")
    evidence = evidence_of(world, replace(BAD, lower=bad))
    findings = weigh(MODEL, evidence, "")
    world.forge_verdict(world.made.model, "model:late", evidence=evidence, findings=findings)
    assert refusal(world.admit) == "gates.not-passed"


def test_a_value_that_is_true_is_not_even_a_verdict(at):
    world = at("approved")
    verdict = world.verdict(world.made.model, "model:late")
    evidence = evidence_of(world, replace(BAD, lower=True))
    world.forge(verdict_statement(replace(verdict, evidence=evidence)))
    assert refusal(world.admit) == ""  # passed over: the verdict before it still stands


def test_a_verdict_about_evidence_of_another_model_admits_nothing(at):
    world = at("approved")
    evidence = replace(evidence_of(world, GOOD_AUC), subject=world.made.snapshot)
    world.forge_verdict(world.made.model, "model:late", evidence=evidence)
    assert refusal(world.admit) == "gates.findings-differ"


@pytest.mark.parametrize("key", ["trainer", "ledger", "bo", "mallory"])
def test_a_verdict_by_any_other_key_is_no_verdict(at, key):
    world = at("bound")
    model = world.verdict(world.made.model, "model:late")
    evidence = replace(model.evidence, subject=world.made.release)
    policy = replace(MODEL, gate="release:late")
    about = {"subject": world.made.release, "content": world.made.release, "evidence": evidence}
    lie = replace(model, gate="release:late", declared=policy, policy=policy, **about)
    world.forge(verdict_statement(lie), key)
    assert refusal(world.admit) == "gates.signer-not-gate"


def test_a_verdict_of_another_gate_does_not_serve(at):
    world = at("bound")
    model = world.verdict(world.made.model, "model:late")
    evidence = replace(model.evidence, subject=world.made.release)
    lie = replace(model, subject=world.made.release, content=world.made.release, evidence=evidence)
    world.forge(verdict_statement(lie))
    assert refusal(world.admit) == "gates.no-pass"


def test_a_verdict_under_an_empty_policy_admits_nothing(at):
    world = at("approved")
    empty = replace(MODEL, criteria=(), signoffs=())
    world.forge_verdict(world.made.model, "model:late", declared=empty, policy=empty, findings=())
    assert refusal(world.admit) == "gates.empty-policy"


def test_a_pass_that_itself_names_a_failure_that_stands_admits_nothing(at):
    world = at("approved")
    world.forge_verdict(world.made.model, "model:late", stands=(world.made.model,))
    assert refusal(world.admit) == "gates.not-passed"
