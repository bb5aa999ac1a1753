"""A delegate speaks for the delegator, and the two count once."""

from dataclasses import replace

import pytest

from andon.contracts.policy import SignOffRule
from tests.gates.world import DAY_NS, RELEASE, refusal


@pytest.fixture
def bound(at):
    return at("bound")


def two():
    return replace(RELEASE, signoffs=(SignOffRule("operations", 2, 5 * DAY_NS),))


def judged(world, policy=RELEASE):
    return world.judge_release(world.the("release"), policy)


def test_a_delegate_without_the_role_speaks_for_who_lent_it(bound):
    bound.approve("di")
    assert judged(bound).outcome == "PENDING"
    bound.delegate("cy", "di")
    assert judged(bound).outcome == "PENDING", "a sign-off before the delegation does not count"
    bound.approve("di")
    assert judged(bound).counted == ("di for cy",)
    assert bound.admit().release == bound.made.release
    assert bound.load().release == bound.made.release


def test_delegator_and_delegate_count_once(bound):
    bound.delegate("cy", "di")
    question = bound.question(policy=two())
    bound.approve("di", question=question)
    bound.approve("cy", question=question)
    assert judged(bound, two()).outcome == "PENDING"
    bound.approve("bo", question=question)
    assert judged(bound, two()).outcome == "PASSED"


def test_two_delegates_of_one_person_count_once(bound):
    bound.next_root(
        principals=tuple(one for one in bound.root.principals if one.name != "eve")
        + tuple(type(one)("eve", "person", one.keys, ()) for one in bound.root.principals if one.name == "eve")
    )
    question = bound.question(policy=two())
    for to in ("di", "eve"):
        bound.delegate("cy", to)
        bound.approve(to, question=question)
    assert judged(bound, two()).outcome == "PENDING"


@pytest.mark.parametrize("who", ["al", "cy"])
def test_nobody_speaks_for_or_through_who_made_the_work(bound, who):
    """`al` started the run: a delegate of `al` is as excluded as `al`; `cy` is not."""
    bound.delegate(who, "di")
    bound.approve("di")
    assert judged(bound).outcome == ("PENDING" if who == "al" else "PASSED")


def test_a_delegation_ends_and_can_be_revoked(bound):
    digest = bound.delegate("cy", "di")
    bound.approve("di")
    bound.keeper.revoke(digest=digest, by="cy", reason="back from holiday")
    assert judged(bound).outcome == "PENDING"
    bound.delegate("cy", "di", reason="ill")
    bound.approve("di")
    bound.clock.now += 2 * DAY_NS
    assert judged(bound).outcome == "PENDING"


def test_a_delegation_revoked_after_the_pass_stops_the_admission(bound):
    digest = bound.delegate("cy", "di")
    bound.approve("di")
    judged(bound)
    bound.keeper.revoke(digest=digest, by="cy", reason="never meant this")
    assert refusal(bound.admit) == "gates.people-missing"


def test_authority_that_was_lent_cannot_be_lent_on(bound):
    bound.delegate("cy", "di")
    assert refusal(lambda: bound.delegate("di", "eve")) == "gates.delegation-refused"


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("di", {}),
        ("cy", {"delegate": "cy"}),
        ("cy", {"delegate": "nobody"}),
        ("cy", {"delegate": "gatekeeper"}),
        ("cy", {"role": "owner"}),
        ("cy", {"role": "gate"}),
        ("cy", {"until_ns": 1}),
        ("cy", {"reason": ""}),
    ],
    ids=str,
)
def test_what_could_never_count_is_refused(bound, who, changes):
    to = changes.pop("delegate", "bo")
    assert refusal(lambda: bound.delegate(who, to, **changes)) == "gates.delegation-refused"


def test_a_rejection_by_a_delegate_stops_like_the_delegators_own(bound):
    bound.delegate("cy", "di")
    bound.approve("bo")
    bound.approve("di", "reject")
    assert judged(bound).outcome == "PENDING"


@pytest.mark.parametrize("is_revoked", [True, False])
def test_a_delegates_rejection_stands_when_the_delegation_has_ended(bound, is_revoked):
    digest = bound.delegate("cy", "di")
    bound.approve("di", "reject")
    bound.approve("bo")
    if is_revoked:
        bound.keeper.revoke(digest=digest, by="cy", reason="it was said in my name")
    else:
        bound.clock.now += 3 * DAY_NS
    assert judged(bound).outcome == "PENDING"
