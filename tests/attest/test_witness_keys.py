"""Which keys of a trust root count as witnesses, and when."""

import hashlib

import pytest

from andon.adapters.keys import verifier
from andon.attest.trust_root import Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.attest.witness_keys import witness_keys
from andon.kernel.signing import public_key


def key(seed, state="active", since_ns=100):
    return KeyState(public_key(hashlib.sha256(b"%d" % seed).digest()), state, since_ns)


def root(*services):
    owner = key(0)
    return TrustRoot(
        version=1,
        domain="d",
        factory="f",
        expires_ns=1000,
        quorum=1,
        root_keys=(owner.public.key_id,),
        principals=(Principal("al", "person", (owner,), (RoleInterval("owner", 0),)), *services),
        floors=(Floor("local", production=False, gates=("data",)),),
    )


def times(*services):
    return {
        (one.name, one.verifier.key_id): (one.from_ns, one.until_ns) for one in witness_keys(root(*services), verifier)
    }


@pytest.mark.parametrize(
    ("state", "since_ns", "role", "expected"),
    [
        ("active", 100, RoleInterval("witness", 50), (100, None)),
        ("active", 100, RoleInterval("witness", 150, 300), (150, 300)),
        ("retired", 200, RoleInterval("witness", 50), (50, 200)),
        ("retired", 200, RoleInterval("witness", 50, 120), (50, 120)),
    ],
)
def test_a_key_counts_while_its_service_is_a_witness_and_the_key_stands(state, since_ns, role, expected):
    one = key(1, state, since_ns)
    assert times(Principal("w", "service", (one,), (role,))) == {("w", one.public.key_id): expected}


def test_compromised_keys_and_other_services_never_count():
    lost = Principal("w", "service", (key(1, "compromised"), key(2)), (RoleInterval("witness", 0),))
    log = Principal("log", "service", (key(3),), (RoleInterval("log", 0),))
    assert list(times(lost, log)) == [("w", key(2).public.key_id)]
