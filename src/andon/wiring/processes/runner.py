"""The process of a runner: it listens for the gatekeeper and runs user code in children of its own OS user."""

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.wire import from_json, to_json
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.runtime.children import Outcome, Progress
from andon.wiring.apart_settings import socket_path, user_id
from andon.wiring.children import LocalChildren, fresh_folder, sweep
from andon.wiring.refusals import refusal_to_json
from andon.wiring.sockets.frames import Frames
from andon.wiring.sockets.handover import (
    ORDER_BYTES,
    STEP_S,
    Done,
    Order,
    job_of,
    plain_names,
    progress_to_json,
    send_file,
    take_file,
)
from andon.wiring.sockets.listening import Listener, serve_connections

AT_ONCE: Final = 16
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """What a runner is told when it starts.

    Attributes:
        socket: Where it listens.
        gatekeeper: The OS user whose orders it takes, and nobody else's.
        code: The file that declares the factory.
        spool: Folder where children work.
    """

    socket: Path
    gatekeeper: int
    code: Path
    spool: Path


def runner_settings(folder: Path, socket: str, gatekeeper: str, spool: Path) -> RunnerSettings:
    """What a runner is told on the command line.

    Raises:
        InputError: The socket is none, or there is no such user.
        UsageError: The gatekeeper's OS user is this one, whose keys user code could read.
    """
    uid = user_id(folder, int(gatekeeper) if gatekeeper.isdigit() else gatekeeper)
    if uid == os.getuid():
        raise UsageError(
            "runner.same-user",
            "The runner has the gatekeeper's OS user, so user code could read its keys.",
            found=f"user {uid}",
            fix="Start the runner as an OS user of its own.",
        )
    return RunnerSettings(socket_path(folder, socket), uid, folder.resolve() / "factory.py", spool.resolve())


def run_jobs(settings: RunnerSettings, tell: Callable[[str], None]) -> None:
    """Listen for jobs until told to stop; each is done in a process of its own, which ends with its connection.

    Raises:
        UsageError: Somebody listens there already, or others may write the socket's folder.
    """
    settings.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(settings.spool)
    listener = Listener(settings.socket, AT_ONCE)
    tell(f"Runs {settings.code} for user {settings.gatekeeper} at {settings.socket}.")
    serve_connections(listener, lambda uid: uid == settings.gatekeeper, lambda frames: _answer(frames, settings))


def _answer(connection: socket.socket, settings: RunnerSettings) -> None:
    """Do the one job that comes over a connection; whatever goes wrong is said there."""
    with Frames(connection, ORDER_BYTES) as frames:
        try:
            do_order(frames, settings)
        except AndonError as error:
            _say_refusal(frames, error)
        except Exception as error:  # noqa: BLE001  # the gatekeeper must hear of it, whatever it was
            traceback.print_exc()
            found = f"{type(error).__name__}: {error}"
            fix = "Look into the runner's log, mend what it says, and run again."
            _say_refusal(frames, InputError("runner.failed", "The runner failed.", found=found[:500], fix=fix))


def do_order(frames: Frames, settings: RunnerSettings) -> None:
    """Take an order and its inputs, have a child do it, and hand over what it made.

    Raises:
        AndonError: The order is none, or what the child refused.
    """
    order = from_json(Order, frames.receive(STEP_S))
    with fresh_folder(settings.spool) as folder:
        inputs = {name: folder / name for name in plain_names(order.inputs)}
        for name, path in inputs.items():
            take_file(frames, name, path)
        _end_with(frames)
        children = LocalChildren(settings.spool)

        def pass_on(progress: Progress) -> None:
            frames.send(progress_to_json(progress), STEP_S)

        with children.run(job_of(order, settings.code, inputs), pass_on) as outcome:
            _hand_back(frames, outcome)


def _hand_back(frames: Frames, outcome: Outcome) -> None:
    names = plain_names(tuple(sorted(path.name for path in outcome.folder.iterdir())))
    done = Done(outcome.seconds, outcome.peak_bytes, names)
    frames.send({"done": to_json(done)}, STEP_S)
    for name in names:
        send_file(frames, name, outcome.folder / name)


def _end_with(frames: Frames) -> None:
    """End this process when the gatekeeper lets go: its child ends with it, and the next runner sweeps the folders."""

    def watch() -> None:
        while not frames.is_over():
            threading.Event().wait(_LOOK_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _say_refusal(frames: Frames, error: AndonError) -> None:
    sys.stderr.write(f"{error}\n")
    with suppress(AndonError):
        frames.send({"refused": refusal_to_json(error)}, STEP_S)
