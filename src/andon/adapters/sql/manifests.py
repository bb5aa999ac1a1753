"""Artefacts in the control database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from andon.adapters.sql.plain import fetch, places
from andon.adapters.sql.tables import manifest_inputs, manifests
from andon.adapters.sql.unit import connection_of, reading
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import InputError, IntegrityError
from andon.kernel.unit import Unit
from andon.store.manifest import Kind, Manifest, manifest_from_bytes

_AT_ONCE: Final = 500
_BODIES: Final = "SELECT digest, body FROM manifests"
_ANCESTRY: Final = (
    "WITH RECURSIVE ancestry(digest) AS (SELECT ? UNION SELECT manifest_inputs.used FROM ancestry "
    "JOIN manifests ON manifests.digest = ancestry.digest "
    "JOIN manifest_inputs ON manifest_inputs.manifest = manifests.sequence) "
    "SELECT manifests.digest, manifests.body FROM ancestry JOIN manifests ON manifests.digest = ancestry.digest"
)
_MOST_READ: Final = 1024


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
        return self.many((digest,))[digest]

    def ancestry(self, digest: Digest) -> Mapping[Digest, Manifest]:
        """An artefact and what it was made from, directly or not, as far as the database's notes lead; none where none.

        Raises:
            IntegrityError: One of them is not what was recorded (`registry.manifest-damaged`).
        """
        return {found: _manifest(_checked(found, body)) for found, body in fetch(self.engine, _ANCESTRY, parse(digest))}

    def many(self, digests: Collection[Digest]) -> Mapping[Digest, Manifest]:
        """Several artefacts at once, by identity, each hashed again as it is read.

        Raises:
            InputError: One of them is not there (`registry.unknown-artefact`).
            IntegrityError: One of them is not what was recorded (`registry.manifest-damaged`).
        """
        wanted = [parse(digest) for digest in dict.fromkeys(digests)]
        found: dict[Digest, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            page = wanted[start : start + _AT_ONCE]
            rows = fetch(self.engine, f"{_BODIES} WHERE digest IN ({places(page)})", *page)
            found |= {digest: _checked(digest, body) for digest, body in rows}
        missing = next((digest for digest in wanted if digest not in found), None)
        if missing:
            raise InputError(
                "registry.unknown-artefact",
                "There is no such artefact.",
                found=missing,
                fix="Check the digest, and that this is the control database of the factory that made it.",
            )
        return {digest: _manifest(found[digest]) for digest in wanted}

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


@lru_cache(maxsize=_MOST_READ)
def _manifest(body: bytes) -> Manifest:
    """The manifest in these bytes, which were hashed just now; the same bytes always are the same manifest."""
    return manifest_from_bytes(body)


def _body(connection: Connection, digest: Digest) -> bytes | None:
    body: bytes | None = connection.scalar(select(manifests.c.body).where(manifests.c.digest == digest))
    return None if body is None else _checked(digest, body)


def _checked(digest: Digest, body: bytes) -> bytes:
    if of_bytes(body) != digest:
        raise IntegrityError(
            "registry.manifest-damaged",
            f"The manifest of {digest} is not what was recorded.",
            place="control database, table manifests",
            found=of_bytes(body),
            fix="Restore the control database from a backup; then look for who or what changed it.",
        )
    return body
