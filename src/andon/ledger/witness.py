"""What a witness decides: whether the head it is shown continues the one it cosigned last (C2SP tlog-witness)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError, RefusedError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import Checkpoint, parse, verify
from andon.ledger.merkle import EMPTY_ROOT, HASH_BYTES, is_consistent

MAX_REQUEST_BYTES: Final = 64 * 1024
_MOST_HASHES: Final = 63
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a ledger shows to a witness.

    Attributes:
        old_size: How many entries the ledger had, as the ledger believes, when the witness cosigned it last.
        proof: The consistency proof from there to the head, 32 bytes each; empty when there was nothing.
        note: The signed head.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: str


class WitnessConflictError(ConflictError):
    """The ledger is not where the witness saw it last; `size` says where that was."""

    def __init__(self, origin: str, size: int, found: str) -> None:
        super().__init__(
            "witness.conflict",
            "The witness saw this ledger last at another size, or with another root.",
            place=origin,
            found=found,
            fix="Prove the growth from the size that the witness saw; if that cannot be, the ledger was replaced.",
        )
        self.size = size


def write_request(shown: Shown) -> bytes:
    """The body of an `add-checkpoint` request."""
    lines = [f"old {shown.old_size}", *(wrap(item) for item in shown.proof)]
    return ("\n".join(lines) + "\n\n" + shown.note).encode()


def parse_request(body: bytes) -> Shown:
    """Read the body of an `add-checkpoint` request, without believing it.

    Raises:
        InputError: It is not one (`witness.malformed`).
    """
    try:
        head, blank, note = body.decode().partition("\n\n")
        first, *hashes = head.split("\n")
        match = _OLD.fullmatch(first)
        proof = tuple(unwrap(line) for line in hashes)
        parse(note)
    except (AndonError, UnicodeDecodeError) as error:
        raise _malformed(str(error).partition("\n")[0]) from error
    if match is None or not blank or len(proof) > _MOST_HASHES or any(len(one) != HASH_BYTES for one in proof):
        raise _malformed(repr(head[:60]))
    return Shown(int(match[1]), proof, note)


def accept(seen: Checkpoint | None, shown: Shown, verifiers: Iterable[Verifier]) -> Checkpoint:
    """The head that the witness remembers from now on, and may cosign: the one it is shown.

    Args:
        seen: The head it cosigned last; None when it never cosigned one of this ledger.
        shown: What the ledger shows.
        verifiers: The keys that the witness knows for this ledger; the caller found them by its origin.

    Raises:
        InputError: The head is of a smaller ledger than its own proof starts from (`witness.malformed`).
        RefusedError: None of the keys signed the head (`witness.unsigned`).
        WitnessConflictError: The proof starts from another size than the one cosigned last, or the root is another one.
        IntegrityError: The proof does not show that the ledger only grew (`witness.inconsistent`).
    """
    head = _signed_head(shown, verifiers)
    last = seen or Checkpoint(head.origin, 0, EMPTY_ROOT)
    if shown.old_size > head.size:
        raise _malformed(f"old size {shown.old_size} and a head of {head.size}")
    if shown.old_size != last.size:
        raise WitnessConflictError(head.origin, last.size, f"{last.size} entries where {shown.old_size} were said")
    if head.size == last.size and head.root != last.root:
        raise WitnessConflictError(head.origin, last.size, f"another root over the same {last.size} entries")
    if not _continues(last, head, shown.proof):
        raise IntegrityError(
            "witness.inconsistent",
            "The proof does not show that this ledger only grew.",
            place=head.origin,
            found=f"from {last.size} to {head.size} entries",
            fix="Find out who replaced the ledger; a restored backup needs a signed recovery.",
        )
    return head


def _signed_head(shown: Shown, verifiers: Iterable[Verifier]) -> Checkpoint:
    origin = parse(shown.note).origin
    try:
        return verify(shown.note, origin, verifiers)
    except IntegrityError as error:
        raise RefusedError(
            "witness.unsigned",
            "This head is not signed by a key that the witness knows for this ledger.",
            place=origin,
            found=error.found,
            fix="Name the ledger's key to the witness: andon witness log-add ORIGIN KEY",
        ) from error


def _continues(last: Checkpoint, head: Checkpoint, proof: Sequence[bytes]) -> bool:
    if last.size == 0:
        return not proof and (head.size > 0 or head.root == EMPTY_ROOT)
    return is_consistent(last.size, last.root, head.size, head.root, proof)


def _malformed(found: str) -> InputError:
    return InputError(
        "witness.malformed",
        "This is not what a ledger shows to a witness.",
        found=found,
        fix="Send an old size, the consistency proof, an empty line and the signed head (C2SP tlog-witness).",
    )
