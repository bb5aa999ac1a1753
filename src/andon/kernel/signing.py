"""Signing and checking, as andon needs them; the cryptography itself stands behind these words."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import InputError

RAW_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that can be written down.

    Attributes:
        key_id: The 64 hex digits of sha256 over the raw key, so that one key has one name.
        algorithm: Always `ed25519`.
        value: The raw 32 bytes as base64 text.
    """

    key_id: str
    algorithm: Literal["ed25519"]
    value: str

    def __post_init__(self) -> None:
        """Refuse a key whose parts do not belong together.

        Raises:
            InputError: The algorithm is another one, the value is not 32 bytes in base64, or the id is not the key's.
        """
        if self.algorithm != "ed25519":
            raise _refuse(f"algorithm {self.algorithm!r}")
        if hashlib.sha256(self.raw).hexdigest() != self.key_id:
            raise _refuse(f"key id {self.key_id!r}, which is not this key's")

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the key."""
        raw = unwrap(self.value)
        if len(raw) != RAW_KEY_BYTES:
            raise _refuse(f"{len(raw)} bytes instead of {RAW_KEY_BYTES}")
        return raw


class Signer(Protocol):
    """Who holds a private key and signs with it."""

    @property
    def key_id(self) -> str:
        """The id of its public key."""
        ...

    @property
    def public(self) -> PublicKey:
        """The public half of the key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over these bytes."""
        ...


class Verifier(Protocol):
    """Who knows a public key and checks signatures against it."""

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        ...

    @property
    def public(self) -> PublicKey:
        """The public key."""
        ...

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether this key made this signature over these bytes; anything wrong is False, never an exception."""
        ...


def public_key(raw: bytes) -> PublicKey:
    """The public key of 32 raw ed25519 bytes.

    Raises:
        InputError: There are more or fewer than 32 bytes.
    """
    return PublicKey(hashlib.sha256(raw).hexdigest(), "ed25519", wrap(raw))


def key_line(public: PublicKey) -> str:
    """A public key as people pass it on: `ed25519:` and its value."""
    return f"{public.algorithm}:{public.value}"


def read_key_line(text: str) -> PublicKey:
    """Read what `key_line` wrote.

    Raises:
        InputError: It is no such line.
    """
    algorithm, _, value = text.strip().partition(":")
    if algorithm != "ed25519":
        raise _refuse(repr(text[:60]))
    return public_key(unwrap(value))


def _refuse(found: str) -> InputError:
    return InputError(
        "signing.not-a-key",
        "This is not an ed25519 public key.",
        found=found,
        fix="Copy the whole public key again from its owner.",
    )
