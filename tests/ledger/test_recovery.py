"""The one way back: which heads a recovery gives up, and what may be remembered after it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.memory import Remembered, accept, accept_recovered
from andon.ledger.recovery import Recovery

ORIGIN = "example.com/flights"


def head(size, mark=0, origin=ORIGIN):
    return Checkpoint(origin, size, bytes([mark]) * 32)


def remembered(checkpoint, version=1):
    return Remembered(checkpoint.origin, checkpoint.size, checkpoint.root, version)


@pytest.mark.parametrize(
    ("lost", "resumed"),
    [(head(5), head(5)), (head(5), head(6)), (head(5), head(0)), (head(5), head(3, origin="example.com/other"))],
)
def test_a_recovery_goes_back_within_one_ledger_or_is_none(lost, resumed):
    with pytest.raises(IntegrityError, match="not-a-recovery"):
        Recovery(lost, resumed)


@given(st.integers(1, 9), st.integers(0, 1))
def test_a_witness_may_go_back_from_what_is_given_up_and_from_nothing_else(size, mark):
    recovery = Recovery(head(7), head(3))
    expected = 3 < size < 7 or (size == 7 and mark == 0)
    assert recovery.leads_back(head(size, mark)) is expected
    assert recovery.gives_up(head(size, mark)) is ((size, mark) == (7, 0))
    assert not recovery.leads_back(head(size, mark, "example.com/other"))


@given(st.integers(2, 12), st.integers(1, 11), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_after_a_recovery_the_memory_follows_exactly_the_resumed_ledger(
    open_ledger, new_rows, unit, size, resumed_size, more
):
    resumed_size = min(resumed_size, size - 1)
    lost, restored = open_ledger(new_rows()), open_ledger(new_rows())
    for number in range(size):
        lost.append(unit, "release", of_bytes(b"%d" % number))
    for number in range(resumed_size):
        restored.append(unit, "release", of_bytes(b"%d" % number))
    recovery = Recovery(lost.head(), restored.head())
    before = remembered(lost.head())
    with pytest.raises(IntegrityError, match="not-recovered"):
        accept_recovered(before, remembered(restored.head()), (), recovery)
    for number in range(1 + more):
        restored.append(unit, "recovery", of_bytes(b"after %d" % number))
    seen = remembered(restored.head())
    proof = restored.prove_growth(resumed_size, seen.size)
    assert accept_recovered(before, seen, proof, recovery) == seen
    with pytest.raises(IntegrityError):
        accept(before, seen, restored.prove_growth(min(before.size, seen.size), seen.size))
    with pytest.raises(IntegrityError, match="not-recovered"):
        accept_recovered(seen, seen, proof, recovery)


def test_an_older_trust_root_is_no_recovery(open_ledger, new_rows, unit):
    lost, restored = open_ledger(new_rows()), open_ledger(new_rows())
    for number in range(4):
        lost.append(unit, "release", of_bytes(b"%d" % number))
    restored.append(unit, "release", of_bytes(b"0"))
    recovery = Recovery(lost.head(), restored.head())
    restored.append(unit, "recovery", of_bytes(b"r"))
    with pytest.raises(IntegrityError, match="root-rolled-back"):
        accept_recovered(
            remembered(lost.head(), 3), remembered(restored.head(), 2), restored.prove_growth(1, 2), recovery
        )
