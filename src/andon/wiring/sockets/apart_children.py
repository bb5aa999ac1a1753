"""Child processes of another OS user: jobs go to a runner over a socket, and what it made is copied here."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from andon.contracts.wire import from_json, to_json
from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import RefusedError, WaitingError
from andon.runtime.children import Job, Outcome, Progress
from andon.wiring.apart_settings import Apart, Runner
from andon.wiring.children import OUT, fresh_folder, sweep
from andon.wiring.refusals import refusal_from_json
from andon.wiring.sockets.frames import Frames, connect, malformed
from andon.wiring.sockets.handover import (
    SAID_BYTES,
    STEP_S,
    Done,
    order_of,
    plain_names,
    progress_of,
    send_file,
    take_file,
)

GRACE_S: Final = 60.0


class ApartChildren:
    """Has jobs done by processes of another OS user than the gatekeeper's.

    The other side gets inputs as open files that it may only read, and gives outputs as open files that are copied
    here before anybody looks at them: whoever still holds one may write to it, and changes nothing.

    Args:
        apart: Who runs user code, and who asks packaged models.
        spool: Folder for what was taken over.
    """

    def __init__(self, apart: Apart, spool: Path) -> None:
        self._apart = apart
        self._spool = spool
        spool.mkdir(parents=True, exist_ok=True)
        sweep(spool)

    @contextmanager
    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> Iterator[Outcome]:
        """Have a job done, wait for it, and give what it left; the folder is gone when the context ends.

        Raises:
            AndonError: What the child refused, or what the user's code raised, with file and line.
            WaitingError: No runner is there (`runner.absent`).
            RefusedError: Somebody else listens in the runner's place (`runner.other-user`).
        """
        runner = self._apart.measurer if job.factory is None else self._apart.runner
        with fresh_folder(self._spool) as folder:
            out = folder / OUT
            out.mkdir()
            with _connected(runner) as frames:
                _hand_over(frames, job)
                deadline = time.monotonic() + job.limit_ns / SECOND_NS + GRACE_S
                done = _wait(frames, deadline, on_progress)
                for name in done.outputs:
                    take_file(frames, name, out / name)
            yield Outcome(out, done.seconds, done.peak_bytes)


def _connected(runner: Runner) -> Frames:
    try:
        frames = connect(str(runner.socket), SAID_BYTES)
    except OSError as error:
        raise WaitingError(
            "runner.absent",
            "Nobody is there to run user code.",
            place=str(runner.socket),
            found=error.strerror or type(error).__name__,
            fix="Start it as its OS user: andon runner. What is finished is kept; run again then.",
        ) from error
    if frames.peer_uid != runner.uid:
        with frames:
            raise RefusedError(
                "runner.other-user",
                "Somebody else listens in the runner's place.",
                place=str(runner.socket),
                found=f"user {frames.peer_uid}, and {runner.uid} is the runner",
                fix="Let only the runner's OS user write the folder of the socket, and start the runner again.",
            )
    return frames


def _hand_over(frames: Frames, job: Job) -> None:
    order = order_of(job)
    frames.send(to_json(order), STEP_S)
    for name in order.inputs:
        send_file(frames, name, job.inputs[name])


def _wait(frames: Frames, deadline: float, on_progress: Callable[[Progress], None]) -> Done:
    """What the runner says in the end; what it says before is passed on."""
    while True:
        said = frames.receive(max(deadline - time.monotonic(), 0.001))
        if not isinstance(said, Mapping) or len(said) != 1:
            raise malformed(repr(said))
        match next(iter(said.items())):
            case "progress", value:
                on_progress(progress_of(value))
            case "refused", value:
                raise refusal_from_json(value)
            case "done", value:
                done = from_json(Done, value)
                plain_names(done.outputs)
                return done
            case other:
                raise malformed(repr(other))
