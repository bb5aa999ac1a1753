"""Which work belongs together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import InputError, UsageError
from andon.kernel.trace import child_of, new_trace, span_id_of, trace_id_of, traceparent

W3C = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
trace_entropy = st.binary(min_size=24, max_size=24).filter(lambda data: any(data[:16]) and any(data[16:]))
span_entropy = st.binary(min_size=8, max_size=8).filter(any)


@given(trace_entropy, span_entropy)
def test_a_child_is_another_span_of_the_same_trace(entropy, more):
    parent = new_trace(entropy)
    child = child_of(parent, more)
    assert W3C.fullmatch(parent)
    assert W3C.fullmatch(child)
    assert trace_id_of(child) == trace_id_of(parent) == entropy[:16].hex()
    assert span_id_of(child) == more.hex()


def test_whether_a_trace_is_kept_is_inherited():
    ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    kept, dropped = traceparent(*ids), traceparent(*ids, is_sampled=False)
    assert kept == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert child_of(kept, b"12345678").endswith("-01")
    assert child_of(dropped, b"12345678").endswith("-00")
    assert child_of(kept[:-2] + "ff", b"12345678").endswith("-01")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
    ],
)
def test_what_is_no_traceparent_is_refused(text):
    for ask in (trace_id_of, span_id_of, lambda parent: child_of(parent, b"12345678")):
        with pytest.raises(InputError, match=r"trace\.malformed"):
            ask(text)


def test_too_little_entropy_is_refused():
    with pytest.raises(UsageError):
        new_trace(bytes(23))
    with pytest.raises(UsageError):
        child_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", bytes(7))
    with pytest.raises(InputError):
        new_trace(bytes(24))
