"""A folder of another owner in which the ledger leaves its heads: a witness without a process.

Files are numbered for each ledger and written once: `LEDGER-000001.head` holds what a ledger showed,
`LEDGER-000007.recovery` that its owner let it go back, `LEDGER-000001.cosigned-WITNESS` what a witness signed under a
head. The folder itself signs nothing; a witness that reads it does, and puts its line beside the head.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.witness.disk import write_new
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import Checkpoint, parse
from andon.ledger.witness import Shown, accept, parse_request, write_request
from andon.store.errors import StorageError

_RECORD: Final = re.compile(r"([0-9a-f]{32})-([0-9]{6,12})\.(head|recovery)")
_COSIGNED: Final = "cosigned-"
_LOOKS_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """One numbered file of a sink: what the ledger showed, or the head it was let go back to."""

    number: int
    shown: Shown
    is_recovery: bool

    @property
    def head(self) -> Checkpoint:
        """The head that it is about."""
        return parse(self.shown.note)


@dataclass(frozen=True, slots=True)
class FolderWitness:
    """Implements `andon.ledger.ports.Witness` over a sink.

    Attributes:
        name: What the settings call it.
        folder: The sink.
        verifiers: The keys that may sign this ledger's heads.
        patience_s: How long to wait for a witness that reads this folder, in seconds; not at all where none ever did.
    """

    name: str
    folder: Path
    verifiers: Sequence[Verifier]
    patience_s: float = 3.0

    @property
    def is_live(self) -> bool:
        """It holds what was signed earlier."""
        return False

    def cosign(self, shown: Shown) -> str:
        """Leave the head in the folder, and take what witnesses signed under it; empty when none did.

        Raises:
            WitnessConflictError: The folder holds another size than the one the proof starts from.
            IntegrityError: The head does not continue the one that lies there, or that one cannot be read.
            StorageError: The folder cannot be read or written.
        """
        head = parse(shown.note)
        last = _last(self.folder, head.origin)
        seen = last.head if last else None
        accept(seen, shown, self.verifiers)
        number = last.number if last else 0
        if seen != head:
            number += 1
            try:
                write_new(_path(self.folder, head.origin, number, "head"), write_request(shown))
            except FileExistsError as error:
                raise _changed(self.folder) from error
        return self._lines(head.origin, number)

    def _lines(self, origin: str, number: int) -> str:
        """What was signed under a head, waited for as long as there is patience."""
        is_read = any(self.folder.glob(f"{_mark(origin)}-*.{_COSIGNED}*"))
        until = time.monotonic() + (self.patience_s if is_read else 0)
        while True:
            found = self.folder.glob(f"{_mark(origin)}-{number:06d}.{_COSIGNED}*")
            lines = [_read(path).decode(errors="replace") for path in sorted(found)]
            if lines or time.monotonic() >= until:
                return "".join(lines)
            time.sleep(_LOOKS_EVERY_S)


def records(sink: Path, origin: str) -> Iterator[Record]:
    """Everything that a sink holds of a ledger, in order.

    Raises:
        IntegrityError: A number is missing or there twice, or a file is not what it must be (`witness.sink-damaged`).
        StorageError: The folder cannot be read.
    """
    for expected, (number, path) in enumerate(_numbered(sink, origin), 1):
        if number != expected:
            raise _damaged(sink, f"number {number} where {expected} is expected")
        yield _record(number, path)


def put_cosigned(sink: Path, record: Record, name: str, line: str) -> None:
    """Put what a witness signed beside the head that it is about; a line of its that is there already stays.

    Raises:
        StorageError: The folder cannot be written.
    """
    path = _path(sink, record.head.origin, record.number, f"{_COSIGNED}{_mark(name)}")
    try:
        write_new(path, line.encode())
    except FileExistsError:
        return


def put_recovery(sink: Path, note: str) -> None:
    """Let a ledger go on from an earlier head; the owner of the sink decides this.

    Raises:
        ConflictError: Somebody else wrote at the same time.
        StorageError: The folder cannot be written.
    """
    origin = parse(note).origin
    last = _last(sink, origin)
    try:
        write_new(_path(sink, origin, last.number + 1 if last else 1, "recovery"), write_request(Shown(0, (), note)))
    except FileExistsError as error:
        raise _changed(sink) from error


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _path(sink: Path, origin: str, number: int, kind: str) -> Path:
    return sink / f"{_mark(origin)}-{number:06d}.{kind}"


def _last(sink: Path, origin: str) -> Record | None:
    numbered = _numbered(sink, origin)
    return _record(*numbered[-1]) if numbered else None


def _numbered(sink: Path, origin: str) -> list[tuple[int, Path]]:
    mark = _mark(origin)
    try:
        found = [(match, path) for path in sink.iterdir() if (match := _RECORD.fullmatch(path.name))]
    except OSError as error:
        raise _unreadable(sink, error) from error
    return sorted((int(match[2]), path) for match, path in found if match[1] == mark)


def _record(number: int, path: Path) -> Record:
    try:
        return Record(number, parse_request(_read(path)), path.suffix == ".recovery")
    except InputError as error:
        raise _damaged(path, error.found) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        "witness.unreadable",
        "A witness's folder cannot be read.",
        place=str(path),
        found=str(error),
        fix="Check its owner and mode; whoever keeps the ledger must be able to read it and to add files.",
    )


def _damaged(place: Path, found: str) -> AndonError:
    return IntegrityError(
        "witness.sink-damaged",
        "What a witness's folder holds is not what was left there.",
        place=str(place),
        found=found,
        fix="Find out who changed the folder, and restore it from a copy of its owner's.",
    )


def _changed(place: Path) -> AndonError:
    return ConflictError(
        "witness.sink-moved", "Somebody else left a head at the same time.", place=str(place), fix="Try again."
    )
