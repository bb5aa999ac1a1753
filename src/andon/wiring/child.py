"""One running child: started in a session of its own, listened to, stopped in time, and understood when it ends."""

import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import InputError
from andon.runtime.children import Job, Progress
from andon.wiring.refusals import refusal_from_json

LOG: Final = "log.txt"
DONE: Final = "done.json"
ERROR: Final = "error.json"
_LAST_LINES: Final = 40
_LINE_BYTES: Final = 2_000
_LOG_BYTES: Final = 8 << 20
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Its exit status; minus the signal's number where a signal ended it.
        is_late: Whether it was ended because its time was up.
        last_lines: The last it printed.
    """

    status: int
    is_late: bool
    seconds: float
    last_lines: tuple[str, ...]


class Running:
    """A child process and all that it starts; leaving the context ends whatever of it is still there.

    The child's standard input is a pipe that closes when this process dies: then it ends itself.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._started = time.monotonic()
        told, tell = os.pipe()
        self._told = told
        self._log = (folder / LOG).open("wb")
        self._lines: deque[bytes] = deque(maxlen=_LAST_LINES)
        try:
            self._child = subprocess.Popen(
                [*command, str(tell)],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(tell,),
                start_new_session=True,
            )
        finally:
            os.close(tell)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._child.stdin is not None:
            self._child.stdin.close()
        if not self._reader.is_alive() and self._child.stdout is not None:
            self._child.stdout.close()  # else something that left the session still holds the other end
        self._log.close()
        os.close(self._told)

    def wait(self, limit_ns: int, on_progress: Callable[[Progress], None]) -> Ended:
        """Wait until the child ends or its time is up, and pass on what it says of its progress."""
        deadline = self._started + limit_ns / SECOND_NS
        rest = b""
        is_late = False
        os.set_blocking(self._told, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._told, selectors.EVENT_READ)
            while not self._has_ended():
                left = deadline - time.monotonic()
                if left <= 0:
                    is_late = True
                    break
                if selector.select(timeout=min(left, _POLL_S)):
                    rest = self._pass_on(rest, on_progress)
        if not is_late:
            self._pass_on(rest, on_progress)
        status = self._end()
        lines = tuple(line.decode(errors="replace").rstrip() for line in self._lines)
        return Ended(status, is_late, time.monotonic() - self._started, lines)

    def _pass_on(self, rest: bytes, on_progress: Callable[[Progress], None]) -> bytes:
        """Read what there is and report every whole line of it; give the rest."""
        try:
            data = rest + os.read(self._told, 1 << 16)
        except BlockingIOError:
            return rest
        if len(data) == len(rest):
            time.sleep(_POLL_S / 10)  # the child closed its end and still works
        *lines, rest = data.split(b"\n")
        for line in lines:
            found = _progress(line, time.monotonic() - self._started)
            if found is not None:
                on_progress(found)
        return rest[:_LINE_BYTES]

    def _read_output(self) -> None:
        """Keep the first of the output in a file and the last lines in memory, however much there is."""
        stream = self._child.stdout
        if stream is None:
            return
        written = 0
        try:
            while line := stream.readline(_LINE_BYTES):
                self._lines.append(line)
                if written < _LOG_BYTES:
                    written += self._log.write(line)
        except (OSError, ValueError):
            return  # closed while a grandchild still held the other end, or no space: the output is lost, no more

    def _has_ended(self) -> bool:
        """Whether the child ended; it is not taken off the process table, so that its number stays its own."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._child.pid, flags) is not None

    def _end(self) -> int:
        """End all of the child's session that is still there, and give its exit status."""
        if self._child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._reader.join(timeout=1)
        return self._child.returncode


def check_ended(ended: Ended, folder: Path, job: Job) -> int:
    """Refuse a child that did not do its job.

    Returns:
        The most memory it held, in bytes.

    Raises:
        AndonError: What it refused, or that it was killed, was late or left without a word.
    """
    what = " ".join([job.verb, *(str(job.arguments[name]) for name in ("source", "model") if name in job.arguments)])
    printed = "\n".join(ended.last_lines)
    if ended.is_late:
        found = f"{ended.seconds:.1f} s, and {job.limit_ns / SECOND_NS:g} s are the limit"
        fix = "Look for a loop without an end, or raise limit= where the function is declared."
        raise _refuse("time-limit", "This took too long and was stopped.", what, found, printed, fix)
    told = _read(folder / ERROR)
    if told:
        raise refusal_from_json(told)
    if ended.status < 0:
        name = signal.Signals(-ended.status).name
        fix = "Look at what was printed last."
        if name == "SIGKILL":
            fix = "The machine most likely ran out of memory: use fewer rows or columns at a time, or a larger machine."
        raise _refuse("killed", f"The process was killed by {name}.", what, name, printed, fix)
    done = _read(folder / DONE)
    if ended.status or not done:
        fix = "Look for os._exit() or a library that ends the process."
        raise _refuse("vanished", "The process left without a word.", what, f"status {ended.status}", printed, fix)
    peak = done.get("peak_bytes")
    return peak if isinstance(peak, int) else 0


def _progress(line: bytes, seconds: float) -> Progress | None:
    """A line of the pipe as progress, or nothing where the child wrote something else."""
    try:
        value = json.loads(line)
        metrics = {str(name): float(number) for name, number in value["metrics"].items()}
        return Progress(int(value["step"]), int(value["of"]), seconds, metrics)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _read(path: Path) -> dict[str, Json]:
    """A small JSON object that a child wrote; empty where there is none or it is something else."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LOG_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse(what: str, message: str, place: str, found: str, printed: str, fix: str) -> InputError:
    found = f"{found}; printed last:\n{printed}" if printed else found
    return InputError(f"child.{what}", message, place=place, found=found, fix=fix)
