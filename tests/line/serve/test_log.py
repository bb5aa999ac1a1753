"""The prediction log: numbers without a gap, or a gap that is known."""

import errno
import itertools
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError
from andon.line.serve.journal import Journal
from andon.line.serve.log import Limits, PredictionLog
from andon.line.serve.records import batches_in, gaps_of, read_batch
from tests.line.serve.world import JsonRecords, prediction

LIMITS = Limits(rows=4, age_ns=10 * SECOND_NS, held=50)


class Ticks:
    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now


def open_log(folder: Path, limits: Limits = LIMITS, ticks=None) -> PredictionLog:
    return PredictionLog(folder, JsonRecords(), ticks or Ticks(), limits)


def make(log: PredictionLog, count: int, **changes) -> None:
    for _ in range(count):
        log.append(prediction(log.take_number(), **changes))


def numbers(folder: Path) -> list[int]:
    return [n for batch in batches_in(folder) for n in read_batch(batch)["number"].to_list()]


@given(bursts=st.lists(st.integers(0, 9), max_size=6), crashes=st.lists(st.booleans(), max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_contiguous_over_any_bursts_and_restarts(tmp_path_factory, bursts, crashes):
    folder = tmp_path_factory.mktemp("log")
    log = open_log(folder)
    for index, burst in enumerate(bursts):
        make(log, burst)
        log.drain()
        if index < len(crashes) and crashes[index]:
            log = open_log(folder)
    log.drain(close=True)
    assert numbers(folder) == list(range(1, sum(bursts) + 1))
    assert log.gaps() == []
    assert all(batch.last - batch.first < LIMITS.rows for batch in batches_in(folder))


def test_what_was_not_yet_written_when_the_process_died_is_a_known_gap_and_numbers_go_on(tmp_path):
    log = open_log(tmp_path)
    make(log, 6)
    log.drain()
    make(log, 3)  # never drained: as if killed here
    again = open_log(tmp_path)
    assert again.issued == 9
    assert again.gaps() == [(7, 9)]
    make(again, 1)
    again.drain(close=True)
    assert numbers(tmp_path) == [1, 2, 3, 4, 5, 6, 10]
    assert again.gaps() == [(7, 9)]


@pytest.mark.parametrize("cut", [1, 3, 7, 40, 200])
def test_a_torn_journal_gives_back_its_whole_records(tmp_path, cut):
    log = open_log(tmp_path)
    make(log, 3)
    log.drain()
    path = tmp_path / "open.journal"
    path.write_bytes(path.read_bytes()[:-cut])
    again = open_log(tmp_path)
    assert again.gaps() == [(3, 3)]
    again.drain(close=True)
    assert numbers(tmp_path) == [1, 2]


def test_a_changed_byte_in_the_journal_ends_what_is_believed(tmp_path):
    log = open_log(tmp_path)
    make(log, 3)
    log.drain()
    path = tmp_path / "open.journal"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert [one.number for one in Journal(path, JsonRecords()).records()] == [1]


def test_a_batch_closed_before_its_journal_was_emptied_is_not_written_twice(tmp_path):
    log = open_log(tmp_path)
    make(log, 3)
    log.drain()
    journal = (tmp_path / "open.journal").read_bytes()
    log.drain(close=True)
    (tmp_path / "open.journal").write_bytes(journal)
    again = open_log(tmp_path)
    make(again, 1)
    again.drain(close=True)
    assert numbers(tmp_path) == [1, 2, 3, 4]


def test_a_batch_says_what_was_asked_and_answered(tmp_path):
    log = open_log(tmp_path)
    make(log, 1, inputs={"distance": 3, "speed": float("nan")}, entity={"flight": "AA1", "n": 2})
    log.drain(close=True)
    [batch] = batches_in(tmp_path)
    assert batch.digest == of_bytes(batch.path.read_bytes())
    row = read_batch(batch).row(0, named=True)
    assert row["inputs"] == {"distance": 3.0, "speed": None}
    assert row["entity"] == '{"flight":"AA1","n":2}'
    assert row["outputs"] == [0.25]
    assert row["state"] == '{"Schedule":"' + of_bytes(b"dataset") + '"}'
    assert read_batch(batch).schema["answered"] == pl.Datetime("ns", "UTC")


def test_other_features_begin_another_batch(tmp_path):
    log = open_log(tmp_path)
    make(log, 2)
    make(log, 2, inputs={"wind": 1.0})
    make(log, 1, inputs={})
    log.drain(close=True)
    assert [(batch.first, batch.last) for batch in batches_in(tmp_path)] == [(1, 2), (3, 4), (5, 5)]


def test_an_edited_batch_is_not_read(tmp_path):
    log = open_log(tmp_path)
    make(log, 1)
    log.drain(close=True)
    [batch] = batches_in(tmp_path)
    data = bytearray(batch.path.read_bytes())
    data[40] ^= 1
    batch.path.write_bytes(data)
    with pytest.raises(IntegrityError) as error:
        read_batch(batch)
    assert error.value.code == "serve.batch-damaged"


def test_a_batch_closes_when_it_is_old(tmp_path):
    ticks = Ticks()
    log = open_log(tmp_path, ticks=ticks)
    make(log, 1)
    log.drain()
    assert batches_in(tmp_path) == []
    ticks.now += LIMITS.age_ns
    log.drain()
    assert numbers(tmp_path) == [1]


def test_a_full_disk_never_blocks_and_what_memory_cannot_hold_is_counted(tmp_path):
    """The limit on file size stands in for a full disk: the system refuses the write in the same way."""
    ticks = Ticks()
    log = open_log(tmp_path, Limits(rows=5, age_ns=SECOND_NS, held=20), ticks)
    make(log, 2)
    log.drain()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "open.journal").stat().st_size + 50, old[1]))
        make(log, 30)
        log.drain()
        assert log.problem == os.strerror(errno.EFBIG)
        assert log.lost == 12
        make(log, 1)
        assert log.lost == 13
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    ticks.now += 2 * SECOND_NS
    log.drain(close=True)
    assert log.problem == ""
    assert numbers(tmp_path) == list(range(1, 21))
    assert log.gaps() == [(21, 33)]


