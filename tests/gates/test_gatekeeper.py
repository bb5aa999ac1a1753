"""The gatekeeper: what it writes, what it answers, and what it does when asked twice or by two at once."""

import threading
from dataclasses import replace

import pytest

from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, Policy
from andon.gates.request import JudgeRequest, StageCommit
from andon.kernel.digest import of_bytes
from andon.kernel.errors import AndonError
from tests.gates.world import DATA, FACTORY, GOOD_AUC, MODEL, TARGET, TRAINING, refusal

DATASET = "dataset/flights/Schedule"


def size(world):
    return world.database.ledger_rows.size()


def test_the_whole_line_from_a_batch_to_a_loaded_release(at):
    world = at("approved")
    receipt = world.admit()
    loaded = world.load()
    assert (loaded.release, receipt.sequence) == (world.made.release, 1)
    assert loaded.objects["model"] == b"weights"


def test_a_server_needs_no_database(at):
    world = at("admitted")
    trust = world.trust()
    world.database.close()
    (world.path / "control.db").unlink()
    world.trust = lambda **changes: replace(trust, **changes)
    assert world.load().release == world.made.release


def test_a_pass_moves_the_published_name_in_the_same_unit(at):
    world = at("founded")
    batch = world.batch()
    judged = world.judge_data(batch)
    ref = world.database.refs.get(DATASET)
    verdict = world.verdict(batch.digest, "data:schedule")
    assert (ref.digest, ref.sequence) == (judged.published, 1)
    assert (verdict.publish.ref, verdict.publish.digest, verdict.publish.sequence) == (DATASET, ref.digest, 1)


def test_a_failure_publishes_nothing_and_keeps_the_batch(at):
    world = at("founded")
    batch = world.batch()
    judged = world.judge_data(batch, blocked=2.0)
    assert (judged.outcome, judged.published) == ("FAILED", "")
    assert world.database.refs.get(DATASET) is None
    assert world.database.manifests.get(batch.digest) == batch
    assert world.database.manifests.of_kind("dataset", 10) == []


def test_when_the_name_has_moved_nothing_at_all_is_written(at):
    world = at("founded")
    first, second = world.batch(b"first"), world.batch(b"second")
    stale = world.publication(second)
    world.judge_data(first)
    before = size(world)
    evidence = Evidence(second.digest, of_bytes(b"rows"), (Measurement("blocked", 0.0, n=1),))
    request = JudgeRequest(FACTORY, DATA, evidence, second, publish=stale)
    assert refusal(lambda: world.keeper.judge(request)) == "registry.ref-moved"
    assert size(world) == before
    assert refusal(lambda: world.database.manifests.get(second.digest)) == "registry.unknown-artefact"


def test_a_conflicting_commit_undoes_the_verdict(at):
    world = at("bound")
    before = size(world)
    other = world.model(b"weights", dataset=world.made.batch)
    commit = StageCommit(of_bytes(b"weights"), other.digest, "run-2")
    evidence = Evidence(other.digest, of_bytes(b"tune"), (Measurement("completed", 1.0, n=1),))
    request = JudgeRequest(FACTORY, TRAINING, evidence, other, commit=commit)
    assert refusal(lambda: world.keeper.judge(request)) == "runtime.key-committed"
    assert size(world) == before


def test_the_same_question_again_is_answered_from_the_record(at):
    world = at("bound")
    model = world.the("model")
    before = size(world)
    again = world.judge_training(model)
    assert (again.outcome, again.is_recorded, size(world)) == ("PASSED", True, before)
    data = world.judge_data(world.the("batch"))
    assert (data.is_recorded, data.published, size(world)) == (True, world.made.dataset, before)


def test_a_recorded_failure_is_answered_from_the_record_too(at):
    world = at("bound")
    model = world.model(b"broken")
    first = world.judge_training(model, completed=0.0)
    before = size(world)
    again = world.judge_training(model, completed=0.0)
    assert (again.verdict, again.is_recorded, size(world)) == (first.verdict, True, before)


