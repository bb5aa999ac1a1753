"""An offline proof that an entry is in the ledger, as one text file (C2SP tlog-proof)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import AndonError, IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import Checkpoint, verify
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.merkle import HASH_BYTES, is_included, leaf_hash

_HEAD: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_HASHES: Final = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry stands, the hashes that lead from it to the root, and the signed head.

    Attributes:
        index: The entry's place in the ledger.
        path: Sibling hashes, from the leaf's up, 32 bytes each.
        checkpoint: The signed note, verbatim.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def write_proof(proof: Proof) -> str:
    """The text of a `.tlog-proof` file."""
    lines = [_HEAD, f"index {proof.index}", *(wrap(item) for item in proof.path)]
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse_proof(text: str) -> Proof:
    """Read a `.tlog-proof` file, without believing it; its optional `extra` line is signed by nobody and skipped.

    Raises:
        IntegrityError: It is not one.
    """
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or not checkpoint or lines.pop(0) != _HEAD:
        raise _malformed(text)
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    match = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if match is None or len(lines) > _MAX_HASHES:
        raise _malformed(text)
    return Proof(int(match[1]), tuple(_hash(line, text) for line in lines), checkpoint)


def verify_proof(text: str, entry: Entry, origin: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """The signed head that this entry is under.

    Args:
        text: The `.tlog-proof` file.
        entry: What is said to be in the ledger.
        origin: The ledger's name.
        verifiers: The keys that may sign its head.

    Raises:
        IntegrityError: The file is malformed, the head is not rightly signed, or the entry is not under it.
    """
    proof = parse_proof(text)
    checkpoint = verify(proof.checkpoint, origin, verifiers)
    leaf = leaf_hash(leaf_bytes(entry))
    if entry.index != proof.index or not is_included(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root):
        raise IntegrityError(
            "ledger.not-included",
            "This entry is not in the ledger.",
            place=f"entry {proof.index} of {checkpoint.size}",
            found=f"{entry.kind} {entry.statement}",
            fix="Ask the ledger for the proof of this very entry.",
        )
    return checkpoint


def _hash(line: str, text: str) -> bytes:
    try:
        value = unwrap(line)
    except AndonError as error:
        raise _malformed(text) from error
    if len(value) != HASH_BYTES:
        raise _malformed(text)
    return value


def _malformed(text: str) -> IntegrityError:
    return IntegrityError(
        "ledger.proof-malformed",
        "This is not an inclusion proof.",
        found=repr(text[:60]),
        fix="Ask the ledger for the proof again.",
    )
