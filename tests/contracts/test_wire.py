"""Dataclasses to JSON and back: the quick way against the one that looks at every member and says where it is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts import wire
from andon.contracts.wire import from_json, to_json
from andon.contracts.wire_reader import LATER
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    share: float
    size: int | None
    seen_ns: int


@dataclass(frozen=True, slots=True)
class Tree:
    kind: Literal["old", "new"]
    is_whole: bool
    first: Leaf
    other: Leaf | None
    leaves: tuple[Leaf, ...]
    pairs: tuple[tuple[str, int], ...]
    notes: Mapping[str, Json]
    counts: Mapping[str, int]
    until_ns: int | None
    lasts_ns: tuple[int, ...]


names, numbers = st.text(max_size=3), st.integers(-9, 9)
shares = st.floats(allow_nan=False, allow_infinity=False)
times_ns = st.integers(-(2**63), 2**63)
leaves = st.builds(Leaf, name=names, share=shares, size=st.none() | numbers, seen_ns=times_ns)
trees = st.builds(
    Tree,
    kind=st.sampled_from(["old", "new"]),
    is_whole=st.booleans(),
    first=leaves,
    other=st.none() | leaves,
    leaves=st.lists(leaves, max_size=3).map(tuple),
    pairs=st.lists(st.tuples(names, numbers), max_size=2).map(tuple),
    notes=st.dictionaries(names, st.none() | names | numbers, max_size=2),
    counts=st.dictionaries(names, numbers, max_size=2),
    until_ns=st.none() | times_ns,
    lasts_ns=st.just(()),
)
odd = st.sampled_from([None, True, 1, 1.5, "1", "-", "new", [], ["a"], [["a", 1]], {}, {"a": None}, ("a",), "\u00b2"])


def places(value, here=()):
    """The way to every member of a JSON value."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from places(item, (*here, name))


def changed(value, way, other):
    if not way:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = changed(value[way[0]], way[1:], other)
    return copy


def answer(read):
    try:
        return read()
    except (InputError, ValueError) as error:
        return type(error), str(error)


@given(trees)
def test_what_is_written_reads_back_the_same(tree):
    assert from_json(Tree, loads(dumps(to_json(tree)))) == tree


@given(trees, st.data())
def test_the_quick_way_takes_and_refuses_what_the_slow_one_does(tree, data):
    right = to_json(tree)
    value = changed(right, data.draw(st.sampled_from(list(places(right)))), data.draw(odd))
    quick = answer(lambda: from_json(Tree, value))
    assert repr(quick) == repr(answer(lambda: wire._read_members(Tree, value, "$")))


@pytest.mark.parametrize("change", [{"more": 1}, {"kind": "other"}, {"first": {}}, {"until_ns": 5}])
def test_a_refusal_says_where(change):
    tree = Tree("old", True, Leaf("a", 0.5, None, 1), None, (), (), {}, {}, None, ())
    with pytest.raises(InputError) as refused:
        from_json(Tree, to_json(tree) | change, "here")
    assert refused.value.code == "wire.malformed"
    assert refused.value.place.startswith("here")


@dataclass(frozen=True, slots=True)
class Grown:
    name: str
    lag_ns: int = field(default=0, metadata=LATER)
    reads: Leaf | None = field(default=None, metadata=LATER)


@given(name=names, lag_ns=numbers, has_leaf=st.booleans())
def test_a_member_that_came_later_leaves_records_of_before_as_they_were(name, lag_ns, has_leaf):
    """Their bytes are identities: a declaration that says nothing new must stay the same one."""
    assert to_json(Grown(name)) == {"name": name}
    assert from_json(Grown, {"name": name}) == Grown(name)
    value = Grown(name, lag_ns, Leaf("a", 0.5, None, 3) if has_leaf else None)
    assert from_json(Grown, to_json(value)) == value
    for odd in ({}, {"lag_ns": "3"}, {"name": name, "lags": 3}):
        with pytest.raises(InputError):
            from_json(Grown, odd)