def test_a_verdict_that_excluded_fewer_people_does_not_answer_for_one_that_excludes_more(at):
    world = at("approved")
    request = world.release_request(world.the("release"))
    assert world.keeper.judge(request).is_recorded
    stricter = world.keeper.judge(replace(request, excluded=("bo",)))
    assert (stricter.outcome, stricter.is_recorded) == ("PENDING", False)


def test_while_people_are_missing_nothing_is_decided_and_the_question_can_be_shown(at):
    world = at("bound")
    before = size(world)
    judged = world.judge_release(world.the("release"))
    assert (judged.outcome, judged.verdict, size(world)) == ("PENDING", "", before)
    assert judged.missing == ("1 sign-off by a person of the role operations",)
    assert b"lineage.closed" in world.blobs.read(judged.question.evidence)
    assert b"operations" in world.blobs.read(judged.question.policy)


def test_too_few_rows_wait_until_a_person_accepts_them(at):
    world = at("bound")
    policy = Policy("model:late", "ops", (Criterion("auc", "ge", 0.7, min_n=9000),))
    model = world.the("model")
    judged = world.judge_model(model, GOOD_AUC, policy=policy)
    assert judged.outcome == "PENDING"
    assert any("9000" in text for text in judged.missing)
    world.approve("di", role="reader", question=judged.question)
    accepted = world.judge_model(model, GOOD_AUC, policy=policy)
    assert (accepted.outcome, accepted.counted) == ("PASSED", ("di",))


def test_a_sick_target_leaves_the_gate_pending_and_a_recovered_one_does_not(at):
    world = at("bound")
    world.approve()
    request = world.release_request(world.the("release"))
    healthy = replace(request.policy, criteria=(Criterion("target.healthy", "ge", 1.0),), signoffs=())

    def judged(value):
        measured = (Measurement("target.healthy", value, n=1),)
        return world.keeper.judge(
            replace(request, policy=healthy, evidence=replace(request.evidence, measurements=measured))
        )

    assert judged(0.0).outcome == "PENDING"
    assert judged(1.0).outcome == "PASSED"


def test_the_first_release_is_judged_without_a_champion_and_the_second_against_the_first(at):
    world = at("admitted")
    first = world.verdict(world.made.model, "model:late")
    assert [f.holds for f in first.findings] == ["yes", "not applicable"]
    champion = world.made.model
    world.build_bound(weights=b"second", rows=b"more rows")
    second = world.verdict(world.made.model, "model:late")
    assert (second.champion, [f.holds for f in second.findings]) == (champion, ["yes", "yes"])


