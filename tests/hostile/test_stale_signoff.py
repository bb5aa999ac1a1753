"""Time passes between a sign-off and the deployment: it expires, or its person loses the role."""

from tests.gates.world import DAY_NS, refusal


def test_untouched_it_is_admitted_within_the_five_days(at):
    world = at("approved")
    world.clock.now += 4 * DAY_NS
    assert refusal(world.admit) == ""


def test_an_expired_sign_off_admits_nothing(at):
    world = at("approved")
    world.clock.now += 6 * DAY_NS
    assert refusal(world.admit) == "gates.people-missing"


def test_a_fresh_sign_off_admits_it_again(at):
    world = at("approved")
    world.clock.now += 6 * DAY_NS
    world.approve("cy")
    assert refusal(world.admit) == ""


def test_an_old_sign_off_does_not_count_when_the_gate_judges(at):
    world = at("bound")
    world.approve(time_ns=world.clock.now_ns() - 6 * DAY_NS)
    assert world.judge_release(world.the("release")).outcome == "PENDING"


def test_a_sign_off_dated_ahead_does_not_live_longer(at):
    world = at("bound")
    world.approve(time_ns=world.clock.now_ns() + 300 * DAY_NS)
    assert world.judge_release(world.the("release")).outcome == "PENDING"


def approved_by_eve(at):
    world = at("bound")
    world.clock.now += 8 * DAY_NS
    world.approve("eve")
    assert world.judge_release(world.the("release")).counted == ("eve",)
    return world


def test_untouched_eve_holds_the_role_and_counts(at):
    assert refusal(approved_by_eve(at).admit) == ""


def test_a_role_that_ended_before_the_deployment_admits_nothing(at):
    world = approved_by_eve(at)
    world.clock.now += 3 * DAY_NS
    assert refusal(world.admit) == "gates.people-missing"


def test_a_role_that_ended_before_signing_does_not_count(at):
    world = at("bound")
    world.clock.now += 11 * DAY_NS
    world.approve("eve")
    assert world.judge_release(world.the("release")).outcome == "PENDING"
