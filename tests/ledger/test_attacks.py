"""What an intruder with the database can do to the ledger, and that the audit sees each of it."""

import copy

import pytest

from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.ledger.checkpoint import Checkpoint, parse, sign
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.memory import Remembered
from andon.ledger.merkle import completed_nodes, leaf_hash, root_at

SIZE = 20


@pytest.fixture
def rows(open_ledger, new_rows, unit):
    rows = new_rows()
    ledger = open_ledger(rows)
    for number in range(SIZE):
        ledger.append(unit, "gate-verdict", of_bytes(b"%d" % number))
    return rows


@pytest.fixture
def remembered(rows):
    return _remember(rows, 15)


def _remember(rows, size):
    head = parse(rows.notes[size])
    return Remembered(head.origin, head.size, head.root, 1)


def _altered(leaf, **changes):
    return dumps({**loads(leaf), **changes})


def rebuild(rows, leaves):
    """Replace all entries and write every hash anew, as an intruder with the database and no key can."""
    rows.leaf_rows.clear()
    rows.node_rows.clear()
    for index, leaf in enumerate(leaves):
        rows.append(None, index, leaf, completed_nodes(index, leaf_hash(leaf), rows.node))


def cut(rows, size):
    rebuild(rows, [rows.leaf_rows[i] for i in range(size)])


def edit(rows):
    rows.leaf_rows[7] = _altered(rows.leaf_rows[7], statement=of_bytes(b"forged"))


def back_date(rows):
    rows.leaf_rows[7] = _altered(rows.leaf_rows[7], time_ns="1")


def delete(rows):
    del rows.leaf_rows[7]


def delete_and_close_the_gap(rows):
    leaves = [leaf for index, leaf in sorted(rows.leaf_rows.items()) if index != 7]
    rows.leaf_rows = dict(enumerate(leaves))


def reorder(rows):
    rows.leaf_rows[3], rows.leaf_rows[9] = rows.leaf_rows[9], rows.leaf_rows[3]


def insert(rows):
    leaves = [leaf for _, leaf in sorted(rows.leaf_rows.items())]
    leaves.insert(7, leaf_bytes(Entry(7, 1_795_000_000_000_000_007, "signoff", of_bytes(b"forged"))))
    rows.leaf_rows = dict(enumerate(leaves))


def edit_a_node(rows):
    rows.node_rows[2, 1] = leaf_hash(b"forged")


def delete_a_node(rows):
    del rows.node_rows[4, 0]


def truncate(rows):
    for index in range(12, SIZE):
        del rows.leaf_rows[index]


def append_unsigned(rows):
    leaf = leaf_bytes(Entry(SIZE, 1_795_000_000_000_000_999, "signoff", of_bytes(b"forged")))
    rows.append(None, SIZE, leaf, completed_nodes(SIZE, leaf_hash(leaf), rows.node))


def edit_and_rehash(rows):
    edit(rows)
    rebuild(rows, [leaf for _, leaf in sorted(rows.leaf_rows.items())])


def truncate_and_rehash(rows):
    cut(rows, 12)


def forget_the_heads(rows):
    rows.notes.clear()


def edit_the_head(rows):
    rows.notes[SIZE] = rows.notes[SIZE].replace("\n20\n", "\n19\n")


CAUGHT_WITHOUT_MEMORY = {
    edit: "ledger.entry-edited",
    back_date: "ledger.entry-back-dated",
    delete: "ledger.entry-missing",
    delete_and_close_the_gap: "ledger.entry-misplaced",
    reorder: "ledger.entry-misplaced",
    insert: "ledger.entry-misplaced",
    edit_a_node: "ledger.node-edited",
    delete_a_node: "ledger.node-edited",
    truncate: "ledger.truncated",
    append_unsigned: "ledger.head-missing",
    edit_and_rehash: "ledger.head-mismatch",
    truncate_and_rehash: "ledger.truncated",
    forget_the_heads: "ledger.note-malformed",
    edit_the_head: "ledger.note-unsigned",
}


def test_an_untouched_ledger_is_sound(rows, remembered, open_ledger, verifiers_of, signer_of):
    report = open_ledger(rows).verify_whole(verifiers_of(signer_of(1)), remembered)
    assert report.is_sound
    assert report.size == SIZE
    assert report.root == parse(rows.notes[SIZE]).root
    assert report.last_ns == 1_795_000_000_000_000_000 + SIZE


