"""The signed head of the ledger: its name, how many entries it has, and their root (C2SP tlog-checkpoint)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import AndonError, IntegrityError
from andon.kernel.signing import Signer, Verifier
from andon.ledger.merkle import HASH_BYTES
from andon.ledger.note import check_name, parse_note, sign_note, verify_note

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a ledger was at one moment.

    Attributes:
        origin: The ledger's name; one line.
        size: How many entries it has.
        root: The 32-byte root over them.
    """

    origin: str
    size: int
    root: bytes


def body(checkpoint: Checkpoint) -> str:
    """The text that is signed: origin, size and root, one line each."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{wrap(checkpoint.root)}\n"


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a signed note; the key's name is the origin.

    Raises:
        UsageError: The origin cannot name a key.
        IntegrityError: The size is negative or the root is not 32 bytes.
    """
    check_name(checkpoint.origin)
    text = body(checkpoint)
    _read(text)
    return sign_note(text, checkpoint.origin, signer)


def parse(note: str) -> Checkpoint:
    """The checkpoint in a signed note, without believing it.

    Raises:
        IntegrityError: It is not one.
    """
    return _read(parse_note(note).text)


def verify(note: str, origin: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint in a signed note, if it is of this ledger and signed by one of these keys.

    Raises:
        IntegrityError: It is malformed, of another ledger, or not rightly signed.
    """
    checkpoint = _read(verify_note(note, origin, verifiers))
    if checkpoint.origin != origin:
        raise IntegrityError(
            "ledger.checkpoint-of-another",
            "This checkpoint is of another ledger.",
            found=checkpoint.origin,
            fix=f"Bring the checkpoint of {origin}.",
        )
    return checkpoint


def _read(text: str) -> Checkpoint:
    """The first three lines; further lines may follow, and mean nothing here."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _LINES or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise _malformed(text)
    try:
        root = unwrap(lines[2])
    except AndonError as error:
        raise _malformed(text) from error
    if len(root) != HASH_BYTES:
        raise _malformed(text)
    return Checkpoint(lines[0], int(lines[1]), root)


def _malformed(text: str) -> IntegrityError:
    return IntegrityError(
        "ledger.checkpoint-malformed",
        "This is not a checkpoint.",
        found=repr(text[:80]),
        fix="Get it again from the ledger.",
    )
