"""Ids that sort by time."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import UsageError
from andon.kernel.ids import new_id, system_entropy

times = st.integers(0, (2**48 - 1) * 10**6)
entropies = st.binary(min_size=8, max_size=8)


@given(times, entropies)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_millisecond(now_ns, entropy):
    parsed = uuid.UUID(new_id(now_ns, entropy))
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == now_ns // 10**6
    assert parsed.int & (2**62 - 1) == int.from_bytes(entropy) & (2**62 - 1)


@given(times, times, entropies, entropies)
def test_ids_sort_by_time_to_a_quarter_of_a_microsecond(first, second, a, b):
    if first + 245 <= second:
        assert new_id(first, a) < new_id(second, b)


def test_the_example_of_rfc_9562_comes_out_of_its_parts():
    fraction_ns = 0xCC3 * 10**6 // 2**12 + 1
    entropy = bytes.fromhex("18c4dc0c0c07398f")
    assert new_id(0x017F22E279B0 * 10**6 + fraction_ns, entropy) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize(("now_ns", "entropy"), [(0, b"1234567"), (-1, b"12345678"), (2**48 * 10**6, b"12345678")])
def test_too_little_entropy_or_an_impossible_time_is_refused(now_ns, entropy):
    with pytest.raises(UsageError, match="not-enough"):
        new_id(now_ns, entropy)


def test_entropy_has_the_length_asked_for_and_differs():
    assert len(system_entropy(24)) == 24
    assert system_entropy(24) != system_entropy(24)
