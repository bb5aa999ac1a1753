import inspect
import signal
import subprocess
import sys
import threading

import pytest

from andon.adapters.sql.database import open_database
from andon.gates.ports import Sealed
from andon.kernel.digest import of_bytes
from andon.kernel.errors import UsageError
from andon.ledger.merkle import Node, leaf_hash
from andon.store.manifest import Manifest


def write_all(database, n, pause=lambda: None):
    with database.units.begin() as unit:
        leaf = str(n).encode()
        database.ledger_rows.append(unit, n, leaf, [Node(0, n, leaf_hash(leaf))])
        pause()
        database.statements.add(unit, Sealed(of_bytes(leaf), "t", (of_bytes(b"subject"),), leaf, n))
        pause()
        database.commits.commit(unit, of_bytes(leaf), of_bytes(b"out"), "run", n)
        pause()
        digest = database.manifests.add(unit, Manifest("dataset", (), "", (), "", {"n": n}))
        pause()
        last = database.refs.get("a")
        database.refs.move(unit, "a", last and last.digest, digest, n)
        pause()
        database.checkpoints.save(unit, n + 1, "note")
        pause()


CHILD = f"""
import sys, time
from andon.adapters.sql.database import open_database
from andon.gates.ports import Sealed
from andon.kernel.digest import of_bytes
from andon.ledger.merkle import Node, leaf_hash
from andon.store.manifest import Manifest
{inspect.getsource(write_all)}
database = open_database(sys.argv[1])
"""
TABLES = (
    "ledger_leaves",
    "ledger_nodes",
    "statements",
    "statement_subjects",
    "commits",
    "manifests",
    "ref_moves",
    "checkpoints",
)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/andon.db"


@pytest.fixture
def database(url):
    opened = open_database(url)
    yield opened
    opened.close()


def units_in(database):
    """How many units each table holds records of, all asked at one moment."""
    with database.engine.connect() as connection:
        return {connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in TABLES}


def test_what_is_written_in_one_unit_becomes_visible_together(database):
    seen = []
    write_all(database, 0, lambda: seen.append(units_in(database)))
    assert seen == [{0}] * 6
    assert units_in(database) == {1}


@pytest.mark.parametrize("step", range(6))
def test_an_exception_after_any_write_undoes_all_of_them(database, step):
    write_all(database, 0)
    left = [step]

    def fail():
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_all(database, 1, fail)
    assert units_in(database) == {1}
    write_all(database, 1)


@pytest.mark.parametrize("step", range(6))
def test_a_process_killed_between_any_two_writes_leaves_whole_units_only(database, url, step):
    code = f"""{CHILD}
write_all(database, 0)
steps = []
def pause():
    steps.append(0)
    if len(steps) == {step + 1}:
        print("here", flush=True)
        time.sleep(60)
write_all(database, 1, pause)
"""
    child = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"here\n"
    assert units_in(database) == {1}, "an open unit was visible to another process"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert units_in(database) == {1}
    write_all(database, 1)
    assert units_in(database) == {2}


def test_a_writer_killed_at_any_moment_loses_nothing_it_reported_while_another_process_reads(database, url):
    code = f"""{CHILD}
for n in range(database.ledger_rows.size(), 1 << 30):
    write_all(database, n)
    print(n + 1, flush=True)
"""
    for moment in range(4):
        child = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)
        for _ in range(3 + 5 * moment):
            reported = int(child.stdout.readline())
            (found,) = units_in(database)
            assert found >= reported
        child.kill()
        reported = max([reported, *(int(line) for line in child.stdout if line.endswith("\n"))])
        child.wait()
        child.stdout.close()
        (found,) = units_in(database)
        assert found in (reported, reported + 1)


def test_processes_that_move_one_name_at_once_lose_no_move(database, url):
    code = f"""
import sys
from andon.adapters.sql.database import open_database
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError
database = open_database({url!r})
sys.stdin.readline()
lost = 0
for n in range(50):
    new = of_bytes((sys.argv[1] + str(n)).encode())
    while True:
        last = database.refs.get("a")
        try:
            with database.units.begin() as unit:
                database.refs.move(unit, "a", last and last.digest, new, n)
            break
        except ConflictError as error:
            assert error.code == "registry.ref-moved"
            lost += 1
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(n)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate()[1] for child in children] == [""] * 4
    history = database.refs.history("a")
    assert [ref.sequence for ref in history] == list(range(1, 201))
    moved = {of_bytes(f"{child}{n}".encode()) for child in range(4) for n in range(50)}
    assert {ref.digest for ref in history} == moved


def test_threads_take_turns(database):
    def move(worker):
        for n in range(10):
            with database.units.begin() as unit:
                database.refs.move(unit, f"worker/{worker}", None if n == 0 else of_bytes(b"x"), of_bytes(b"x"), n)

    threads = [threading.Thread(target=move, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ref.sequence for ref in database.refs.with_prefix("worker/")] == [10] * 4


def test_a_unit_inside_a_unit_of_the_same_thread_is_refused_at_once(database):
    with database.units.begin(), pytest.raises(UsageError) as caught, database.units.begin():
        pass
    assert caught.value.code == "database.unit-in-unit"
    with database.units.begin():
        pass


def test_a_unit_that_is_over_and_a_unit_of_elsewhere_take_no_writes(database, tmp_path):
    other = open_database(f"sqlite:///{tmp_path}/other.db")
    with other.units.begin() as foreign:
        with pytest.raises(UsageError) as caught:
            database.manifests.add(foreign, Manifest("dataset", (), "", (), "", {}))
        assert caught.value.code == "database.foreign-unit"
    other.close()
    with database.units.begin() as unit:
        pass
    assert not unit.is_open
    writes = [
        lambda: database.manifests.add(unit, Manifest("dataset", (), "", (), "", {})),
        lambda: database.refs.move(unit, "a", None, of_bytes(b""), 1),
        lambda: database.statements.add(unit, Sealed(of_bytes(b""), "t", (), b"", 0)),
        lambda: database.ledger_rows.append(unit, 0, b"", [Node(0, 0, leaf_hash(b""))]),
        lambda: database.checkpoints.save(unit, 1, "note"),
        lambda: database.commits.commit(unit, of_bytes(b""), of_bytes(b""), "run", 1),
        lambda: database.leases.take(unit, "a", "me", 2, 1),
        lambda: database.leases.release(unit, "a", "me"),
    ]
    for write in writes:
        with pytest.raises(UsageError) as caught:
            write()
        assert caught.value.code == "database.unit-over"