@pytest.mark.parametrize("attack", CAUGHT_WITHOUT_MEMORY, ids=lambda attack: attack.__name__)
def test_an_altered_ledger_is_caught_by_its_hashes_or_its_head(attack, rows, open_ledger, verifiers_of, signer_of):
    attack(rows)
    report = open_ledger(rows).verify_whole(verifiers_of(signer_of(1)), None)
    assert CAUGHT_WITHOUT_MEMORY[attack] in {finding.code for finding in report.findings}


def test_a_cut_with_its_own_older_head_is_caught_by_memory_alone(
    rows, remembered, open_ledger, verifiers_of, signer_of
):
    cut(rows, 12)
    for size in range(13, SIZE + 1):
        del rows.notes[size]
    audit = open_ledger(rows).verify_whole
    assert audit(verifiers_of(signer_of(1)), None).is_sound
    assert {f.code for f in audit(verifiers_of(signer_of(1)), remembered).findings} == {"ledger.shrunk"}


def test_a_fork_signed_with_the_stolen_log_key_is_caught_by_memory_alone(
    rows, remembered, open_ledger, verifiers_of, signer_of, unit
):
    cut(rows, 10)
    for size in range(11, SIZE + 1):
        del rows.notes[size]
    ledger = open_ledger(rows)
    ledger.clock.time_ns += 100
    for number in range(10):
        ledger.append(unit, "gate-verdict", of_bytes(b"other %d" % number))
    audit = ledger.verify_whole
    assert audit(verifiers_of(signer_of(1)), None).is_sound
    assert {f.code for f in audit(verifiers_of(signer_of(1)), remembered).findings} == {"ledger.forked"}


def test_a_ledger_signed_anew_with_another_key_is_caught(rows, open_ledger, verifiers_of, signer_of):
    root = root_at(SIZE, rows.node)
    rows.notes[SIZE] = sign(Checkpoint("example.com/flights", SIZE, root), signer_of(2))
    report = open_ledger(rows).verify_whole(verifiers_of(signer_of(1)), None)
    assert {f.code for f in report.findings} == {"ledger.note-unsigned"}


def test_an_emptied_ledger_is_caught_by_memory_alone(remembered, open_ledger, new_rows, verifiers_of, signer_of):
    audit = open_ledger(new_rows()).verify_whole
    assert audit(verifiers_of(signer_of(1)), None).is_sound
    assert {f.code for f in audit(verifiers_of(signer_of(1)), remembered).findings} == {"ledger.shrunk"}


def test_another_ledger_in_its_place_is_caught_by_memory(rows, remembered, open_ledger, verifiers_of, signer_of):
    other = Remembered("example.com/other", remembered.size, remembered.root, 1)
    report = open_ledger(rows).verify_whole(verifiers_of(signer_of(1)), other)
    assert {f.code for f in report.findings} == {"ledger.other-ledger"}


def test_every_single_flipped_byte_of_any_row_is_caught(rows, open_ledger, verifiers_of, signer_of):
    trusted = verifiers_of(signer_of(1))
    for index in (0, 7, SIZE - 1):
        leaf = rows.leaf_rows[index]
        for place in range(len(leaf)):
            attacked = copy.deepcopy(rows)
            attacked.leaf_rows[index] = leaf[:place] + bytes([leaf[place] ^ 1]) + leaf[place + 1 :]
            assert not open_ledger(attacked).verify_whole(trusted, None).is_sound


@pytest.mark.parametrize(
    "attack", [edit_and_rehash, truncate, truncate_and_rehash, append_unsigned, forget_the_heads, edit_the_head]
)
def test_nothing_is_signed_on_top_of_an_altered_ledger(attack, rows, open_ledger, unit):
    attack(rows)
    before = dict(rows.notes)
    with pytest.raises(IntegrityError):
        open_ledger(rows).append(unit, "gate-verdict", of_bytes(b"next"))
    assert rows.notes == before


def test_an_edited_last_entry_cannot_move_the_clock(rows, open_ledger, unit):
    rows.leaf_rows[SIZE - 1] = _altered(rows.leaf_rows[SIZE - 1], time_ns="1")
    ledger = open_ledger(rows)
    ledger.clock.time_ns += 100
    with pytest.raises(IntegrityError, match="head-mismatch"):
        ledger.append(unit, "gate-verdict", of_bytes(b"next"))


def test_findings_are_limited_but_never_silent(rows, open_ledger, verifiers_of, signer_of):
    rows.leaf_rows = {SIZE * 50: rows.leaf_rows[0]}
    report = open_ledger(rows).verify_whole(verifiers_of(signer_of(1)), None)
    assert len(report.findings) == 50
