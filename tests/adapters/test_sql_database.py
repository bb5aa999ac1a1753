import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy.exc

from andon.adapters.sql.database import REVISIONS, open_database
from andon.adapters.sql.tables import metadata
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, InputError, IntegrityError, UsageError
from andon.store.errors import StorageError

A = of_bytes(b"a")
MUTABLE = {"runs", "attempts", "leases", "alembic_version"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "andon.db"


@pytest.fixture
def database(path):
    opened = open_database(f"sqlite:///{path}")
    yield opened
    opened.close()


def refused(url, kind, **options):
    with pytest.raises(kind) as caught:
        open_database(url, **options).close()
    assert caught.value.fix
    return caught.value


def test_a_new_database_is_durable_and_lets_readers_read_while_one_writes(database, path):
    with database.engine.connect() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == ["wal", 2, 1, 30_000]


def test_opening_again_changes_nothing_and_never_loads_alembic(database, path):
    database.close()
    before = path.read_bytes()
    code = (
        "import sys; from andon.adapters.sql.database import open_database\n"
        f"d = open_database('sqlite:///{path}'); d.refs.get('a'); d.close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert path.read_bytes() == before


def test_the_migrations_make_exactly_the_tables_that_queries_see(database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISIONS[-1]


def test_the_revisions_that_the_code_knows_are_the_migrations_there_are():
    from alembic.script import ScriptDirectory

    import andon.adapters.sql.database as module

    folder = Path(module.__file__).parent / "migrations"
    scripts = ScriptDirectory(str(folder)).walk_revisions()
    assert [script.revision for script in scripts] == list(reversed(REVISIONS))


def test_whatever_is_written_once_cannot_be_changed_or_deleted(database):
    fill = {"INTEGER": 1, "TEXT": "x", "BLOB": b"x"}
    with database.units.begin() as unit:
        for table in metadata.sorted_tables:
            row = {column.name: fill[column.type.compile(database.engine.dialect)] for column in table.columns}
            unit.connection.execute(table.insert().values(row | ({"id": "x"} if table.name == "runs" else {})))
    for table in metadata.sorted_tables:
        if table.name in MUTABLE:
            continue
        last = list(table.columns)[-1]
        for change in (table.update().values({last: last}), table.delete()):
            with pytest.raises(IntegrityError) as caught, database.units.begin() as unit:
                unit.connection.execute(change)
            assert caught.value.code == "database.write-once", table.name


def test_no_table_keeps_a_value_of_another_type(database):
    with database.engine.connect() as connection:
        listed = connection.exec_driver_sql("SELECT name, strict FROM pragma_table_list").all()
    assert {name for name, strict in listed if strict} == {table.name for table in metadata.sorted_tables}
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught, database.units.begin() as unit:
        unit.connection.exec_driver_sql("INSERT INTO ledger_leaves VALUES (0, 'text')")
    assert "cannot store TEXT value in BLOB column" in str(caught.value)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"PK\x03\x04" + bytes(2000)])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    error = refused(f"sqlite:///{path}", InputError)
    assert error.code == "database.not-a-database"
    assert str(path) in str(error)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused_and_left_as_it_is(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE ledger_leaves (a)")
    other.close()
    before = path.read_bytes()
    error = refused(f"sqlite:///{path}", InputError)
    assert error.code == "database.not-a-database"
    assert "ledger_leaves" in error.found
    assert path.read_bytes() == before


def test_a_newer_database_is_refused(database, path):
    with database.units.begin() as unit:
        unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    error = refused(f"sqlite:///{path}", InputError)
    assert error.code == "database.newer"
    assert "9999" in error.found


def test_a_database_with_torn_pages_is_refused_as_damaged(database, path):
    database.close()
    data = bytearray(path.read_bytes())
    data[1024:] = b"\xff" * (len(data) - 1024)
    path.write_bytes(data)
    assert refused(f"sqlite:///{path}", IntegrityError).code == "database.damaged"


def test_a_database_that_another_process_holds_is_waited_for_and_then_refused(database, path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    other = open_database(f"sqlite:///{path}", wait_ms=50)
    assert other.refs.get("a") is None, "a reader waited for a writer"
    with pytest.raises(ConflictError) as caught, other.units.begin():
        pass
    assert caught.value.code == "database.locked"
    holder.execute("ROLLBACK")
    with other.units.begin() as unit:
        other.refs.move(unit, "a", None, A, 1)
    holder.close()
    other.close()


def test_a_new_database_that_another_process_holds_is_refused(path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert refused(f"sqlite:///{path}", ConflictError, wait_ms=50).code == "database.locked"
    holder.close()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    assert refused(f"sqlite:///{tmp_path}/missing/andon.db", InputError).code == "database.cannot-open"


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "andon-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small or a read-only disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_disk_is_refused_with_a_fix(small_disk):
    database = open_database(f"sqlite:///{small_disk}/andon.db")
    database.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    new = refused(f"sqlite:///{small_disk}/new.db", InputError)
    assert new.code == "database.cannot-open"
    with pytest.raises((StorageError, InputError)) as caught, database.units.begin() as unit:
        database.refs.move(unit, "a", None, A, 1)
    assert caught.value.code in ("database.read-only", "database.cannot-open")
    database.close()


def test_a_full_disk_undoes_the_unit_and_is_refused_with_a_fix(small_disk):
    database = open_database(f"sqlite:///{small_disk}/andon.db")

    def write_too_much():
        with database.units.begin() as unit:
            database.refs.move(unit, "a", None, A, 1)
            for number in range(2000):
                database.checkpoints.save(unit, number, "x" * 4000)

    with pytest.raises(StorageError) as caught:
        write_too_much()
    assert caught.value.code == "database.disk-full"
    assert database.refs.get("a") is None
    with database.units.begin() as unit:
        database.refs.move(unit, "a", None, A, 1)
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "andon.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "postgresql://host/db",
        "sqlite+pysqlcipher:///x.db",
        "sqlite:///x.db?mode=ro",
        "http://example.org",
    ],
)
def test_a_url_that_names_no_local_file_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(url, UsageError).code == "database.not-a-url"
    assert list(tmp_path.iterdir()) == []


def test_processes_that_open_a_new_database_at_once_all_get_it(path):
    code = f"""
import sys
from andon.adapters.sql.database import open_database
sys.stdin.readline()
d = open_database("sqlite:///{path}")
d.close()
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    errors = [child.communicate()[1] for child in children]
    assert errors == [""] * 4


def test_a_forked_child_opens_its_own_connection(database):
    with database.units.begin() as unit:
        database.refs.move(unit, "a", None, A, 1)
        inherited = unit.connection.connection.driver_connection
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with database.units.begin() as unit:
                database.refs.move(unit, "a", A, A, 2)
                status = 2 if unit.connection.connection.driver_connection is inherited else 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with database.units.begin() as unit:
        assert unit.connection.connection.driver_connection is inherited
        assert database.refs.move(unit, "a", A, A, 3).sequence == 3


def test_a_number_beyond_64_bits_is_refused_not_a_traceback(database):
    with pytest.raises(UsageError) as caught, database.units.begin() as unit:
        database.leases.take(unit, "a", "me", 2**63, 0)
    assert caught.value.code == "database.number-too-large"
