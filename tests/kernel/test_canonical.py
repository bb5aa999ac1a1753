"""Canonical JSON against an independent implementation of RFC 8785."""

import json
import math
import struct
from collections import UserList
from types import MappingProxyType

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.canonical import dumps, joined, loads
from andon.kernel.errors import InputError

SAFE = 2**53 - 1
texts = st.text(st.characters(codec="utf-8"), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_every_value_has_the_bytes_of_rfc_8785(value):
    assert dumps(value) == rfc8785.dumps(value)


class Text(str):
    __slots__ = ()


@given(values)
def test_the_types_of_other_makers_are_written_as_pythons_own(value):
    def dressed(one):
        if isinstance(one, dict):
            return MappingProxyType({Text(name): dressed(item) for name, item in one.items()})
        if isinstance(one, list):
            return UserList(dressed(item) for item in one)
        return Text(one) if isinstance(one, str) else one

    assert dumps(dressed(value)) == dumps(value)
    assert dumps({"some": [dressed(value)], "more": value}) == dumps({"more": value, "some": [value]})


@given(values)
def test_canonical_bytes_read_back_as_the_same_value(value):
    assert loads(dumps(value)) == value
    assert dumps(loads(dumps(value))) == dumps(value)


@given(st.binary(min_size=8, max_size=8))
def test_every_finite_double_is_written_as_ecmascript_does(data):
    number = struct.unpack(">d", data)[0]
    if math.isfinite(number):
        assert dumps(number) == rfc8785.dumps(number)
        assert float(dumps(number)) == number


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", b"0"),
        ("8000000000000000", b"0"),
        ("0000000000000001", b"5e-324"),
        ("8000000000000001", b"-5e-324"),
        ("7fefffffffffffff", b"1.7976931348623157e+308"),
        ("4340000000000000", b"9007199254740992"),
        ("4430000000000000", b"295147905179352830000"),
        ("44b52d02c7e14af5", b"9.999999999999997e+22"),
        ("44b52d02c7e14af6", b"1e+23"),
        ("44b52d02c7e14af7", b"1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", b"999999999999999700000"),
        ("444b1ae4d6e2ef50", b"1e+21"),
        ("3eb0c6f7a0b5ed8c", b"9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", b"0.000001"),
        ("41b3de4355555553", b"333333333.3333332"),
        ("becbf647612f3696", b"-0.0000033333333333333333"),
    ],
)
def test_the_doubles_of_the_rfcs_appendix_are_written_as_there(bits, text):
    assert dumps(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_members_are_ordered_by_utf_16_units_as_in_the_rfc():
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert [line.split('":"')[1] for line in dumps(value).decode()[:-2].split('","')] == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        SAFE + 1,
        -SAFE - 1,
        "\ud800",
        {"\udfff": 1},
        {1: 1},
        {"a": {None: 1}},
        b"a",
        {1},
        Ellipsis,
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_wherever_it_stands(value):
    for whole in (value, [value], {"a": [{"b": value}]}):
        with pytest.raises(InputError, match=r"canonical\.not-json"):
            dumps(whole)


def test_the_refusal_says_where():
    with pytest.raises(InputError) as caught:
        dumps({"a": [1, {"b": math.nan}]})
    assert caught.value.place == "$.a[1].b"


@given(st.dictionaries(texts | st.sampled_from(["\U0001f600", "\ufb33"]), values, max_size=4))
def test_an_object_joined_of_written_members_is_the_object_written_as_a_whole(value):
    assert joined({name: dumps(item) for name, item in value.items()}) == dumps(value)


@given(values, st.sampled_from([b" ", b"\n", b"\t"]), st.data())
def test_bytes_with_more_white_space_are_refused(value, space, data):
    canonical = dumps(value)
    place = data.draw(st.sampled_from([0, len(canonical)]))
    with pytest.raises(InputError, match="not-canonical"):
        loads(canonical[:place] + space + canonical[place:])


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b"\xef\xbb\xbf1",
        b"1.0",
        b"-0",
        b"1e2",
        b"1E400",
        b"0.10",
        b'"\\u0041"',
        b'"\\/"',
        b"9007199254740993",
        b"NaN",
        b"Infinity",
        b'"\\ud800"',
    ],
)
def test_json_that_is_not_canonical_is_refused(data):
    json.loads(data)
    with pytest.raises(InputError):
        loads(data)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[1,]", b"'a'", b"01"])
def test_what_is_not_json_is_refused(data):
    with pytest.raises(InputError, match="not-json"):
        loads(data)


@given(st.floats(min_value=2.0**53, max_value=1e300))
def test_great_whole_floats_are_read_back_as_they_were_written(value: float) -> None:
    """A double beyond 2**53 has no point in ECMAScript's notation, and still is one number."""
    assert loads(dumps(value)) == value
    assert dumps(loads(dumps(value))) == dumps(value)
