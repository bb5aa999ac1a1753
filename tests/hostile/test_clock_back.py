"""The clock is turned back, so that an expired sign-off is fresh again."""

from tests.gates.world import DAY_NS, refusal


def test_untouched_the_time_goes_on_and_it_is_admitted(at):
    assert refusal(at("approved").admit) == ""


def test_a_clock_behind_the_ledger_admits_nothing(at):
    world = at("approved")
    world.clock.now -= DAY_NS
    assert refusal(world.admit) == "gates.clock-behind"


def test_a_clock_behind_the_ledger_signs_nothing(at):
    world = at("bound")
    signoff = world.signoff("bo")
    world.clock.now -= DAY_NS
    assert refusal(lambda: world.keeper.hand_in(signoff)) == "ledger.clock-behind"
