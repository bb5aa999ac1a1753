"""Keeps the online store at what is published: new rows change the blocks they stand in, and nothing else does."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Final, Protocol, cast

import polars as pl

from andon.contracts.dataset import contract_from_json
from andon.expressions.online.point import groups_of
from andon.expressions.online.spine import SpineBlocks
from andon.expressions.online.store import OnlineStore, Snapshot
from andon.expressions.plan import FeaturePlan, hidden
from andon.expressions.tree import Node, from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.line.serve.ports import Tables
from andon.line.serve.state import OpenState, ServedDataset, ServedObject, ServingState

HELD: Final = b"\0held"
_TRIES: Final = 20
_AT_ONCE: Final = 256

ReadState = Callable[[], bytes]
"""The signed file of what is published, as it is now; empty where nothing is."""


class Part(Protocol):
    """Blocks that are made of the rows of one contract."""

    digest: Digest
    prefix: bytes
    contract: str

    def touched(self, table: pl.LazyFrame) -> pl.DataFrame:
        """The blocks that these rows stand in."""
        ...

    def pack(self, table: pl.LazyFrame, only: pl.DataFrame | None = None) -> Iterator[tuple[bytes, bytes]]:
        """These blocks of all rows, or all blocks, with the bytes they are kept under."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What plans need of an online store: many need the same, such as all that were trained with the same features.

    Attributes:
        spine: The contract of the rows that ask.
        joins: The joins of their features, sorted.
    """

    spine: str
    joins: tuple[Node, ...]

    def to_json(self) -> Json:
        """The needs as JSON; `_needs` reads them."""
        return {"spine": self.spine, "joins": [to_json(join) for join in self.joins]}

    def parts(self, state: ServingState) -> list[Part]:
        """The parts of a store: those of the joins, and the rows that questions are about."""
        parts: list[Part] = list(groups_of(self.spine, hidden(self.joins)))
        spine = state.of(self.spine)
        return parts if spine is None else [*parts, SpineBlocks(contract_from_json(spine.contract))]


def needs_of(plan: FeaturePlan) -> Needs:
    """What a plan needs of an online store."""
    return Needs(plan.spine, tuple(sorted(plan.joins, key=lambda join: dumps(to_json(join)))))


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds.

    Attributes:
        state: The signed serving state that it was made from; empty in a new store.
        parts: For each part the dataset that its blocks were made from.
        needs: What it is kept up for.
    """

    state: bytes = b""
    parts: Mapping[Digest, Digest] = field(default_factory=dict)
    needs: tuple[Needs, ...] = ()

    def to_bytes(self) -> bytes:
        """As it lies in the store; `held_in` reads it."""
        needs: list[Json] = [each.to_json() for each in self.needs]
        return dumps({"state": self.state.decode(), "parts": dict(self.parts), "needs": needs})


def held_in(snapshot: Snapshot) -> Held:
    """What a store says that it holds.

    Raises:
        IntegrityError: It is damaged.
    """
    position = snapshot.position
    if not position:
        return Held()
    data = bytes(snapshot.get([HELD])[0] or b"")
    if sha256(data).digest() != position:
        raise IntegrityError(
            "online.damaged",
            "What the online store says that it holds is not what was written.",
            found=f"{len(data)} bytes with another checksum",
            fix="Make the store again from the datasets: andon feature rebuild",
        )
    said = cast("Mapping[str, object]", loads(data))
    needs = cast("Sequence[Mapping[str, Json]]", said["needs"])
    parts = cast("Mapping[Digest, Digest]", said["parts"])
    return Held(str(said["state"]).encode(), parts, tuple(_needs(each) for each in needs))


