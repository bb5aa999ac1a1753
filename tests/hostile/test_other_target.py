"""A release is taken to another target, or to one nobody knows."""

from tests.gates.world import refusal


def test_untouched_it_is_admitted_to_its_own_target(at):
    assert refusal(at("approved").admit) == ""


def test_a_target_that_the_trust_root_does_not_know_is_refused(at):
    world = at("approved")
    assert refusal(lambda: world.keeper.admit(world.made.release, "prod-eu")) == "trust.unknown-target"
    unknown = world.release(world.the("model"), target="prod-eu")
    assert refusal(lambda: world.keeper.bind(unknown)) == "trust.unknown-target"


def test_a_release_for_one_target_is_not_admitted_to_another(at):
    world = at("approved")
    assert refusal(lambda: world.keeper.admit(world.made.release, "strict")) == "gates.other-target"


def test_a_bundle_of_one_target_does_not_load_on_another(at):
    world = at("admitted")
    assert refusal(lambda: world.load("strict")) == "gates.not-admitted"
    assert refusal(world.load) == ""


def test_a_release_admitted_elsewhere_is_no_rollback_here(at):
    world = at("admitted")
    back = {"to": world.made.release, "by": "bo", "reason": "try"}
    assert refusal(lambda: world.keeper.rollback(target="strict", **back)) == "gates.not-admitted"
    assert refusal(lambda: world.keeper.rollback(target="local", **back)) == ""
