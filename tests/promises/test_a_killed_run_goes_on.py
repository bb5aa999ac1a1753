"""Whatever moment a run is killed at, running again goes on where it stood: nothing is repeated, nothing is lost.

Each `make test` kills one run at a few points; `make crash` walks along all of them.
"""

import os
import random
import signal
import time

import pytest

from tests.factories.place import KILLED_AT, answer_of, found_parcels

POINTS = [
    ("function", "sent"),
    ("words", "sent: in"),
    ("function", "delivered"),
    ("words", "Delivery published"),
    ("words", "rows_in"),
    ("function", "late"),
    ("words", " trained"),
    ("words", "training:late: passed"),
    ("function", "above_half"),
    ("words", "measured on the holdout"),
    ("words", "model:late: passed"),
    ("words", "bound as release"),
    ("words", "release:late: passed"),
    ("words", "admitted to local"),
]

SAMPLE = [("function", "late"), ("words", "model:late: passed")]


def kill_in_function(place, name):
    (place.folder / "kill-in").write_text(name)
    assert place.run().code == -signal.SIGKILL


def kill_after_words(place, words):
    with place.start("run", "--as-of", "2024-01-10") as process:
        heard = ""
        for line in process.stderr:
            heard += line
            if words in line:
                os.killpg(process.pid, signal.SIGKILL)
                return
    pytest.fail(f"never said {words!r}, only {heard}")


def check_whole(place, undisturbed):
    """The run is over, and what is there is what one run in peace makes."""
    assert place.digests() == undisturbed.digests()
    assert place.entries() == undisturbed.entries()
    done = place.sql("select stage_key, count(*) from attempts where state = 'done' group by stage_key")
    assert done
    assert {count for _, count in done} == {1}
    assert not place.sql("select 1 from attempts where state = 'running'")
    assert {state for (state,) in place.sql("select distinct state from runs")} == {"done"}
    assert place.is_clean()
    assert not [path for path in (place.folder / ".andon" / "spool").iterdir() if path.suffix != ".lock"]


def kill_at(place, points):
    """One run after another, each killed at its point."""
    for kind, what in points:
        (kill_in_function if kind == "function" else kill_after_words)(place, what)


@pytest.mark.slow
def test_a_run_killed_in_training_at_a_commit_and_after_a_gate_goes_on(parcels, tmp_path):
    """Without this a crash at night means a lost day, or a stage done twice with two outcomes."""
    undisturbed = parcels("finished")
    place = found_parcels(tmp_path / "killed")
    assert place.run(through=(*KILLED_AT, "21")).code == -signal.SIGKILL
    kill_at(place, SAMPLE)
    last = place.run()
    assert last.code == 0, last.err
    check_whole(place, undisturbed)
    assert place.calls()["late"] == 2


@pytest.mark.crash
def test_a_run_killed_in_every_stage_and_at_every_gate_goes_on(parcels, tmp_path):
    undisturbed = parcels("finished")
    place = found_parcels(tmp_path / "killed")
    kill_at(place, POINTS)
    last = place.run()
    assert last.code == 0, last.err
    check_whole(place, undisturbed)
    once_more = {name: 2 for kind, name in POINTS if kind == "function"}
    read_again = place.calls()["sent"] - 2  # its rows were checked, but the run may not yet have said so
    assert read_again in (0, 1)
    assert place.calls() == {**once_more, "sent": 2 + read_again}


@pytest.mark.crash
def test_a_run_killed_between_any_two_durable_steps_goes_on(parcels, tmp_path):
    """Each kill falls before a commit, or before a file gets its name, somewhere along the whole line."""
    undisturbed = parcels("finished")
    place = found_parcels(tmp_path / "killed")
    dice = random.Random(20130101)  # not for secrets
    kills = 0
    while (answer := place.run(through=(*KILLED_AT, str(dice.randint(6, 48))))).code == -signal.SIGKILL:
        kills += 1
        assert kills < 60, answer.err
    assert answer.code == 0, answer.err
    assert kills > 3
    check_whole(place, undisturbed)


@pytest.mark.crash
def test_a_run_killed_at_any_time_goes_on(parcels, tmp_path):
    """Times fall where nobody thought of a point."""
    undisturbed = parcels("finished")
    place = found_parcels(tmp_path / "killed")
    dice = random.Random(20130202)  # not for secrets
    for _ in range(4):
        with place.start("run", "--as-of", "2024-01-10") as process:
            time.sleep(dice.uniform(0.5, 9))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    with place.start("run", "--as-of", "2024-01-10") as process:
        assert answer_of(process).code == 0
    check_whole(place, undisturbed)
