"""A real ledger under several processes, a kill, a full disk, a head cut short: never forked, never half there."""

import subprocess
import sys
from collections import Counter

import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.sql.database import open_database
from andon.kernel.clock import SystemClock
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.ledger.log import Ledger

PROCESSES, EACH = 4, 25
OPEN = """
import sys
from pathlib import Path
from andon.adapters.keys import load_signer, verifier
from andon.adapters.sql.database import open_database
from andon.kernel.clock import SystemClock
from andon.kernel.digest import of_bytes
from andon.ledger.log import Ledger

place, mine = Path(sys.argv[1]), sys.argv[2]
signer = load_signer(place / "keys" / "log.pem")
database = open_database(f"sqlite:///{place}/control.db")
known = {signer.key_id: verifier(signer.public)}
ledger = Ledger(database.ledger_rows, database.checkpoints, signer, "example.com/f", SystemClock(), known)

def append(number):
    with database.units.begin() as unit:
        return ledger.append(unit, "release", of_bytes(f"{mine} {number}".encode())).index
"""
APPEND = (
    OPEN
    + """
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    print(append(number), flush=True)
"""
)
FILL = (
    OPEN
    + """
import resource, signal
from andon.kernel.errors import AndonError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
append(-1)
size = max(path.stat().st_size for path in place.glob("control.db*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, resource.RLIM_INFINITY))
done = 1
try:
    for number in range(10_000):
        append(number)
        done += 1
except AndonError as error:
    print(done, error.code, flush=True)
"""
)


@pytest.fixture
def place(tmp_path):
    generate_key(tmp_path / "keys" / "log.pem")
    open_database(f"sqlite:///{tmp_path}/control.db").close()
    return tmp_path


@pytest.fixture
def ledger(place):
    signer = load_signer(place / "keys" / "log.pem")
    database = open_database(f"sqlite:///{place}/control.db")
    known = {signer.key_id: verifier(signer.public)}
    yield Ledger(database.ledger_rows, database.checkpoints, signer, "example.com/f", SystemClock(), known)
    database.close()


def start(place, *arguments, code=APPEND):
    command = [sys.executable, "-c", code, str(place), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_append_at_once_and_a_killed_one_loses_nothing_of_the_others(place, ledger):
    """The fifth is killed while it appends: what it was told is appended is there, and nothing is there by half."""
    mortal = start(place, "mortal", 10_000)
    processes = [start(place, name, EACH) for name in range(PROCESSES)]
    for process in (mortal, *processes):
        assert process.stdout.readline() == "ready\n"
    for process in (mortal, *processes):
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [int(mortal.stdout.readline()) for _ in range(5)]
    mortal.kill()
    told += [int(line) for line in mortal.stdout.read().split()[:-1]]
    mortal.communicate()
    ends = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, ends
    indices = [int(line) for out, _ in ends for line in out.split()]
    counted = Counter(indices + told)
    assert len(indices) == PROCESSES * EACH
    assert max(counted.values()) == 1
    report = ledger.verify_whole(ledger.verifiers, None)
    assert report.is_sound, report.findings
    assert report.size >= len(counted)
    kept = [ledger.entry(index).statement for index in range(report.size)]
    assert len(set(kept)) == report.size
    for name in range(PROCESSES):
        assert {of_bytes(f"{name} {number}".encode()) for number in range(EACH)} <= set(kept)


def test_a_full_disk_is_refused_with_a_code_and_nothing_is_half_written(place, ledger):
    out, err = start(place, "a", code=FILL).communicate(timeout=120)
    done, code = out.split()
    assert code in ("database.disk-full", "database.disk-failed"), err
    report = ledger.verify_whole(ledger.verifiers, None)
    assert report.is_sound, report.findings
    assert report.size == int(done) > 1
    assert ledger.head().size == report.size
    with SqlUnit(ledger) as unit:
        assert ledger.append(unit, "release", of_bytes(b"again")).index == int(done)


class SqlUnit:
    """A unit of the ledger's own database."""

    def __init__(self, ledger):
        from andon.adapters.sql.unit import SqlUnits

        self._open = SqlUnits(ledger.rows.engine).begin()

    def __enter__(self):
        return self._open.__enter__()

    def __exit__(self, *error):
        return self._open.__exit__(*error)


@pytest.mark.parametrize("keep", [0, 1, 20, 60, 110, -1])
def test_a_head_cut_short_stops_appends_and_is_named_by_the_audit(ledger, keep):
    for number in range(3):
        with SqlUnit(ledger) as unit:
            ledger.append(unit, "release", of_bytes(b"%d" % number))
    with ledger.rows.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER checkpoints_no_update")
        note = ledger.checkpoints.at(3)
        connection.exec_driver_sql("UPDATE checkpoints SET note = ? WHERE size = 3", (note[:keep],))
    with pytest.raises(IntegrityError, match=r"ledger\."), SqlUnit(ledger) as unit:
        ledger.append(unit, "release", of_bytes(b"more"))
    with pytest.raises(IntegrityError, match=r"ledger\."):
        ledger.prove(1)
    assert not ledger.verify_whole(ledger.verifiers, None).is_sound
    assert ledger.rows.size() == 3


def test_a_ledger_from_before_there_were_cosignatures_is_brought_up_and_takes_them(tmp_path):
    from pathlib import Path

    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config

    import andon.adapters.sql.database as module

    engine = sa.create_engine(f"sqlite:///{tmp_path}/control.db")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(sa.text(f"PRAGMA application_id = {module.APPLICATION_ID:d}"))
        connection.execute(sa.text("INSERT INTO checkpoints (size, note) VALUES (1, 'note\n')"))
    engine.dispose()
    database = open_database(f"sqlite:///{tmp_path}/control.db")
    with database.units.begin() as unit:
        database.checkpoints.cosign(unit, 1, "— w1 a\n")
    assert database.checkpoints.latest() == "note\n— w1 a\n"
    database.close()
