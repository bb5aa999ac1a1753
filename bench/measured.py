"""What every benchmark shares: a result beside its floor and its budget, and fair rounds of both."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Result:
    """One measured number.

    Attributes:
        value: What andon takes.
        floor: What the least that could do the work takes, in the same unit and the same run.
        ratio: `value / floor`.
        difference: `value - floor`.
        budget: What `ratio`, `difference` or `value` may be at most, as text; empty where nothing is promised.
        within: Whether it is; `None` without a budget.
        floor_is: What the floor does.
        note: What a reader has to know to judge the number.
    """

    name: str
    unit: str
    value: float
    floor: float | None
    ratio: float | None
    difference: float | None
    budget: str
    within: bool | None
    floor_is: str
    note: str = ""


def against(
    name: str,
    unit: str,
    value: float,
    floor: float | None,
    floor_is: str,
    *,
    times: float | None = None,
    more: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Result:
    """A result, judged by at most one budget.

    Args:
        times: The ratio may be this.
        more: The difference may be this.
        at_most: The value itself may be this.
    """
    ratio = value / floor if floor else None
    difference = None if floor is None else value - floor
    budget, within = "", None
    for text, bound, found in (
        ("{:g}x", times, ratio),
        (f"+{{:g}} {unit}", more, difference),
        (f"{{:g}} {unit}", at_most, value),
    ):
        if bound is not None:
            budget, within = text.format(bound), found is not None and found <= bound
    return Result(name, unit, value, floor, ratio, difference, budget, within, floor_is, note)


def least_cpu_s(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least processor time of each work, all threads of this process together, in seconds.

    The works take turns, so that a noisy neighbour disturbs all of them; processor time and the minimum leave out
    most of what it does.
    """
    for work in works.values():
        work()  # what is loaded or compiled once is not counted
    least = dict.fromkeys(works, float("inf"))
    for _ in range(max(rounds, FEWEST_ROUNDS)):
        for name, work in works.items():
            begun = time.process_time_ns()
            work()
            least[name] = min(least[name], (time.process_time_ns() - begun) / 1e9)
    return least


def children_cpu_s(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> float:
    """The processor time of a command and of every process it started and waited for, in seconds.

    Raises:
        RuntimeError: The command failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, env=dict(environment), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def surroundings(home: Path) -> dict[str, str]:
    """The variables of a process that is measured: as a user has them, with keys in a folder of this run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "PYTHON"))}
    return {**kept, "ANDON_HOME": str(home), "NO_COLOR": "1"}


def tell(*results: Result) -> None:
    """Hand results to the process that prints them."""
    sys.stdout.write(json.dumps([asdict(result) for result in results]) + "\n")
