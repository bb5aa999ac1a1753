from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.sql.database import open_database
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, InputError, UsageError
from andon.runtime.run import Attempt, Lease, Run

A, B = of_bytes(b"a"), of_bytes(b"b")
RUN = Run(
    id="run-1",
    factory="flights",
    kind="model",
    subject="delay",
    as_of_ns=1_700_000_000_000_000_001,
    declaration=A,
    started_by="ada",
    started_ns=100,
    traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    state="running",
    stage="features",
    since_ns=100,
)
ATTEMPT = Attempt("run-1", "features", 1, A, "running", 110, None, "host", 42)


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/andon.db")
    yield opened
    opened.close()


@pytest.fixture
def write(database):
    """Call a writing method in a unit of its own."""

    def call(method, *args):
        with database.units.begin() as unit:
            return method(unit, *args)

    return call


def refused(kind, code, call, *args):
    with pytest.raises(kind) as caught:
        call(*args)
    assert caught.value.code == code


def test_a_run_comes_back_as_it_was_recorded(database, write):
    run = replace(
        RUN, error={"code": "a.b", "n": 1}, facts=MappingProxyType({"made": {"features": A}}), waiting_for="bo"
    )
    write(database.runs.add, run)
    assert database.runs.get("run-1") == run


def test_an_id_is_taken_once(database, write):
    write(database.runs.add, RUN)
    refused(ConflictError, "runtime.run-exists", write, database.runs.add, replace(RUN, subject="other"))
    assert database.runs.get("run-1") == RUN
    refused(InputError, "runtime.unknown-run", database.runs.get, "run-2")


def test_a_run_moves_only_from_the_state_that_was_expected(database, write):
    write(database.runs.add, RUN)
    waiting = replace(RUN, state="waiting", stage="release gate", since_ns=200, waiting_for="owner", facts={"n": 1})
    write(database.runs.save, waiting, "running")
    assert database.runs.get("run-1") == waiting
    done = replace(waiting, state="done", waiting_for="")
    refused(ConflictError, "runtime.run-moved", write, database.runs.save, done, "running")
    assert database.runs.get("run-1") == waiting
    write(database.runs.save, done, "waiting")
    assert database.runs.get("run-1").is_over
    refused(InputError, "runtime.unknown-run", write, database.runs.save, replace(RUN, id="run-2"), "running")


@pytest.mark.parametrize(
    "change",
    [
        {"as_of_ns": 5},
        {"declaration": B},
        {"started_by": "eve"},
        {"subject": "x"},
        {"started_ns": 1},
        {"kind": "ingest"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_run_pins_at_its_start_never_changes(database, write, change):
    write(database.runs.add, RUN)
    refused(UsageError, "runtime.run-pinned", write, database.runs.save, replace(RUN, **change), "running")
    assert database.runs.get("run-1") == RUN


def test_runs_are_listed_the_newest_first(database, write):
    started = [30, 10, 20, 20]
    runs = [replace(RUN, id=f"run-{n}", started_ns=at) for n, at in enumerate(started)]
    for run in runs:
        write(database.runs.add, run)
    write(database.runs.add, replace(RUN, id="elsewhere", factory="other", started_ns=99))
    order = ["run-0", "run-3", "run-2", "run-1"]
    for limit in range(5):
        assert [run.id for run in database.runs.recent("flights", limit)] == order[:limit]


def test_runs_are_found_by_subject_and_state(database, write):
    states = ["running", "waiting", "done", "failed", "refused", "cancelled"]
    for n, state in enumerate(states):
        write(database.runs.add, replace(RUN, id=state, state=state, started_ns=n))
    write(database.runs.add, replace(RUN, id="other-subject", subject="other"))
    write(database.runs.add, replace(RUN, id="other-kind", kind="ingest"))

    def find(wanted):
        return [run.id for run in database.runs.find("flights", "model", "delay", wanted)]

    assert find(("running", "waiting")) == ["waiting", "running"]
    assert find({"refused"}) == ["refused"]
    assert find(()) == []
    assert find(states) == states[::-1]


def test_an_attempt_begins_once_and_ends_once(database, write):
    write(database.runs.add, RUN)
    write(database.attempts.start, ATTEMPT)
    refused(ConflictError, "runtime.attempt-exists", write, database.attempts.start, replace(ATTEMPT, pid=43))
    ended = replace(ATTEMPT, state="failed", ended_ns=120, record={"exit": -9, "peak_bytes": 1 << 40})
    write(database.attempts.finish, ended)
    assert database.attempts.of_run("run-1") == [ended]
    refused(ConflictError, "runtime.attempt-over", write, database.attempts.finish, replace(ended, state="done"))
    write(database.attempts.start, replace(ATTEMPT, number=2, started_ns=5))
    write(database.attempts.start, replace(ATTEMPT, stage="train", started_ns=4))
    assert [(a.stage, a.number) for a in database.attempts.of_run("run-1")] == [
        ("features", 1),
        ("features", 2),
        ("train", 1),
    ]
    assert database.attempts.of_run("run-2") == []


def test_an_attempt_needs_a_run_and_an_end_needs_a_time(database, write):
    refused(InputError, "runtime.unknown-run", write, database.attempts.start, ATTEMPT)
    write(database.runs.add, RUN)
    refused(
        ConflictError,
        "runtime.attempt-over",
        write,
        database.attempts.finish,
        replace(ATTEMPT, state="done", ended_ns=1),
    )
    write(database.attempts.start, ATTEMPT)
    for unfinished in (replace(ATTEMPT, ended_ns=1), replace(ATTEMPT, state="done")):
        refused(UsageError, "runtime.attempt-unfinished", write, database.attempts.finish, unfinished)
    assert database.attempts.of_run("run-1") == [ATTEMPT]


def test_a_stage_key_has_one_output_for_ever(database, write):
    assert database.commits.find(A) is None
    write(database.commits.commit, A, B, "run-1", 1)
    write(database.commits.commit, A, B, "run-2", 2)
    assert database.commits.find(A) == B
    refused(ConflictError, "runtime.key-committed", write, database.commits.commit, A, A, "run-1", 3)
    assert database.commits.find(A) == B
    refused(InputError, "digest.malformed", write, database.commits.commit, "key", B, "run-1", 3)
    refused(InputError, "digest.malformed", write, database.commits.commit, B, "output", "run-1", 3)


steps = st.lists(
    st.tuples(st.sampled_from(["take", "release"]), st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 4)),
    max_size=12,
)


@given(steps)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lease_has_one_holder_until_it_runs_out(database, write, steps):
    held, now = None, 0
    with database.units.begin() as unit:
        for holder in "ab":
            database.leases.release(unit, "run", holder)
    for action, holder, lasts, passes in steps:
        now += passes
        if action == "take":
            is_free = held is None or held[0] == holder or held[1] <= now
            assert write(database.leases.take, "run", holder, now + lasts, now) is is_free
            held = (holder, now + lasts) if is_free else held
        else:
            write(database.leases.release, "run", holder)
            held = None if held and held[0] == holder else held
        assert database.leases.get("run") == (Lease("run", *held) if held else None)
        assert database.leases.get("other") is None
