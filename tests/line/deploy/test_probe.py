"""How a target stands before anything is deployed to it."""

import itertools
import os
from pathlib import Path

import pytest

from andon.contracts.evidence import find
from andon.line.deploy.probe import LEAST_FREE_BYTES, Probe, measure_target, probe

WELL = Probe("", LEAST_FREE_BYTES, 5, 5, 32)


def ticks(step_ns: int):
    return itertools.count(0, step_ns).__next__


def test_a_target_that_is_well_is_healthy(tmp_path: Path) -> None:
    seen = probe(tmp_path / "serve" / "late", lambda: None, 1_000, ticks(10))
    assert seen.latency_ns == 10
    assert seen.problem == ""
    assert seen.free_bytes > 0
    assert list((tmp_path / "serve" / "late").iterdir()) == []


@pytest.mark.parametrize(
    ("seen", "value", "word"),
    [
        (WELL, 1.0, ""),
        (Probe("", LEAST_FREE_BYTES - 1, 5, 5, 32), 0.0, "bytes free"),
        (Probe("", LEAST_FREE_BYTES, 6, 5, 32), 0.0, "declared"),
        (Probe("read-only", LEAST_FREE_BYTES, 5, 5, 32), 0.0, "read-only"),
    ],
)
def test_each_thing_that_is_wrong_makes_a_target_unhealthy_and_is_named(seen: Probe, value: float, word: str) -> None:
    healthy = find(measure_target(seen), "target.healthy")
    assert healthy is not None
    assert healthy.value == value
    assert word in healthy.problem


def test_a_folder_that_cannot_be_made_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    seen = probe(tmp_path / "file" / "serve", lambda: None, 1_000, ticks(1))
    assert seen.problem == os.strerror(20)
    assert find(measure_target(seen), "target.healthy").value == 0.0  # type: ignore[union-attr]
