"""The online store of one machine: an LMDB file that many processes read at once while one writes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

import lmdb

from andon.expressions.online.store import Snapshot
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.line.serve.folder import hold

LARGEST_BYTES: Final = 1 << 38
"""Address space that the file may come to take; on disk it takes what it holds."""
_POSITION: Final = b"\x00position"
_READERS: Final = 512
_FILE: Final = "data.mdb"
_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.PanicError,
    lmdb.MapResizedError,  # it says that it is larger than it was ever allowed to become
)


class _Look:
    """One read transaction, open as long as the block."""

    __slots__ = ("_file", "_place", "_read", "_transaction")

    def __init__(self, file: lmdb.Environment, place: Path) -> None:
        self._file = file
        self._place = place

    def __enter__(self) -> "_Look":
        try:
            self._transaction = self._file.begin(buffers=True)
        except lmdb.Error as error:
            raise _refused(error, self._place) from error
        self._read = self._transaction.get
        return self

    def __exit__(self, *_: object) -> None:
        self._transaction.abort()

    @property
    def position(self) -> bytes:
        return bytes(self.get([_POSITION])[0] or b"")

    def get(self, keys: Sequence[bytes]) -> list[memoryview | None]:
        read = self._read
        try:
            return [read(key) for key in keys]
        except lmdb.Error as error:
            raise _refused(error, self._place) from error


class LmdbOnline:
    """Implements `andon.expressions.online.store.OnlineStore`.

    A key holds at most 511 bytes. What `get` gives is the file itself, not a copy; so a file that is cut off while it
    is open ends the processes that read it (SIGBUS). One that was cut off before is refused.

    Args:
        folder: Where the file lies; made at the first use where it is missing.
        largest_bytes: How large the file may become.
    """

    def __init__(self, folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        self._place = folder
        self._largest = largest_bytes
        self._file: lmdb.Environment | None = None
        self._opening = Lock()

    def _opened(self) -> lmdb.Environment:
        """The file, opened at the first use; what cannot be opened now is tried again the next time."""
        if self._file is not None:
            return self._file
        with self._opening:
            if self._file is None:
                try:
                    self._place.mkdir(parents=True, exist_ok=True)
                    found = lmdb.open(
                        str(self._place), map_size=self._largest, mode=0o640, max_readers=_READERS, readahead=False
                    )
                    found.reader_check()  # a reader that was killed would keep old pages from being used again
                    if _lacks(found, self._place / _FILE):  # to read behind its end would end the process
                        found.close()
                        raise lmdb.CorruptedError("the file was cut off")
                except (lmdb.Error, OSError) as error:
                    raise _refused(error, self._place) from error
                self._file = found
            return self._file

    def look(self) -> AbstractContextManager[Snapshot]:
        """The store as it is now."""
        return _Look(self._opened(), self._place)

    def move(self, before: bytes, after: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write these blocks and the new position in one transaction."""
        with self._writing() as transaction:
            if bytes(transaction.get(_POSITION, b"")) != before:
                raise ConflictError(
                    "online.moved",
                    "Somebody else has written to the online store.",
                    place=str(self._place),
                    fix="Ask again: it is compared with the datasets anew.",
                )
            for key, data in changes:
                if data is None:
                    transaction.delete(key)
                else:
                    transaction.put(key, data)
            transaction.put(_POSITION, after)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in their order."""
        try:
            with self._opened().begin() as transaction, transaction.cursor() as cursor:
                found = cursor.set_range(prefix)
                while found and cursor.key().startswith(prefix):
                    if cursor.key() != _POSITION:
                        yield cursor.key()
                    found = cursor.next()
        except lmdb.Error as error:
            raise _refused(error, self._place) from error

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def _writing(self) -> Iterator[lmdb.Transaction]:
        """The right to write, which only one has; LMDB's own would be waited for without end."""
        file = self._opened()
        try:
            with hold(self._place / "writing") as is_held:
                if not is_held:
                    raise ConflictError(
                        "online.busy",
                        "Somebody else is writing to the online store.",
                        place=str(self._place),
                        fix="Ask again when that is done; what was there before is served meanwhile.",
                    )
                with file.begin(write=True) as transaction:
                    yield transaction
                if lacks := _lacks(file, self._place / _FILE):  # LMDB leaves out pages at the end that hold nothing
                    os.truncate(self._place / _FILE, lacks)
        except (lmdb.Error, OSError) as error:
            raise _refused(error, self._place) from error


def _lacks(file: lmdb.Environment, path: Path) -> int:
    """How long the file must be, where it is shorter; else 0."""
    needed: int = (file.info()["last_pgno"] + 1) * file.stat()["psize"]
    return needed if path.stat().st_size < needed else 0


def _refused(error: Exception, place: Path) -> AndonError:
    """What is wrong with the file, in andon's words."""
    found = str(error)
    if isinstance(error, lmdb.MapFullError | lmdb.DiskError) or getattr(error, "errno", 0) == 28:
        return InputError(
            "online.full",
            "The online store cannot grow.",
            place=str(place),
            found=found,
            fix="Make room on the disk; what was there before is served meanwhile.",
        )
    if isinstance(error, _DAMAGE):
        return IntegrityError(
            "online.damaged",
            "The file of the online store is damaged.",
            place=str(place),
            found=found,
            fix="Make the store again from the datasets: andon feature rebuild",
        )
    return InputError(
        "online.unreadable",
        "The online store cannot be used.",
        place=str(place),
        found=found,
        fix="See that the servers' user may write this folder, and that no other program holds its lock.",
    )
