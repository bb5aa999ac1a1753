"""Which release answers: the table that the gatekeeper signs, and the number by which workers follow it."""

from dataclasses import dataclass
from typing import Final, Literal

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import InputError

PAYLOAD_TYPE: Final = "application/vnd.andon.routing+json"
SLOT_BITS: Final = 8
MAX_SLOTS: Final = 1 << SLOT_BITS
MAX_SEQUENCE: Final = (1 << 53) - 1

SlotRole = Literal["champion", "last-known-good"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One release that every worker keeps loaded and checked.

    Attributes:
        role: `champion` answers; `last-known-good` answered before and may be fallen back to.
    """

    model_name: str
    release: Digest
    role: SlotRole


@dataclass(frozen=True, slots=True)
class Generation:
    """The routing table of one model on one target.

    Attributes:
        sequence: 1 for the first table, then ever higher; a lower one is never followed again.
        slots: The releases, addressed by their place; at most 256.
        champion: Place of the one champion.
        safer: Places of the slots that a rollback or a worker may fall to; never the champion.

    Raises:
        InputError: The parts contradict one another.
    """

    sequence: int
    target: str
    factory: str
    slots: tuple[Slot, ...]
    champion: int
    safer: tuple[int, ...]

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise _malformed(problem)

    @property
    def model_name(self) -> str:
        """The model that every slot is a release of."""
        return self.slots[self.champion].model_name

    def allows(self, place: int) -> bool:
        """Whether a slot may answer at all: it is the champion or a safer alternative."""
        return place == self.champion or place in self.safer

    def place_of(self, release: Digest) -> int:
        """The place of a release in this table.

        Raises:
            InputError: The table does not hold it.
        """
        for place, slot in enumerate(self.slots):
            if slot.release == release:
                return place
        raise InputError(
            "routing.unknown-release",
            "The routing table does not hold this release.",
            found=release,
            place=f"{self.factory}/{self.model_name} on {self.target}, sequence {self.sequence}",
            fix="Choose one of " + ", ".join(slot.release for slot in self.slots) + ".",
        )

    def to_bytes(self) -> bytes:
        """The table's canonical bytes; `generation_from_bytes` reads them back."""
        return dumps(to_json(self))

    @property
    def digest(self) -> Digest:
        """Identity of the table."""
        return of_bytes(self.to_bytes())


@dataclass(frozen=True, slots=True)
class Position:
    """Where the cell points: one slot of the table of one sequence."""

    sequence: int
    place: int

    def packed(self) -> int:
        """The position as the one number that the cell holds."""
        return self.sequence << SLOT_BITS | self.place


def position(packed: int) -> Position:
    """The position that a cell's number stands for; 0 is no position, and its sequence is 0."""
    return Position(packed >> SLOT_BITS, packed & (MAX_SLOTS - 1))


def generation_from_bytes(data: bytes) -> Generation:
    """Read what `Generation.to_bytes` wrote.

    Raises:
        InputError: The bytes are not the canonical bytes of a routing table.
    """
    return from_json(Generation, loads(data), "routing")


def _problem(table: Generation) -> str:
    places = range(len(table.slots))
    champions = [place for place, slot in enumerate(table.slots) if slot.role == "champion"]
    for slot in table.slots:
        parse(slot.release)
    checks = {
        f"sequence {table.sequence}": 1 <= table.sequence <= MAX_SEQUENCE,
        f"{len(table.slots)} slots": 1 <= len(table.slots) <= MAX_SLOTS,
        f"champions at {champions}, not at {table.champion} alone": champions == [table.champion],
        f"safer places {table.safer}": all(place in places and place != table.champion for place in table.safer)
        and len(set(table.safer)) == len(table.safer),
        "releases of several models": len({slot.model_name for slot in table.slots}) == 1,
        "the same release twice": len({slot.release for slot in table.slots}) == len(table.slots),
    }
    return next((text for text, holds in checks.items() if not holds), "")


def _malformed(found: str) -> InputError:
    return InputError(
        "routing.malformed",
        "This is not a routing table.",
        found=found,
        fix="Ask the gatekeeper for a new one; a routing table is never written by hand.",
    )
