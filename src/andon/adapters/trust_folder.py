"""Trust as files: the versions of the trust root, the fingerprint pinned beside the keys, what was seen of ledgers."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from andon.attest.envelope import Envelope, from_json, to_json
from andon.kernel.armour import unwrap, wrap
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.ledger.memory import Remembered

_MOST_READ: Final = 64


class FolderRoots:
    """The signed versions of the trust root, one file each: `root-000001.json` and so on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def envelopes(self) -> Sequence[Envelope]:
        """Every version, the first one first.

        Raises:
            InputError: There is none, or one cannot be read.
        """
        paths = sorted(self._folder.glob("root-*.json"))
        if not paths:
            raise InputError(
                "trust.missing",
                "There is no trust root.",
                place=str(self._folder),
                fix="Make the factory's keys and trust root: andon init.",
            )
        return [_envelope(_read(path)) for path in paths]

    def add(self, version: int, envelope: Envelope) -> None:
        """Keep a version.

        Raises:
            ConflictError: This version is there already.
        """
        path = self._folder / f"root-{version:06d}.json"
        if not _write_new(path, to_json(envelope)):
            raise ConflictError(
                "trust.version-exists", "This version is there already.", place=str(path), fix="Ask again."
            )

    def proposal(self, version: int) -> Envelope | None:
        """What is proposed as a version and not yet one; `None` where nothing is.

        Raises:
            AndonError: It cannot be read.
        """
        path = self._proposal(version)
        return from_json(_read(path)) if path.exists() else None

    def propose(self, version: int, envelope: Envelope) -> None:
        """Keep what is proposed as a version, in place of what was."""
        replace_file(self._proposal(version), to_json(envelope))

    def withdraw(self, version: int) -> bool:
        """Forget what is proposed as a version, readable or not; whether anything was."""
        path = self._proposal(version)
        is_there = path.exists()
        path.unlink(missing_ok=True)
        return is_there

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from changing proposals meanwhile: two people who sign at once must both be heard."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _proposal(self, version: int) -> Path:
        return self._folder / f"proposed-{version:06d}.json"


class HomeFolder:
    """What a verifier keeps outside the factory: the pinned fingerprint, and what it has seen of ledgers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def keys(self) -> Path:
        """The folder of the private keys."""
        return self._folder / "keys"

    def key(self, name: str) -> Path:
        """The file of one private key."""
        return self.keys / f"{name}.pem"

    def pin(self, fingerprint: Digest) -> None:
        """Pin the first trust root.

        Raises:
            ConflictError: Another one is pinned.
        """
        path = self._folder / "pinned-root"
        if path.exists() and self.pinned() != fingerprint:
            raise ConflictError(
                "trust.pinned", "Another trust root is pinned here.", place=str(path), fix="Use another ANDON_HOME."
            )
        replace_file(path, fingerprint.encode())

    def pinned(self) -> Digest:
        """The fingerprint of the first trust root.

        Raises:
            InputError: None is pinned here.
        """
        path = self._folder / "pinned-root"
        if not path.exists():
            raise InputError(
                "trust.not-pinned",
                "No trust root is pinned on this machine, so nothing signed can be checked.",
                place=str(path),
                fix="Get the fingerprint from the factory's owner: andon policy pin FINGERPRINT; or set ANDON_HOME to "
                "where andon init ran.",
            )
        return parse(_read(path).decode().strip())

    def load(self, origin: str) -> Remembered | None:
        """What is remembered of this ledger, or None when it was never seen.

        Raises:
            IntegrityError: Something is there that cannot be read.
        """
        path = self._folder / "remembered.json"
        if not path.exists():
            return None
        try:
            value = loads(_read(path))
            if not isinstance(value, dict) or value["origin"] != origin:
                raise TypeError(origin)
            return Remembered(
                origin, int(str(value["size"])), unwrap(str(value["root"])), int(str(value["root_version"]))
            )
        except (AndonError, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(
                "trust.memory-damaged",
                "What this machine remembers of the ledger cannot be read, so an older one could not be told.",
                place=str(path),
                found=repr(error)[:120],
                fix="Restore the file from a copy.",
            ) from error

    def save(self, remembered: Remembered) -> None:
        """Remember this, in place of what was remembered."""
        value = {
            "origin": remembered.origin,
            "size": str(remembered.size),
            "root": wrap(remembered.root),
            "root_version": str(remembered.root_version),
        }
        replace_file(self._folder / "remembered.json", dumps(value))


@lru_cache(maxsize=_MOST_READ)
def _envelope(data: bytes) -> Envelope:
    """The envelope that these bytes are; the same bytes always are the same one."""
    return from_json(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            "trust.unreadable",
            "This file cannot be read.",
            place=str(path),
            found=str(error),
            fix="Check its owner and mode.",
        ) from error


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file so that a reader, or a crash, sees the old or the new one."""
    _part(path, data).replace(path)


def _write_new(path: Path, data: bytes) -> bool:
    """Write a file whole, unless there is one of that name; whether it was written."""
    part = _part(path, data)
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True


def _part(path: Path, data: bytes) -> Path:
    """The bytes on the disk, under a name that nobody reads."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return part
