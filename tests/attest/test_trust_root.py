"""Who may say what, and when."""

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from andon.adapters.keys import verifier
from andon.attest.trust_json import fingerprint, from_bytes, to_bytes
from andon.attest.trust_root import (
    Floor,
    KeyState,
    Principal,
    RoleInterval,
    floor_of,
    holders,
    holds,
    principal_of,
    principals_of,
    roles,
    uncompromised_verifiers_of,
    verifiers_of,
)
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError, RefusedError


def with_key(root, name, index, **changes):
    """The root, with one key of a principal changed, and no longer able to sign roots."""
    principals = []
    for one in root.principals:
        keys = list(one.keys)
        if one.name == name:
            keys[index] = replace(keys[index], **changes)
        principals.append(replace(one, keys=tuple(keys)))
    return replace(root, principals=tuple(principals))


def test_a_trust_root_is_canonical_json_and_reads_back(root):
    data = to_bytes(root)
    assert data == rfc8785.dumps(json.loads(data))
    assert from_bytes(data) == root
    assert fingerprint(root) == of_bytes(data)


def test_a_key_speaks_for_its_principal(root, signer_of):
    assert principal_of(root, signer_of(2).key_id, 100).name == "ada"
    assert principal_of(root, signer_of(3).key_id, 10**9).name == "ben"
    with pytest.raises(RefusedError, match="unknown-key"):
        principal_of(root, signer_of(9).key_id, 100)


def test_two_keys_of_one_person_are_one_person(root, signer_of):
    keys = {signer_of(seed).key_id for seed in (1, 2, 3, 9)}
    assert [one.name for one in principals_of(root, keys, 200)] == ["ada", "ben"]
    assert principals_of(root, keys, 99) == ()


@given(st.integers(0, 1000), st.none() | st.integers(0, 1000))
def test_a_key_counts_from_its_start_until_it_ends_and_a_compromised_one_by_its_witness_only(
    root, signer_of, at_ns, witnessed_ns
):
    """The thief of a key can write any time into an entry, but not a witness's."""
    key_id = signer_of(4).key_id
    seen_before = witnessed_ns is not None and witnessed_ns < 300
    cases = {"active": at_ns >= 300, "retired": at_ns < 300, "compromised": seen_before}
    for state, counts in cases.items():
        changed = with_key(root, "cleo", 0, state=state, since_ns=300)
        assert bool(principals_of(changed, {key_id}, at_ns, witnessed_ns=witnessed_ns)) is counts
        if counts:
            assert principal_of(changed, key_id, at_ns, witnessed_ns=witnessed_ns).name == "cleo"
        else:
            with pytest.raises(RefusedError, match="key-not-valid"):
                principal_of(changed, key_id, at_ns, witnessed_ns=witnessed_ns)
    assert principals_of(with_key(root, "cleo", 0, state="compromised", since_ns=300), {key_id}, at_ns) == ()


def test_ended_keys_are_checked_too_but_compromised_ones_not_outside_the_ledger(root, signer_of):
    key_id = signer_of(4).key_id
    for state in ("retired", "compromised"):
        ended = with_key(root, "cleo", 0, state=state)
        assert set(verifiers_of(ended, verifier)) == {signer_of(seed).key_id for seed in range(1, 7)}
        assert (key_id in uncompromised_verifiers_of(ended, verifier)) is (state == "retired")
    assert uncompromised_verifiers_of(root, verifier).keys() == verifiers_of(root, verifier).keys()


@given(st.integers(0, 1000))
def test_a_role_is_held_in_its_intervals_only(root, at_ns):
    ben = root.principals[1]
    assert holds(root, ben, "risk", at_ns) is (100 <= at_ns < 500 or at_ns >= 700)
    assert (ben in holders(root, "risk", at_ns)) is holds(root, ben, "risk", at_ns)
    assert not holds(root, ben, "model-owner", at_ns)
    assert not holds(root, ben, "legal", at_ns)


def test_unknown_roles_principals_and_targets_are_refused(root):
    ada = root.principals[0]
    with pytest.raises(RefusedError, match="unknown-role"):
        holds(root, ada, "Model-Owner", 200)
    with pytest.raises(RefusedError, match="unknown-role"):
        holders(root, "nobody", 200)
    promoted = replace(ada, roles=(RoleInterval("risk", 0),))
    with pytest.raises(RefusedError, match="unknown-principal"):
        holds(root, promoted, "risk", 200)
    with pytest.raises(RefusedError, match="unknown-target"):
        floor_of(root, "EU")
    assert floor_of(root, "eu").signoffs == (("model-owner", 1), ("risk", 2), ("legal", 1))
    assert roles(root) == {"gate", "log", "witness", "model-owner", "risk", "legal"}


