"""What a worker does beside answering: follow the route, write the log, and say how it is."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from andon.kernel.digest import Digest
from andon.line.serve.folder import ServeFolder, replace_file
from andon.line.serve.route import Route

PAUSE_S: Final = 0.05
SAY_EVERY: Final = 20


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """How a worker is.

    Attributes:
        release: What it answers with; empty when it cannot answer.
        issued: The last number it gave a prediction.
        lost: Predictions that could not be kept for the log.
        log_problem: Why the log is not written at this moment; empty when it is.
        gaps: Ranges of numbers whose predictions are not in the log.
    """

    worker: str
    pid: int
    is_ready: bool
    release: Digest
    sequence: int
    problems: tuple[str, ...]
    issued: int
    lost: int
    log_problem: str
    gaps: tuple[tuple[int, int], ...]


class Upkeep:
    """Does everything that must not happen on the request path; one thread calls it.

    Args:
        folder: The serve folder.
        worker: Name of the worker.
        route: What it keeps up.
    """

    def __init__(self, folder: ServeFolder, worker: str, route: Route) -> None:
        self._folder = folder
        self._worker = worker
        self._route = route
        self._said: WorkerStatus | None = None
        self._steps = 0

    def step(self) -> None:
        """Follow, write and say once."""
        changed = self._route.follower.refresh()
        self._route.log.drain()
        self._steps += 1
        said = self._said.issued if self._said else -1
        self._say(changed=changed or (self._steps % SAY_EVERY == 0 and said != self._route.log.issued))

    def finish(self) -> None:
        """Close the open batch and say how it ended."""
        self._route.log.drain(close=True)
        self._say(changed=True)

    def _say(self, *, changed: bool) -> None:
        log = self._route.log
        lost = (log.lost, log.problem, self._route.follower.problems())
        if not changed and self._said and lost == (self._said.lost, self._said.log_problem, self._said.problems):
            return
        status = status_of(self._worker, self._route)
        try:
            replace_file(status_path(self._folder, self._worker), json.dumps(asdict(status)).encode())
        except OSError:
            return  # a full disk never stops a worker; its health says the same
        self._said = status


def status_of(worker: str, route: Route) -> WorkerStatus:
    """How a worker is at this moment."""
    log = route.log
    serving = route.follower.peek()
    return WorkerStatus(
        worker=worker,
        pid=os.getpid(),
        is_ready=serving is not None,
        release="" if serving is None else serving.loaded.release,
        sequence=0 if serving is None else serving.sequence,
        problems=route.follower.problems(),
        issued=log.issued,
        lost=log.lost,
        log_problem=log.problem,
        gaps=tuple(log.gaps()),
    )


def status_path(folder: ServeFolder, worker: str) -> Path:
    """Where a worker says how it is."""
    return folder.workers / f"{worker}.json"
