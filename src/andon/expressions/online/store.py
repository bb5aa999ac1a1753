"""The port of the online store: blocks under keys, moved from one position to the next as a whole."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Data = bytes | memoryview


class Snapshot(Protocol):
    """The store as it is at one moment, whatever is written meanwhile."""

    @property
    def position(self) -> bytes:
        """What the store holds, in the words of who wrote it; nothing in a store that is new."""
        ...

    def get(self, keys: Sequence[bytes]) -> Sequence[Data | None]:
        """What is kept under each key, valid as long as the snapshot is open."""
        ...


class OnlineStore(Protocol):
    """Blocks under keys, read by many processes and written by one at a time."""

    def look(self) -> AbstractContextManager[Snapshot]:
        """The store as it is now.

        Raises:
            AndonError: It cannot be reached, or is damaged.
        """
        ...

    def move(self, before: bytes, after: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write these blocks and the new position; all of it is seen from one moment on, or none of it.

        Args:
            before: The position that the store must have.
            after: The position that it has then.
            changes: Keys, and what is kept under each from then on; `None` for nothing.

        Raises:
            ConflictError: It has another position, or somebody else is writing (`online.busy`).
            AndonError: It cannot be reached, is full or damaged; everything stays as it was.
        """
        ...

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in their order."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
