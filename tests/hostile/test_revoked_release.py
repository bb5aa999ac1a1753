"""A revoked release is served again."""

import pytest

from tests.gates.world import refusal


def revoke(world):
    return world.keeper.revoke(digest=world.made.release, by="cy", reason="trained on data we may not use")


def test_untouched_it_is_admitted_and_loaded(at):
    world = at("approved")
    world.admit()
    assert refusal(world.load) == ""


def test_a_revoked_release_is_not_admitted(at):
    world = at("approved")
    revoke(world)
    assert refusal(world.admit) == "gates.revoked"


def test_a_revoked_release_is_not_loaded_though_its_bundle_is_right(at):
    world = at("admitted")
    revoke(world)
    assert refusal(world.load) == "gates.revoked"


def test_a_revoked_release_is_not_rolled_back_to(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    second = world.made.release
    back = {"target": "local", "to": first, "by": "bo", "reason": "slow"}
    assert world.keeper.rollback(**back).release == first
    world.keeper.rollback(**(back | {"to": second}))
    world.made.release = first
    revoke(world)
    assert refusal(lambda: world.keeper.rollback(**back)) == "gates.revoked"


def test_a_revocation_hidden_in_the_database_is_read_all_the_same(at):
    world = at("approved")
    digest = revoke(world)
    hide = "delete from statement_subjects where statement = (select position from statements where digest = ?)"
    assert world.sql(hide, digest) == 1
    assert refusal(world.admit) == "gates.revoked"


@pytest.mark.parametrize(("by", "reason"), [("gatekeeper", "x"), ("mallory", "x"), ("bo", " "), ("", "x")])
def test_nobody_revokes_or_rolls_back_without_a_name_and_a_reason(at, by, reason):
    world = at("admitted")
    it = world.made.release
    assert refusal(lambda: world.keeper.revoke(digest=it, by=by, reason=reason)) == "gates.who-and-why"
    back = {"target": "local", "to": it, "by": by, "reason": reason}
    assert refusal(lambda: world.keeper.rollback(**back)) == "gates.who-and-why"


def test_a_revoked_release_gets_no_new_proof_though_its_target_still_names_it(at):
    world = at("admitted")
    assert refusal(world.admit) == ""
    world.keeper.revoke(digest=world.made.release, by="bo", reason="labels were wrong")
    assert refusal(world.admit) == "gates.revoked"
