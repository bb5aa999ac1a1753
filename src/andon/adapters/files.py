"""A folder as a store: write-once files under `ab/<sha256>`, on a disk that keeps what it was told to keep."""

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from andon.kernel.digest import Digest, hex_of, of_bytes
from andon.kernel.errors import InputError, IntegrityError
from andon.store.errors import StorageError
from andon.store.ports import Stored

_CHUNK_BYTES: Final = 1 << 20
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TEMPORARY: Final = "tmp"


class FileBlobs:
    """Objects in a folder of one file system.

    An object is written to `tmp/`, hashed on the way, synced, made read-only and only then linked to its name, which
    never replaces a file. Whoever is killed on the way leaves at most a file in `tmp/`, which `sweep` removes.

    Args:
        root: The folder; made when the first object is put.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._synced: set[Path] = set()

    def put(self, chunks: Iterable[bytes]) -> Stored:
        """Store bytes; durable when it returns, and the same bytes again change nothing.

        Raises:
            StorageError: The disk is full or fails (`store.disk-full`, `store.disk-failed`); nothing is half written.
            IntegrityError: The object is there already, and damaged.
        """
        sha256 = hashlib.sha256()
        size_bytes = 0
        with self._temporary() as (path, file):
            for chunk in chunks:
                sha256.update(chunk)
                size_bytes += len(chunk)
                with self._disk_errors():
                    _write(file, chunk)
            with self._disk_errors():
                os.fchmod(file, 0o444)
                os.fsync(file)
                digest = f"sha256:{sha256.hexdigest()}"
                is_new = self._publish(path, digest)
        if not is_new:
            self.local(digest)
        return Stored(digest, size_bytes)

    def put_file(self, path: Path) -> Stored:
        """Store the bytes of a file, hashed while they are copied.

        A symbolic link is refused, because whoever may write the folder could point it at a file they may not read.

        Raises:
            InputError: The file cannot be read, or is not an ordinary file.
            StorageError: The disk is full or fails; nothing is half written.
            IntegrityError: The object is there already, and damaged.
        """
        return self.put(_chunks_of(path))

    def read(self, digest: Digest) -> bytes:
        """The bytes of an object, checked against its digest.

        Raises:
            InputError: The store holds no such object (`store.unknown-object`).
            IntegrityError: The bytes are not those that were stored (`store.object-damaged`).
            StorageError: The disk fails.
        """
        path = self._path(digest)
        with self._read_errors(digest):
            data = path.read_bytes()
        _check(digest, of_bytes(data), path)
        return data

    def local(self, digest: Digest) -> Path:
        """The file of an object, checked just now; never write to it.

        Raises:
            InputError: The store holds no such object (`store.unknown-object`).
            IntegrityError: The bytes are not those that were stored (`store.object-damaged`).
            StorageError: The disk fails.
        """
        path = self._path(digest)
        with self._read_errors(digest), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        _check(digest, f"sha256:{found}", path)
        return path

    def has(self, digest: Digest) -> bool:
        """Whether the store holds an object; its bytes are not checked."""
        return self._path(digest).is_file()

    def sweep(self) -> int:
        """Remove what killed processes left in `tmp/`, and return how many files that were.

        Raises:
            StorageError: The disk fails.
        """
        removed = 0
        with self._disk_errors():
            for path in (self._root / _TEMPORARY).glob("*"):
                removed += _remove_if_abandoned(path)
        return removed

    def _path(self, digest: Digest) -> Path:
        name = hex_of(digest)
        return self._root / name[:2] / name

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, int]]:
        """An open file in `tmp/`, locked for as long as its writer lives, and gone when the block ends."""
        with self._disk_errors():
            path, file = self._open_temporary()
        try:
            yield path, file
        finally:
            path.unlink(missing_ok=True)
            os.close(file)

    def _open_temporary(self) -> tuple[Path, int]:
        folder = self._root / _TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            file, name = tempfile.mkstemp(dir=folder)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return Path(name), file
            os.close(file)  # a sweep took it in the moment before it was locked

    def _publish(self, path: Path, digest: Digest) -> bool:
        """Link a finished file to its name; False when the name is taken, which the same bytes must have done."""
        target = self._path(digest)
        self._prepare(target.parent)
        try:
            os.link(path, target)
        except FileExistsError:
            is_new = False
        else:
            is_new = True
        _sync_folder(target.parent)  # also when the name was taken: its taker may not have got as far as syncing
        return is_new

    def _prepare(self, folder: Path) -> None:
        """Have a folder of names, and have it on the disk: whoever made it may not have got as far as syncing."""
        try:
            folder.mkdir()
        except FileExistsError:
            if folder in self._synced:
                return
        _sync_folder(self._root)
        self._synced.add(folder)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _storage_error(error, self._root) from error

    @contextmanager
    def _read_errors(self, digest: Digest) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise InputError(
                "store.unknown-object",
                "The store holds no such object.",
                place=str(self._root),
                found=digest,
                fix="Check the digest and that this is the factory's store; a lost object is made again by a run.",
            ) from error
        except OSError as error:
            raise _storage_error(error, self._root) from error


def _write(file: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _chunks_of(path: Path) -> Iterator[bytes]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error.strerror or "unreadable") from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise _unreadable(path, "not an ordinary file")
        while chunk := os.read(file, _CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise _unreadable(path, error.strerror or "unreadable") from error
    finally:
        os.close(file)


def _remove_if_abandoned(path: Path) -> bool:
    """Remove a temporary file whose writer is dead: the system drops a lock with its holder."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(file)


def _check(expected: Digest, found: Digest, path: Path) -> None:
    if found != expected:
        raise IntegrityError(
            "store.object-damaged",
            f"The bytes of {expected} are not those that were stored.",
            place=str(path),
            found=found,
            fix="Move this file away and put back a copy from a backup, or run the stage that made it again; then look "
            "for who or what changed it.",
        )


def _storage_error(error: OSError, root: Path) -> StorageError:
    found = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return StorageError(
            "store.disk-full",
            "There is no room left for the store; nothing was half written.",
            place=str(root),
            found=found,
            fix="Free some space or raise the quota, then run again: what is finished is kept.",
        )
    return StorageError(
        "store.disk-failed",
        "The disk of the store refused; nothing was half written.",
        place=str(error.filename or root),
        found=found,
        fix="Check that the folder may be written by this user and that the disk is healthy, then run again.",
    )


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        "store.unreadable-file",
        "This file cannot be put into the store.",
        place=str(path),
        found=found,
        fix="Give an ordinary file, no link, that this user may read.",
    )
