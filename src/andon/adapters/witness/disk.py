"""Small files that are there whole or not at all, whatever happens to the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from andon.store.errors import StorageError

_READABLE: Final = 0o644


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet; it is on the disk, whole, when this returns.

    Raises:
        FileExistsError: There is a file of this name.
        StorageError: It cannot be written; nothing of it is left.
    """
    part = _part(path)
    try:
        with _refusals(path):
            _write(part, data, path.parent)
            # A link is made at once or not at all, and never over another file.
            os.link(part, path)
            _sync(path.parent)
    finally:
        _remove(part)


def replace(path: Path, data: bytes) -> None:
    """Put a file in place of another one; a reader, or a crash, sees the old or the new one.

    Raises:
        StorageError: It cannot be written; the old one stays.
    """
    part = _part(path)
    try:
        with _refusals(path):
            _write(part, data, path.parent)
            part.replace(path)
            _sync(path.parent)
    finally:
        _remove(part)


def _write(part: Path, data: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        os.fchmod(file.fileno(), _READABLE)  # nothing here is secret, and two owners read one folder
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise StorageError(
            "witness.not-written",
            "A witness's folder could not be written; nothing was kept.",
            place=str(path),
            found=str(error),
            fix="Check its free space, its owner and its mode, then try again.",
        ) from error
