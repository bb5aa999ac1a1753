"""How one worker follows the route: tables and state load in the background, the cell is read on every request."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from andon.contracts.routing import Generation, Position, position
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError
from andon.line.serve.cell import Cell
from andon.line.serve.errors import NotReadyError
from andon.line.serve.folder import ServeFolder
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.ports import Releases
from andon.line.serve.predict import Serving
from andon.line.serve.routing import Ack, OpenTable, read_tables, write_ack
from andon.line.serve.state import OpenState, ServingState, read_state

RETRY_NS: Final = 2 * SECOND_NS
PENDING_NS: Final = SECOND_NS // 10

Prepare = Callable[[LoadedRelease, ServingState], Serving]
"""Prepares a release's features on a serving state; what cannot be prepared is said in `Serving.problem`."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a worker gets releases, tables, published datasets and features from.

    Attributes:
        revoked: The releases that are known to be revoked; asked at every look, so it must be cheap while none is new.
    """

    releases: Releases
    open_table: OpenTable
    open_state: OpenState
    prepare: Prepare
    revoked: Callable[[], Collection[Digest]] = tuple


@dataclass(frozen=True, slots=True)
class View:
    """What a worker has loaded, replaced as a whole.

    Attributes:
        answers: What answers, by the number in the cell; `None` for a slot that may answer but could not be loaded.
        table: The newest table that came into force; `None` before the first.
        problems: What is wrong, in words.
    """

    answers: Mapping[int, Serving | None]
    table: Generation | None
    problems: tuple[str, ...]


class Follower:
    """Knows which loaded release answers now.

    `serving` belongs to the thread that answers: one load of eight bytes while nothing changes. `refresh` belongs to
    one other thread, which may take its time. A table, a state or a cell that is damaged, missing or older never
    replaces what the worker has; the worker says so in its health.

    Args:
        folder: The serve folder.
        worker: Name of the worker.
        sources: Where releases, tables and features come from.
        now_ns: The clock.

    Raises:
        InputError: Nothing was ever promoted here.
    """

    def __init__(self, folder: ServeFolder, worker: str, sources: Sources, now_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._worker = worker
        self._sources = sources
        self._now_ns = now_ns
        self._cell = Cell(folder.cell)
        self._view = View({}, None, ())
        self._tables: dict[int, Generation] = {}
        self._state = ServingState()
        self._loaded: dict[Digest, LoadedRelease] = {}
        self._prepared: dict[Digest, Serving] = {}
        self._prepared_on: dict[Digest, Digest] = {}
        self._failures: dict[Digest, str] = {}
        self._revoked: frozenset[Digest] = frozenset()
        self._signature: object = None
        self._retry_ns = 0
        self._seen: tuple[int, View] = (-1, self._view)
        self._serving: Serving | None = None
        self._sequence = 0

    def serving(self) -> Serving:
        """What answers the request that begins now.

        Raises:
            NotReadyError: The release that must answer is not loaded here.
        """
        packed, view = self._cell.packed, self._view
        if packed != self._seen[0] or view is not self._seen[1]:
            self._follow(packed, view)
        if self._serving is None:
            raise NotReadyError(
                "serve.not-ready",
                "The release that must answer is not loaded in this worker.",
                place=self._worker,
                found="; ".join(self.problems()) or "it is still loading",
                fix="See /v2/health/ready; mend what is found there, or roll back to a release that is loaded.",
            )
        return self._serving

    def peek(self) -> Serving | None:
        """What would answer a request that begins now; for any thread, and changes nothing."""
        at, view = self._cell.position, self._view
        if at.packed() in view.answers and at.sequence >= self._sequence:
            return view.answers[at.packed()]
        return self._serving

    @property
    def is_pending(self) -> bool:
        """Whether features of a release are being brought to what is published."""
        return any(one.is_pending for one in dict(self._prepared).values())

    def problems(self) -> tuple[str, ...]:
        """What is wrong in this worker, in words; nothing when all is well."""
        at, view = self._cell.position, self._view
        if at.packed() in view.answers and at.sequence >= self._sequence:
            return view.problems
        return (*view.problems, f"the cell points to sequence {at.sequence}, slot {at.place}, which is not followed")

    def refresh(self) -> bool:
        """Load what changed since the last time; tells whether anything did.

        Call it from one thread only, and not from the one that answers.
        """
        signature = self._signs()
        has_failed = bool(self._failures or self._view.problems)
        if signature == self._signature and not (has_failed and self._now_ns() >= self._retry_ns):
            return False
        problems = self._read()
        self._revoked = frozenset(self._sources.revoked())
        wanted = {slot.release for table in self._tables.values() for slot in table.slots}
        self._load(wanted)
        view = self._view_of(problems)
        self._view = view
        self._signature = signature
        self._retry_ns = self._now_ns() + (PENDING_NS if self.is_pending else RETRY_NS)
        self._acknowledge()
        return True

    def close(self) -> None:
        """Let go of the cell."""
        self._cell.close()

    def _follow(self, packed: int, view: View) -> None:
        """Go where the cell points: only to a known table's champion or safer slot, never to a lower sequence."""
        at = position(packed)
        if packed in view.answers and at.sequence >= self._sequence:
            self._serving = view.answers[packed]
            self._sequence = at.sequence
        elif self._serving is not None:  # keep what answers, but on the newest state
            self._serving = view.answers.get(self._serving.packed) or self._serving
        self._seen = (packed, view)

    def _read(self) -> list[str]:
        """Read tables and state; what cannot be read leaves what was there."""
        before = self._cell.position.sequence
        tables, problems = read_tables(self._folder, self._sources.open_table)
        in_force = self._cell.position.sequence
        if in_force not in tables:
            if in_force != before:  # a promotion came in between: look again
                tables, problems = read_tables(self._folder, self._sources.open_table)
            kept = {key: table for key, table in self._tables.items() if key in (in_force, self._sequence)}
            problems += [] if in_force in tables else [f"no routing table of sequence {in_force}"]
            tables = kept | tables
        self._tables = {key: table for key, table in tables.items() if key >= min(in_force, self._sequence or in_force)}
        try:
            self._state = read_state(self._folder.state, self._sources.open_state)
        except (AndonError, OSError) as error:
            problems.append(f"state.json: {error}")
        return problems

    def _load(self, wanted: set[Digest]) -> None:
        self._failures = {release: f"{release}: it was revoked" for release in wanted & self._revoked}
        wanted = wanted - self._revoked
        for release in wanted - set(self._loaded):
            try:
                self._loaded[release] = self._sources.releases.load(release)
            except (AndonError, OSError) as error:
                self._failures[release] = f"{release}: {error}"
        self._loaded = {release: one for release, one in self._loaded.items() if release in wanted}
        self._prepared = {release: one for release, one in self._prepared.items() if release in self._loaded}
        for release, loaded in self._loaded.items():
            before, state = self._prepared.get(release), self._state.digest
            if before is None or before.problem or self._prepared_on[release] != state:
                now = self._sources.prepare(loaded, self._state)
                # What cannot be brought up to date answers from what it was prepared on, and says so.
                is_worse = before is not None and before.features is not None and now.features is None
                kept = replace(before, problem=now.problem, is_pending=now.is_pending) if before and is_worse else now
                self._prepared[release], self._prepared_on[release] = kept, state

    def _view_of(self, problems: list[str]) -> View:
        answers: dict[int, Serving | None] = {}
        for table in self._tables.values():
            for place, slot in enumerate(table.slots):
                if table.allows(place):
                    instead = self._safer(table) if slot.release in self._revoked else place
                    packed = Position(table.sequence, instead).packed()
                    found = self._prepared.get(table.slots[instead].release)
                    answers[Position(table.sequence, place).packed()] = found and replace(found, packed=packed)
        features = [one.problem for one in self._prepared.values() if one.problem]
        in_force = self._tables.get(self._cell.position.sequence)
        return View(answers, in_force, (*problems, *self._failures.values(), *dict.fromkeys(features)))

    def _safer(self, table: Generation) -> int:
        """The first place that the table allows to fall back to and whose release is not revoked; else the champion."""
        places = (place for place in table.safer if table.slots[place].release not in self._revoked)
        return next(places, table.champion)

    def _acknowledge(self) -> None:
        """Answer for the tables that are prepared but not in force."""
        for table in self._tables.values():
            is_waiting = any(self._is_pending(slot.release) for slot in table.slots)
            if table.sequence > self._cell.position.sequence and not is_waiting:
                problem = next(filter(None, (self._problem_of(slot.release) for slot in table.slots)), "")
                write_ack(self._folder, Ack(self._worker, table.digest, problem), table.sequence)

    def _problem_of(self, release: Digest) -> str:
        """Why a release cannot answer here; before anything is published, features are not asked for."""
        if release in self._failures or not self._state.datasets:
            return self._failures.get(release, "")
        return self._prepared[release].problem

    def _is_pending(self, release: Digest) -> bool:
        """Whether its features are being made: nobody can say yet whether it can answer."""
        return release in self._prepared and self._prepared[release].is_pending

    def _signs(self) -> object:
        """What changes whenever a file that is followed does."""
        found: list[object] = [self._cell.packed, frozenset(self._sources.revoked())]
        for path in (self._folder.routing, self._folder.prepared, self._folder.state):
            try:
                stat = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return found
