"""Moving the route: forward in two phases that every worker agrees to, back with one store of eight bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.routing import Generation, Position
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, InputError, RefusedError
from andon.line.serve.cell import open_cell
from andon.line.serve.folder import ServeFolder, is_held, read_plain, replace_file, sync_folder

OpenTable = Callable[[bytes], Generation]
"""Checks the signature over a routing table and reads it; raises an AndonError for anything else."""

POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Moved:
    """One move of the route, as it is recorded.

    Attributes:
        before: The release that answered until now; empty when none did.
        moved_ns: When the cell was stored, in nanoseconds UTC.
    """

    factory: str
    model_name: str
    target: str
    sequence: int
    place: int
    release: Digest
    before: Digest
    moved_ns: int


@dataclass(frozen=True, slots=True)
class Ack:
    """A worker's word on a prepared table: loaded and checked, or why not."""

    worker: str
    table: Digest
    problem: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How a promotion waits for the workers.

    Attributes:
        sleep: Waits so many seconds.
        polls: How often to look before giving up.
    """

    sleep: Callable[[float], None]
    polls: int


def read_tables(folder: ServeFolder, open_table: OpenTable) -> tuple[dict[int, Generation], list[str]]:
    """The tables that lie in a folder and hold, by sequence, and what is wrong with those that do not."""
    tables: dict[int, Generation] = {}
    problems = []
    for path in (folder.routing, folder.prepared):
        try:
            table = open_table(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, AndonError) as error:
            problems.append(f"{path.name}: {error}")
        else:
            if (table.target, table.model_name) == (folder.root.parent.name, folder.root.name):
                tables[table.sequence] = table
            else:
                problems.append(f"{path.name}: the table of {table.model_name} on {table.target}")
    return tables, problems


def table_in_force(folder: ServeFolder, open_table: OpenTable) -> tuple[Generation, Position]:
    """The table that the cell points into, and where it points.

    Raises:
        InputError: Nothing was ever promoted here, or the table is missing or damaged.
    """
    cell = open_cell(folder.cell)
    try:
        at = cell.position
    finally:
        cell.close()
    tables, problems = read_tables(folder, open_table)
    if at.sequence not in tables or not tables[at.sequence].allows(at.place):
        raise InputError(
            "serve.no-route",
            "No valid routing table belongs to the cell of this serve folder.",
            place=str(folder.root),
            found="; ".join(problems) or f"sequence {at.sequence}, tables {sorted(tables)}",
            fix="Promote a release to this target.",
        )
    return tables[at.sequence], at


def flip(folder: ServeFolder, release: Digest, open_table: OpenTable, now_ns: int) -> Moved:
    """Fall back to a safer release at once; it needs no server, no database and nobody's approval.

    Returns:
        The move, which the caller records.

    Raises:
        InputError: There is no valid table, or it does not hold the release.
        RefusedError: The table does not name the release as a safer one.
        ConflictError: The route is being changed at this moment.
    """
    with folder.moving():
        table, at = table_in_force(folder, open_table)
        place = table.place_of(release)
        if place not in table.safer and place != at.place:
            raise RefusedError(
                "serve.not-safer",
                "A rollback goes only to a release that the routing table names as safer.",
                place=f"{table.factory}/{table.model_name} on {table.target}",
                found=release,
                fix="Roll back to one of "
                + (", ".join(_safer(table)) or "none: this is the first release")
                + "; to go "
                "forward again, promote.",
            )
        return _move(folder, table, place, before=table.slots[at.place].release, now_ns=now_ns)


def promote(
    folder: ServeFolder,
    sealed: bytes,
    open_table: OpenTable,
    *,
    check_alone: Callable[[Generation], None],
    patience: Patience,
    now_ns: Callable[[], int],
) -> Moved:
    """Bring a new table into force once every living worker loaded and checked all its releases.

    Args:
        folder: The serve folder.
        sealed: The signed table.
        open_table: Checks and reads it.
        check_alone: Loads the table's releases here, when no worker lives that could.
        patience: How to wait for the workers.
        now_ns: The clock.

    Raises:
        InputError: The bytes are not a table that the gatekeeper signed.
        RefusedError: The table is not newer than the one in force, is for another model or target, or a worker cannot
            load it or does not answer; what answered before keeps answering.
        ConflictError: The route is being changed at this moment.
    """
    table = open_table(sealed)
    with folder.moving():
        before = _check_follows(folder, table, open_table)
        if folder.own is None:
            _clear(folder.acks)  # else they are the servers' to clear; each names the table that it is about
        replace_file(folder.prepared, sealed)
        try:
            _wait_for_workers(folder, table, check_alone, patience)
        except BaseException:
            folder.prepared.unlink(missing_ok=True)
            raise
        moved = _move(folder, table, table.champion, before=before, now_ns=now_ns())
        # Only now: a worker that starts in between finds both tables and takes the one that the cell names.
        _settle(folder, table.sequence, open_table)
        return moved


def write_ack(folder: ServeFolder, ack: Ack, sequence: int) -> None:
    """Leave a worker's word on a prepared table."""
    replace_file(folder.acks / f"{ack.worker}-{sequence}", dumps(to_json(ack)))


