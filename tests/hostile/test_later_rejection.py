"""Somebody rejects after others approved, and the rejection is ignored or hidden."""

from dataclasses import replace

from tests.gates.world import refusal


def test_untouched_the_approved_release_is_admitted(at):
    assert refusal(at("approved").admit) == ""


def test_a_rejection_after_the_pass_stops_the_admission(at):
    world = at("approved")
    world.approve("cy", "reject")
    assert refusal(world.admit) == "gates.people-missing"


def test_a_rejection_counts_though_it_names_older_evidence(at):
    world = at("approved")
    question = world.release_request(world.the("release")).question()
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
