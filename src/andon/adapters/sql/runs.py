"""Runs and their attempts in the control database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from andon.adapters.sql.tables import attempts, runs
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.errors import ConflictError, InputError, UsageError
from andon.kernel.unit import Unit
from andon.runtime.run import Attempt, Run, RunKind, RunState

_MOVING: Final = ("state", "stage", "since_ns", "waiting_for", "error", "facts")


@dataclass(frozen=True, slots=True)
class SqlRuns:
    """Implements `andon.runtime.ports.Runs`."""

    engine: Engine

    def add(self, unit: Unit, run: Run) -> None:
        """Record a new run.

        Raises:
            ConflictError: Its id is taken (`runtime.run-exists`).
        """
        connection = connection_of(unit, self.engine)
        if _find(connection, run.id) is not None:
            raise ConflictError(
                "runtime.run-exists", "There is a run of this id already.", place=run.id, fix="Give each run a new id."
            )
        connection.execute(insert(runs).values(_run_row(run)))

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            InputError: There is none (`runtime.unknown-run`).
        """
        with reading(self.engine) as connection:
            return _known(connection, run_id)

    def save(self, unit: Unit, run: Run, expected_state: RunState) -> None:
        """Record where a run now stands, if it is still in the state that was expected.

        Raises:
            InputError: There is no such run (`runtime.unknown-run`).
            UsageError: Something that never changes was changed (`runtime.run-pinned`).
            ConflictError: It is in another state (`runtime.run-moved`).
        """
        connection = connection_of(unit, self.engine)
        found = _known(connection, run.id)
        if found.state != expected_state:
            raise ConflictError(
                "runtime.run-moved",
                f"The run is not {expected_state} any more.",
                place=run.id,
                found=f"{found.state}, at {found.stage}",
                fix="Read the run again and decide again.",
            )
        row = _run_row(run)
        moving = {name: row[name] for name in _MOVING}
        if replace(run, **{name: getattr(found, name) for name in _MOVING}) != found:
            raise UsageError(
                "runtime.run-pinned",
                "What a run pins at its start never changes.",
                place=run.id,
                fix=f"Change only {', '.join(_MOVING)}, or start another run.",
            )
        connection.execute(update(runs).where(runs.c.id == run.id).values(moving))

    def recent(self, factory: str, limit: int) -> list[Run]:
        """The runs of a factory that were started last, the newest first."""
        found = select(runs).where(runs.c.factory == factory)
        newest = found.order_by(runs.c.started_ns.desc(), runs.c.sequence.desc()).limit(max(limit, 0))
        with reading(self.engine) as connection:
            return [_run(row) for row in connection.execute(newest).mappings()]

    def find(self, factory: str, kind: RunKind, subject: str, states: Collection[RunState]) -> list[Run]:
        """The runs about a subject in one of these states, the newest first."""
        found = select(runs).where(
            runs.c.factory == factory, runs.c.kind == kind, runs.c.subject == subject, runs.c.state.in_(states)
        )
        newest = found.order_by(runs.c.started_ns.desc(), runs.c.sequence.desc())
        with reading(self.engine) as connection:
            return [_run(row) for row in connection.execute(newest).mappings()]


@dataclass(frozen=True, slots=True)
class SqlAttempts:
    """Implements `andon.runtime.ports.Attempts`."""

    engine: Engine

    def start(self, unit: Unit, attempt: Attempt) -> None:
        """Record that an attempt begins.

        Raises:
            InputError: There is no such run (`runtime.unknown-run`).
            ConflictError: The run already has an attempt of that number at that stage (`runtime.attempt-exists`).
        """
        connection = connection_of(unit, self.engine)
        _known(connection, attempt.run_id)
        if connection.execute(select(attempts.c.sequence).where(_is(attempt))).first() is not None:
            raise ConflictError(
                "runtime.attempt-exists",
                f"The run already has an attempt {attempt.number} at {attempt.stage}.",
                place=attempt.run_id,
                fix="Somebody else works on this run: let them, or read its attempts again.",
            )
        connection.execute(insert(attempts).values(_members(attempt) | {"record": dumps(attempt.record)}))

    def finish(self, unit: Unit, attempt: Attempt) -> None:
        """Record how a running attempt ended: its state, end and record.

        Raises:
            UsageError: The attempt given is still running (`runtime.attempt-unfinished`).
            ConflictError: It is unknown or ended before (`runtime.attempt-over`).
        """
        if attempt.state == "running" or attempt.ended_ns is None:
            raise UsageError(
                "runtime.attempt-unfinished",
                "An attempt ends with a state and a time.",
                place=f"{attempt.run_id} {attempt.stage} {attempt.number}",
                fix="Say how and when it ended.",
            )
        ended = {"state": attempt.state, "ended_ns": attempt.ended_ns, "record": dumps(attempt.record)}
        is_running = _is(attempt) & (attempts.c.state == "running")
        done = connection_of(unit, self.engine).execute(update(attempts).where(is_running).values(ended))
        if done.rowcount != 1:
            raise ConflictError(
                "runtime.attempt-over",
                f"Attempt {attempt.number} at {attempt.stage} is not running.",
                place=attempt.run_id,
                fix="Read its attempts again: it never began, or somebody else recorded its end.",
            )

    def of_run(self, run_id: str) -> list[Attempt]:
        """The attempts of a run, in the order they began."""
        found = select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.sequence)
        with reading(self.engine) as connection:
            return [_attempt(row) for row in connection.execute(found).mappings()]


def _find(connection: Connection, run_id: str) -> Run | None:
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    return None if row is None else _run(row)


def _known(connection: Connection, run_id: str) -> Run:
    run = _find(connection, run_id)
    if run is None:
        raise InputError(
            "runtime.unknown-run", "There is no such run.", found=run_id, fix="`andon status` lists the runs there are."
        )
    return run


def _run_row(run: Run) -> dict[str, object]:
    error = None if run.error is None else dumps(run.error)
    return _members(run) | {"error": error, "facts": dumps(run.facts)}


def _members(value: Run | Attempt) -> dict[str, object]:
    return {member.name: getattr(value, member.name) for member in fields(value)}


def _run(row: RowMapping) -> Run:
    values = _columns(row)
    error = None if values["error"] is None else _json(values["error"])
    return Run(**values | {"error": error, "facts": _json(values["facts"])})


def _attempt(row: RowMapping) -> Attempt:
    values = _columns(row)
    return Attempt(**values | {"record": _json(values["record"])})


def _columns(row: RowMapping) -> dict[str, Any]:
    """A row by column, without the number that only orders it."""
    return {name: value for name, value in row.items() if name != "sequence"}


def _json(data: bytes) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", loads(data))


def _is(attempt: Attempt) -> Any:  # noqa: ANN401  # SQLAlchemy names no narrower public type that mypy accepts in where()
    return (
        (attempts.c.run_id == attempt.run_id)
        & (attempts.c.stage == attempt.stage)
        & (attempts.c.number == attempt.number)
    )