def test_a_root_expires_at_its_moment(root):
    assert not root.is_expired(999_999)
    assert root.is_expired(1_000_000)


def test_a_root_that_contradicts_itself_cannot_be_made(root, signer_of):
    ada, ben, cleo, gatekeeper, _ = root.principals
    stolen = KeyState(signer_of(1).public, "active", 100)
    eu = root.floors[1]
    wrong = {
        "version": {"version": 0},
        "principal twice": {"principals": (*root.principals, replace(cleo, keys=()))},
        "key of two people": {"principals": (*root.principals, Principal("dora", "person", (stolen,)))},
        "key twice": {"principals": (replace(ada, keys=ada.keys * 2), *root.principals[1:])},
        "target twice": {"floors": (eu, eu)},
        "person as gate": {
            "principals": (*root.principals[:4], replace(cleo, name="x", keys=(), roles=gatekeeper.roles))
        },
        "service signs off": {"principals": (*root.principals[:3], replace(gatekeeper, roles=ada.roles))},
        "empty interval": {"principals": (ada, ben, replace(cleo, roles=(RoleInterval("risk", 5, 5),)))},
        "floor without gates": {"floors": (Floor("x", False, ()),)},
        "floor of a gate twice": {"floors": (Floor("x", False, ("data", "data")),)},
        "nobody signs off": {"floors": (replace(eu, signoffs=(("risk", 0),)),)},
        "services sign off": {"floors": (replace(eu, signoffs=(("gate", 1),)),)},
        "role asked twice": {"floors": (replace(eu, signoffs=(("risk", 1), ("risk", 2))),)},
        "no quorum": {"quorum": 0},
        "more than people": {"quorum": 3},
        "root key twice": {"root_keys": (*root.root_keys, root.root_keys[0])},
        "root key of a stranger": {"root_keys": (*root.root_keys, signer_of(9).key_id)},
        "root key of a service": {"root_keys": (*root.root_keys, signer_of(5).key_id)},
        "nameless": {"principals": (*root.principals, Principal("", "person", ()))},
    }
    for changes in wrong.values():
        with pytest.raises(IntegrityError, match=r"trust\.inconsistent"):
            replace(root, **changes)
    for state in ("retired", "compromised"):
        with pytest.raises(IntegrityError, match="root_keys"):
            with_key(root, "ben", 0, state=state)


def _set(value, path, new):
    for step in path[:-1]:
        value = value[step]
    if new is KeyError:
        del value[path[-1]]
    else:
        value[path[-1]] = new


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["type"], "andon/trust-root/v2"),
        (["version"], "1"),
        (["version"], True),
        (["version"], 1.5),
        (["expires_ns"], 1_000_000),
        (["expires_ns"], "01"),
        (["expires_ns"], str(2**63)),
        (["quorum"], -1),
        (["domain"], "no spaces"),
        (["domain"], ""),
        (["factory"], KeyError),
        (["waivable"], []),
        (["root_keys"], "k"),
        (["root_keys", 0], 1),
        (["floors", 0, "production"], "false"),
        (["floors", 0, "production"], 0),
        (["floors", 0, "gates"], None),
        (["floors", 0, "tier"], 1),
        (["floors", 1, "signoffs", 0, 1], "1"),
        (["floors", 1, "signoffs", 0], {"role": "risk", "people": 1}),
        (["principals", 0, "kind"], "robot"),
        (["principals", 0, "name"], "ada\u0000"),
        (["principals", 0, "keys", 0, "state"], "lost"),
        (["principals", 0, "keys", 0, "algorithm"], "none"),
        (["principals", 0, "keys", 0, "value"], "AAAA"),
        (["principals", 0, "keys", 0, "key_id"], "00" * 32),
        (["principals", 0, "keys", 0, "since_ns"], None),
        (["principals", 0, "roles", 0, "until_ns"], ""),
        (["principals", 0, "roles", 0, "until_ns"], KeyError),
    ],
    ids=str,
)
def test_a_malformed_root_is_refused(root, path, new):
    value = json.loads(to_bytes(root))
    _set(value, path, new)
    with pytest.raises(IntegrityError, match=r"attest\.malformed"):
        from_bytes(rfc8785.dumps(value))
