"""What two versions differ in: everything is said, nothing else is, and back again is the opposite."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest.trust_changes import Change, changes, floor_changes
from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, Waivable
from andon.contracts.policy import Criterion
from tests.attest.roots import floors, trust_roots

AUC = Criterion("auc", "ge", 0.75, side="lower", min_n=500)


@settings(max_examples=25, deadline=None)
@given(trust_roots(), trust_roots())
def test_nothing_is_said_of_the_same_root_and_something_of_any_other(old, new):
    """A change that `andon policy diff` is silent about would be signed unseen."""
    assert changes(old, replace(old, version=new.version)) == ()
    assert bool(changes(old, new)) == (replace(old, version=new.version) != new)


@settings(max_examples=40, deadline=None)
@given(trust_roots(), st.data())
def test_one_changed_floor_is_never_passed_over(root, data):
    at = data.draw(st.integers(0, len(root.floors) - 1)) if root.floors else None
    drawn = data.draw(floors)
    if at is None or any(floor.target == drawn.target for floor in root.floors):
        return
    drawn = replace(drawn, target=root.floors[at].target)
    new = replace(root, floors=(*root.floors[:at], drawn, *root.floors[at + 1 :]))
    assert bool(changes(root, new)) == (root != new)


@settings(max_examples=80, deadline=None)
@given(floors, floors)
def test_what_is_stricter_one_way_is_weaker_the_other_way(old, new):
    new = replace(new, target=old.target)
    there, back = floor_changes(old, new), floor_changes(new, old)
    for kind, opposite in (("stricter", "weaker"), ("weaker", "stricter"), ("changed", "changed")):
        assert sum(one.kind == kind for one in there) == sum(one.kind == opposite for one in back)


BARE = Floor("eu", False, ("data",))
STRICTER = {
    "eu: production yes": replace(BARE, production=True),
    "eu: tier T1 instead of T0": replace(BARE, tier="T1"),
    "eu: asks for the gate model": replace(BARE, gates=("data", "model")),
    "eu: sign-offs by risk: 2 instead of 0": replace(BARE, signoffs=(("risk", 2),)),
    "eu: model asks auc.lower() >= 0.75 on at least 500 rows": replace(BARE, criteria=(Demand("model", AUC),)),
    "eu: model:late only under the policy sha256:ab": replace(BARE, policies=(("model:late", "sha256:ab"),)),
    "eu: release asks auc.lower() >= 0.75 on at least 500 rows, for a first release": replace(
        BARE, first_criteria=(Demand("release", AUC),)
    ),
    "eu: sign-offs by risk, for a first release: 1 instead of 0": replace(BARE, first_signoffs=(("risk", 1),)),
    "eu: 20 models judged on the same rows, instead of any number": replace(BARE, looks=20),
    "eu: witnesses: 1 instead of 0": replace(BARE, witnesses=1),
}


@pytest.mark.parametrize("text", STRICTER)
def test_each_rule_that_is_added_is_said_to_be_stricter(text):
    assert floor_changes(BARE, STRICTER[text]) == (Change("stricter", text),)


def test_a_bound_moved_is_compared_with_the_one_before():
    def with_bound(bound, **other):
        return replace(BARE, criteria=(Demand("model", replace(AUC, bound=bound, **other)),))

    (up,) = floor_changes(with_bound(0.75), with_bound(0.8))
    assert up == Change(
        "stricter",
        "eu: model asks auc.lower() >= 0.8 on at least 500 rows instead of auc.lower() >= 0.75 on at least 500 rows",
    )
    assert [one.kind for one in floor_changes(with_bound(0.8), with_bound(0.75))] == ["weaker"]
    assert [one.kind for one in floor_changes(with_bound(0.8), with_bound(0.8, min_n=900))] == ["changed"]
    assert [one.kind for one in floor_changes(with_bound(0.8), with_bound(0.8, severity="warn"))] == ["weaker"]


def test_what_people_may_take_upon_themselves_makes_a_floor_weaker():
    waivable = Waivable("model", "auc", "risk", 86_400_000_000_000)
    with_it = replace(BARE, waivable=(waivable,))
    assert floor_changes(BARE, with_it) == (Change("weaker", "eu: model auc may be waived by risk, for 1d at most"),)
    assert [one.kind for one in floor_changes(with_it, BARE)] == ["stricter"]
    longer = replace(BARE, waivable=(replace(waivable, longest_ns=2 * waivable.longest_ns),))
    assert [one.kind for one in floor_changes(with_it, longer)] == ["weaker"]


def test_people_keys_and_roles_come_go_and_end(root, signer_of):
    ada, ben, cleo, *services = root.principals
    dora = Principal("dora", "person", (KeyState(signer_of(7).public, "active", 100),), (RoleInterval("risk", 100),))
    ended = replace(cleo, keys=(replace(cleo.keys[0], state="compromised", since_ns=900),))
    promoted = replace(ben, roles=(*ben.roles, RoleInterval("legal", 800, 900)))
    new = replace(root, version=2, quorum=1, principals=(ada, promoted, ended, *services, dora))
    key_id = cleo.keys[0].public.key_id[:12]
    assert changes(root, new) == (
        Change("weaker", "people who must sign a version: 1 instead of 2"),
        Change("came", "ben: legal from 1970-01-01T00:00:00.0000008Z until 1970-01-01T00:00:00.0000009Z"),
        Change(
            "ended",
            f"cleo: key {key_id} compromised since 1970-01-01T00:00:00.0000009Z, "
            "which was active since 1970-01-01T00:00:00.0000001Z",
        ),
        Change("came", "dora, a person, as risk from 1970-01-01T00:00:00.0000001Z, with 1 key"),
    )


def test_who_may_sign_versions_and_which_targets_there_are_is_said(root):
    new = replace(root, version=2, root_keys=root.root_keys[1:], floors=root.floors[:1])
    assert [one.kind for one in changes(root, new)] == ["went", "went"]
    assert [one.text.split()[0] for one in changes(root, new)] == ["ada", "eu:"]
    back = changes(new, root)
    assert back[0].text.startswith("ada may sign versions")
    assert Change("came", "eu, a production target of risk: data, training, model, release") in back
    assert Change("stricter", "eu: sign-offs by risk: 2 instead of 0") in back


def test_another_order_alone_is_said_too(root):
    new = replace(root, principals=tuple(reversed(root.principals)))
    assert changes(root, new) == (Change("changed", "the order in which things are written"),)
