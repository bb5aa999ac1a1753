"""Committed outputs and leases in the control database."""

from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from andon.adapters.sql.tables import commits, leases
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import ConflictError
from andon.kernel.unit import Unit
from andon.runtime.run import Lease


@dataclass(frozen=True, slots=True)
class SqlCommits:
    """Implements `andon.runtime.ports.Commits`."""

    engine: Engine

    def find(self, stage_key: Digest) -> Digest | None:
        """The committed output of a stage key; `None` when the work is still to do."""
        with reading(self.engine) as connection:
            return connection.scalar(select(commits.c.output).where(commits.c.stage_key == parse(stage_key)))

    def commit(self, unit: Unit, stage_key: Digest, output: Digest, run_id: str, now_ns: int) -> None:
        """Record the output of a stage key; the same output again changes nothing.

        Raises:
            ConflictError: Another output is committed under the key (`runtime.key-committed`).
        """
        connection = connection_of(unit, self.engine)
        found = connection.scalar(select(commits.c.output).where(commits.c.stage_key == parse(stage_key)))
        if found is None:
            row = {"stage_key": stage_key, "output": parse(output), "run_id": run_id, "committed_ns": now_ns}
            connection.execute(insert(commits).values(row))
        elif found != output:
            raise ConflictError(
                "runtime.key-committed",
                "The same work came to another output before.",
                place=stage_key,
                found=found,
                fix="Use the committed output. If the stage is not deterministic, give it the seed it was handed.",
            )


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """Implements `andon.runtime.ports.Leases`."""

    engine: Engine

    def take(self, unit: Unit, name: str, holder: str, until_ns: int, now_ns: int) -> bool:
        """Take or prolong a lease; False when somebody else holds it and it has not run out."""
        connection = connection_of(unit, self.engine)
        row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        if row is not None and row.holder != holder and row.until_ns > now_ns:
            return False
        connection.execute(delete(leases).where(leases.c.name == name))
        connection.execute(insert(leases).values(name=name, holder=holder, until_ns=until_ns))
        return True

    def release(self, unit: Unit, name: str, holder: str) -> None:
        """Give a lease back; nothing happens when the holder no longer has it."""
        connection = connection_of(unit, self.engine)
        connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def get(self, name: str) -> Lease | None:
        """The lease as it was last taken, run out or not; `None` when nobody has it."""
        with reading(self.engine) as connection:
            row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        return None if row is None else Lease(name=row.name, holder=row.holder, until_ns=row.until_ns)
