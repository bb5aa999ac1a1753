"""Work for a child process: user code runs only there, keyless, between an input and an output folder and a pipe."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from andon.kernel.canonical import Json

Verb = Literal["declare", "read", "fetch", "train", "predict", "measure"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a child is asked to do.

    Attributes:
        verb: `declare`, `read`, `fetch`, `train`, `predict` or `measure`; see `wiring.processes.stage`.
        factory: The file that declares the factory; `None` where nothing of its folder is needed.
        inputs: Files that the child gets copies of, by the names it reads them under.
        arguments: Small values, as JSON; nanoseconds as text.
        limit_ns: Longest time it may take, in nanoseconds.
        threads: How many threads its libraries may start.
        variables: Names of the environment variables that it gets, beside those that every child has.
    """

    verb: Verb
    factory: Path | None
    inputs: Mapping[str, Path]
    arguments: Mapping[str, Json]
    limit_ns: int
    threads: int = 1
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a child is, by its own word.

    Attributes:
        of: How many steps there are; 0 when nobody knows.
        seconds: Time since the child was started.
    """

    step: int
    of: int
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The progress as a line for people, with an estimate of the time left."""
        parts = [f"step {self.step} of {self.of}" if self.of else f"step {self.step}"]
        parts += [f"{name} {value:.6g}" for name, value in self.metrics.items()]
        if 0 < self.step < self.of:
            parts.append(f"about {self.seconds / self.step * (self.of - self.step):.0f} s left")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child left behind.

    Attributes:
        folder: Its output folder, which stands as long as the context does.
        seconds: How long it took.
        peak_bytes: The most memory it held.
    """

    folder: Path
    seconds: float
    peak_bytes: int


class Children(Protocol):
    """Starts keyless child processes."""

    def run(self, job: Job, on_progress: Callable[[Progress], None]) -> AbstractContextManager[Outcome]:
        """Let a child do a job, wait for it, and give what it left; the folder is gone when the context ends.

        Raises:
            AndonError: What the child refused, or what the user's code raised, with file and line.
            InputError: The child was killed (`child.killed`), took too long (`child.time-limit`) or left without a
                word (`child.vanished`).
        """
        ...
