"""What the gatekeeper and a runner say to one another: a job with its open inputs, progress, and open outputs."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json
from andon.kernel.errors import InputError
from andon.runtime.children import Job, Progress, Verb
from andon.wiring.sockets.frames import Frames, malformed

ORDER_BYTES: Final = 64 << 20
SAID_BYTES: Final = 1 << 20
FILES: Final = 64
FILE_BYTES: Final = 64 << 30
STEP_S: Final = 60.0
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Order:
    """A job as a runner is asked to do it.

    Attributes:
        has_code: Whether it needs the user's code; the runner knows where that is, the gatekeeper need not.
        inputs: Names of the open files that follow, in their order.
        variables: Names of variables of the runner's own environment, which the child gets too.
    """

    verb: Verb
    has_code: bool
    arguments: Mapping[str, Json]
    limit_ns: int
    threads: int
    inputs: tuple[str, ...]
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended well.

    Attributes:
        outputs: Names of the open files that follow, in their order.
    """

    seconds: float
    peak_bytes: int
    outputs: tuple[str, ...]


def order_of(job: Job) -> Order:
    """The order for a job."""
    inputs = tuple(sorted(job.inputs))
    return Order(job.verb, job.factory is not None, job.arguments, job.limit_ns, job.threads, inputs, job.variables)


def job_of(order: Order, code: Path, inputs: Mapping[str, Path]) -> Job:
    """The job that an order is about, where the user's code and the inputs lie."""
    factory = code if order.has_code else None
    return Job(order.verb, factory, inputs, order.arguments, order.limit_ns, order.threads, order.variables)


def progress_to_json(progress: Progress) -> Json:
    """Progress as a message."""
    return {"progress": to_json(progress)}


def progress_of(value: Json) -> Progress:
    """Progress as it was told, with nothing but numbers in it.

    Raises:
        InputError: It is none.
    """
    return from_json(Progress, value)


def send_file(frames: Frames, name: str, path: Path) -> None:
    """Hand over an open file, to be read only.

    Raises:
        InputError: It is a link or no ordinary file, or the other end is gone.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _not_a_file(name, error.strerror or "unreadable") from error
    try:
        _check_ordinary(name, file)
        frames.send({"file": name}, STEP_S, file)
    finally:
        os.close(file)


def take_file(frames: Frames, name: str, to: Path, limit_bytes: int = FILE_BYTES) -> None:
    """Copy an open file that is handed over, so that nobody who still holds it can change what was taken.

    Raises:
        InputError: It is another one, no ordinary file, longer than the limit, or the other end is gone.
    """
    value, file = frames.receive_file(STEP_S)
    try:
        if value != {"file": name}:
            raise malformed(f"{value!r} in place of the file {name!r}")
        _check_ordinary(name, file)
        _copy(name, file, to, limit_bytes)
    finally:
        os.close(file)


def plain_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of files, none of which leads out of a folder.

    Raises:
        InputError: One does, one is doubled, or they are too many.
    """
    if len(set(names)) != len(names) or len(names) > FILES:
        raise malformed(f"{len(names)} files, {len(set(names))} of them different, and {FILES} are the limit")
    for name in names:
        if not name or Path(name).name != name or name.startswith(".") or len(name.encode()) > 200 or "\0" in name:
            raise malformed(f"a file called {name!r}")
    return names


def _copy(name: str, file: int, to: Path, limit_bytes: int) -> None:
    taken = 0
    with to.open("xb") as target:
        while chunk := os.pread(file, _CHUNK_BYTES, taken):
            taken += len(chunk)
            if taken > limit_bytes:
                raise _not_a_file(name, f"more than {limit_bytes} bytes")
            target.write(chunk)


def _check_ordinary(name: str, file: int) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise _not_a_file(name, "not an ordinary file")


def _not_a_file(name: str, found: str) -> InputError:
    return InputError(
        "handover.not-a-file",
        "What was to be handed over is not an ordinary file that can be read whole.",
        place=name,
        found=found,
        fix="Write plain files, no links, into the output folder.",
    )
