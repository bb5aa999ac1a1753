"""Somebody rejects after others approved, and the rejection is ignored or hidden."""

from dataclasses import replace

from andon.gates.gatekeeper import Gatekeeper
from tests.gates.world import MODEL, RELEASE, TARGET, refusal


def test_untouched_the_approved_release_is_admitted(at):
    assert refusal(at("approved").admit) == ""


def test_a_rejection_after_the_pass_stops_the_admission(at):
    world = at("approved")
    world.approve("cy", "reject")
    assert refusal(world.admit) == "gates.people-missing"


def test_a_rejection_counts_though_it_names_older_evidence(at):
    world = at("approved")
    question = world.question()
    world.approve("cy", "reject", question=replace(question, evidence=world.made.model))
    assert refusal(world.admit) == "gates.people-missing"


def test_a_rejection_by_somebody_without_the_role_does_not_count(at):
    world = at("approved")
    world.approve("di", "reject")
    assert refusal(world.admit) == ""


def test_a_rejection_hidden_from_its_subject_in_the_database_is_read_all_the_same(at):
    world = at("approved")
    digest = world.approve("cy", "reject")
    hide = "delete from statement_subjects where statement = (select position from statements where digest = ?)"
    assert world.sql(hide, digest) == 1
    assert refusal(world.admit) == "gates.people-missing"


def test_a_rejection_taken_out_of_the_database_is_missed(at):
    world = at("approved")
    digest = world.approve("cy", "reject")
    assert world.sql("delete from statements where digest = ?", digest) == 1
    assert refusal(world.admit) == "gates.statement-missing"


def test_who_rejected_may_change_their_mind(at):
    world = at("approved")
    world.approve("cy", "reject")
    world.approve("cy")
    assert refusal(world.admit) == ""


def test_a_rejection_before_the_pass_leaves_the_gate_pending(at):
    world = at("bound")
    world.approve("bo")
    world.approve("cy", "reject")
    judged = world.judge_release(world.the("release"))
    assert (judged.outcome, judged.verdict) == ("PENDING", "")
    assert "rejected by cy" in judged.missing[0]


class Interrupted:
    """A store that lets somebody speak while the admission reads it."""

    def __init__(self, blobs, speak):
        self.blobs, self.speak, self.read, self.put, self.put_file = blobs, speak, blobs.read, blobs.put, blobs.put_file

    def has(self, digest):
        return self.blobs.has(digest)

    def local(self, digest):
        speak, self.speak = self.speak, lambda: None
        speak()
        return self.blobs.local(digest)


def test_a_rejection_that_comes_while_the_admission_reads_is_not_overlooked(at):
    world = at("approved")
    blobs = Interrupted(world.blobs, lambda: world.approve("cy", "reject"))
    keeper = Gatekeeper(replace(world.keeper.keeping, blobs=blobs))
    assert refusal(lambda: keeper.admit(world.made.release, TARGET)) == "gates.ledger-grew"
    assert refusal(world.admit) == "gates.people-missing"


def test_a_rejection_of_the_model_after_its_gate_passed_stops_the_admission_too(at):
    """People can be asked for at any gate; their word stands until the admission, not only until the next stage."""
    world = at("founded")
    asked = replace(MODEL, signoffs=RELEASE.signoffs)
    batch = world.batch()
    world.made.batch, world.made.dataset = batch.digest, world.judge_data(batch).published
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    pending = world.judge_model(model, policy=asked)
    assert pending.outcome == "PENDING"
    world.approve("cy", question=pending.question)
    assert world.judge_model(model, policy=asked).outcome == "PASSED"
    world.made.report = world.report(model).digest
    world.made.release = world.keeper.bind(world.release(model, declaration=world.declaration(asked)))
    world.build_approved()
    again = world.copied_to(world.path.with_name("again"))
    assert refusal(again.admit) == ""
    again.database.close()
    world = type(world)(world.path)
    world.approve("cy", "reject", question=pending.question)
    assert refusal(world.admit) == "gates.people-missing"
    world.database.close()
