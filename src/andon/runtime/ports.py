"""What the runtime needs from the control database."""

from collections.abc import Collection
from typing import Protocol

from andon.kernel.digest import Digest
from andon.kernel.unit import Unit
from andon.runtime.run import Attempt, Lease, Run, RunKind, RunState


class Runs(Protocol):
    """Every run, and where it stands."""

    def add(self, unit: Unit, run: Run) -> None:
        """Record a new run.

        Raises:
            ConflictError: Its id is taken (`runtime.run-exists`).
        """
        ...

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            InputError: There is none (`runtime.unknown-run`).
        """
        ...

    def save(self, unit: Unit, run: Run, expected_state: RunState) -> None:
        """Record where a run now stands, if it is still in the state that was expected.

        Who started it, when, and what it pins never change: only state, stage, since, waiting_for, error and facts do.

        Raises:
            InputError: There is no such run (`runtime.unknown-run`).
            ConflictError: It is in another state (`runtime.run-moved`).
        """
        ...

    def recent(self, factory: str, limit: int) -> list[Run]:
        """The runs of a factory that were started last, the newest first."""
        ...

    def find(self, factory: str, kind: RunKind, subject: str, states: Collection[RunState]) -> list[Run]:
        """The runs about a subject in one of these states, the newest first."""
        ...


class Attempts(Protocol):
    """Every attempt at a stage."""

    def start(self, unit: Unit, attempt: Attempt) -> None:
        """Record that an attempt begins.

        Raises:
            ConflictError: The run already has an attempt of that number at that stage (`runtime.attempt-exists`).
        """
        ...

    def finish(self, unit: Unit, attempt: Attempt) -> None:
        """Record how a running attempt ended: its state, end and record.

        Raises:
            UsageError: The attempt given is still running (`runtime.attempt-unfinished`).
            ConflictError: It is unknown or ended before (`runtime.attempt-over`).
        """
        ...

    def of_run(self, run_id: str) -> list[Attempt]:
        """The attempts of a run, in the order they began."""
        ...


class Commits(Protocol):
    """Which output each piece of work came to: resume, cache and retry are this one question."""

    def find(self, stage_key: Digest) -> Digest | None:
        """The committed output of a stage key; `None` when the work is still to do."""
        ...

    def commit(self, unit: Unit, stage_key: Digest, output: Digest, run_id: str, now_ns: int) -> None:
        """Record the output of a stage key; the same output again changes nothing.

        Raises:
            ConflictError: Another output is committed under the key (`runtime.key-committed`).
        """
        ...


class Leases(Protocol):
    """Who works on what, so that two processes never work the same stage twice."""

    def take(self, unit: Unit, name: str, holder: str, until_ns: int, now_ns: int) -> bool:
        """Take or prolong a lease; False when somebody else holds it and it has not run out."""
        ...

    def release(self, unit: Unit, name: str, holder: str) -> None:
        """Give a lease back; nothing happens when the holder no longer has it."""
        ...

    def get(self, name: str) -> Lease | None:
        """The lease as it was last taken, run out or not; `None` when nobody has it."""
        ...
