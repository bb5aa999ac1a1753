"""The bytes of one entry."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf, times_in_order

entries = st.builds(
    Entry,
    index=st.integers(0, 2**53 - 1),
    time_ns=st.integers(0, 2**63 - 1),
    kind=st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True),
    statement=st.binary(max_size=4).map(of_bytes),
)


@given(entries)
def test_a_leaf_is_rfc_8785_json_and_reads_back(entry):
    leaf = leaf_bytes(entry)
    value = {
        "index": entry.index,
        "time_ns": str(entry.time_ns),
        "kind": entry.kind,
        "statement": entry.statement,
    }
    assert leaf == rfc8785.dumps(value)
    assert parse_leaf(leaf) == entry


@given(entries, st.data())
def test_changed_bytes_are_refused_or_read_as_what_they_say(entry, data):
    leaf = leaf_bytes(entry)
    place = data.draw(st.integers(0, len(leaf) - 1))
    changed = leaf[:place] + bytes([data.draw(st.integers(0, 255))]) + leaf[place + 1 :]
    try:
        read = parse_leaf(changed)
    except IntegrityError:
        return
    assert leaf_bytes(read) == changed


GOOD = {"index": 3, "kind": "signoff", "statement": of_bytes(b""), "time_ns": "5"}


@pytest.mark.parametrize(
    "changes",
    [
        {"index": -1},
        {"index": "3"},
        {"index": 3.5},
        {"index": True},
        {"index": 2**53},
        {"kind": ""},
        {"kind": "Signoff"},
        {"kind": "-signoff"},
        {"kind": "sign--off"},
        {"statement": "sha256:00"},
        {"statement": of_bytes(b"").upper()},
        {"time_ns": 5},
        {"time_ns": "05"},
        {"time_ns": "-5"},
        {"time_ns": str(2**63)},
        {"note": "more"},
    ],
    ids=str,
)
def test_anything_else_is_refused(changes):
    with pytest.raises(IntegrityError, match="entry-malformed"):
        parse_leaf(json.dumps({**GOOD, **changes}, separators=(",", ":"), sort_keys=True).encode())


@pytest.mark.parametrize("leaf", [b"", b"{}", b"\xff", json.dumps(GOOD).encode(), rfc8785.dumps(GOOD) + b"\n"])
def test_other_spellings_are_refused(leaf):
    with pytest.raises(IntegrityError, match="entry-malformed"):
        parse_leaf(leaf)


def one_by_one(leaves, first):
    """What `times_in_order` must say, read the plain way."""
    try:
        entries = [parse_leaf(leaf) for leaf in leaves]
    except IntegrityError:
        return None
    times = [entry.time_ns for entry in entries]
    in_place = [entry.index for entry in entries] == list(range(first, first + len(leaves)))
    return times if in_place and times == sorted(times) else None


@st.composite
def stored_leaves(draw):
    """Leaves as an honest ledger stores them, and perhaps one that somebody changed, swapped or took away."""
    first = draw(st.sampled_from([0, 1, 99, 2**53 - 4]))
    times = sorted(draw(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5)))
    leaves = [leaf_bytes(draw(entries.map(lambda one: Entry(first, 0, one.kind, one.statement)))) for _ in times]
    leaves = [
        leaf.replace(b'"index":%d' % first, b'"index":%d' % (first + at)).replace(b'"0"}', b'"%d"}' % time)
        for at, (leaf, time) in enumerate(zip(leaves, times, strict=True))
    ]
    at = draw(st.integers(0, len(leaves) - 1))
    match draw(st.sampled_from(["nothing", "byte", "swap", "drop", "newline", "late"])):
        case "byte":
            place = draw(st.integers(0, len(leaves[at]) - 1))
            leaves[at] = leaves[at][:place] + bytes([draw(st.integers(0, 255))]) + leaves[at][place + 1 :]
        case "swap":
            leaves[at], leaves[0] = leaves[0], leaves[at]
        case "drop":
            del leaves[at]
        case "newline":
            leaves[at] += b"\n"
        case "late":
            leaves[at] = leaves[at].replace(b'"time_ns":"', b'"time_ns":"9')
    return leaves, first


@given(stored_leaves())
def test_reading_many_at_once_is_exactly_as_strict_as_one_by_one(stored):
    leaves, first = stored
    assert times_in_order(leaves, first) == one_by_one(leaves, first)
