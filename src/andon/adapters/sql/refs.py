"""Names of versions in the control database: every move is kept, the last one counts."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, func, insert, select

from andon.adapters.sql.tables import ref_moves
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import ConflictError
from andon.kernel.unit import Unit
from andon.registry.ports import Ref
from andon.registry.version import check_name


@dataclass(frozen=True, slots=True)
class SqlRefs:
    """Implements `andon.registry.ports.Refs`."""

    engine: Engine

    def get(self, name: str) -> Ref | None:
        """Where a name stands; `None` when nothing was ever named so."""
        with reading(self.engine) as connection:
            return _last(connection, name)

    def move(self, unit: Unit, name: str, expected: Digest | None, new: Digest, now_ns: int) -> Ref:
        """Point a name from what it is expected to point to, `None` for nothing yet, to something new.

        Raises:
            InputError: The name is not of the form of a name, or `new` is not a digest.
            ConflictError: It stands elsewhere (`registry.ref-moved`).
        """
        connection = connection_of(unit, self.engine)
        last = _last(connection, check_name(name))
        if (last.digest if last else None) != expected:
            raise ConflictError(
                "registry.ref-moved",
                f"{name} does not stand where it was expected.",
                place=name,
                found=f"{last.digest}, moved there as number {last.sequence}" if last else "nothing was ever named so",
                fix="Read where it stands now, decide again, and move it from there.",
            )
        ref = Ref(name, parse(new), last.sequence + 1 if last else 1, now_ns)
        row = {"name": ref.name, "sequence": ref.sequence, "digest": ref.digest, "moved_ns": ref.moved_ns}
        connection.execute(insert(ref_moves).values(row))
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


def _last(connection: Connection, name: str) -> Ref | None:
    found = select(ref_moves).where(ref_moves.c.name == name).order_by(ref_moves.c.sequence.desc()).limit(1)
    row = connection.execute(found).one_or_none()
    return None if row is None else _ref(row)


def _ref(row: Row[tuple[str, int, str, int]]) -> Ref:
    return Ref(name=row.name, digest=row.digest, sequence=row.sequence, moved_ns=row.moved_ns)
