"""The cell: eight bytes shared by all workers of one machine that say which slot of which routing table answers."""

import mmap
import os
from pathlib import Path
from typing import Final

from andon.contracts.routing import Position, position
from andon.kernel.errors import InputError

SIZE_BYTES: Final = 8


class Cell:
    """A mapped cell file. Reading and moving it is one load or one store of eight bytes, seen at once by all.

    The file outlives every process, so a move needs no server and no database, and a later worker finds it.

    Where this OS user may only read the cell, it can be read and not moved.

    Args:
        path: The cell file.

    Raises:
        InputError: The file is missing or is not a cell.
    """

    def __init__(self, path: Path) -> None:
        try:
            file, access = _open(path)
        except OSError as error:
            raise _no_cell(path, error.strerror or "unreadable") from error
        try:
            size_bytes = os.fstat(file).st_size
            if size_bytes != SIZE_BYTES:
                raise _no_cell(path, f"{size_bytes} bytes")
            self._map = mmap.mmap(file, SIZE_BYTES, access=access)
        finally:
            os.close(file)
        self._view = memoryview(self._map).cast("Q")

    @property
    def packed(self) -> int:
        """The number in the cell, as `contracts.routing.position` reads it."""
        return self._view[0]

    @property
    def position(self) -> Position:
        """Where the cell points."""
        return position(self._view[0])

    def move(self, to: Position) -> None:
        """Point the cell somewhere else: every request that begins after this returns follows it."""
        self._view[0] = to.packed()
        self._map.flush()

    def close(self) -> None:
        """Let go of the mapping."""
        self._view.release()
        self._map.close()


def open_cell(path: Path) -> Cell:
    """The cell of a serve folder, made anew and pointing nowhere where it is missing or was cut off.

    A cell is grown in place and never replaced, because workers hold it mapped.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if os.fstat(file).st_size != SIZE_BYTES:
            os.ftruncate(file, SIZE_BYTES)
            os.pwrite(file, bytes(SIZE_BYTES), 0)
            os.fsync(file)
    finally:
        os.close(file)
    return Cell(path)


def _open(path: Path) -> tuple[int, int]:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC), mmap.ACCESS_WRITE
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), mmap.ACCESS_READ


def _no_cell(path: Path, found: str) -> InputError:
    return InputError(
        "serve.no-cell",
        "This serve folder does not say which release answers.",
        place=str(path),
        found=found,
        fix="Promote a release to this target; that writes the routing table and the cell.",
    )
