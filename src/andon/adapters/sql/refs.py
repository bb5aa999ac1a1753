"""Names of versions in the control database: every move is kept, the last one counts."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, Row, func, select

from andon.adapters.sql.plain import add, fetch
from andon.adapters.sql.tables import ref_moves
from andon.adapters.sql.unit import reading
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import ConflictError
from andon.kernel.unit import Unit
from andon.registry.ports import Ref
from andon.registry.version import check_name

_LAST: Final = "SELECT name, digest, sequence, moved_ns FROM ref_moves WHERE name = ? ORDER BY sequence DESC LIMIT 1"
_ADD: Final = "INSERT INTO ref_moves (name, sequence, digest, moved_ns) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class SqlRefs:
    """Implements `andon.registry.ports.Refs`."""

    engine: Engine

    def get(self, name: str) -> Ref | None:
        """Where a name stands; `None` when nothing was ever named so."""
        return self._last(name)

    def move(self, unit: Unit, name: str, expected: Digest | None, new: Digest, now_ns: int) -> Ref:
        """Point a name from what it is expected to point to, `None` for nothing yet, to something new.

        Raises:
            InputError: The name is not of the form of a name, or `new` is not a digest.
            ConflictError: It stands elsewhere (`registry.ref-moved`).
        """
        last = self._last(check_name(name), unit)
        if (last.digest if last else None) != expected:
            raise ConflictError(
                "registry.ref-moved",
                f"{name} does not stand where it was expected.",
                place=name,
                found=f"{last.digest}, moved there as number {last.sequence}" if last else "nothing was ever named so",
                fix="Read where it stands now, decide again, and move it from there.",
            )
        ref = Ref(name, parse(new), last.sequence + 1 if last else 1, now_ns)
        add(self.engine, unit, _ADD, [(ref.name, ref.sequence, ref.digest, ref.moved_ns)])
        return ref

    def with_prefix(self, prefix: str) -> list[Ref]:
        """Where all names that begin so stand, sorted by name."""
        last = (
            select(ref_moves.c.name, func.max(ref_moves.c.sequence).label("sequence"))
            .where(ref_moves.c.name >= prefix, ref_moves.c.name < prefix + "\U0010ffff")
            .group_by(ref_moves.c.name)
            .subquery()
        )
        found = select(ref_moves).join(
            last, (ref_moves.c.name == last.c.name) & (ref_moves.c.sequence == last.c.sequence)
        )
        with reading(self.engine) as connection:
            return [_ref(row) for row in connection.execute(found.order_by(ref_moves.c.name))]

    def history(self, name: str) -> list[Ref]:
        """Everywhere a name ever stood, the oldest first."""
        found = select(ref_moves).where(ref_moves.c.name == name).order_by(ref_moves.c.sequence)
        with reading(self.engine) as connection:
            return [_ref(row) for row in connection.execute(found)]

    def _last(self, name: str, unit: Unit | None = None) -> Ref | None:
        rows = fetch(self.engine, _LAST, name, unit=unit)
        return Ref(*rows[0]) if rows else None


def _ref(row: Row[tuple[str, int, str, int]]) -> Ref:
    return Ref(name=row.name, digest=row.digest, sequence=row.sequence, moved_ns=row.moved_ns)
