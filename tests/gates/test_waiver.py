"""A waiver covers one failed criterion, as far and as long as the floor and the person say, and nothing else."""

from dataclasses import replace

import pytest

from andon.attest.trust_root import Waivable
from andon.contracts.evidence import Measurement
from andon.contracts.policy import Criterion, Policy
from andon.gates.audit import verify_everything
from andon.gates.waiver import waiver_statement
from tests.gates.world import DAY_NS, TARGET, refusal

TWO = Policy("model:late", "ops", (Criterion("auc", "ge", 0.7, side="lower"), Criterion("brier", "le", 0.2)))
AUC = Measurement("auc", 0.7, lower=0.68, upper=0.72, n=5000)
BRIER = Measurement("brier", 0.3, n=5000)
WAIVABLE = (Waivable("model", "auc", "operations", 7 * DAY_NS),)


@pytest.fixture
def failed(at):
    """A model that failed the model gate on one criterion that people of operations may waive."""
    world = at("founded").govern(waivable=WAIVABLE)
    batch = world.batch()
    world.made.batch, world.made.dataset = batch.digest, world.judge_data(batch).published
    model = world.model()
    world.made.model = model.digest
    world.add(model)
    world.judge_training(model)
    assert world.judge_model(model, AUC).outcome == "FAILED"
    return world


def judged_again(world, **options):
    return world.judge_model(world.the("model"), AUC, **options)


def test_a_waived_failure_passes_and_shows_who_took_it_upon_themselves(failed):
    digest = failed.waive(failed.made.model)
    judgement = judged_again(failed)
    assert judgement.outcome == "PASSED"
    (finding, _) = judgement.findings
    assert finding.holds == "waived"
    assert "waived by bo until" in finding.why
    assert failed.verdict(failed.made.model, "model:late").waivers == (digest,)


def test_the_pass_is_judged_again_with_its_waiver_and_by_the_audit(failed):
    failed.waive(failed.made.model)
    judged_again(failed)
    assert failed.keeper.pass_of(failed.made.model, "model:late").verdict.findings[0].holds == "waived"
    assert [line for line in verify_everything(failed.keeper.keeping) if not line.is_sound] == []


def test_a_waived_release_is_admitted_and_loads_when_the_waiver_has_run_out_since(failed):
    world = failed
    world.waive(world.made.model)
    judged_again(world)
    model = world.the("model")
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    world.admit()
    world.clock.now += 30 * DAY_NS
    assert world.load().release == world.made.release


def test_a_waiver_that_ran_out_before_the_admission_stops_it(failed):
    world = failed
    world.waive(world.made.model)
    judged_again(world)
    model = world.the("model")
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    world.clock.now += 4 * DAY_NS
    assert refusal(world.admit) == "gates.waiver-void"


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("bo", {"worst": 0.69}),
        ("bo", {"worst": float(10)}),
        ("bo", {"criterion": Criterion("auc", "ge", 0.6, side="lower")}),
        ("bo", {"slice": "origin=JFK"}),
        ("bo", {"target": "strict"}),
        ("bo", {"gate": "training:late"}),
        ("bo", {"role": "owner"}),
        ("bo", {"reason": " "}),
        ("di", {}),
        ("di", {"role": "reader"}),
        ("bo", {"expires_ns": 1}),
        ("bo", {"expires_ns": 1_900_000_000_000_000_000}),
    ],
    ids=str,
)
def test_a_waiver_that_could_not_count_is_refused_at_once(failed, who, changes):
    before = failed.record.ledger.head().size
    gate = changes.pop("gate", None)
    waiver = failed.waiver(failed.made.model, **changes)
    waiver = replace(waiver, gate=gate) if gate else waiver
    sealed = failed.seal(waiver_statement(waiver, failed.made.model), who)
    assert refusal(lambda: failed.keeper.hand_in(sealed)) == "gates.waiver-refused"
    assert failed.record.ledger.head().size == before


