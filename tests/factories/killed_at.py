"""The command `andon`, killed right before its n-th durable step, or told where each of them is.

A durable step is a commit of the control database, or a link or a replacement of a file: what a power cut could fall
between. The interpreter itself reports them, so nothing of andon is changed.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from andon.cli.main import main

FILE_STEPS: Final = {"os.link", "os.rename"}


def kill_before(point: int) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that kills this process group before a durable step; 0 only says that there was one."""
    seen = 0

    def step() -> None:
        nonlocal seen
        seen += 1
        if not point:
            sys.stderr.write(f"durable step {seen}\n")
        if seen == point:
            os.killpg(0, signal.SIGKILL)

    def look(sql: str) -> None:
        if sql.startswith("COMMIT"):
            step()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in FILE_STEPS:
            step()
        if event == "sqlite3.connect/handle" and isinstance(arguments[0], sqlite3.Connection):
            sys.setprofile(once_connected(arguments[0], look))

    return hook


def once_connected(connection: sqlite3.Connection, look: Callable[[str], None]) -> Callable[..., None]:
    """A profiler that has a connection traced at the first moment at which it is complete, and then goes."""

    def wait(*_: object) -> None:
        with suppress(sqlite3.ProgrammingError):
            connection.set_trace_callback(look)
            sys.setprofile(None)

    return wait


if __name__ == "__main__":
    sys.addaudithook(kill_before(int(sys.argv.pop(1))))
    main()
