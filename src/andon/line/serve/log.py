"""The prediction log of one worker: every answer numbered from 1, written off the request path, closed in batches."""

import mmap
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.prediction import Prediction
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import hex_of, of_bytes
from andon.line.serve.folder import replace_file
from andon.line.serve.journal import Journal
from andon.line.serve.ports import RecordCodec
from andon.line.serve.records import Batch, batch_bytes, batches_in, gaps_of

RETRY_NS: Final = SECOND_NS
_COUNTER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is closed, and how much is kept when the disk does not take it.

    Attributes:
        rows: Predictions of a full batch.
        age_ns: Longest time a batch stays open.
        held: Most predictions in memory; beyond that new ones are counted as lost instead of kept.
    """

    rows: int = 2_000
    age_ns: int = 30 * SECOND_NS
    held: int = 20_000


class PredictionLog:
    """Numbers, keeps and closes the predictions of one worker.

    `take_number` and `append` belong to the thread that answers and never wait. `drain` belongs to one other thread.
    The last number given out lives in a mapped file, so that it survives a killed process: numbers go on after it, and
    those whose record was not yet written are known as a gap. A power cut may lose the last second of both.

    Args:
        folder: The worker's own folder; made when missing.
        codec: Form of the journal's records.
        now_ns: The clock.
        limits: When to close and how much to hold.
    """

    def __init__(self, folder: Path, codec: RecordCodec, now_ns: Callable[[], int], limits: Limits) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._now_ns = now_ns
        self._limits = limits
        self._journal = Journal(folder / "open.journal", codec)
        closed = max((batch.last for batch in batches_in(folder)), default=0)
        self._open = [one for one in self._journal.records() if one.number > closed]
        self._queue: deque[Prediction] = deque()
        self._taken: list[Prediction] = []
        self._counter = _map_counter(folder / "number")
        self._counter[0] = max(self._counter[0], closed, *(one.number for one in self._open), 0)
        self._opened_ns = now_ns()
        self._retry_ns = 0
        self._synced_ns = 0
        self.lost = 0
        self.problem = ""

    @property
    def issued(self) -> int:
        """The last number given out."""
        return self._counter[0]

    def take_number(self) -> int:
        """The next number: one more than the last, also after a crash."""
        number = self._counter[0] + 1
        self._counter[0] = number
        return number

    def append(self, prediction: Prediction) -> None:
        """Keep a prediction for the log, or count it as lost where too many wait for the disk."""
        if len(self._queue) + len(self._taken) + len(self._open) >= self._limits.held:
            self.lost += 1
        else:
            self._queue.append(prediction)

    def drain(self, *, close: bool = False) -> None:
        """Write what was appended since, and close the batch when it is full, old, or asked for.

        A disk that refuses is written in `problem`, and tried again a second later; nothing that is held is dropped.
        """
        now_ns = self._now_ns()
        if self.problem and now_ns < self._retry_ns and not close:
            return
        while self._queue:
            self._taken.append(self._queue.popleft())
        try:
            self._write(now_ns, close=close)
        except OSError as error:
            self.problem = error.strerror or type(error).__name__
            self._retry_ns = now_ns + RETRY_NS
        else:
            self.problem = ""

    def gaps(self) -> list[tuple[int, int]]:
        """Numbers that were given out and stand neither in a batch, nor in the journal, nor in memory; as ranges."""
        held = [(one.number, one.number) for one in (*self._open, *self._taken, *self._queue)]
        return gaps_of([(batch.first, batch.last) for batch in batches_in(self._folder)] + held, self.issued)

    def _write(self, now_ns: int, *, close: bool) -> None:
        while self._taken:
            run = _run_after(self._open, self._taken, self._limits.rows)
            if run:
                self._journal.append(run)
                self._opened_ns = self._opened_ns if self._open else now_ns
                self._open += run
                del self._taken[: len(run)]
            if self._taken:
                self._close()
        if self._open and (close or now_ns - self._opened_ns >= self._limits.age_ns):
            self._close()
        if now_ns - self._synced_ns >= SECOND_NS or close:
            self._synced_ns = now_ns
            self._journal.sync()
            self._counter_map().flush()

    def _close(self) -> None:
        for run in _runs(self._open):
            data = batch_bytes(run)
            name = Batch.file_name(run[0].number, run[-1].number, hex_of(of_bytes(data)))
            replace_file(self._folder / name, data)
        self._journal.clear()
        self._open = []

    def _counter_map(self) -> mmap.mmap:
        mapped = self._counter.obj
        assert isinstance(mapped, mmap.mmap)  # noqa: S101  # it was made so, a few lines below
        return mapped


def _run_after(open_: list[Prediction], taken: list[Prediction], rows: int) -> list[Prediction]:
    """The first of the taken predictions that still belong into the open batch."""
    run: list[Prediction] = []
    last = open_[-1] if open_ else None
    for one in taken:
        if len(open_) + len(run) >= rows or (last is not None and not _follows(last, one)):
            break
        run.append(one)
        last = one
    return run


def _runs(records: list[Prediction]) -> list[list[Prediction]]:
    """Records cut wherever a number is missing, or inputs or outputs are others than before."""
    runs: list[list[Prediction]] = []
    for one in records:
        if runs and _follows(runs[-1][-1], one):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _follows(last: Prediction, one: Prediction) -> bool:
    is_alike = one.inputs.keys() == last.inputs.keys() and len(one.outputs) == len(last.outputs)
    return is_alike and one.number == last.number + 1


def _map_counter(path: Path) -> memoryview:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(file, _COUNTER_BYTES)
        return memoryview(mmap.mmap(file, _COUNTER_BYTES)).cast("Q")
    finally:
        os.close(file)
