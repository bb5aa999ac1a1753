"""How trust begins and goes on, and every way in which it must not."""

from dataclasses import replace

import pytest

from andon.adapters.keys import verifier
from andon.attest.envelope import Envelope, sign, with_signature
from andon.attest.statement import PAYLOAD_TYPE as STATEMENT
from andon.attest.succession import PAYLOAD_TYPE, seal_root, verify_chain, verify_first, verify_next
from andon.attest.trust_json import fingerprint, to_bytes
from andon.attest.trust_root import KeyState, Principal
from andon.kernel.errors import AndonError, IntegrityError


@pytest.fixture(scope="session")
def seal(signer_of):
    return lambda root, *seeds: seal_root(root, [signer_of(seed) for seed in seeds])


@pytest.fixture(scope="session")
def second(root, signer_of):
    """Version 2: Dora joins with key 7, and Ben leaves the root keys for Cleo."""
    dora = Principal("dora", "person", (KeyState(signer_of(7).public, "active", 100),))
    return replace(
        root,
        version=2,
        principals=(*root.principals, dora),
        root_keys=tuple(signer_of(seed).key_id for seed in (1, 4, 7)),
        expires_ns=2_000_000,
    )


def test_the_first_root_is_the_pinned_one_signed_by_its_quorum(root, seal, signer_of):
    assert verify_first(seal(root, 1, 3), fingerprint(root), verifier) == root
    assert verify_first(with_signature(seal(root, 1), signer_of(3)), fingerprint(root), verifier) == root


def test_a_first_root_that_is_not_pinned_or_not_signed_is_refused(root, second, seal):
    other = replace(root, quorum=1)
    with pytest.raises(IntegrityError, match="not-pinned"):
        verify_first(seal(other, 1), fingerprint(root), verifier)
    with pytest.raises(IntegrityError, match="not-first"):
        verify_first(seal(second, 1, 4, 7), fingerprint(second), verifier)
    with pytest.raises(AndonError):
        verify_first(seal(root, 1, 3), "", verifier)
    for seeds in ((), (1,), (1, 2), (1, 4), (1, 9), (1, 5, 6)):
        with pytest.raises(IntegrityError, match="no-quorum"):
            verify_first(seal(root, *seeds), fingerprint(root), verifier)


def test_two_keys_of_one_person_are_no_quorum_of_two(root, seal):
    with pytest.raises(IntegrityError, match="1 of 2 people"):
        verify_first(seal(root, 1, 2), fingerprint(root), verifier)


@pytest.mark.parametrize(
    ("seeds", "is_accepted"),
    [
        ((1, 3, 4), True),
        ((1, 3, 7), True),
        ((2, 3, 4, 7), True),
        ((1, 3), False),
        ((1, 4), False),
        ((1, 4, 7), False),
        ((3, 4, 7), False),
        ((1, 2, 4, 7), False),
        ((), False),
    ],
)
def test_the_next_root_needs_the_quorums_of_both(root, second, seal, seeds, is_accepted):
    envelope = seal(second, *seeds)
    if is_accepted:
        assert verify_next(root, envelope, verifier) == second
    else:
        with pytest.raises(IntegrityError, match="no-quorum"):
            verify_next(root, envelope, verifier)


def test_a_root_is_followed_by_the_next_version_of_the_same_factory_only(root, second, seal):
    for version in (1, 3):
        with pytest.raises(IntegrityError, match="not-next"):
            verify_next(root, seal(replace(second, version=version), 1, 3, 4, 7), verifier)
    for changes in ({"domain": "example.org"}, {"factory": "trains"}):
        with pytest.raises(IntegrityError, match="of-another"):
            verify_next(root, seal(replace(second, **changes), 1, 3, 4, 7), verifier)
    with pytest.raises(IntegrityError, match="not-next"):
        verify_next(second, seal(root, 1, 3, 4, 7), verifier)


def _change_cleo(root, **changes):
    cleo = root.principals[2]
    changed = replace(cleo, keys=(replace(cleo.keys[0], **changes),))
    return replace(root, principals=(*root.principals[:2], changed, *root.principals[3:]))


def test_a_key_never_leaves_its_principal_nor_comes_back_to_life(root, seal):
    after = replace(root, version=2)
    cleo = root.principals[2]
    moved = replace(after, principals=tuple(one for one in root.principals if one != cleo))
    with pytest.raises(IntegrityError, match="key-dropped"):
        verify_next(root, seal(moved, 1, 3), verifier)
    renamed = replace(after, principals=(*moved.principals, replace(cleo, name="chloe")))
    with pytest.raises(IntegrityError, match="key-dropped"):
        verify_next(root, seal(renamed, 1, 3), verifier)
    for before, now in (("retired", "active"), ("compromised", "active"), ("compromised", "retired")):
        with pytest.raises(IntegrityError, match="key-revived"):
            verify_next(
                _change_cleo(root, state=before, since_ns=500),
                seal(_change_cleo(after, state=now, since_ns=500), 1, 3),
                verifier,
            )
    with pytest.raises(IntegrityError, match="key-revived"):
        verify_next(root, seal(_change_cleo(after, since_ns=1), 1, 3), verifier)
    for state in ("retired", "compromised"):
        ended = _change_cleo(after, state=state, since_ns=500)
        assert verify_next(root, seal(ended, 1, 3), verifier) == ended


@pytest.mark.parametrize("before", ["retired", "compromised"])
def test_what_an_ended_key_signed_too_late_never_stands_again(root, seal, before):
    """Compromised since later than it ended: a witness's word would bring back what was void."""
    ended = _change_cleo(root, state=before, since_ns=500)
    for since_ns, is_accepted in ((499, True), (500, True), (501, False)):
        after = _change_cleo(replace(root, version=2), state="compromised", since_ns=since_ns)
        if is_accepted:
            assert verify_next(ended, seal(after, 1, 3), verifier) == after
        else:
            with pytest.raises(IntegrityError, match="key-revived"):
                verify_next(ended, seal(after, 1, 3), verifier)


def test_a_chain_ends_at_the_newest_root_and_breaks_at_the_first_that_does_not_follow(root, second, seal):
    first, after = seal(root, 1, 3), seal(second, 1, 3, 4)
    assert verify_chain([first, after], fingerprint(root), verifier) == second
    with pytest.raises(IntegrityError, match="not-pinned"):
        verify_chain([after], fingerprint(root), verifier)
    with pytest.raises(IntegrityError, match="not-next"):
        verify_chain([first, after, after], fingerprint(root), verifier)
    with pytest.raises(IntegrityError, match=r"trust\.missing"):
        verify_chain([], fingerprint(root), verifier)


def test_a_root_under_another_payload_type_or_with_other_bytes_is_refused(root, second, seal, signer_of):
    signers = [signer_of(1), signer_of(3)]
    with pytest.raises(IntegrityError, match="payload type"):
        verify_first(sign(STATEMENT, to_bytes(root), signers), fingerprint(root), verifier)
    swapped = Envelope(PAYLOAD_TYPE, to_bytes(second), seal(root, 1, 3, 4, 7).signatures)
    with pytest.raises(IntegrityError, match="no-quorum"):
        verify_next(root, swapped, verifier)


def test_what_could_not_be_read_back_is_not_signed(root, seal):
    for changes in ({"domain": "two words"}, {"expires_ns": -1}):
        with pytest.raises(IntegrityError, match=r"attest\.malformed"):
            seal(replace(root, **changes), 1)
