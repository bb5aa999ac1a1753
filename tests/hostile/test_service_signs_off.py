"""A service, or somebody who is nobody, signs off."""

import pytest

from tests.gates.world import refusal


@pytest.mark.parametrize("who", ["gatekeeper", "trainer", "mallory"])
def test_only_people_are_taken(at, who):
    world = at("bound")
    assert refusal(lambda: world.keeper.hand_in(world.signoff(who))) == "gates.not-a-person"


@pytest.mark.parametrize("who", ["gatekeeper", "trainer", "mallory"])
def test_in_the_ledger_all_the_same_it_does_not_count(at, who):
    world = at("bound")
    keeping = world.keeper.keeping
    with keeping.units.begin() as unit:
        keeping.record.add(unit, world.signoff(who))
    assert world.judge_release(world.the("release")).outcome == "PENDING"
    world.approve("bo")
    assert world.judge_release(world.the("release")).outcome == "PASSED"


@pytest.mark.parametrize(("who", "role"), [("di", "operations"), ("di", "reader"), ("bo", "reader")])
def test_a_person_without_the_role_does_not_count(at, who, role):
    world = at("bound")
    world.approve(who, role=role)
    assert world.judge_release(world.the("release")).outcome == "PENDING"


def test_the_same_person_in_their_own_role_counts(at):
    world = at("bound")
    world.approve("bo", role="operations")
    assert world.judge_release(world.the("release")).outcome == "PASSED"
