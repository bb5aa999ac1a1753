"""A Unix socket that is listened on, and a process for each connection, so that no connection can harm another."""

import fcntl
import os
import selectors
import signal
import socket
import stat
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from andon.kernel.errors import UsageError
from andon.wiring.refusals import refusal_to_json
from andon.wiring.sockets.frames import Frames

BACKLOG: Final = 128
SAY_S: Final = 1.0
_WAKE_BYTES: Final = 4096


class Listener:
    """A Unix socket of this process, in a folder that only its own OS user writes.

    Args:
        path: Where it listens; what an earlier process left there is removed.
        at_once: How many connections are answered at a time; each user gets at most half of them.

    Raises:
        UsageError: Somebody listens there already, or others could put their own socket in its place.
    """

    def __init__(self, path: Path, at_once: int) -> None:
        self.path = path
        self.at_once = at_once
        _check_folder(path)
        self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise UsageError(
                "socket.taken", "Another process listens here.", place=str(path), fix="Use that one, or end it first."
            ) from error
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        # Whoever reaches the folder may connect; who they are is told by the kernel, and decides.
        path.chmod(0o666)
        self.socket.listen(BACKLOG)
        self.socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the socket, as a process does that answers one connection of it."""
        self.socket.close()
        os.close(self._lock)


def serve_connections(
    listener: Listener, may_speak: Callable[[int], bool], answer: Callable[[socket.socket], None]
) -> None:
    """Answer connections, each in a forked process, until SIGTERM or SIGINT; those at work are let finish.

    Args:
        listener: Where they come in.
        may_speak: Whether a user of this machine is answered at all.
        answer: Answers one connection and closes it; runs in a process of its own.
    """
    at_work: dict[int, int] = {}
    with listener, _Signals() as signals, selectors.DefaultSelector() as selector:
        selector.register(listener.socket, selectors.EVENT_READ)
        selector.register(signals.wake, selectors.EVENT_READ)
        while not signals.is_told_to_stop:
            for key, _ in selector.select():
                if key.fileobj is signals.wake:
                    signals.drain()
            _reap(at_work)
            with suppress(BlockingIOError, ConnectionError):
                connection, _ = listener.socket.accept()
                _take(connection, listener, may_speak, answer, at_work)
    for pid in list(at_work):
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _take(
    connection: socket.socket,
    listener: Listener,
    may_speak: Callable[[int], bool],
    answer: Callable[[socket.socket], None],
    at_work: dict[int, int],
) -> None:
    frames = Frames(connection, 0)
    uid = frames.peer_uid
    with frames:
        if not may_speak(uid):
            _refuse(frames, _unknown(listener.path, uid))
        elif len(at_work) >= listener.at_once or Counter(at_work.values())[uid] >= max(1, listener.at_once // 2):
            _refuse(frames, _busy(listener.path, len(at_work)))
        else:
            at_work[_fork(connection, listener, answer)] = uid


def _fork(connection: socket.socket, listener: Listener, answer: Callable[[socket.socket], None]) -> int:
    """Answer in a forked process, which shares no state with any other one, and give its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        listener.close()
        answer(connection)
        status = 0
    except BaseException:  # noqa: BLE001  # this process ends here, whatever happens, and never goes on as its parent
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _reap(at_work: dict[int, int]) -> None:
    """Take processes that ended off the list."""
    for pid in list(at_work):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        del at_work[pid]


def _refuse(frames: Frames, error: UsageError) -> None:
    with suppress(Exception):
        frames.send({"refused": refusal_to_json(error)}, SAY_S)


class _Signals:
    """Signals as bytes in a socket, so that one that comes just before a wait still ends the wait."""

    def __enter__(self) -> Self:
        self.wake, self._told = socket.socketpair()
        self.wake.setblocking(False)
        self._told.setblocking(False)
        self.is_told_to_stop = False
        self._before = {
            number: signal.signal(number, handler)
            for number, handler in (
                (signal.SIGTERM, self._stop),
                (signal.SIGINT, self._stop),
                (signal.SIGCHLD, lambda *_: None),
            )
        }
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.wake.close()
        self._told.close()

    def drain(self) -> None:
        """Forget what was told; it was only to wake up."""
        with suppress(BlockingIOError):
            self.wake.recv(_WAKE_BYTES)

    def _stop(self, *_: object) -> None:
        self.is_told_to_stop = True


def _check_folder(path: Path) -> None:
    """Others who may write the folder could put a socket of their own in the place of this one."""
    try:
        found = path.parent.stat()
    except OSError as error:
        raise UsageError(
            "socket.no-folder",
            "The folder of the socket is not there.",
            place=str(path.parent),
            fix="Make it, owned by the OS user that listens there and writable by nobody else.",
        ) from error
    if found.st_uid not in (os.getuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(
            "socket.open-folder",
            "Others may put a socket of their own in the place of this one.",
            place=str(path.parent),
            found=f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}",
            fix="Let the folder belong to the OS user that listens there, and be writable by nobody else.",
        )


def _unknown(path: Path, uid: int) -> UsageError:
    return UsageError(
        "socket.unknown-user",
        "This OS user is nobody here.",
        place=str(path),
        found=f"user {uid}",
        fix="Have whoever runs this process name you: under [people] in the andon.toml of a gatekeeper.",
    )


def _busy(path: Path, at_work: int) -> UsageError:
    return UsageError(
        "socket.busy",
        "Too much is being answered at this moment.",
        place=str(path),
        found=f"{at_work} at work",
        fix="Ask again.",
    )