def test_evidence_against_yesterdays_champion_is_refused(at):
    world = at("admitted")
    model = world.model(b"second")
    evidence = Evidence(model.digest, of_bytes(b"holdout"), (GOOD_AUC,))
    request = JudgeRequest(FACTORY, MODEL, evidence, model, target=TARGET)
    assert refusal(lambda: world.keeper.judge(request)) == "gates.champion-moved"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"factory": "other"}, "gates.other-factory"),
        ({"target": "prod-eu"}, "trust.unknown-target"),
        ({"policy": replace(TRAINING, criteria=())}, "gates.empty-policy"),
        ({"policy": DATA}, "gates.wrong-kind"),
        ({"evidence": Evidence(of_bytes(b"x"), of_bytes(b"y"), ())}, "gates.evidence-elsewhere"),
        ({"policy": MODEL}, "gates.no-target"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused_and_writes_nothing(at, changes, code):
    world = at("bound")
    model = world.model(b"second")
    evidence = Evidence(model.digest, of_bytes(b"tune"), (Measurement("completed", 1.0, n=1),))
    before = size(world)
    request = replace(JudgeRequest(FACTORY, TRAINING, evidence, model), **changes)
    assert refusal(lambda: world.keeper.judge(request)) == code
    assert size(world) == before


def test_a_publication_of_foreign_bytes_is_refused(at):
    world = at("founded")
    batch = world.batch()
    evil = world.put(b"evil rows", "evil")
    publication = world.publication(batch)
    evidence = Evidence(batch.digest, of_bytes(b"rows"), (Measurement("blocked", 0.0, n=1),))
    for manifest in (replace(publication.manifest, content=(evil,)), replace(publication.manifest, inputs=())):
        request = JudgeRequest(FACTORY, DATA, evidence, batch, publish=replace(publication, manifest=manifest))
        assert refusal(lambda request=request: world.keeper.judge(request)) == "gates.publication-elsewhere"


def test_two_who_ask_at_once_get_one_verdict_and_one_move(at):
    world = at("founded")
    batch = world.batch()
    publication = world.publication(batch)
    evidence = Evidence(batch.digest, of_bytes(b"rows"), (Measurement("blocked", 0.0, n=1),))
    request = JudgeRequest(FACTORY, DATA, evidence, batch, publish=publication)
    found = []

    def ask():
        try:
            found.append(world.keeper_signed_by("gatekeeper").judge(request))
        except AndonError as error:
            found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({judged.verdict for judged in found}) == 1
    assert sorted(judged.is_recorded for judged in found) == [False, True, True, True]
    assert (size(world), len(world.database.refs.history(DATASET))) == (1, 1)


def test_the_pass_of_an_artefact_opens_it_and_its_absence_says_so(at):
    world = at("bound")
    passed = world.keeper.pass_of(world.made.model, "model:late")
    assert (passed.verdict.subject, passed.signed_by) == (world.made.model, "gatekeeper")
    assert refusal(lambda: world.keeper.pass_of(world.made.model, "model:other")) == "gates.no-pass"
    assert refusal(lambda: world.keeper.pass_of(world.made.snapshot, "model:late")) == "gates.no-pass"


def test_a_newer_failure_closes_what_an_older_pass_opened(at):
    world = at("bound")
    world.judge_training(world.the("model"), completed=0.0)
    assert refusal(lambda: world.keeper.pass_of(world.made.model, "training:late")) == "gates.not-passed"


def test_a_sign_off_sent_twice_is_recorded_once(at):
    world = at("bound")
    envelope = world.signoff("bo")
    first = world.keeper.hand_in(envelope)
    before = size(world)
    assert (world.keeper.hand_in(envelope), size(world)) == (first, before)


def test_admitting_twice_gives_the_same_receipt(at):
    world = at("admitted")
    before = size(world)
    again = world.admit()
    assert (again.sequence, again.release, size(world)) == (1, world.made.release, before)


def test_a_release_bound_before_another_was_admitted_is_bound_again(at):
    world = at("approved")
    rival = world.model(b"rival")
    world.judge_training(rival)
    world.judge_model(rival)
    slow = world.keeper.bind(world.release(rival))
    world.admit()
    world.made.release = slow
    world.build_approved()
    assert refusal(world.admit) == "gates.predecessor-moved"


def test_a_key_that_is_no_gates_by_the_trust_root_admits_nothing_and_leaves_no_trace(at):
    world = at("approved")
    before = size(world), world.record.remembered()
    keeper = world.keeper_signed_by("mallory")
    assert refusal(lambda: keeper.admit(world.made.release, TARGET)) == "gates.signer-not-gate"
    assert (size(world), world.record.remembered()) == before
    assert world.database.refs.with_prefix("serving/") == []
    assert world.admit().sequence == 1


def test_an_admission_is_remembered_when_its_receipt_is_given(at):
    world = at("approved")
    world.admit()
    head = world.record.ledger.head()
    seen = world.record.remembered()
    assert (seen.size, seen.root) == (head.size, head.root) == (size(world), head.root)


def test_rollback_puts_the_first_release_back_and_its_bundle_loads(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    assert world.load().objects["model"] == b"second"
    receipt = world.keeper.rollback(target=TARGET, to=first, by="bo", reason="answers too slowly")
    world.made.bundle = receipt.bundle
    assert (receipt.sequence, world.keeper.serving("late", TARGET)) == (3, first)
    assert world.load().objects["model"] == b"weights"


def test_rollback_needs_no_fresh_sign_off_and_no_valid_trust_root(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    world.clock.now = world.root.expires_ns + 1
    assert world.keeper.rollback(target=TARGET, to=first, by="bo", reason="slow").release == first


def test_rollback_to_what_serves_already_writes_nothing(at):
    world = at("admitted")
    before = size(world)
    world.keeper.rollback(target=TARGET, to=world.made.release, by="bo", reason="nothing to do")
    assert size(world) == before
