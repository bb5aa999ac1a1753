"""A witness's own folder: its name and key, the ledgers it knows, and the head of each that it cosigned last."""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.witness.disk import replace, write_new
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError, UsageError
from andon.kernel.signing import PublicKey, Verifier
from andon.ledger.checkpoint import Checkpoint, parse
from andon.ledger.note import check_name, parse_note_key

_NAME: Final = "name"
_ORIGIN: Final = "origin"
_KEYS: Final = "keys"
_HEAD: Final = "head"


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """Implements `andon.ledger.ports.WitnessStates` in a folder that only the witness's owner may write.

    Attributes:
        folder: The folder.
        verifier: Makes the check of one key.
    """

    folder: Path
    verifier: Callable[[PublicKey], Verifier]

    @property
    def key(self) -> Path:
        """The file of the private key."""
        return self.folder / "keys" / "witness.pem"

    def found(self, name: str) -> None:
        """Give the witness its name.

        Raises:
            UsageError: It cannot name a key.
            ConflictError: It has another one (`witness.other-name`).
            StorageError: The folder cannot be written.
        """
        check_name(name)
        try:
            write_new(self.folder / _NAME, name.encode())
        except FileExistsError as error:
            if self.name() != name:
                raise ConflictError(
                    "witness.other-name",
                    "This folder is another witness's.",
                    place=str(self.folder),
                    found=self.name(),
                    fix="Use another folder: a witness never changes its name.",
                ) from error

    def name(self) -> str:
        """The name under which the witness signs.

        Raises:
            UsageError: This is no witness's folder.
        """
        try:
            return (self.folder / _NAME).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                "witness.no-folder",
                "There is no witness here.",
                place=str(self.folder),
                fix="Make one: andon witness key --folder FOLDER --name NAME",
            ) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only process that works with this folder.

        Raises:
            ConflictError: Another one does (`witness.busy`).
        """
        self.name()
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConflictError(
                    "witness.busy",
                    "Another process is this witness.",
                    place=str(self.folder),
                    fix="Wait until it ends, or stop it: a witness has one memory and one writer.",
                ) from error
            yield

    def add_log(self, origin: str, key: str) -> None:
        """Know a ledger, or a further key of it.

        Args:
            origin: The ledger's name.
            key: Its key as a `name+id+key` line; the name must be the ledger's.

        Raises:
            IntegrityError: The key is malformed.
            UsageError: The key is another ledger's.
            StorageError: The folder cannot be written.
        """
        name, _ = parse_note_key(key)
        if name != origin:
            raise UsageError(
                "witness.key-of-another",
                "This key is another ledger's.",
                found=f"a key of {name}",
                fix=f"Bring the key of {origin}: andon witness status prints it.",
            )
        place = self._place(origin)
        keys = self._keys(place)
        replace(place / _ORIGIN, origin.encode())
        if key not in keys:
            replace(place / _KEYS, "".join(f"{one}\n" for one in (*keys, key)).encode())

    def origins(self) -> list[str]:
        """The ledgers that are known here, by name.

        Raises:
            InputError: One of the names cannot be read.
        """
        return sorted(_text(path) for path in self.folder.glob(f"logs/*/{_ORIGIN}"))

    def verifiers(self, origin: str) -> Sequence[Verifier]:
        """The checks of the keys that may sign the heads of a ledger; empty when it is not known here.

        Raises:
            IntegrityError: What is kept cannot be read.
        """
        return [self.verifier(parse_note_key(key)[1]) for key in self._keys(self._place(origin))]

    def load(self, origin: str) -> Checkpoint | None:
        """The head of a ledger that was cosigned last, or None when none was.

        Raises:
            IntegrityError: Something is there that cannot be read (`witness.memory-damaged`).
        """
        note = self.note(origin)
        try:
            head = parse(note) if note is not None else None
        except AndonError as error:
            raise self._damaged(origin, error.found) from error
        if head is not None and head.origin != origin:
            raise self._damaged(origin, head.origin)
        return head

    def note(self, origin: str) -> str | None:
        """The head of a ledger that was cosigned last, as the note that was kept."""
        try:
            return (self._place(origin) / _HEAD).read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(origin, str(error)) from error

    def save(self, origin: str, note: str) -> None:
        """Remember a head, in place of the one before; it is on the disk when this returns.

        Raises:
            StorageError: It cannot be written; the one before stays.
        """
        replace(self._place(origin) / _HEAD, note.encode())

    def has_recovered(self, origin: str, mark: str) -> bool:
        """Whether the witness went back by this recovery before."""
        return self._recovered(origin, mark).exists()

    def note_recovered(self, origin: str, mark: str) -> None:
        """Note that the witness went back by a recovery, so that it never does so again.

        Raises:
            StorageError: The folder cannot be written.
        """
        replace(self._recovered(origin, mark), b"")

    def _recovered(self, origin: str, mark: str) -> Path:
        return self._place(origin) / f"recovered-{mark}"

    def _place(self, origin: str) -> Path:
        return self.folder / "logs" / hashlib.sha256(origin.encode()).hexdigest()[:32]

    def _keys(self, place: Path) -> list[str]:
        path = place / _KEYS
        return _text(path).splitlines() if path.exists() else []

    def _damaged(self, origin: str, found: str) -> IntegrityError:
        return IntegrityError(
            "witness.memory-damaged",
            "What this witness remembers cannot be read, so an older ledger could not be told.",
            place=f"{origin} in {self.folder}",
            found=found[:120],
            fix="Restore the file from a copy.",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "witness.unreadable",
            "This file of a witness cannot be read.",
            place=str(path),
            found=str(error),
            fix="Run as the witness's owner, or restore the file from a copy.",
        ) from error
