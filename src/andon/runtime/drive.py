"""The foreground driver: start a run or take up the one that was left, and advance it until it ends or waits."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError
from andon.runtime.advance import advance, first_stage
from andon.runtime.line import Line
from andon.runtime.run import Attempt, Run, RunKind
from andon.runtime.steps import Tell
from andon.runtime.work import mark_lost

LEASE_NS: Final = 30 * SECOND_NS
RENEW_S: Final = 8.0
POLL_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants run.

    Attributes:
        as_of_ns: The moment up to which data is seen.
        facts: Pinned at the start, such as the dataset versions of a model run.
    """

    kind: RunKind
    subject: str
    as_of_ns: int
    started_by: str
    declaration: Digest
    traceparent: str
    facts: Mapping[str, Json]


def run_to_rest(line: Line, order: Order, tell: Tell, sleep: Callable[[float], None]) -> Run:
    """Run what was ordered until it is over or waits for people; one process at a time works on a subject.

    A run about the same subject that was left unfinished for the same data and declaration is taken up where it stood;
    one that was left for other data is closed as cancelled.

    Raises:
        AndonError: A stage failed; the run is recorded as failed.
    """
    with _alone(line, f"{order.kind}/{line.factory}/{order.subject}", tell, sleep):
        run = _take_up(line, order) or _start(line, order)
        while not run.is_over:
            moved = advance(line, run.id, tell)
            if moved.state == "waiting":
                return moved
            run = moved
        return run


def _take_up(line: Line, order: Order) -> Run | None:
    found = line.records.runs.find(line.factory, order.kind, order.subject, ("running", "waiting"))
    taken = None
    for run in found:
        mark_lost(line, run, lambda attempt: _is_alive(line, attempt))
        same = (run.as_of_ns, run.declaration) == (order.as_of_ns, order.declaration) and _pins(run) == _pins_of(order)
        if same and taken is None:
            taken = run
        else:
            _close(line, run)
    return taken


def _pins(run: Run) -> Json:
    return run.facts.get("datasets")


def _pins_of(order: Order) -> Json:
    return order.facts.get("datasets")


def _close(line: Line, run: Run) -> None:
    closed = replace(run, state="cancelled", since_ns=line.clock.now_ns(), waiting_for="")
    with line.records.units.begin() as unit:
        line.records.runs.save(unit, closed, run.state)


def _start(line: Line, order: Order) -> Run:
    now_ns = line.clock.now_ns()
    run = Run(
        id=line.new_id(now_ns),
        factory=line.factory,
        kind=order.kind,
        subject=order.subject,
        as_of_ns=order.as_of_ns,
        declaration=order.declaration,
        started_by=order.started_by,
        started_ns=now_ns,
        traceparent=order.traceparent,
        state="running",
        stage=first_stage(order.kind),
        since_ns=now_ns,
        facts=order.facts,
    )
    with line.records.units.begin() as unit:
        line.records.runs.add(unit, run)
    return run


def _is_alive(line: Line, attempt: Attempt) -> bool:
    """Whether an attempt may still be at work: with the subject's lease in hand, only one of another machine may."""
    return attempt.host != line.host


@contextmanager
def _alone(line: Line, name: str, tell: Tell, sleep: Callable[[float], None]) -> Iterator[None]:
    """Hold the lease of a subject, waiting for whoever has it, and renew it while the work goes on."""
    holder = f"{line.host}:{line.pid}:{line.new_id(line.clock.now_ns())}"
    _wait_for_lease(line, name, holder, tell, sleep)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(line, name, holder, stop), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        stop.set()
        renewer.join()
        with line.records.units.begin() as unit:
            line.records.leases.release(unit, name, holder)


def _wait_for_lease(line: Line, name: str, holder: str, tell: Tell, sleep: Callable[[float], None]) -> None:
    told = False
    while True:
        now_ns = line.clock.now_ns()
        held = line.records.leases.get(name)
        if held is not None and _is_dead(line, held.holder):
            with line.records.units.begin() as unit:
                line.records.leases.release(unit, name, held.holder)
        with line.records.units.begin() as unit:
            if line.records.leases.take(unit, name, holder, now_ns + LEASE_NS, now_ns):
                return
        if not told:
            tell(f"{name}: another andon works on it; waiting")
            told = True
        sleep(POLL_S)


def _is_dead(line: Line, holder: str) -> bool:
    """Whether the holder was a process of this machine that no longer is."""
    host, pid, _ = holder.rsplit(":", 2)
    if host != line.host or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _renew(line: Line, name: str, holder: str, stop: threading.Event) -> None:
    while not stop.wait(RENEW_S):
        now_ns = line.clock.now_ns()
        try:
            with line.records.units.begin() as unit:
                line.records.leases.take(unit, name, holder, now_ns + LEASE_NS, now_ns)
        except AndonError:
            continue  # the database is busy or away; the lease is good for a while, and the next turn asks again
