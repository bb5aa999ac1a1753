"""A folder of another owner: heads left there, read back, cosigned by who owns it."""

from dataclasses import replace

import pytest

from andon.adapters.witness.sink import FolderWitness, put_recovery, records
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError, RefusedError
from andon.ledger.witness import Shown, WitnessConflictError
from andon.store.errors import StorageError
from andon.wiring.witnessing import cosign_sink


@pytest.fixture
def sink(tmp_path):
    folder = tmp_path / "sink"
    folder.mkdir()
    return folder


@pytest.fixture
def asked(world, sink):
    """A ledger that leaves its heads in a folder."""
    world.grow(5)
    return replace(world.ledger, witnesses=(FolderWitness("w1", sink, world.log, patience_s=0.1),))


def leave(world, asked, keys=()):
    return asked.witnessed(world.database.units, keys)


def test_every_head_is_left_once_and_nothing_is_signed(world, asked, sink):
    for size in (5, 5, 8, 8, 13):
        world.grow(size)
        found = leave(world, asked)
        assert found.times == {}
        assert [error.code for _, error in found.failures] == ["ledger.not-cosigned"]
    assert [(one.number, one.head.size) for one in records(sink, world.origin)] == [(1, 5), (2, 8), (3, 13)]


def test_what_its_owner_cosigns_counts_from_then_on(world, asked, sink):
    kept, desk, key = world.witness("w1")
    leave(world, asked)
    world.grow(9)
    leave(world, asked)
    (read,) = cosign_sink(kept, desk, sink)
    assert (read.origin, read.size, read.refusal) == (world.origin, 9, None)
    found = leave(world, asked, [key])
    assert (list(found.times), found.answered, found.failures) == (["w1"], {}, ())
    assert asked.count_witnesses(9, [key]) == found.times
    assert cosign_sink(kept, desk, sink)[0].size == 9
    world.grow(12)
    assert leave(world, asked, [key]).times == {}
    assert cosign_sink(kept, desk, sink)[0].size == 12
    assert list(leave(world, asked, [key]).times) == ["w1"]


def test_a_shorter_or_forked_ledger_is_told_by_the_folder(world, asked, sink):
    leave(world, asked)
    world.grow(8)
    leave(world, asked)
    (witness,) = asked.witnesses
    with pytest.raises(WitnessConflictError) as caught:
        witness.cosign(Shown(5, (), world.ledger.checkpoints.at(5)))
    assert caught.value.size == 8
    fork = type(world)(world.path / "elsewhere", world.origin)
    with fork.database.units.begin() as unit:
        fork.ledger.append(unit, "rollback", of_bytes(b"fork"))
    fork.grow(9)
    forked = replace(fork.ledger, witnesses=(FolderWitness("w1", sink, fork.log),))
    found = leave(fork, forked)
    fork.database.close()
    assert [error.code for _, error in found.failures] == ["witness.inconsistent"]


def test_a_ledger_cut_back_to_an_older_head_is_told(world, asked, sink):
    leave(world, asked)
    world.grow(8)
    leave(world, asked)
    older = replace(asked, rows=Older(world.ledger.rows, 5), checkpoints=Older(world.ledger.checkpoints, 5))
    found = older.witnessed(world.database.units, [])
    assert [error.code for _, error in found.failures] == ["ledger.witness-ahead"]


class Older:
    """The rows of a database as they were at an earlier size."""

    def __init__(self, rows, size):
        self._rows, self._size = rows, size

    def __getattr__(self, name):
        return getattr(self._rows, name)

    def size(self, unit=None):
        return self._size

    def latest(self, unit=None):
        return self._rows.at(self._size)


def test_a_head_that_the_log_did_not_sign_is_not_taken(world, asked, sink):
    leave(world, asked)
    stranger = FolderWitness("w1", sink, ())
    with pytest.raises(RefusedError, match=r"witness\.unsigned"):
        stranger.cosign(Shown(5, (), world.ledger.checkpoints.at(5)))


def test_a_folder_from_which_files_were_taken_is_cosigned_no_more(world, asked, sink):
    kept, desk, _ = world.witness("w1")
    for size in (5, 8, 11):
        world.grow(size)
        leave(world, asked)
    cosign_sink(kept, desk, sink)
    for path in sorted(sink.glob("*.head"))[1:]:
        path.unlink()
    (read,) = cosign_sink(kept, desk, sink)
    assert read.refusal.code == "witness.sink-behind"
    assert kept.load(world.origin).size == 11


@pytest.mark.parametrize("spoil", ["cut", "hole", "forge"])
def test_a_damaged_record_is_refused_with_a_code(world, asked, sink, spoil):
    kept, desk, _ = world.witness("w1")
    for size in (5, 8, 11):
        world.grow(size)
        leave(world, asked)
    middle = sorted(sink.glob("*.head"))[1]
    match spoil:
        case "cut":
            middle.write_bytes(middle.read_bytes()[:100])
        case "hole":
            middle.unlink()
        case "forge":
            middle.write_bytes(middle.read_bytes().replace(b"\n8\n", b"\n9\n"))
    (read,) = cosign_sink(kept, desk, sink)
    assert read.refusal.code in ("witness.sink-damaged", "witness.unsigned")
    assert kept.load(world.origin) is None


def test_a_recovery_in_the_folder_is_not_taken_without_the_witnesss_own(world, asked, sink):
    kept, desk, _ = world.witness("w1")
    leave(world, asked)
    world.grow(8)
    leave(world, asked)
    cosign_sink(kept, desk, sink)
    put_recovery(sink, world.ledger.checkpoints.at(5))
    (read,) = cosign_sink(kept, desk, sink)
    assert read.refusal.code == "witness.sink-behind"


def test_a_folder_that_is_not_there_is_a_witness_that_is_down(world, asked, sink):
    sink.rmdir()
    found = leave(world, asked)
    assert [error.code for _, error in found.failures] == ["witness.unreadable"]
    (witness,) = asked.witnesses
    with pytest.raises(StorageError):
        witness.cosign(Shown(0, (), world.ledger.checkpoints.at(5)))


def test_a_witnesss_memory_that_cannot_be_read_is_refused(world):
    world.grow(3)
    kept, desk, _ = world.witness("w1")
    desk.cosign([Shown(0, (), world.ledger.checkpoints.at(3))])
    (head,) = kept.folder.glob("logs/*/head")
    head.write_bytes(head.read_bytes()[:20])
    with pytest.raises(IntegrityError, match=r"witness\.memory-damaged"):
        desk.cosign([Shown(3, (), world.ledger.checkpoints.at(3))])


def test_a_witness_keeps_its_name_and_takes_a_ledgers_own_key_only(world):
    from andon.kernel.errors import ConflictError, UsageError
    from andon.ledger.note import note_key

    kept, _, _ = world.witness("w1")
    with pytest.raises(ConflictError, match=r"witness\.other-name"):
        kept.found("w2")
    with pytest.raises(UsageError, match=r"witness\.key-of-another"):
        kept.add_log("example.com/other", note_key(world.origin, world.signer.public))
    kept.add_log(world.origin, note_key(world.origin, world.key("next").public))
    assert len(kept.verifiers(world.origin)) == 2
    assert kept.origins() == [world.origin]
