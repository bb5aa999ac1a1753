"""The process of one worker: loads what it may serve, answers on the shared socket, ends with its supervisor."""

import gc
import os
import socket
import sys
import threading
from pathlib import Path

from andon.adapters.asgi.app import App
from andon.adapters.asgi.server import WorkerServer, run_worker
from andon.kernel.errors import AndonError
from andon.wiring.served import read_server_settings
from andon.wiring.worker import Worker
from andon.wiring.wrappers import leave_out_wrappers

COLLECT_EVERY = 50_000
SETTLE_S = 30.0


def main(arguments: list[str]) -> int:
    """Run a worker: settings file, name, and the numbers of listener, lifeline and ready pipe."""
    path, name, *numbers = arguments
    leave_out_wrappers()
    listener_number, lifeline, ready = map(int, numbers)
    try:
        return _serve(Path(path), name, socket.socket(fileno=listener_number), lifeline, ready)
    except AndonError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _serve(path: Path, name: str, listener: socket.socket, lifeline: int, ready: int) -> int:
    settings = read_server_settings(path)
    worker = Worker(settings, name)
    worker.settle(SETTLE_S)
    gc.collect()
    # What was loaded stays: no collection between requests needs to walk through it, nor through the open batch often.
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)
    server = WorkerServer(App(settings.factory, worker.routes, worker.metrics), lambda: _say_ready(ready))
    stop = threading.Event()
    upkeep = threading.Thread(target=worker.run, args=(stop,), name="upkeep", daemon=True)
    upkeep.start()
    threading.Thread(target=_end_with, args=(lifeline, server), name="lifeline", daemon=True).start()
    run_worker(server, listener)
    stop.set()
    upkeep.join(timeout=30)
    return 0


def _say_ready(ready: int) -> None:
    os.write(ready, b"ready\n")
    os.close(ready)


def _end_with(lifeline: int, server: WorkerServer) -> None:
    """End the server once the supervisor is gone: its end of the pipe closes with it."""
    os.read(lifeline, 1)
    server.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