def live_workers(folder: ServeFolder) -> list[str]:
    """Names of the workers whose process lives, sorted."""
    return sorted(path.stem for path in folder.workers.glob("*.lock") if is_held(path))


def _safer(table: Generation) -> list[Digest]:
    return [table.slots[place].release for place in table.safer]


def _move(folder: ServeFolder, table: Generation, place: int, *, before: Digest, now_ns: int) -> Moved:
    cell = open_cell(folder.cell)
    try:
        cell.move(Position(table.sequence, place))
    finally:
        cell.close()
    release = table.slots[place].release
    return Moved(table.factory, table.model_name, table.target, table.sequence, place, release, before, now_ns)


def _check_follows(folder: ServeFolder, table: Generation, open_table: OpenTable) -> Digest:
    """Settle a promotion that was cut off, and return the release that the new table would follow."""
    cell = open_cell(folder.cell)
    try:
        at = cell.position
    finally:
        cell.close()
    _settle(folder, at.sequence, open_table)
    tables, _ = read_tables(folder, open_table)
    current = tables.get(at.sequence)
    if table.sequence <= max(at.sequence, *tables, 0):
        raise _refuse("older", "This routing table is not newer than the one in force.", f"sequence {table.sequence}")
    if current is None:
        return ""
    if (current.factory, current.model_name, current.target) != (table.factory, table.model_name, table.target):
        raise _refuse("other-route", "This serve folder serves another model or target.", repr(current.model_name))
    return current.slots[at.place].release if current.allows(at.place) else ""


def _settle(folder: ServeFolder, sequence: int, open_table: OpenTable) -> None:
    """Finish a promotion whose process died after it moved the cell, and drop one that died before."""
    if not folder.prepared.exists():
        return
    try:
        is_in_force = open_table(folder.prepared.read_bytes()).sequence == sequence
    except AndonError:
        is_in_force = False
    if is_in_force:
        folder.prepared.replace(folder.routing)
    else:
        folder.prepared.unlink()
    sync_folder(folder.root)


def _wait_for_workers(
    folder: ServeFolder, table: Generation, check_alone: Callable[[Generation], None], patience: Patience
) -> None:
    workers: list[str] = []
    for _ in range(patience.polls):
        workers = live_workers(folder)
        if not workers:
            check_alone(table)
            return
        acks = [_read_ack(folder, worker, table) for worker in workers]
        for ack in acks:
            if ack is not None and ack.problem:
                raise _refuse("worker-refused", "A worker cannot serve this release.", f"{ack.worker}: {ack.problem}")
        if all(acks):
            return
        patience.sleep(POLL_S)
    raise _refuse("no-answer", "Not every worker answered in time; the old release stays.", ", ".join(workers))


def _read_ack(folder: ServeFolder, worker: str, table: Generation) -> Ack | None:
    try:
        ack = from_json(Ack, loads(read_plain(folder.acks / f"{worker}-{table.sequence}")))
    except (OSError, InputError):
        return None
    return ack if ack.table == table.digest else None


def _clear(acks: Path) -> None:
    for path in acks.iterdir():
        path.unlink(missing_ok=True)


def _refuse(what: str, message: str, found: str) -> RefusedError:
    return RefusedError(
        f"serve.{what}",
        message,
        found=found,
        fix="Look at the server's health for the reason, mend it, and promote again with a new routing table.",
    )
