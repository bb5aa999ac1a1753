"""Artefacts in the control database."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

from andon.adapters.sql.tables import manifest_inputs, manifests
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import InputError, IntegrityError
from andon.kernel.unit import Unit
from andon.store.manifest import Kind, Manifest, manifest_from_bytes


@dataclass(frozen=True, slots=True)
class SqlManifests:
    """Implements `andon.registry.ports.Manifests`."""

    engine: Engine

    def add(self, unit: Unit, manifest: Manifest) -> Digest:
        """Record an artefact and return its identity; recording it again changes nothing.

        Raises:
            IntegrityError: It is recorded already, and the record is damaged.
        """
        connection = connection_of(unit, self.engine)
        body = manifest.to_bytes()
        digest = of_bytes(body)
        if _body(connection, digest) is None:
            row = {"digest": digest, "kind": manifest.kind, "body": body}
            sequence = connection.execute(insert(manifests).values(row)).inserted_primary_key
            inputs = [
                {"manifest": sequence[0], "position": position, "used": item.digest}
                for position, item in enumerate(manifest.inputs)
                if sequence is not None
            ]
            if inputs:
                connection.execute(insert(manifest_inputs), inputs)
        return digest

    def get(self, digest: Digest) -> Manifest:
        """The artefact of that identity, hashed again as it is read.

        Raises:
            InputError: There is none (`registry.unknown-artefact`).
            IntegrityError: The record is not what was recorded (`registry.manifest-damaged`).
        """
        with reading(self.engine) as connection:
            body = _body(connection, parse(digest))
        if body is None:
            raise InputError(
                "registry.unknown-artefact",
                "There is no such artefact.",
                found=digest,
                fix="Check the digest, and that this is the control database of the factory that made it.",
            )
        return manifest_from_bytes(body)

    def users_of(self, digest: Digest) -> list[Digest]:
        """Artefacts that were made from this one, in the order they were recorded."""
        users = (
            select(manifests.c.digest)
            .where(
                manifests.c.sequence.in_(select(manifest_inputs.c.manifest).where(manifest_inputs.c.used == digest)),
            )
            .order_by(manifests.c.sequence)
        )
        with reading(self.engine) as connection:
            return list(connection.execute(users).scalars())

    def of_kind(self, kind: Kind, limit: int) -> list[Digest]:
        """Artefacts of a kind, the newest first."""
        found = (
            select(manifests.c.digest)
            .where(manifests.c.kind == kind)
            .order_by(manifests.c.sequence.desc())
            .limit(max(limit, 0))
        )
        with reading(self.engine) as connection:
            return list(connection.execute(found).scalars())


def _body(connection: Connection, digest: Digest) -> bytes | None:
    body: bytes | None = connection.scalar(select(manifests.c.body).where(manifests.c.digest == digest))
    if body is not None and of_bytes(body) != digest:
        raise IntegrityError(
            "registry.manifest-damaged",
            f"The manifest of {digest} is not what was recorded.",
            place="control database, table manifests",
            found=of_bytes(body),
            fix="Restore the control database from a backup; then look for who or what changed it.",
        )
    return body
