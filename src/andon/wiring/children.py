"""Child processes on this machine: a folder each, a clean environment, a limit, and nothing left behind."""

import fcntl
import os
import secrets
import shutil
import site
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from andon.contracts.wire import to_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.errors import InputError
from andon.runtime.children import Job, Outcome, Progress
from andon.wiring.child import Running, check_ended

_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
IN: Final = "in"
OUT: Final = "out"
JOB: Final = "job.json"


class LocalChildren:
    """Starts a child for each job.

    A child is a process of its own session, which sees copies of its inputs, writes into its output folder, and knows
    nothing of the surroundings: no variables but those named in `environment`, no keys, no terminal.

    Args:
        spool: Folder for the children's folders; those of dead processes are removed from it.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        spool.mkdir(parents=True, exist_ok=True)
        sweep(spool)

    @contextmanager
    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> Iterator[Outcome]:
        """Let a child do a job, wait for it, and give what it left; the folder is gone when the context ends.

        Raises:
            AndonError: What the child refused, or what the user's code raised, with file and line.
            InputError: The child was killed (`child.killed`), took too long (`child.time-limit`) or left without a
                word (`child.vanished`).
        """
        with fresh_folder(self._spool) as folder:
            _prepare(folder, job)
            given = environment(folder, job.threads, job.variables)
            with Running(_command(folder), folder, given) as running:
                ended = running.wait(job.limit_ns, on_progress)
            peak_bytes = check_ended(ended, folder, job)
            yield Outcome(folder / OUT, ended.seconds, peak_bytes)


def sweep(spool: Path) -> None:
    """Remove the folders of processes that are gone."""
    for lock in spool.glob("*.lock"):
        try:
            held = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue  # another process swept it
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
        except BlockingIOError:
            continue  # its process lives
        finally:
            os.close(held)


def environment(folder: Path, threads: int, named: Collection[str] = ()) -> dict[str, str]:
    """All variables that a child gets; of those that its job names, the ones that there are."""
    given = {
        **{name: os.environ[name] for name in named if name in os.environ},
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(_THREADS, str(threads)),
    }
    if site.ENABLE_USER_SITE:  # andon itself may be installed there, and HOME no longer says where that is
        given["PYTHONUSERBASE"] = site.getuserbase()
    return given


@contextmanager
def fresh_folder(spool: Path) -> Iterator[Path]:
    """A fresh folder that others can tell from one whose process is gone, removed in the end."""
    folder, lock, held = _claim(spool)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(held)


def _claim(spool: Path) -> tuple[Path, Path, int]:
    while True:
        folder = spool / secrets.token_hex(8)
        lock = folder.with_suffix(".lock")
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            if lock.stat().st_ino == os.fstat(held).st_ino:
                return folder, lock, held
        except FileNotFoundError:
            pass  # swept between the two calls, before it was locked
        os.close(held)


def _prepare(folder: Path, job: Job) -> None:
    for name in (IN, OUT, "tmp"):
        (folder / name).mkdir()
    for name, path in job.inputs.items():
        target = folder / IN / name
        if Path(name).name != name:
            raise InputError(
                "child.input-name", "An input is named by a plain file name.", found=name, fix="Rename it."
            )
        shutil.copyfile(path, target)
    request: dict[str, Json] = {
        "verb": job.verb,
        "factory": None if job.factory is None else str(job.factory.resolve()),
        "arguments": to_json(job.arguments),
        "threads": job.threads,
    }
    (folder / JOB).write_bytes(dumps(request))


def _command(folder: Path) -> list[str]:
    """Without the working folder on the path, and without writing byte code beside the user's files.

    Output is not held back and a crash says where it happened, so that the last lines are there when it ends.
    """
    options = ["-P", "-B", "-u", "-X", "utf8", "-X", "faulthandler"]
    return [sys.executable, *options, "-m", "andon.wiring.processes.stage", str(folder)]