def _needs(said: Mapping[str, Json]) -> Needs:
    joins = cast("Sequence[Json]", said["joins"])
    return Needs(str(said["spine"]), tuple(from_json(join) for join in joins))


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A store that was made anew.

    Attributes:
        parts: How many parts it has.
        blocks: How many blocks they have.
        differing: How many of these were not in the store, or had another bit.
        removed: How many blocks were there that should not be.
    """

    parts: int
    blocks: int
    differing: int
    removed: int


class Feeder:
    """Moves an online store to what is published.

    Several processes may feed one store: whoever comes second waits, and finds nothing left to do.

    Args:
        store: The store.
        tables: Reads the published datasets.
        read_state: Reads the signed file of what is published.
        open_state: Checks its signature.
    """

    def __init__(self, store: OnlineStore, tables: Tables, read_state: ReadState, open_state: OpenState) -> None:
        self._store = store
        self._tables = tables
        self._read_state = read_state
        self._open_state = open_state

    def published(self) -> bytes:
        """The signed file of what is published, as it is now."""
        return self._read_state()

    def is_fed(self, plan: FeaturePlan) -> bool:
        """Whether the store is at what is published, with all that this plan needs.

        Raises:
            AndonError: The store cannot be read.
        """
        signed = self._read_state()
        with self._store.look() as snapshot:
            held = held_in(snapshot)
        if not signed or held.state != signed:
            return False
        return all(part.digest in held.parts for part in needs_of(plan).parts(self._open_state(signed)))

    def feed(self, plan: FeaturePlan) -> None:
        """Bring the store to what is published now, with all that this plan needs.

        Raises:
            InputError: A part of the plan cannot be made of the rows; the others are kept up all the same.
            AndonError: The store or a dataset cannot be used; the store stays as it was.
        """
        failed: dict[Digest, AndonError] = {}
        for _ in range(_TRIES):
            try:
                mine = self._step(plan, failed)
            except _PartError as error:
                failed[error.part] = error.reason
            except ConflictError as error:
                if error.code != "online.moved":
                    raise
            else:
                for digest in mine & failed.keys():
                    raise failed[digest]
                return
        raise ConflictError(
            "online.busy", "The online store is written by others all the time.", fix="Ask again in a moment."
        )

    def rebuild(self, plans: Sequence[FeaturePlan], tell: Callable[[str], None]) -> Rebuilt:
        """Make all that these plans need anew from the published rows, and let go of everything else.

        Args:
            plans: The plans that are served.
            tell: Takes a line for people after each part.

        Raises:
            ConflictError: The store is written by others meanwhile; it stays as it was.
            AndonError: The store or a dataset cannot be used, or a part cannot be made; the store stays as it was.
        """
        signed = self._read_state()
        state = self._open_state(signed) if signed else ServingState()
        with self._store.look() as snapshot:
            before = snapshot.position
        needs = tuple(dict.fromkeys(needs_of(plan) for plan in plans))
        parts = {part.digest: part for each in needs for part in each.parts(state)}
        served = {digest: one.dataset for digest, part in parts.items() if (one := state.of(part.contract)) is not None}
        after = Held(signed, served, needs).to_bytes()
        rebuilding = _Rebuilding(self._store, lambda part: self._table(_served(state, part.contract)), tell)
        changes = _with_last(rebuilding.changes([parts[digest] for digest in served]), (HELD, after))
        self._store.move(before, sha256(after).digest(), changes)
        return Rebuilt(len(served), rebuilding.blocks, rebuilding.differing, rebuilding.removed)

    def _step(self, plan: FeaturePlan, failed: Mapping[Digest, AndonError]) -> set[Digest]:
        """Move the store once; returns the parts of the plan."""
        signed = self._read_state()
        state = self._open_state(signed) if signed else ServingState()
        with self._store.look() as snapshot:
            before, held = snapshot.position, held_in(snapshot)
        own = needs_of(plan)
        needs = tuple(dict.fromkeys((*held.needs, own)))
        parts = {part.digest: part for each in needs for part in each.parts(state)}
        mine = {part.digest for part in own.parts(state)}
        made = {
            digest: one.dataset
            for digest, part in parts.items()
            if digest not in failed and (one := state.of(part.contract)) is not None
        }
        after = Held(signed, made, needs).to_bytes()
        if sha256(after).digest() != before:
            changes = self._changes(held, state, [parts[digest] for digest in made])
            self._store.move(before, sha256(after).digest(), _with_last(changes, (HELD, after)))
        return mine

    def _changes(self, held: Held, state: ServingState, parts: Sequence[Part]) -> Iterator[tuple[bytes, bytes | None]]:
        """What is to be written so that these parts are made from this state."""
        old = self._opened(held.state)
        for part in parts:
            now = state.of(part.contract)
            then = old.of(part.contract) if part.digest in held.parts else None
            if now is None or (then is not None and Counter(then.objects) == Counter(now.objects)):
                continue
            try:
                yield from self._part_changes(part, then, now)
            except (AndonError, pl.exceptions.PolarsError) as error:
                raise _PartError(part.digest, error) from error

    def _part_changes(
        self, part: Part, then: ServedDataset | None, now: ServedDataset
    ) -> Iterator[tuple[bytes, bytes | None]]:
        table = self._table(now)
        if then is not None and Counter(then.objects) <= Counter(now.objects):
            new = Counter(now.objects) - Counter(then.objects)
            yield from part.pack(table, part.touched(self._table(now, tuple(new.elements()))))
            return
        gone = set(self._store.keys(part.prefix))
        for key, block in part.pack(table):
            gone.discard(key)
            yield key, block
        for key in gone:
            yield key, None

    def _table(self, dataset: ServedDataset, objects: tuple[ServedObject, ...] | None = None) -> pl.LazyFrame:
        one = dataset if objects is None else replace(dataset, objects=objects)
        return self._tables.read(ServingState((one,)))[dataset.name]

    def _opened(self, signed: bytes) -> ServingState:
        """The state that the store was made from; none where nobody of this factory signed it."""
        try:
            return self._open_state(signed) if signed else ServingState()
        except AndonError:
            return ServingState()


class _Rebuilding:
    """Blocks made anew, of which only those are written that are not there already, bit for bit."""

    def __init__(self, store: OnlineStore, table: Callable[[Part], pl.LazyFrame], tell: Callable[[str], None]) -> None:
        self._store = store
        self._table = table
        self._tell = tell
        self.blocks = self.differing = self.removed = 0

    def changes(self, parts: Sequence[Part]) -> Iterator[tuple[bytes, bytes | None]]:
        """What is to be written."""
        gone = set(self._store.keys(b"")) - {HELD}
        with self._store.look() as snapshot:
            for number, part in enumerate(parts, 1):
                blocks, differing = self.blocks, self.differing
                for some in _batches(part.pack(self._table(part))):
                    there = snapshot.get([key for key, _ in some])
                    self.blocks += len(some)
                    for (key, block), now in zip(some, there, strict=True):
                        gone.discard(key)
                        if now != block:
                            self.differing += 1
                            yield key, block
                done = f"{self.blocks - blocks} blocks of {part.contract}, {self.differing - differing} differed"
                self._tell(f"{number} of {len(parts)}: {done}")
        for key in gone:
            self.removed += 1
            yield key, None


def _batches(blocks: Iterator[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Blocks that are asked for at once: over a network each question costs a way there and back."""
    while some := list(islice(blocks, _AT_ONCE)):
        yield some


def _served(state: ServingState, contract: str) -> ServedDataset:
    return next(one for one in state.datasets if one.name == contract)


class _PartError(Exception):
    """A part cannot be made of the rows that are published."""

    def __init__(self, part: Digest, error: Exception) -> None:
        super().__init__(part)
        self.part = part
        self.reason = (
            error
            if isinstance(error, AndonError)
            else InputError(
                "online.rows", "The published rows cannot be read as the features need them.", found=str(error)
            )
        )


def _with_last(
    changes: Iterator[tuple[bytes, bytes | None]], last: tuple[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    yield from changes
    yield last
