"""The bytes of one entry."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf

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
