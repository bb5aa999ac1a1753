"""What a training says of itself when it ends: parameters, seed, threads, environment, progress and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass

from andon.contracts.model import Environment
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads


@dataclass(frozen=True, slots=True)
class Step:
    """One value that a training reported on its way.

    Attributes:
        number: Round or epoch.
        value: `None` where it was not a finite number.
    """

    number: int
    metric: str
    value: float | None


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """One training, as its process wrote it down.

    Attributes:
        seconds: How long it worked.
        peak_bytes: The most memory its process held.
        rows_fit: Rows it learned from.
        completed: Whether the function returned a model.
        problem: Why it did not; empty when it did.
    """

    params: Mapping[str, Json]
    seed: int
    threads: int
    environment: Environment
    seconds: float
    peak_bytes: int
    rows_fit: int
    rows_tune: int
    steps: tuple[Step, ...]
    completed: bool
    problem: str = ""

    def to_bytes(self) -> bytes:
        """The record as canonical JSON; `record_from_bytes` reads it back."""
        return dumps(to_json(self))


def record_from_bytes(data: bytes) -> TrainingRecord:
    """Read what `TrainingRecord.to_bytes` wrote.

    Raises:
        InputError: The bytes are not the canonical bytes of a record.
    """
    return from_json(TrainingRecord, loads(data))
