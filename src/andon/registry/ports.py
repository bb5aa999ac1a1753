"""What the registry needs from the control database: manifests that never change, and names that move.

Writing takes an open unit. Questions see what is committed, never what an open unit wrote.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from andon.kernel.digest import Digest
from andon.kernel.unit import Unit
from andon.store.manifest import Kind, Manifest


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a name stands, or once stood.

    Attributes:
        sequence: 1 for the first digest a name pointed to, then one more for each move.
        moved_ns: When it was moved there.
    """

    name: str
    digest: Digest
    sequence: int
    moved_ns: int


class Manifests(Protocol):
    """Every artefact there is."""

    def add(self, unit: Unit, manifest: Manifest) -> Digest:
        """Record an artefact and return its identity; recording it again changes nothing."""
        ...

    def get(self, digest: Digest) -> Manifest:
        """The artefact of that identity, hashed again as it is read.

        Raises:
            InputError: There is none (`registry.unknown-artefact`).
            IntegrityError: The record is not what was recorded (`registry.manifest-damaged`).
        """
        ...

    def ancestry(self, digest: Digest) -> Mapping[Digest, Manifest]:
        """An artefact and what it was made from, directly or not, as far as the database's notes lead; none where none.

        Each is hashed again as it is read. Whoever needs them all follows the manifests themselves, and asks for what
        the notes have missed.

        Raises:
            IntegrityError: One of them is not what was recorded (`registry.manifest-damaged`).
        """
        ...

    def many(self, digests: Collection[Digest]) -> Mapping[Digest, Manifest]:
        """Several artefacts at once, by identity, each hashed again as it is read.

        Raises:
            InputError: One of them is not there (`registry.unknown-artefact`).
            IntegrityError: One of them is not what was recorded (`registry.manifest-damaged`).
        """
        ...

    def users_of(self, digest: Digest) -> list[Digest]:
        """Artefacts that were made from this one, in the order they were recorded."""
        ...

    def of_kind(self, kind: Kind, limit: int) -> list[Digest]:
        """Artefacts of a kind, the newest first."""
        ...


class Refs(Protocol):
    """Names that point to artefacts, moved only by compare-and-swap."""

    def get(self, name: str) -> Ref | None:
        """Where a name stands; `None` when nothing was ever named so."""
        ...

    def move(self, unit: Unit, name: str, expected: Digest | None, new: Digest, now_ns: int) -> Ref:
        """Point a name from what it is expected to point to, `None` for nothing yet, to something new.

        Raises:
            InputError: The name is not of the form of a name.
            ConflictError: It stands elsewhere (`registry.ref-moved`).
        """
        ...

    def with_prefix(self, prefix: str) -> list[Ref]:
        """Where all names that begin so stand, sorted by name."""
        ...

    def history(self, name: str) -> list[Ref]:
        """Everywhere a name ever stood, the oldest first."""
        ...
