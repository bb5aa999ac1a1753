"""Appending, proving and growing, as the rooms above use it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, InputError, IntegrityError, UsageError
from andon.ledger.checkpoint import parse
from andon.ledger.memory import Remembered, accept
from andon.ledger.merkle import root
from andon.ledger.proof import verify_proof


@given(st.integers(1, 40), st.data())
@settings(max_examples=25, deadline=None)
def test_every_entry_can_be_proved_offline_at_every_later_size(open_ledger, new_rows, unit, signer_of, size, data):
    ledger = open_ledger(new_rows())
    entries = [ledger.append(unit, "signoff", of_bytes(b"%d" % number)) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    head = verify_proof(ledger.prove(index), entries[index], ledger.origin, ledger.verifiers.values())
    assert head == ledger.head()
    assert head.size == size
    assert ledger.entry(index) == entries[index]


def test_entries_carry_their_place_and_a_time_that_never_goes_back(open_ledger, new_rows, unit):
    ledger = open_ledger(new_rows())
    entries = [ledger.append(unit, "release", of_bytes(b"a")) for _ in range(5)]
    assert [entry.index for entry in entries] == list(range(5))
    assert [entry.time_ns for entry in entries] == sorted(entry.time_ns for entry in entries)


def test_a_clock_behind_the_last_entry_is_refused_and_nothing_is_written(open_ledger, new_rows, unit):
    rows = new_rows()
    ledger = open_ledger(rows)
    ledger.append(unit, "release", of_bytes(b"a"))
    ledger.clock.time_ns -= 10
    with pytest.raises(ConflictError, match="clock-behind"):
        ledger.append(unit, "release", of_bytes(b"b"))
    assert rows.size() == 1
    assert list(rows.notes) == [1]
    ledger.clock.time_ns += 10
    assert ledger.append(unit, "release", of_bytes(b"b")).index == 1


def test_every_size_has_its_own_signed_head(open_ledger, new_rows, unit):
    rows = new_rows()
    ledger = open_ledger(rows)
    for number in range(9):
        ledger.append(unit, "release", of_bytes(b"%d" % number))
    hashes = [rows.node_rows[0, index] for index in range(9)]
    for size in range(1, 10):
        assert parse(rows.notes[size]).root == root(hashes[:size])


def test_a_new_log_key_continues_a_ledger_only_where_the_old_one_is_trusted(
    open_ledger, new_rows, unit, signer_of, verifiers_of
):
    rows = new_rows()
    open_ledger(rows, key=1).append(unit, "release", of_bytes(b"a"))
    stranger = open_ledger(rows, key=2)
    with pytest.raises(IntegrityError, match="note-unsigned"):
        stranger.append(unit, "release", of_bytes(b"b"))
    both = verifiers_of(signer_of(1), signer_of(2))
    successor = type(stranger)(rows, rows, signer_of(2), stranger.origin, stranger.clock, both)
    stranger.clock.time_ns += 10
    assert successor.append(unit, "release", of_bytes(b"b")).index == 1
    assert successor.verify_whole(both, None).is_sound


def test_an_empty_ledger_has_no_head_and_no_entries(open_ledger, new_rows):
    ledger = open_ledger(new_rows())
    with pytest.raises(InputError, match=r"ledger\.empty"):
        ledger.prove(0)
    with pytest.raises(InputError, match="no-such-entry"):
        ledger.entry(0)


def test_what_is_not_there_cannot_be_proved(open_ledger, new_rows, unit):
    ledger = open_ledger(new_rows())
    ledger.append(unit, "release", of_bytes(b"a"))
    with pytest.raises(UsageError, match="no-such-leaf"):
        ledger.prove(1)


def test_an_append_reads_logarithmically_many_nodes(open_ledger, new_rows, unit):
    rows = new_rows()
    ledger = open_ledger(rows)
    for number in range(300):
        ledger.append(unit, "release", of_bytes(b"%d" % number))
    rows.reads = 0
    ledger.append(unit, "release", of_bytes(b"last"))
    assert rows.reads < 40


@given(st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_memory_follows_a_ledger_that_only_grew(open_ledger, new_rows, unit, first, more):
    rows = new_rows()
    ledger = open_ledger(rows)
    seen = None
    for size in (first, first + more):
        while rows.size() < size:
            ledger.append(unit, "release", of_bytes(b"%d" % rows.size()))
        head = ledger.verify_whole(ledger.verifiers, seen)
        now = Remembered(head.origin, head.size, head.root, 1)
        proof = ledger.prove_growth(seen.size, head.size) if seen else ()
        seen = accept(seen, now, proof)
    assert seen.size == first + more


def test_memory_refuses_what_does_not_continue_it(open_ledger, new_rows, unit):
    ledger = open_ledger(new_rows())
    for number in range(6):
        ledger.append(unit, "release", of_bytes(b"%d" % number))
    small, great = parse(ledger.checkpoints.at(4)), parse(ledger.checkpoints.at(6))
    proof = ledger.prove_growth(4, 6)
    old = Remembered(small.origin, 4, small.root, 3)
    new = Remembered(great.origin, 6, great.root, 3)
    assert accept(old, new, proof) == new
    assert accept(new, new, ()) == new
    refused = {
        "shrunk": (new, old, ()),
        "forked": (old, new, proof[:-1]),
        "other-ledger": (old, Remembered("example.com/other", 6, great.root, 3), proof),
        "root-rolled-back": (old, Remembered(new.origin, 6, new.root, 2), proof),
    }
    for code, case in refused.items():
        with pytest.raises(IntegrityError, match=code):
            accept(*case)
    with pytest.raises(IntegrityError, match="forked"):
        accept(old, Remembered(old.origin, 4, great.root, 3), ())
