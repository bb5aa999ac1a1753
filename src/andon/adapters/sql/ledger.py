"""The ledger's leaves, nodes and signed heads in the control database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sqlalchemy import Engine, func, insert, select

from andon.adapters.sql.tables import checkpoints, ledger_leaves, ledger_nodes
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.errors import ConflictError, IntegrityError
from andon.kernel.unit import Unit
from andon.ledger.merkle import Node, Place

_PAGE_ROWS: Final = 2000
_NODES: Final = "SELECT level, position, hash FROM ledger_nodes"


@dataclass(frozen=True, slots=True)
class SqlLedgerRows:
    """Implements `andon.ledger.ports.LedgerRows`."""

    engine: Engine

    def size(self, unit: Unit | None = None) -> int:
        """How many leaves there are: one more than the highest index, whatever rows may be missing below it."""
        with reading(self.engine, unit) as connection:
            last = connection.scalar(select(func.max(ledger_leaves.c.position)))
        return 0 if last is None else last + 1

    def append(self, unit: Unit, index: int, leaf: bytes, nodes: Sequence[Node]) -> None:
        """Add one leaf and the nodes that it completes.

        Raises:
            ConflictError: `index` is not the size; somebody else appended first (`ledger.moved`).
        """
        connection = connection_of(unit, self.engine)
        size = self.size(unit)
        if index != size:
            raise ConflictError(
                "ledger.moved",
                "Somebody else appended to the ledger first.",
                place=f"index {index}",
                found=f"{size} leaves",
                fix="Read the size inside the unit that appends, and try again.",
            )
        connection.execute(insert(ledger_leaves).values(position=index, leaf=leaf))
        rows = [{"level": node.level, "position": node.index, "hash": node.hash} for node in nodes]
        if rows:
            connection.execute(insert(ledger_nodes), rows)

    def nodes_at(self, places: Collection[Place], unit: Unit | None = None) -> Mapping[Place, bytes]:
        """The 32 bytes of each of some nodes, by level and index, found together.

        Raises:
            IntegrityError: One is not there (`ledger.node-missing`).
        """
        with reading(self.engine, unit) as connection:
            # One condition each, in the driver's own words: a list of pairs would make SQLite read the whole table, and
            # putting dozens of conditions together anew takes the library ten times as long as finding the rows.
            where = " OR ".join(["level = ? AND position = ?"] * len(places)) or "FALSE"
            rows = connection.exec_driver_sql(f"{_NODES} WHERE {where}", tuple(chain(*places)))
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
        found = select(ledger_nodes.c.position, ledger_nodes.c.hash).where(ledger_nodes.c.level == level)
        position = ledger_nodes.c.position
        after = start - 1
        while True:
            page = found.where(position > after, position < stop).order_by(position).limit(_PAGE_ROWS)
            with reading(self.engine) as connection:
                rows = connection.execute(page).all()
            yield from ((place, found) for place, found in rows)
            if len(rows) < _PAGE_ROWS:
                return
            after = rows[-1].position

    def leaves(self, start: int, stop: int, unit: Unit | None = None) -> Iterator[tuple[int, bytes]]:
        """The stored (index, leaf bytes) in `range(start, stop)`, in order; missing ones are skipped."""
        position = ledger_leaves.c.position
        after = start - 1
        while True:
            page = select(ledger_leaves).where(position > after, position < stop).order_by(position).limit(_PAGE_ROWS)
            with reading(self.engine, unit) as connection:
                rows = connection.execute(page).all()
            yield from ((place, leaf) for place, leaf in rows)
            if len(rows) < _PAGE_ROWS:
                return
            after = rows[-1].position


@dataclass(frozen=True, slots=True)
class SqlCheckpointRows:
    """Implements `andon.ledger.ports.CheckpointRows`."""

    engine: Engine

    def save(self, unit: Unit, size: int, note: str) -> None:
        """Keep the signed head of a size.

        Raises:
            ConflictError: There is a head of this size already (`ledger.moved`).
        """
        connection = connection_of(unit, self.engine)
        if connection.scalar(select(checkpoints.c.size).where(checkpoints.c.size == size)) is not None:
            raise ConflictError(
                "ledger.moved",
                "There is a signed head of this size already.",
                place=f"size {size}",
                fix="Append first: one size has one head.",
            )
        connection.execute(insert(checkpoints).values(size=size, note=note))

    def latest(self, unit: Unit | None = None) -> str | None:
        """The head with the greatest size, or None when nothing was ever appended."""
        with reading(self.engine, unit) as connection:
            return connection.scalar(select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1))

    def at(self, size: int) -> str | None:
        """The head of one size, if it was kept."""
        with reading(self.engine) as connection:
            return connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == size))
