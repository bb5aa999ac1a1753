"""The supervisor: one listening socket, several workers that share it, and a new worker for each that dies."""

import ipaddress
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from andon.kernel.errors import UsageError

BACKLOG: Final = 1024
DRAIN_S: Final = 15.0
_PAUSE_S: Final = 0.1
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Handles:
    """Open files that a worker inherits, by number.

    Attributes:
        listener: The listening socket.
        lifeline: Reads as ended once the supervisor is gone.
        ready: Takes one line when the worker listens.
    """

    listener: int
    lifeline: int
    ready: int


Command = Callable[[str, Handles], Sequence[str]]
"""The command line of a worker, by its name and what it inherits."""


@dataclass(slots=True)
class _Worker:
    name: str
    process: subprocess.Popen[bytes]
    started_s: float
    ready: int
    is_ready: bool = False
    wait_s: float = _FIRST_WAIT_S


@dataclass(slots=True)
class Supervisor:
    """Starts workers and keeps as many alive as were asked for.

    Attributes:
        listener: The listening socket, handed on to every worker.
        command: How a worker is started.
        count: How many workers there are.
        on_ready: Called once, when all workers listen for the first time.
    """

    listener: socket.socket
    command: Command
    count: int
    on_ready: Callable[[dict[str, int]], None]
    _workers: dict[str, _Worker] = field(default_factory=dict)
    _is_stopping: bool = False
    _was_ready: bool = False

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then let the workers answer what they began, and end them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        lifeline, held = os.pipe()
        try:
            for index in range(self.count):
                self._start(f"w{index}", lifeline, _FIRST_WAIT_S)
            while not self._is_stopping:
                self._watch(lifeline)
        finally:
            self._end_all()
            os.close(held)
            os.close(lifeline)

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _start(self, name: str, lifeline: int, wait_s: float) -> None:
        ready, writes = os.pipe()
        handles = Handles(self.listener.fileno(), lifeline, writes)
        inherited = (handles.listener, handles.lifeline, handles.ready)
        process = subprocess.Popen(self.command(name, handles), pass_fds=inherited, stdin=subprocess.DEVNULL)
        os.close(writes)
        self._workers[name] = _Worker(name, process, time.monotonic(), ready, wait_s=wait_s)

    def _watch(self, lifeline: int) -> None:
        waiting = {worker.ready: worker for worker in self._workers.values() if not worker.is_ready}
        found, _, _ = select.select(list(waiting), [], [], _PAUSE_S) if waiting else ([], [], [])
        if not waiting:
            time.sleep(_PAUSE_S)
        for ready in found:
            worker = waiting[ready]
            if os.read(ready, 16):
                worker.is_ready = True
                worker.wait_s = _FIRST_WAIT_S
            else:
                time.sleep(_PAUSE_S)  # it closed its end: it is dead, or about to die
        if not self._was_ready and all(worker.is_ready for worker in self._workers.values()):
            self._was_ready = True
            self.on_ready({name: worker.process.pid for name, worker in self._workers.items()})
        for worker in list(self._workers.values()):
            if worker.process.poll() is not None:
                self._restart(worker, lifeline)

    def _restart(self, worker: _Worker, lifeline: int) -> None:
        """Start a worker again; one that dies at once waits longer each time."""
        if time.monotonic() - worker.started_s < worker.wait_s:
            return
        os.close(worker.ready)
        longer = worker.wait_s if worker.is_ready else min(2 * worker.wait_s, _LONGEST_WAIT_S)
        self._start(worker.name, lifeline, longer)

    def _end_all(self) -> None:
        deadline = time.monotonic() + DRAIN_S
        for worker in self._workers.values():
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self._workers.values():
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            os.close(worker.ready)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on this machine's own address.

    Args:
        host: A loopback address or `localhost`.
        port: 0 for any free one.

    Raises:
        UsageError: The address is another machine's way in (`serve.not-loopback`), or the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_own = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise UsageError(
            "serve.not-loopback",
            "andon's server answers this machine only: it asks nobody who they are.",
            found=host,
            fix="Use 127.0.0.1, and put a proxy that authenticates in front of it for others.",
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            "serve.port-taken",
            "This port cannot be used.",
            place=f"{address}:{port}",
            found=error.strerror or "refused",
            fix="Choose another port, or 0 for any free one.",
        ) from error
    listener.listen(BACKLOG)
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
