"""Two people who did not make the work can say that an evaluation was broken; one cannot, and nobody can hide it."""

from dataclasses import replace

import pytest

from andon.attest.statement import GATE_VERDICT
from andon.contracts.evidence import Measurement
from andon.gates.annulment import Annulment, annulment_statement
from andon.gates.verdict import read_verdict
from tests.gates.world import GOOD_AUC, refusal

BAD = Measurement("auc", 0.6, lower=0.58, upper=0.62, n=5000)


@pytest.fixture
def failed(at):
    world = at("founded")
    world.made.dataset = world.judge_data(world.batch()).published
    model = world.model()
    world.made.model = model.digest
    world.add(model)
    assert world.judge_model(model, BAD, excluded=("al",)).outcome == "FAILED"
    return world


def judged(world, *measured):
    return world.judge_model(world.the("model"), *measured, excluded=("al",)).outcome


def all_verdicts(world):
    said = world.record.about(world.made.model, world.root, GATE_VERDICT)
    return [(one.digest, read_verdict(one.statement)) for one in said]


def test_a_failure_stays_until_two_people_annul_it(failed):
    assert judged(failed, GOOD_AUC) == "FAILED", "other values on the same rows do not help"
    for of in all_verdicts(failed):
        failed.annul(failed.made.model, "bo", of=of)
    assert judged(failed, GOOD_AUC) == "FAILED"
    for of in all_verdicts(failed):
        failed.annul(failed.made.model, "cy", of=of)
        failed.annul(failed.made.model, "bo", of=of)
    assert judged(failed, GOOD_AUC) == "PASSED"


def test_one_person_twice_is_one_person(failed):
    failed.annul(failed.made.model, "bo")
    failed.annul(failed.made.model, "bo", reason="again")
    assert judged(failed, GOOD_AUC) == "FAILED"


def test_who_started_the_run_cannot_annul(failed):
    assert refusal(lambda: failed.annul(failed.made.model, "al")) == "gates.annulment-refused"


def test_where_the_target_asks_for_people_only_those_may(failed):
    failed.govern(signoffs=(("operations", 1),))
    assert refusal(lambda: failed.annul(failed.made.model, "di")) == "gates.annulment-refused"
    assert failed.annul(failed.made.model, "bo")


def test_a_pass_can_be_annulled_too_and_then_opens_nothing(at):
    world = at("approved")
    world.annul(world.made.model, "bo")
    world.annul(world.made.model, "cy")
    assert refusal(lambda: world.keeper.pass_of(world.made.model, "model:late")) == "gates.no-pass"
    assert refusal(world.admit) == "gates.no-pass"


def test_an_annulment_about_other_artefacts_is_refused(failed):
    digest, verdict = failed.verdict_said(failed.made.model, "model:late")
    elsewhere = replace(verdict, subject=failed.made.dataset)
    assert refusal(lambda: failed.annul("", "bo", of=(digest, elsewhere))) == "gates.annulment-refused"
    assert refusal(lambda: failed.annul("", "bo", of=(digest, verdict), reason="")) == "gates.annulment-refused"


def test_an_annulment_forged_with_the_gates_own_key_is_nobodys(failed):
    digest, verdict = failed.verdict_said(failed.made.model, "model:late")
    for reason in ("one", "two"):
        annulment = Annulment(verdict.domain, verdict.factory, digest, verdict.gate, reason, 1)
        failed.forge(annulment_statement(annulment, verdict))
    assert judged(failed, GOOD_AUC) == "FAILED"


def test_a_target_that_asks_people_for_its_first_release_only_has_only_them_annul(failed):
    failed.govern(first_signoffs=(("operations", 1),))
    assert refusal(lambda: failed.annul(failed.made.model, "di")) == "gates.annulment-refused"
    assert refusal(lambda: failed.annul(failed.made.model, "bo")) == ""
