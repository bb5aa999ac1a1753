import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.sql.database import open_database
from andon.kernel.clock import SystemClock
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, IntegrityError
from andon.ledger.log import Ledger
from andon.ledger.merkle import Node, completed_nodes, leaf_hash


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/andon.db")
    yield opened
    opened.close()


def node_at(rows, level, index, unit=None):
    return rows.nodes_at([(level, index)], unit)[level, index]


def fill(database, size):
    """Append leaves one by one, as the ledger does, and return every node that was stored."""
    rows, stored = database.ledger_rows, {}
    with database.units.begin() as unit:
        for index in range(rows.size(unit), size):
            leaf = f"leaf {index}".encode()
            nodes = completed_nodes(index, leaf_hash(leaf), lambda level, at: node_at(rows, level, at, unit))
            rows.append(unit, index, leaf, nodes)
            stored |= {(node.level, node.index): node.hash for node in nodes}
    return stored


def test_leaves_and_nodes_come_back_where_they_were_put(database):
    stored = fill(database, 21)
    rows = database.ledger_rows
    assert rows.size() == 21
    assert list(rows.leaves(0, 100)) == [(n, f"leaf {n}".encode()) for n in range(21)]
    assert list(rows.leaves(3, 5)) == [(3, b"leaf 3"), (4, b"leaf 4")]
    assert list(rows.leaves(5, 5)) == []
    assert {key: node_at(rows, *key) for key in stored} == rows.nodes_at(stored) == stored
    for level in range(6):
        expected = [(at, stored[level, at]) for at in range(1, 9) if (level, at) in stored]
        assert list(rows.nodes(level, 1, 9)) == expected


def test_more_leaves_than_a_page_holds_all_come_in_order(database):
    with database.units.begin() as unit:
        for index in range(4500):
            database.ledger_rows.append(unit, index, b"%d" % index, [Node(0, index, leaf_hash(b"%d" % index))])
    assert [index for index, _ in database.ledger_rows.leaves(1, 4400)] == list(range(1, 4400))
    assert [index for index, _ in database.ledger_rows.nodes(0, 0, 1 << 40)] == list(range(4500))


@pytest.mark.parametrize("index", [0, 1, 3, 99])
def test_only_the_next_index_can_be_appended(database, index):
    fill(database, 2)
    with pytest.raises(ConflictError) as caught, database.units.begin() as unit:
        database.ledger_rows.append(unit, index, b"leaf", [])
    assert caught.value.code == "ledger.moved"
    assert database.ledger_rows.size() == 2


def test_a_unit_sees_its_own_appends_and_nobody_else_does(database):
    fill(database, 3)
    rows = database.ledger_rows
    with database.units.begin() as unit:
        rows.append(unit, 3, b"new", [Node(0, 3, leaf_hash(b"new"))])
        database.checkpoints.save(unit, 4, "note 4")
        assert (rows.size(unit), node_at(rows, 0, 3, unit), list(rows.leaves(3, 9, unit))) == (
            4,
            leaf_hash(b"new"),
            [(3, b"new")],
        )
        assert database.checkpoints.latest(unit) == "note 4"
        assert (rows.size(), list(rows.leaves(3, 9)), database.checkpoints.latest()) == (3, [], None)
    assert (rows.size(), database.checkpoints.latest()) == (4, "note 4")


def test_a_missing_node_is_refused_and_a_missing_leaf_still_counts(database):
    fill(database, 5)
    with database.engine.begin() as connection:
        for table in ("ledger_leaves", "ledger_nodes"):
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE position = 2")
    with pytest.raises(IntegrityError) as caught:
        database.ledger_rows.nodes_at([(0, 0), (0, 2)])
    assert caught.value.code == "ledger.node-missing"
    assert database.ledger_rows.size() == 5
    assert [index for index, _ in database.ledger_rows.leaves(0, 5)] == [0, 1, 3, 4]
    assert [index for index, _ in database.ledger_rows.nodes(0, 0, 5)] == [0, 1, 3, 4]


def test_a_size_has_one_signed_head_and_the_greatest_is_the_latest(database):
    heads = database.checkpoints
    assert heads.latest() is None
    for size in (2, 10, 9):
        with database.units.begin() as unit:
            heads.save(unit, size, f"note {size}\n\n— ä")
    assert heads.latest() == "note 10\n\n— ä"
    assert heads.at(9) == "note 9\n\n— ä"
    assert heads.at(3) is None
    with pytest.raises(ConflictError) as caught, database.units.begin() as unit:
        heads.save(unit, 9, "another")
    assert caught.value.code == "ledger.moved"
    assert heads.at(9) == "note 9\n\n— ä"


def test_cosignature_lines_become_part_of_their_head_and_of_no_other(database):
    heads = database.checkpoints
    assert (heads.last_cosigned(), list(heads.cosigned(0))) == (0, [])
    with database.units.begin() as unit:
        for size in (2, 9, 10):
            heads.save(unit, size, f"note {size}\n")
        for size, line in ((9, "— w2 b\n"), (9, "— w1 a\n"), (9, "— w1 a\n"), (2, "— w1 c\n")):
            heads.cosign(unit, size, line)
    assert heads.at(9) == "note 9\n— w1 a\n— w2 b\n"
    assert heads.at(10) == heads.latest() == "note 10\n"
    assert heads.last_cosigned() == 9
    assert list(heads.cosigned(0)) == [(2, "note 2\n— w1 c\n"), (9, heads.at(9))]
    assert list(heads.cosigned(2)) == [(9, heads.at(9))]
    assert list(heads.cosigned(9)) == []


def test_a_cosignature_needs_a_head_to_stand_under(database):
    with pytest.raises(IntegrityError) as caught, database.units.begin() as unit:
        database.checkpoints.cosign(unit, 3, "— w1 a\n")
    assert caught.value.code == "ledger.head-missing"


@pytest.fixture
def ledger(database, tmp_path):
    """A signed ledger of 21 decisions, each appended in a unit of its own."""
    generate_key(tmp_path / "keys" / "log.pem")
    signer = load_signer(tmp_path / "keys" / "log.pem")
    verifiers = {signer.key_id: verifier(signer.public)}
    opened = Ledger(database.ledger_rows, database.checkpoints, signer, "example.com/f", SystemClock(), verifiers)
    for number in range(21):
        with database.units.begin() as unit:
            opened.append(unit, "gate-verdict", of_bytes(b"%d" % number))
    return opened


def test_a_real_ledger_is_sound_in_this_database_and_a_failed_unit_leaves_no_trace(database, ledger):
    def decide_and_fail():
        with database.units.begin() as unit:
            ledger.append(unit, "gate-verdict", of_bytes(b"never"))
            raise RuntimeError

    assert ledger.head().size == 21
    with pytest.raises(RuntimeError):
        decide_and_fail()
    assert ledger.head().size == 21
    assert ledger.verify_whole(ledger.verifiers, None).is_sound


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_leaves SET leaf = (SELECT leaf FROM ledger_leaves WHERE position = 3) WHERE position = 4",
        "DELETE FROM ledger_leaves WHERE position = 7",
        "DELETE FROM ledger_leaves WHERE position >= 16",
        "UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 2 AND position = 1",
        "DELETE FROM checkpoints WHERE size = 21",
        "INSERT INTO ledger_leaves SELECT 21, leaf FROM ledger_leaves WHERE position = 20",
    ],
)
def test_an_edit_with_the_database_tools_is_seen_by_the_audit(database, ledger, attack):
    with database.engine.begin() as connection:
        for (trigger,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql(attack)
    assert not ledger.verify_whole(ledger.verifiers, None).is_sound
