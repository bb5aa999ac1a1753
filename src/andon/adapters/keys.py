"""The door of `cryptography`: ed25519 keys in files, signing and checking."""

import os
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from andon.kernel.errors import InputError
from andon.kernel.signing import PublicKey, public_key

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST_KEYS: Final = 256
_MAX_FILE_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs with a private key that stays inside; showing the value shows the key id only."""

    public: PublicKey
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature over these bytes."""
        return self._private.sign(data)


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Checks signatures against one public key."""

    public: PublicKey
    _key: Ed25519PublicKey = field(repr=False, compare=False)

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.public.key_id

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether this key made this signature over these bytes."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def generate_key(path: Path) -> PublicKey:
    """Make an ed25519 key and write its private half where only its owner can read it.

    The file is new, PEM PKCS8, mode 0600, and on the disk when this returns; a missing folder is made with mode 0700.

    Args:
        path: Where the private key goes. Keep it outside the factory's folder.

    Raises:
        InputError: The file is there already, others may write to its folder, or it cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        _prepare_folder(path.parent)
        _write_new(path, pem)
    except FileExistsError as error:
        raise _refuse(
            "exists", "There is a file already; a key is never overwritten.", path, "", "Choose another path."
        ) from error
    except OSError as error:
        raise _refuse(
            "not-written", "The key could not be written.", path, str(error), "Choose a folder of your own."
        ) from error
    return public_key(private.public_key().public_bytes_raw())


def load_signer(path: Path) -> Ed25519Signer:
    """Read a private key from its file.

    Raises:
        InputError: The file is missing, readable by anyone but its owner, encrypted, or not an ed25519 key in PEM.
    """
    pem = read_private(path)
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _not_a_key(path, "no unencrypted private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _not_a_key(path, f"a key of another kind: {type(private).__name__}")
    return Ed25519Signer(public_key(private.public_key().public_bytes_raw()), private)


@lru_cache(maxsize=_MOST_KEYS)
def verifier(public: PublicKey) -> Ed25519Verifier:
    """Who checks signatures made with this key."""
    return Ed25519Verifier(public, Ed25519PublicKey.from_public_bytes(public.raw))


def _prepare_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS_WRITE:
        raise _refuse(
            "folder-open",
            "Others may replace a key in this folder.",
            folder,
            f"mode {mode:04o}",
            f"Run: chmod 700 {folder}",
        )


def _write_new(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes:
    """The first bytes of a private file, such as a key or a PIN.

    Raises:
        InputError: The file is missing, not a regular one, or readable by anyone but its owner.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            _check_mode(path, os.fstat(handle).st_mode)
            return os.read(handle, _MAX_FILE_BYTES)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise _refuse("missing", "There is no key here.", path, "", "Make one first, or mend the path.") from error
    except OSError as error:
        raise _refuse(
            "unreadable", "This key cannot be read.", path, str(error), "Run as the user who owns it."
        ) from error


def _check_mode(path: Path, mode: int) -> None:
    """Refuse what is not private; the mode is that of the very file that is open, whatever the path names later."""
    if not stat.S_ISREG(mode):
        raise _refuse("not-a-file", "This is not a regular file.", path, "", "Name the file itself.")
    if mode & _OTHERS:
        raise _refuse(
            "readable-by-others",
            "Others may read or change this private file.",
            path,
            f"mode {stat.S_IMODE(mode):04o}",
            f"Run: chmod 600 {path}; if others had access, make a new key and retire this one.",
        )


def _not_a_key(path: Path, found: str) -> InputError:
    return _refuse(
        "not-ed25519",
        "This is not an ed25519 private key.",
        path,
        found,
        "Use a key that andon made, PEM PKCS8, no password.",
    )


def _refuse(what: str, message: str, path: Path, found: str, fix: str) -> InputError:
    return InputError(f"keys.{what}", message, place=str(path), found=found, fix=fix)
