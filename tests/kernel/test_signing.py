"""Public keys that can be written down, and bytes as text."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import InputError
from andon.kernel.signing import PublicKey, key_line, public_key, read_key_line


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_named_by_the_hash_of_its_bytes(raw):
    key = public_key(raw)
    assert key.key_id == hashlib.sha256(raw).hexdigest()
    assert key.raw == raw
    assert PublicKey(key.key_id, "ed25519", key.value) == key


@given(st.binary(max_size=70).filter(lambda raw: len(raw) != 32))
def test_a_key_of_another_length_is_refused(raw):
    with pytest.raises(InputError, match="not-a-key"):
        public_key(raw)


def test_a_key_whose_parts_do_not_belong_together_is_refused():
    key, other = public_key(bytes(32)), public_key(bytes([1]) * 32)
    for parts in (
        (other.key_id, "ed25519", key.value),
        (key.key_id.upper(), "ed25519", key.value),
        (key.key_id, "ed448", key.value),
        (key.key_id, "ed25519", key.value[:-1]),
        (key.key_id, "ed25519", key.value + "\n"),
    ):
        with pytest.raises(InputError):
            PublicKey(*parts)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_the_line_that_people_pass_on(raw):
    line = key_line(public_key(raw))
    assert line == f"ed25519:{base64.b64encode(raw).decode()}"
    assert read_key_line(f" {line}\n") == public_key(raw)


@pytest.mark.parametrize("line", ["", "ed25519:", "ed25519:AAAA", "ssh-ed25519 AAAA", "rsa:" + "A" * 43 + "="])
def test_a_line_that_is_no_key_is_refused(line):
    with pytest.raises(InputError):
        read_key_line(line)


@given(st.binary(max_size=40))
def test_bytes_come_back_from_their_text(data):
    assert unwrap(wrap(data)) == data
    assert wrap(data) == base64.b64encode(data).decode()


@given(st.text(st.sampled_from("AQgw+/-_= \n"), max_size=9) | st.text(max_size=6))
def test_text_is_either_the_only_spelling_of_its_bytes_or_refused(text):
    try:
        data = unwrap(text)
    except InputError:
        return
    assert wrap(data) == text
