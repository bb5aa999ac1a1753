"""What the ledger needs from outside: rows that are only ever added, checkpoints, and a memory of its own."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from andon.kernel.signing import Verifier
from andon.kernel.unit import Unit
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.memory import Remembered
from andon.ledger.merkle import Node, Place
from andon.ledger.witness import Shown


class LedgerRows(Protocol):
    """The leaves of the ledger, and the perfect subtrees over them.

    With a unit a question is answered inside that transaction and sees its writes; without one, from what is committed.
    """

    def size(self, unit: Unit | None = None) -> int:
        """How many leaves there are: one more than the highest index, whatever rows may be missing below it."""
        ...

    def append(self, unit: Unit, index: int, leaf: bytes, nodes: Sequence[Node]) -> None:
        """Add one leaf and the nodes that it completes (its own hash is the node of level 0).

        Raises:
            ConflictError: `index` is not the size; somebody else appended first.
        """
        ...

    def nodes_at(self, places: Collection[Place], unit: Unit | None = None) -> Mapping[Place, bytes]:
        """The 32 bytes of each of some nodes, a few dozen at most, by level and index, found together.

        A node is the root over leaves `index << level` up to `(index + 1) << level`, exclusive.

        Raises:
            IntegrityError: One is not there (`ledger.node-missing`).
        """
        ...

    def nodes(self, level: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The stored (index, node) of one level in `range(start, stop)`, in order; missing ones are skipped."""
        ...

    def leaves(self, start: int, stop: int, unit: Unit | None = None) -> Iterator[tuple[int, bytes]]:
        """The stored (index, leaf bytes) in `range(start, stop)`, in order; missing ones are skipped."""
        ...


class CheckpointRows(Protocol):
    """The signed heads of the ledger, one per size, each with the cosignature lines that were kept under it."""

    def save(self, unit: Unit, size: int, note: str) -> None:
        """Keep the signed head of a size.

        Raises:
            ConflictError: There is a head of this size already.
        """
        ...

    def latest(self, unit: Unit | None = None) -> str | None:
        """The head with the greatest size, or None when nothing was ever appended."""
        ...

    def at(self, size: int) -> str | None:
        """The head of one size, if it was kept."""
        ...

    def cosign(self, unit: Unit, size: int, line: str) -> None:
        """Keep a witness's signature line under the head of a size; from then on it is part of that note.

        The same line again changes nothing.

        Raises:
            IntegrityError: There is no head of this size (`ledger.head-missing`).
        """
        ...

    def cosigned(self, above: int) -> Iterator[tuple[int, str]]:
        """The (size, note) of every head with a cosignature line whose size is greater than `above`, in order."""
        ...

    def last_cosigned(self) -> int:
        """The greatest size whose head has a cosignature line; 0 when there is none."""
        ...


class Witness(Protocol):
    """Somebody outside who sees that the ledger only grows."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether it signs when it is asked, so that its time is the time now."""
        ...

    def cosign(self, shown: Shown) -> str:
        """The signature lines under the head that it is shown; empty from one that keeps heads and signs nothing.

        Raises:
            WitnessConflictError: It saw the ledger last at another size than the one the proof starts from.
            AndonError: It cannot be asked, or refuses.
        """
        ...


class WitnessStates(Protocol):
    """What a witness keeps: the ledgers it knows, and the head of each that it cosigned last."""

    def verifiers(self, origin: str) -> Sequence[Verifier]:
        """The checks of the keys that may sign the heads of a ledger; empty when it is not known here."""
        ...

    def load(self, origin: str) -> Checkpoint | None:
        """The head of a ledger that was cosigned last, or None when none was.

        Raises:
            IntegrityError: Something is there that cannot be read.
        """
        ...

    def save(self, origin: str, note: str) -> None:
        """Remember a head, in place of the one before; it is on the disk when this returns."""
        ...


class Memory(Protocol):
    """What a verifier remembers of ledgers it has seen, kept out of reach of whoever keeps the ledger."""

    def load(self, origin: str) -> Remembered | None:
        """What is remembered of this ledger, or None when it was never seen.

        Raises:
            IntegrityError: Something is there that cannot be read.
        """
        ...

    def save(self, remembered: Remembered) -> None:
        """Remember this, in place of what was remembered of the same origin."""
        ...
