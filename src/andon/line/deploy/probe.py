"""Looking at a target before anything is deployed there: can it be written, has it room, is the model fast enough?"""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.evidence import Measurement, measurement

LEAST_FREE_BYTES: Final = 100 * 1024 * 1024
_TRIALS: Final = 32


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen of a target.

    Attributes:
        problem: Why the serve folder cannot be written; empty when it can.
        free_bytes: Room on its disk.
        latency_ns: Median time of one answer.
        budget_ns: The longest time the release declares for one answer.
    """

    problem: str
    free_bytes: int
    latency_ns: int
    budget_ns: int
    trials: int


def probe(folder: Path, ask: Callable[[], object], budget_ns: int, tick_ns: Callable[[], int]) -> Probe:
    """Try to write a file where the target is served, look for room, and time the model's answers.

    Args:
        folder: The serve folder; made when missing.
        ask: Puts one golden question to the loaded model.
        budget_ns: Declared latency.
        tick_ns: A clock that never goes back, in nanoseconds.
    """
    problem, free_bytes = _try_disk(folder)
    times = []
    for _ in range(_TRIALS):
        start = tick_ns()
        ask()
        times.append(tick_ns() - start)
    return Probe(problem, free_bytes, int(statistics.median(times)), budget_ns, len(times))


def measure_target(seen: Probe) -> tuple[Measurement, ...]:
    """`target.healthy` is 1 when nothing is wrong, else 0; the single values stand beside it."""
    wrong = unhealthy(seen)
    healthy = Measurement("target.healthy", 0.0 if wrong else 1.0, n=seen.trials, problem="; ".join(wrong))
    return (
        healthy,
        measurement("target.writable", 0 if seen.problem else 1, n=1),
        measurement("target.free_bytes", seen.free_bytes, n=1),
        measurement("target.latency_ms", seen.latency_ns / 1e6, n=seen.trials),
    )


def unhealthy(seen: Probe) -> Sequence[str]:
    """What is wrong with a target, in words; nothing when it may be deployed to."""
    wrong = [f"the serve folder cannot be written: {seen.problem}"] if seen.problem else []
    if seen.free_bytes < LEAST_FREE_BYTES:
        wrong.append(f"{seen.free_bytes} bytes free, at least {LEAST_FREE_BYTES} are needed")
    if seen.latency_ns > seen.budget_ns:
        wrong.append(f"one answer takes {seen.latency_ns} ns, declared are {seen.budget_ns} ns")
    return wrong


def _try_disk(folder: Path) -> tuple[str, int]:
    trial = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"probe")
        trial.unlink()
        stat = os.statvfs(folder)
    except OSError as error:
        return error.strerror or type(error).__name__, 0
    return "", stat.f_bavail * stat.f_frsize
