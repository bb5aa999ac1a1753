"""What a verifier remembers of a ledger, so that an older but validly signed history is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from andon.kernel.errors import IntegrityError
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.merkle import EMPTY_ROOT, is_consistent
from andon.ledger.recovery import Recovery


@dataclass(frozen=True, slots=True)
class Remembered:
    """The greatest ledger and the newest trust root that a verifier has seen.

    Attributes:
        origin: The ledger's name, as its checkpoints say it.
        size: How many entries it had.
        root: Its root at that size, 32 bytes.
        root_version: The version of the trust root.
    """

    origin: str
    size: int
    root: bytes
    root_version: int


def accept(current: Remembered | None, seen: Remembered, proof: Sequence[bytes]) -> Remembered:
    """What is remembered from now on: `seen`, if it continues what was remembered.

    Args:
        current: What was remembered; None when this ledger was never seen.
        seen: The verified head and the verified trust root now.
        proof: The consistency proof from the remembered size to the size seen; empty when nothing was remembered.

    Raises:
        IntegrityError: The ledger is another one, smaller, not a continuation, or the trust root is older.
    """
    if current is None:
        return seen
    if seen.origin != current.origin:
        _refuse("other-ledger", f"origin {seen.origin!r} where {current.origin!r} was remembered")
    if seen.root_version < current.root_version:
        _refuse("root-rolled-back", f"trust root version {seen.root_version} after {current.root_version}")
    if seen.size < current.size:
        _refuse("shrunk", f"{seen.size} entries where {current.size} were seen before")
    if not _continues(current, seen, proof):
        _refuse("forked", f"the first {current.size} entries are not the ones seen before")
    return seen


def accept_recovered(current: Remembered, seen: Remembered, proof: Sequence[bytes], recovery: Recovery) -> Remembered:
    """What is remembered from now on, after people decided that what was remembered is lost.

    Args:
        current: What was remembered.
        seen: The verified head and the verified trust root now; its ledger holds the recovery, so it is greater than
            the head that was resumed.
        proof: The consistency proof from the resumed size to the size seen.
        recovery: The recovery, with its signatures checked.

    Raises:
        IntegrityError: The recovery is about something else than what was remembered (`ledger.not-recovered`), or what
            is seen does not continue the head that it resumes, or the trust root is older.
    """
    if not recovery.gives_up(Checkpoint(current.origin, current.size, current.root)):
        _refuse("not-recovered", f"{current.size} entries were seen, and {recovery.lost.size} were given up")
    resumed = replace(current, size=recovery.resumed.size, root=recovery.resumed.root)
    if seen.size == resumed.size:
        _refuse("not-recovered", f"{seen.size} entries, without the recovery itself")
    return accept(resumed, seen, proof)


def _continues(current: Remembered, seen: Remembered, proof: Sequence[bytes]) -> bool:
    if current.size == 0:
        return current.root == EMPTY_ROOT and not proof and (seen.size > 0 or seen.root == EMPTY_ROOT)
    return is_consistent(current.size, current.root, seen.size, seen.root, proof)


def _refuse(what: str, found: str) -> NoReturn:
    raise IntegrityError(
        f"ledger.{what}",
        "This ledger does not continue the one that was seen before.",
        found=found,
        fix="Restore the newest ledger and trust root; after a restored backup, owners sign: andon audit recover",
    )
