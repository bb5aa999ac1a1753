"""Work that is done once: the output of a stage key is found, or made and committed with its attempt."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import AndonError
from andon.measures.logical import parquet_bytes
from andon.runtime.line import Line
from andon.runtime.run import Attempt, AttemptState, Run
from andon.store.manifest import Manifest, Object


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage made.

    Attributes:
        output: The artefact that answers for the stage.
        others: Artefacts of the same work, recorded with it.
        record: What was seen of the work: times, memory; never part of an identity.
    """

    output: Manifest
    others: tuple[Manifest, ...] = ()
    record: Mapping[str, Json] = field(default_factory=dict)


def stage_key(stage: str, parts: Mapping[str, Json]) -> Digest:
    """Identity of a piece of work: the stage and everything that decides its outcome."""
    return of_value({"stage": stage, **parts})


def once(line: Line, run: Run, stage: str, key: Digest, work: Callable[[], Made]) -> tuple[Digest, bool]:
    """The output committed under a stage key, made now unless it is there.

    Returns:
        The output's digest, and whether it was there before.

    Raises:
        AndonError: The work failed; the attempt is recorded and nothing else is.
    """
    found = line.records.commits.find(key)
    if found is not None:
        return found, True
    attempt = _start(line, run, stage, key)
    try:
        made = work()
    except BaseException as error:
        _finish(line, attempt, "cancelled" if isinstance(error, KeyboardInterrupt) else "failed", _reason(error))
        raise
    with line.records.units.begin() as unit:
        for manifest in (*made.others, made.output):
            line.records.manifests.add(unit, manifest)
        line.records.commits.commit(unit, key, made.output.digest, run.id, line.clock.now_ns())
        ended = replace(
            attempt,
            state="done",
            ended_ns=line.clock.now_ns(),
            record={**made.record, "output": made.output.digest},
        )
        line.records.attempts.finish(unit, ended)
    return made.output.digest, False


def store_frame(line: Line, name: str, frame: pl.DataFrame) -> Object:
    """Store a frame as Parquet, as an object of an artefact."""
    return store_bytes(line, name, parquet_bytes(frame), rows=frame.height)


def store_bytes(line: Line, name: str, data: bytes, rows: int | None = None) -> Object:
    """Store bytes, as an object of an artefact."""
    stored = line.records.blobs.put([data])
    return Object(sha256=stored.digest, bytes=stored.size_bytes, rows=rows, name=name)


def mark_lost(line: Line, run: Run, is_alive: Callable[[Attempt], bool]) -> None:
    """Close the attempts of a run whose process vanished without a word."""
    for attempt in line.records.attempts.of_run(run.id):
        if attempt.state == "running" and not is_alive(attempt):
            _finish(line, attempt, "lost", {"error": "its process vanished"})


def _start(line: Line, run: Run, stage: str, key: Digest) -> Attempt:
    earlier: Iterable[Attempt] = line.records.attempts.of_run(run.id)
    number = 1 + sum(attempt.stage == stage for attempt in earlier)
    attempt = Attempt(
        run_id=run.id,
        stage=stage,
        number=number,
        stage_key=key,
        state="running",
        started_ns=line.clock.now_ns(),
        ended_ns=None,
        host=line.host,
        pid=line.pid,
    )
    with line.records.units.begin() as unit:
        line.records.attempts.start(unit, attempt)
    return attempt


def _finish(line: Line, attempt: Attempt, state: AttemptState, record: Mapping[str, Json]) -> None:
    ended = replace(attempt, state=state, ended_ns=line.clock.now_ns(), record=record)
    with line.records.units.begin() as unit:
        line.records.attempts.finish(unit, ended)


def _reason(error: BaseException) -> Mapping[str, Json]:
    if isinstance(error, AndonError):
        return {"error": error.to_json()}
    return {"error": f"{type(error).__name__}: {error}"}
