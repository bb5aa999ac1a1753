"""What ingestion needs from outside: somebody who brings the rows of what a source reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import polars as pl

from andon.contracts.reading import Account, FileRead, Reading
from andon.kernel.errors import InputError

R_co = TypeVar("R_co", bound=Reading, covariant=True)
R_contra = TypeVar("R_contra", bound=Reading, contravariant=True)


@dataclass(frozen=True, slots=True)
class Asked(Generic[R_co]):
    """Which rows are wanted.

    Attributes:
        source: The source's name, for refusals.
        reads: What is read.
        folder: The factory folder, where relative paths begin.
        variables: The environment variables that the reading names, those of them that are set.
        since_ns: From when, inclusive, in nanoseconds UTC; `None` means from the beginning.
        until_ns: Until when, exclusive.
        now_ns: The time now.
        settle_ns: How long a file must have been left alone.
        seen: The files that were read before, of one name the newest last.
        version: The version of a table that was read last; empty where none was.
        nullable: The columns that may be missing where every value of them is.
        scratch: An empty folder for files on the way.
    """

    source: str
    reads: R_co
    folder: Path
    variables: Mapping[str, str]
    since_ns: int | None
    until_ns: int
    now_ns: int
    settle_ns: int
    seen: tuple[FileRead, ...]
    version: str
    nullable: tuple[str, ...]
    scratch: Path

    def value_of(self, name: str) -> str:
        """The value of an environment variable.

        Raises:
            InputError: It is not set (`source.no-variable`).
        """
        if not self.variables.get(name):
            raise InputError(
                "source.no-variable",
                "An environment variable that the source names is not set.",
                place=self.source,
                found=f"{name} is not set" if name not in self.variables else f"{name} is empty",
                fix=f"Set {name} where the line runs; with a runner of its own, where that was started.",
            )
        return self.variables[name]

    def shown(self, text: object) -> str:
        """A path or whatever else was told, for a refusal: what a variable holds is nobody's business there."""
        shown = str(text)
        for name, value in self.variables.items():
            shown = shown.replace(value, f"env:{name}") if value else shown
        return shown


@dataclass(frozen=True, slots=True)
class Brought:
    """What a reader brought: the rows, where there is something new, and an account of what was read."""

    rows: pl.LazyFrame | None
    account: Account


class Reader(Protocol[R_contra]):
    """Reads one kind of source."""

    def __call__(self, asked: Asked[R_contra]) -> Brought:
        """Bring the rows that are asked for.

        Raises:
            InputError: What is read is not what it must be; the place says which file, table or query.
            WaitingError: It cannot be reached now (`source.unreachable`).
        """
        ...
