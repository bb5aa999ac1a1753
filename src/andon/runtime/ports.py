"""What the runtime needs from outside: the control database, the gatekeeper, the targets."""

from collections.abc import Collection, Mapping
from typing import Protocol

from andon.contracts.evidence import Measurement
from andon.gates.request import Judgement, JudgeRequest, Receipt
from andon.kernel.digest import Digest
from andon.kernel.unit import Unit
from andon.runtime.run import Attempt, Lease, Run, RunKind, RunState
from andon.store.manifest import Manifest


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
            UsageError: Something that never changes was changed (`runtime.run-pinned`).
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
            InputError: There is no such run (`runtime.unknown-run`).
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


class Gatekeeper(Protocol):
    """The one who judges, and holds the keys to sign it; runtime knows no other way to a verdict."""

    def judge(self, request: JudgeRequest) -> Judgement:
        """Weigh evidence against policy and people, sign what comes out, and publish what may be published.

        Raises:
            AndonError: The question makes no sense, or the records are damaged; nothing is written then.
        """
        ...

    def pass_of(self, subject: Digest, gate: str) -> object:
        """The Pass that opens an artefact to the next stage, judged again from its values and its policy.

        Raises:
            RefusedError: There is none, and why.
        """
        ...

    def serving(self, model_name: str, target: str) -> Digest:
        """The release a target serves, as signed decisions say; empty when there is none.

        Raises:
            IntegrityError: Its name stands where no decision put it.
        """
        ...

    def bind(self, manifest: Manifest) -> Digest:
        """Record a release and sign that it was put together.

        Raises:
            AndonError: The release does not fit the ledger; nothing is written then.
        """
        ...

    def admit(self, release: Digest, target: str) -> Receipt:
        """Check the whole chain of a release once more from its bytes, and sign that the target may serve it.

        Raises:
            RefusedError: A proof is missing; the message says which, and who can give it.
        """
        ...


class Targets(Protocol):
    """Where releases are served."""

    def measure(self, target: str, model: Manifest, latency_ns: int) -> tuple[Measurement, ...]:
        """How the target is, as evidence for the release gate."""
        ...

    def publish(self, datasets: Mapping[str, Manifest]) -> None:
        """Let servers answer from these dataset versions, by contract."""
        ...

    def promote(self, receipt: Receipt) -> None:
        """Have an admitted release loaded and checked by every worker, then let it answer.

        Raises:
            RefusedError: A worker could not load it; the release before goes on answering.
        """
        ...
