"""Identity of bytes and values."""

import hashlib

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.digest import hex_of, of_bytes, of_value, parse, short
from andon.kernel.errors import InputError


@given(st.binary())
def test_a_digest_is_the_sha256_of_the_bytes(data):
    digest = of_bytes(data)
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert parse(digest) == digest
    assert hex_of(digest) == hashlib.sha256(data).hexdigest()
    assert hex_of(digest).startswith(short(digest))
    assert len(short(digest)) == 12


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), st.integers(-1000, 1000), max_size=4))
def test_a_values_digest_is_that_of_its_canonical_bytes_in_any_order(value):
    assert of_value(value) == of_bytes(rfc8785.dumps(value))
    assert of_value(dict(reversed(value.items()))) == of_value(value)


GOOD = of_bytes(b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        GOOD[:-1],
        GOOD + "0",
        GOOD.upper(),
        GOOD.replace("sha256", "sha512"),
        GOOD[7:],
        f" {GOOD}",
        f"{GOOD}\n",
    ],
)
def test_what_is_no_digest_is_refused(text):
    for ask in (parse, hex_of, short):
        with pytest.raises(InputError, match="malformed"):
            ask(text)
