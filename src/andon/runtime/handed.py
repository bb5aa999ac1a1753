"""What a process that runs user code hands to the factory it imported, and what it asks of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

from andon.contracts.declaration import Declaration
from andon.contracts.model import Feature, Package, Task
from andon.contracts.reading import Delta, FileRead, Files, Sql
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.line.package import Predictor

Report = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class LearningRows:
    """Rows for a training.

    Attributes:
        fit: Rows to learn from: features and `label`.
        tune: Newer rows to be tuned on, with the same columns.
        classes: Names of the classes in the order of their numbers, for a task of many classes, else empty.
    """

    fit: pl.DataFrame
    tune: pl.DataFrame
    features: tuple[Feature, ...]
    classes: Sequence[str]


@runtime_checkable
class UserFactory(Protocol):
    """A factory as `factory.py` declares it: the only way into user code."""

    def declaration(self, folder: Path) -> Declaration:
        """The whole factory as data.

        Raises:
            AndonError: Something is missing or contradicts something else.
        """
        ...

    def digest_of(self, name: str, folder: Path) -> Digest:
        """Identity of the code of a source, a model or a measurement, as it is now.

        Raises:
            AndonError: The factory has nothing of that name, or its code cannot be found.
        """
        ...

    def place_of(self, name: str) -> str:
        """File and line where a source, a model or a measurement is declared.

        Raises:
            AndonError: The factory has nothing of that name.
        """
        ...

    def run_source(self, name: str, since_ns: int | None, until_ns: int) -> object:
        """What a source's function gives for a window of time, in nanoseconds UTC."""
        ...

    def run_training(
        self, name: str, rows: LearningRows, params: Mapping[str, Json], seed: int, report: Report
    ) -> object:
        """What a model's function gives for rows, parameters and a seed; `report` is told of its progress."""
        ...

    def run_measure(self, name: str, model: Predictor, package: Package, rows: pl.DataFrame) -> object:
        """What a team's measurement gives for a packaged model and rows without labels."""
        ...


@dataclass(frozen=True, slots=True)
class ReadArguments:
    """Arguments of the verb `read`.

    Attributes:
        function: Digest of the source's code as it was declared; empty where any is fine.
        since_ns: From when rows are asked for, inclusive; `None` means from the beginning.
        until_ns: Until when, exclusive.
    """

    source: str
    function: Digest
    since_ns: int | None
    until_ns: int


@dataclass(frozen=True, slots=True)
class FetchArguments:
    """Arguments of the verb `fetch`.

    Attributes:
        reads: What is read, as it was declared.
        since_ns: From when rows are asked for, inclusive; `None` means from the beginning.
        until_ns: Until when, exclusive.
        now_ns: The time now.
        settle_ns: How long a file must have been left alone.
        version: The version of a table that was read last; empty where none was.
        nullable: The columns that may be missing where every value of them is.
    """

    source: str
    reads: Files | Sql | Delta
    since_ns: int | None
    until_ns: int
    now_ns: int
    settle_ns: int
    version: str
    nullable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilesRead:
    """The files that a source read before, as the verb `fetch` gets them in `seen.json`."""

    files: tuple[FileRead, ...]


@dataclass(frozen=True, slots=True)
class TrainArguments:
    """Arguments of the verb `train`.

    Attributes:
        function: Digest of the model's code as it was declared.
        classes: Names of the classes in the order of their numbers, for a task of many classes, else empty.
        plan: Feature plan with all fitted constants, which goes into the package.
    """

    model: str
    function: Digest
    task: Task
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    plan: Mapping[str, Json]
    params: Mapping[str, Json]
    seed: int


@dataclass(frozen=True, slots=True)
class MeasureArguments:
    """Arguments of the verb `measure`.

    Attributes:
        measures: The team's measurements by name, with the digest of their code as it was declared.
    """

    model: str
    measures: Mapping[str, Json]
