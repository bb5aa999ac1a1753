"""An older trust root is put back, in which somebody still has a role; or it has expired."""

from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.attest.succession import seal_root
from andon.attest.trust_root import RoleInterval
from tests.gates.world import DAY_NS, START_NS, refusal


def grow(world, **changes):
    root = world.root
    grown = replace(root, version=root.version + 1, **changes)
    world.roots.add(grown.version, seal_root(grown, [load_signer(world.home.key("al"))]))
    return grown


def without_bo(root):
    ends = tuple(RoleInterval("operations", START_NS, START_NS + 1) for _ in range(1))
    return tuple(replace(one, roles=ends) if one.name == "bo" else one for one in root.principals)


def test_untouched_a_newer_trust_root_admits_what_was_bound_under_the_older(at):
    world = at("approved")
    grow(world)
    assert refusal(world.admit) == ""
    assert refusal(world.load) == ""


def test_a_newer_trust_root_in_which_the_approver_lost_the_role_admits_nothing(at):
    world = at("approved")
    grow(world, principals=without_bo(world.root))
    assert refusal(world.admit) == "gates.people-missing"


def test_putting_the_older_one_back_after_the_newer_was_seen_is_refused(at):
    world = at("approved")
    grow(world, principals=without_bo(world.root))
    world.approve("cy", "reject")
    world.approve("cy")
    (world.path / "trust" / "root-000002.json").unlink()
    assert refusal(world.admit) == "gates.root-rolled-back"
    assert refusal(world.approve) == "gates.root-rolled-back"


def test_a_release_bound_under_a_newer_root_than_the_one_at_hand_is_refused(at):
    world = at("bound")
    grow(world)
    world.made.release = world.keeper.bind(world.release(world.the("model")))
    world.build_approved()
    (world.path / "trust" / "root-000002.json").unlink()
    (world.path / "home" / "remembered.json").unlink()
    assert refusal(world.admit) == "gates.root-rolled-back"


def test_a_root_signed_by_nobody_who_may_is_refused(at):
    world = at("approved")
    grown = replace(world.root, version=2)
    world.roots.add(2, seal_root(grown, [load_signer(world.home.key("bo"))]))
    assert refusal(world.admit) == "trust.no-quorum"


def test_another_first_root_than_the_pinned_one_is_refused_by_a_server(at):
    world = at("admitted")
    assert refusal(lambda: world.load(fingerprint=world.made.model)) == "trust.not-pinned"


def test_an_expired_root_admits_nothing_and_takes_nothing_down(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved()
    bundle = world.made.bundle
    world.clock.now += 366 * DAY_NS
    assert refusal(world.admit) == "gates.root-expired"
    world.made.bundle, world.made.release = bundle, first
    assert world.load().release == first
