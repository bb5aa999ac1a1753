"""Witnesses put together: those that a factory asks, and the one that a folder is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.witness.client import http_witness
from andon.adapters.witness.folder import WitnessFolder
from andon.adapters.witness.sink import FolderWitness, Record, put_cosigned, records
from andon.kernel.clock import SECOND_NS, SystemClock, iso
from andon.kernel.errors import AndonError, RefusedError
from andon.kernel.signing import Verifier, key_line
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.cosignature import cosigner_key
from andon.ledger.desk import Desk
from andon.ledger.ports import Witness
from andon.ledger.witness import Shown
from andon.wiring.witness_settings import WitnessAt


@dataclass(frozen=True, slots=True)
class SinkRead:
    """What a witness made of one ledger's heads in a sink.

    Attributes:
        origin: The ledger.
        size: How many entries the cosigned head has; 0 where nothing lies there, or nothing was cosigned.
        refusal: Why nothing was cosigned.
    """

    origin: str
    size: int
    refusal: AndonError | None = None


@dataclass(frozen=True, slots=True)
class WitnessPublic:
    """What others need to know of a witness.

    Attributes:
        name: Its name.
        line: Its key as other tools read it: `name+id+key`.
        key: Its key as the trust root writes it.
    """

    name: str
    line: str
    key: str

    def to_toml(self, now_ns: int) -> str:
        """The witness as a service of the trust root, from now on, as people add it to the file that they propose."""
        now = iso(now_ns - now_ns % SECOND_NS)  # cosignatures carry whole seconds
        return (
            f'\n[[principal]]\nname = "{self.name}"\nkind = "service"\n'
            f'keys = [{{ key = "{self.key}", state = "active", since = "{now}" }}]\n'
            f'roles = [{{ role = "witness", from = "{now}" }}]\n'
        )


def witnesses_at(settings: Sequence[WitnessAt], log: Sequence[Verifier]) -> tuple[Witness, ...]:
    """The witnesses that a factory's settings name.

    Args:
        settings: Their names and where they are asked.
        log: The keys that may sign the factory's ledger.

    Raises:
        UsageError: A URL is none.
    """
    return tuple(
        FolderWitness(one.name, one.folder, log) if one.folder else http_witness(one.name, one.url) for one in settings
    )


def witness_folder(folder: Path) -> WitnessFolder:
    """What a witness keeps in a folder."""
    return WitnessFolder(folder, verifier)


def witness_key(folder: Path, name: str) -> WitnessPublic:
    """The public key of the witness in a folder, which is made, with its key, if it is not there.

    Args:
        folder: The witness's folder.
        name: Its name, such as `witness.example/audit`; empty where it has one.

    Raises:
        AndonError: The name is none, or the folder is another witness's, or the key cannot be made or read.
    """
    kept = witness_folder(folder)
    if name:
        kept.found(name)
    if not kept.key.exists():
        kept.name()
        generate_key(kept.key)
    public = load_signer(kept.key).public
    return WitnessPublic(kept.name(), cosigner_key(kept.name(), public), key_line(public))


def desk_of(kept: WitnessFolder) -> Desk:
    """The witness of a folder, at work; hold `kept.writing()` as long as it is used.

    Raises:
        AndonError: There is none, or its key cannot be read.
    """
    return Desk(kept.name(), load_signer(kept.key), SystemClock(), kept)


def cosign_sink(kept: WitnessFolder, desk: Desk, sink: Path) -> list[SinkRead]:
    """Cosign the newest head that each known ledger left in a sink, if it continues all that was seen before.

    A ledger that is refused keeps the others from nothing.

    Raises:
        AndonError: The ledgers that are known here cannot be read.
    """
    return [_cosign_ledger(desk, sink, origin) for origin in kept.origins()]


def _cosign_ledger(desk: Desk, sink: Path, origin: str) -> SinkRead:
    try:
        found = list(records(sink, origin))
        if not found:
            return SinkRead(origin, 0)
        newest = _unseen(origin, found, desk.seen(origin))
        put_cosigned(sink, newest[-1], desk.name, desk.cosign([one.shown for one in newest]))
        return SinkRead(origin, newest[-1].head.size)
    except AndonError as error:
        return SinkRead(origin, 0, error)


def _unseen(origin: str, found: list[Record], seen: Checkpoint | None) -> list[Record]:
    """The records after the head that the witness cosigned last; that head once more where there are none."""
    at = max((number for number, one in enumerate(found) if one.head == seen), default=-1)
    if seen is not None and at < 0:
        raise _behind(origin, f"{seen.size} entries were cosigned, and their head is not in the folder")
    if any(one.is_recovery for one in found[at + 1 :]):
        raise _behind(origin, "a recovery lies there that this witness did not take")
    # Whoever saw a head is shown it again from its own size, without a proof.
    again = replace(found[at], shown=Shown(found[at].head.size, (), found[at].shown.note))
    return found[at + 1 :] or [again]


def _behind(origin: str, found: str) -> RefusedError:
    return RefusedError(
        "witness.sink-behind",
        "What lies in the folder does not go on from what this witness cosigned last.",
        place=origin,
        found=found,
        fix="Find out who took files away; after a restored backup: andon witness recover FILE --folder FOLDER",
    )