def test_a_waiver_of_what_the_floor_does_not_name_is_refused(failed):
    failed.govern(waivable=(Waivable("model", "brier", "operations", DAY_NS),))
    assert refusal(lambda: failed.waive(failed.made.model)) == "gates.waiver-refused"


def test_who_started_the_run_cannot_waive(at):
    world = at("founded").govern(waivable=WAIVABLE)
    batch = world.batch()
    world.made.dataset = world.judge_data(batch).published
    model = world.model()
    world.add(model)
    world.judge_model(model, AUC, excluded=("bo",))
    assert refusal(lambda: world.waive(model.digest, "bo")) == "gates.waiver-refused"
    world.waive(model.digest, "cy")
    assert world.judge_model(model, AUC, excluded=("bo",)).outcome == "PASSED"


def test_a_waiver_forged_past_the_desk_is_not_counted_by_the_gate(failed):
    """Whoever can append to the ledger by themselves still needs a person who may."""
    for who, changes in (("di", {}), ("bo", {"worst": 0.69}), ("gatekeeper", {}), ("bo", {"target": "strict"})):
        statement = waiver_statement(failed.waiver(failed.made.model, **changes), failed.made.model)
        failed.forge(statement, who)
    assert judged_again(failed).outcome == "FAILED"


def test_one_waiver_does_not_cover_another_criterion(at):
    world = at("founded").govern(waivable=WAIVABLE)
    world.made.dataset = world.judge_data(world.batch()).published
    model = world.model()
    world.add(model)
    assert world.judge_model(model, AUC, BRIER, policy=TWO).outcome == "FAILED"
    world.waive(model.digest)
    assert world.judge_model(model, AUC, BRIER, policy=TWO).outcome == "FAILED"


def test_a_waiver_is_for_one_evidence_and_not_for_a_worse_one(failed):
    failed.waive(failed.made.model)
    worse = Measurement("auc", 0.6, lower=0.58, upper=0.62, n=5000)
    assert failed.judge_model(failed.the("model"), worse).outcome == "FAILED"


def test_a_revoked_waiver_counts_no_more(failed):
    digest = failed.waive(failed.made.model)
    assert judged_again(failed).outcome == "PASSED"
    failed.keeper.revoke(digest=digest, by="cy", reason="the value is worse than we thought")
    assert judged_again(failed).outcome == "FAILED"
    assert refusal(lambda: failed.keeper.pass_of(failed.made.model, "model:late")) == "gates.not-passed"


def test_a_floor_that_no_longer_lets_people_waive_takes_the_pass_back(failed):
    failed.waive(failed.made.model)
    judged_again(failed)
    failed.govern(waivable=())
    assert refusal(lambda: failed.keeper.pass_of(failed.made.model, "model:late")) == "gates.findings-differ"
    assert judged_again(failed).outcome == "FAILED"


def test_what_was_not_measured_cannot_be_waived(at):
    world = at("founded").govern(waivable=WAIVABLE)
    world.made.dataset = world.judge_data(world.batch()).published
    model = world.model()
    world.add(model)
    world.judge_model(model, Measurement("auc", None, problem="nan"))
    assert refusal(lambda: world.waive(model.digest, worst=0.0)) == "gates.waiver-refused"


def test_the_target_is_the_one_that_was_judged(failed):
    assert failed.verdict(failed.made.model, "model:late").target == TARGET


@pytest.mark.parametrize(("started", "code"), [("al", ""), ("bo", "gates.waiver-void")])
def test_who_started_the_release_did_not_waive_for_it(failed, started, code):
    """The model was measured in a run of somebody else, so the verdict does not exclude who bound it later."""
    world = failed
    world.waive(world.made.model, "bo")
    judged_again(world)
    model = world.the("model")
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model, initiators=(started,)))
    world.approve("cy")
    world.judge_release(world.the("release"))
    assert refusal(world.admit) == code