def test_a_killed_process_loses_no_number_it_gave_out(tmp_path):
    code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from andon.line.serve.log import Limits, PredictionLog
        from tests.line.serve.world import JsonRecords, prediction
        log = PredictionLog(Path({str(tmp_path)!r}), JsonRecords(), lambda: 1, Limits(rows=7))
        while True:
            number = log.take_number()
            log.append(prediction(number))
            if number % 10 == 0:
                log.drain()
            sys.stdout.write(f"{{number}}\\n")
            sys.stdout.flush()
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert process.stdout is not None
    given_out = 0
    for line in process.stdout:
        given_out = int(line)
        if given_out >= 55:
            process.send_signal(signal.SIGKILL)
            break
    given_out = max(given_out, *(int(line) for line in process.stdout.read().split()), 0)
    process.wait()
    process.stdout.close()
    log = open_log(tmp_path)
    assert log.issued in (given_out, given_out + 1)
    known = set(range(1, log.issued + 1)) - {n for first, last in log.gaps() for n in range(first, last + 1)}
    log.drain(close=True)
    assert set(numbers(tmp_path)) == known
    assert len(known) >= 50


@given(st.sets(st.integers(1, 40)), st.integers(0, 45))
def test_gaps_are_the_numbers_that_nothing_covers(present, issued):
    found = gaps_of([(n, n) for n in present], issued)
    missing = [n for first, last in found for n in range(first, last + 1)]
    top = max([issued, *present], default=0)
    assert missing == [n for n in range(1, top + 1) if n not in present and n <= max([issued, *present])]
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(found))
