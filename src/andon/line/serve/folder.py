"""The serve folder: where everything about serving one model on one target lies, and how files in it are replaced."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import ConflictError


@dataclass(frozen=True, slots=True)
class ServeFolder:
    """Paths of one serve folder.

    Attributes:
        root: The folder itself, where it is said what is served; made by `make`.
        own: Folder of what workers write, where they have an OS user of their own; `None` where it is the same.
    """

    root: Path
    own: Path | None = None

    @property
    def routing(self) -> Path:
        """The signed routing table in force."""
        return self.root / "routing.json"

    @property
    def prepared(self) -> Path:
        """The signed routing table that workers are asked to load before it comes into force."""
        return self.root / "next.json"

    @property
    def cell(self) -> Path:
        """The eight bytes that workers read on every request."""
        return self.root / "cell"

    @property
    def state(self) -> Path:
        """The dataset versions that features are read from, the same for all models of the target."""
        return state_path(self.root.parent)

    @property
    def acks(self) -> Path:
        """Each worker's word on a prepared table."""
        return (self.own or self.root) / "acks"

    @property
    def workers(self) -> Path:
        """What each worker says about itself, and the lock that it holds while it lives."""
        return (self.own or self.root) / "workers"

    @property
    def log(self) -> Path:
        """The prediction log, one folder a worker."""
        return (self.own or self.root) / "log"

    def make(self) -> None:
        """Make the folder where it is missing, and what workers write, unless that is not this OS user's to make."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self.own is None:
            self.make_own()

    def make_own(self) -> None:
        """Make what workers write into."""
        for path in (self.acks, self.workers, self.log):
            path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Hold the right to move the route; the system gives it back when its holder dies.

        Raises:
            ConflictError: Somebody else is moving it.
        """
        self.make()
        with hold(self.root / "lock") as is_held:
            if not is_held:
                raise ConflictError(
                    "serve.busy",
                    "Somebody else is changing the route at this moment.",
                    place=str(self.root),
                    fix="Ask again when the other change is done.",
                )
            yield


def state_path(target: Path) -> Path:
    """Where the folder of a target says which dataset versions its models read."""
    return target / "state.json"


@contextmanager
def hold(path: Path, mode: int = 0o600) -> Iterator[bool]:
    """Try to hold a lock file for as long as the block or the process lives; tells whether that worked.

    Whoever may read a lock file can see whether it is held, and can hold it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        yield _lock(file)
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether some living process holds a lock file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def read_plain(path: Path, limit_bytes: int = 1 << 20) -> bytes:
    """The bytes of a small file that somebody else wrote: never a link, never a pipe that nobody fills.

    Raises:
        OSError: It is not there, or is something else.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        return os.read(file, limit_bytes)
    finally:
        os.close(file)


def replace_file(path: Path, data: bytes) -> None:
    """Put a whole file in place of another: readers see the old bytes or the new ones, also after a power cut.

    Raises:
        OSError: The disk is full or refuses; the old file stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
