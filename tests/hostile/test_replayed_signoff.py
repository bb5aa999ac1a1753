"""A sign-off given for one question is used for another."""

from dataclasses import replace

import pytest

from andon.gates.verdict import verdict_statement
from tests.gates.world import refusal


def test_untouched_a_sign_off_for_this_question_counts(at):
    world = at("bound")
    world.approve()
    assert world.judge_release(world.the("release")).outcome == "PASSED"


@pytest.mark.parametrize("member", ["gate", "target", "evidence", "policy"])
def test_a_sign_off_for_another_question_about_the_same_release_does_not_count(at, member):
    world = at("bound")
    question = world.question()
    other = {"gate": "release:other", "target": "strict", "evidence": world.made.model, "policy": world.made.model}
    world.approve(question=replace(question, **{member: other[member]}))
    judged = world.judge_release(world.the("release"))
    assert (judged.outcome, judged.counted) == ("PENDING", ())


def test_a_sign_off_for_another_release_does_not_count(at):
    world = at("bound")
    first = world.made.release
    world.approve()
    world.build_bound(weights=b"second", rows=b"more rows")
    assert world.judge_release(world.the("release")).outcome == "PENDING"
    world.made.release = first
    assert world.judge_release(world.the("release")).outcome == "PASSED"


def test_a_sign_off_renamed_to_another_release_is_not_signed(at):
    world = at("bound")
    envelope = world.signoff("bo")
    forged = envelope.payload.replace(world.made.release[7:].encode(), world.made.model[7:].encode())
    assert refusal(lambda: world.keeper.hand_in(replace(envelope, payload=forged))) == "gates.not-a-person"


def test_a_sign_off_relied_on_for_another_release_is_no_proof_at_admission(at):
    world = at("approved")
    theirs = world.verdict(world.made.release, "release:late").signoffs
    world.build_bound(weights=b"second", rows=b"more rows")
    world.forge(verdict_statement(world.release_verdict(signoffs=theirs)))
    assert refusal(world.admit) == "gates.people-missing"


def test_a_pass_without_any_sign_off_is_no_proof_at_admission(at):
    world = at("bound")
    world.forge(verdict_statement(world.release_verdict()))
    assert refusal(world.admit) == "gates.people-missing"
