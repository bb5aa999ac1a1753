"""What the line needs from a store of immutable bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from andon.kernel.digest import Digest


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that a store now holds."""

    digest: Digest
    size_bytes: int


class Blobs(Protocol):
    """Write-once objects by the digest of their bytes."""

    def put(self, chunks: Iterable[bytes]) -> Stored:
        """Store bytes; durable when it returns, and the same bytes again change nothing.

        Raises:
            StorageError: The disk is full or fails (`store.disk-full`, `store.disk-failed`); nothing is half written.
            IntegrityError: The object is there already, and damaged (`store.object-damaged`).
        """
        ...

    def put_file(self, path: Path) -> Stored:
        """Store the bytes of a file, hashed while they are copied.

        Raises:
            InputError: The file cannot be read, or is not an ordinary file (`store.unreadable-file`).
            StorageError: The disk is full or fails; nothing is half written.
            IntegrityError: The object is there already, and damaged.
        """
        ...

    def read(self, digest: Digest) -> bytes:
        """The bytes of an object, checked against its digest.

        Raises:
            InputError: The store holds no such object (`store.unknown-object`).
            IntegrityError: The bytes are not those that were stored (`store.object-damaged`).
        """
        ...

    def local(self, digest: Digest) -> Path:
        """A file with the bytes of an object, checked just now, for readers that need a path; never write to it.

        Raises:
            InputError: The store holds no such object.
            IntegrityError: The bytes are not those that were stored.
        """
        ...

    def has(self, digest: Digest) -> bool:
        """Whether the store holds an object; its bytes are not checked."""
        ...
