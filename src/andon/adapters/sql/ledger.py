"""The ledger's leaves, nodes and signed heads in the control database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sqlalchemy import Engine

from andon.adapters.sql.plain import Row, add, fetch
from andon.kernel.errors import ConflictError, IntegrityError
from andon.kernel.unit import Unit
from andon.ledger.merkle import Node, Place

_PAGE_ROWS: Final = 8192
_SIZE: Final = "SELECT max(position) FROM ledger_leaves"
_ADD_LEAF: Final = "INSERT INTO ledger_leaves (position, leaf) VALUES (?, ?)"
_ADD_NODE: Final = "INSERT INTO ledger_nodes (level, position, hash) VALUES (?, ?, ?)"
_NODES_AT: Final = "SELECT level, position, hash FROM ledger_nodes"
_NODES: Final = (
    "SELECT position, hash FROM ledger_nodes WHERE level = ? AND position >= ? AND position < ? "
    "ORDER BY position LIMIT ?"
)
_LEAVES: Final = (
    "SELECT position, leaf FROM ledger_leaves WHERE position >= ? AND position < ? ORDER BY position LIMIT ?"
)
_ADD_HEAD: Final = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
_NEWEST_HEAD: Final = "SELECT note FROM cosigned_checkpoints ORDER BY size DESC LIMIT 1"
_HEAD_AT: Final = "SELECT note FROM cosigned_checkpoints WHERE size = ?"
_COSIGN: Final = "INSERT INTO cosignatures (size, line) VALUES (?, ?) ON CONFLICT DO NOTHING"
_NEXT_COSIGNED: Final = (
    "SELECT size, note FROM cosigned_checkpoints WHERE size = (SELECT min(size) FROM cosignatures WHERE size > ?)"
)
_LAST_COSIGNED: Final = "SELECT coalesce(max(size), 0) FROM cosignatures"


@dataclass(frozen=True, slots=True)
class SqlLedgerRows:
    """Implements `andon.ledger.ports.LedgerRows`."""

    engine: Engine

    def size(self, unit: Unit | None = None) -> int:
        """How many leaves there are: one more than the highest index, whatever rows may be missing below it."""
        ((last,),) = fetch(self.engine, _SIZE, unit=unit)
        return 0 if last is None else int(last) + 1

    def append(self, unit: Unit, index: int, leaf: bytes, nodes: Sequence[Node]) -> None:
        """Add one leaf and the nodes that it completes.

        Raises:
            ConflictError: `index` is not the size; somebody else appended first (`ledger.moved`).
        """
        size = self.size(unit)
        if index != size:
            raise ConflictError(
                "ledger.moved",
                "Somebody else appended to the ledger first.",
                place=f"index {index}",
                found=f"{size} leaves",
                fix="Read the size inside the unit that appends, and try again.",
            )
        add(self.engine, unit, _ADD_LEAF, [(index, leaf)])
        add(self.engine, unit, _ADD_NODE, [(node.level, node.index, node.hash) for node in nodes])

    def nodes_at(self, places: Collection[Place], unit: Unit | None = None) -> Mapping[Place, bytes]:
        """The 32 bytes of each of some nodes, by level and index, found together.

        Raises:
            IntegrityError: One is not there (`ledger.node-missing`).
        """
        # One condition each: a list of pairs would make SQLite read the whole table.
        where = " OR ".join(["level = ? AND position = ?"] * len(places)) or "FALSE"
        rows = fetch(self.engine, f"{_NODES_AT} WHERE {where}", *chain(*places), unit=unit)
        found = {(level, index): found for level, index, found in rows}
        for level, index in places:
            if (level, index) not in found:
                raise IntegrityError(
                    "ledger.node-missing",
                    "A node of the ledger is not there.",
                    place=f"level {level}, index {index}",
                    found="nothing",
                    fix="Verify the ledger, and restore the control database from a backup.",
                )
        return found

    def nodes(self, level: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The stored (index, node) of one level in `range(start, stop)`, in order; missing ones are skipped."""
        return _paged(self.engine, _NODES, (level,), start, stop)

    def leaves(self, start: int, stop: int, unit: Unit | None = None) -> Iterator[tuple[int, bytes]]:
        """The stored (index, leaf bytes) in `range(start, stop)`, in order; missing ones are skipped."""
        return _paged(self.engine, _LEAVES, (), start, stop, unit)


@dataclass(frozen=True, slots=True)
class SqlCheckpointRows:
    """Implements `andon.ledger.ports.CheckpointRows`."""

    engine: Engine

    def save(self, unit: Unit, size: int, note: str) -> None:
        """Keep the signed head of a size.

        Raises:
            ConflictError: There is a head of this size already (`ledger.moved`).
        """
        if fetch(self.engine, _HEAD_AT, size, unit=unit):
            raise ConflictError(
                "ledger.moved",
                "There is a signed head of this size already.",
                place=f"size {size}",
                fix="Append first: one size has one head.",
            )
        add(self.engine, unit, _ADD_HEAD, [(size, note)])

    def latest(self, unit: Unit | None = None) -> str | None:
        """The head with the greatest size, or None when nothing was ever appended."""
        return _note(fetch(self.engine, _NEWEST_HEAD, unit=unit))

    def at(self, size: int) -> str | None:
        """The head of one size, if it was kept."""
        return _note(fetch(self.engine, _HEAD_AT, size))

    def cosign(self, unit: Unit, size: int, line: str) -> None:
        """Keep a witness's signature line under the head of a size; from then on it is part of that note.

        Raises:
            IntegrityError: There is no head of this size (`ledger.head-missing`).
        """
        if not fetch(self.engine, _HEAD_AT, size, unit=unit):
            raise IntegrityError(
                "ledger.head-missing",
                "There is no signed head of this size to cosign.",
                place=f"size {size}",
                found=line.strip(),
                fix="Run: andon audit verify",
            )
        add(self.engine, unit, _COSIGN, [(size, line)])

    def cosigned(self, above: int) -> Iterator[tuple[int, str]]:
        """The (size, note) of every head with a cosignature line whose size is greater than `above`, in order."""
        while True:
            rows = fetch(self.engine, _NEXT_COSIGNED, above)
            if not rows:
                return
            above, note = rows[0]
            yield above, note

    def last_cosigned(self) -> int:
        """The greatest size whose head has a cosignature line; 0 when there is none."""
        ((size,),) = fetch(self.engine, _LAST_COSIGNED)
        return int(size)


def _paged(
    engine: Engine, query: str, given: tuple[int, ...], start: int, stop: int, unit: Unit | None = None
) -> Iterator[tuple[int, bytes]]:
    """The (position, bytes) rows of a query in `range(start, stop)`, a page at a time."""
    while True:
        rows = fetch(engine, query, *given, start, stop, _PAGE_ROWS, unit=unit)
        yield from rows
        if len(rows) < _PAGE_ROWS:
            return
        start = rows[-1][0] + 1


def _note(rows: list[Row]) -> str | None:
    return rows[0][0] if rows else None
