"""An online store in memory, and a plan with the blocks of some tables in it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from andon.expressions.online.point import Point
from andon.expressions.online.store import Snapshot
from andon.expressions.plan import FeaturePlan
from andon.expressions.row import Value
from andon.kernel.errors import ConflictError


@dataclass(frozen=True)
class MemorySnapshot:
    """Implements `andon.expressions.online.store.Snapshot`."""

    position: bytes
    kept: Mapping[bytes, bytes]

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.kept.get(key) for key in keys]


class MemoryOnline:
    """Implements `andon.expressions.online.store.OnlineStore`."""

    def __init__(self) -> None:
        self.now = MemorySnapshot(b"", {})

    @contextmanager
    def look(self) -> Iterator[Snapshot]:
        yield self.now

    def move(self, before: bytes, after: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        if before != self.now.position:
            raise ConflictError("online.moved", "The store has moved on.", fix="Ask again.")
        kept = dict(self.now.kept)
        for key, data in changes:
            if data is None:
                kept.pop(key, None)
            else:
                kept[key] = data
        self.now = MemorySnapshot(after, kept)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        return iter(sorted(key for key in self.now.kept if key.startswith(prefix)))

    def close(self) -> None:
        self.now = MemorySnapshot(b"", {})


class TablePoint:
    """A plan on tables as they are, packed into memory: answers like a server that has them published."""

    def __init__(self, plan: FeaturePlan, tables: Mapping[str, pl.LazyFrame]) -> None:
        self._point = Point(plan)
        blocks = (block for group in self._point.groups for block in group.pack(tables[group.contract]))
        self.snapshot = MemorySnapshot(b"", dict(blocks))

    def features(self, values: Mapping[str, object], asked_ns: int) -> dict[str, Value]:
        return self.all_features([values], asked_ns)[0]

    def all_features(self, asking: Sequence[Mapping[str, object]], asked_ns: int) -> list[dict[str, Value]]:
        return self._point.features(asking, asked_ns, self.snapshot)
