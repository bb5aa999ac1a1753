"""Asking witnesses for their word on a signed head, and what their answers amount to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from andon.kernel.clock import SECOND_NS, iso
from andon.kernel.errors import AndonError, IntegrityError, RefusedError
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.cosignature import Cosignature, WitnessKey, cosignatures
from andon.ledger.ports import Witness
from andon.ledger.witness import Shown, WitnessConflictError

MOST_CLOCK_OFF_NS: Final = 300 * SECOND_NS
_CONTRADICTS: Final = ("ledger.witness-ahead", "ledger.witness-forked", "witness.inconsistent")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """How far a signed head is witnessed.

    Attributes:
        head: The head.
        times: The different witnesses that cosigned it, each with the earliest time known, in nanoseconds UTC.
        answered: The live ones that cosigned it just now, each with its time now, in nanoseconds UTC.
        failures: The witnesses that were asked and gave nothing that counts, each with why.
    """

    head: Checkpoint
    times: Mapping[str, int]
    answered: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[tuple[str, AndonError], ...] = ()


def ask(
    witness: Witness, note: str, head: Checkpoint, prove_growth: Callable[[int, int], Sequence[bytes]], last: int
) -> str:
    """The signature lines that a witness answers with; empty from one that keeps heads and signs nothing.

    Args:
        witness: Who is asked.
        note: The signed head.
        head: What it says.
        prove_growth: Gives the consistency proof between two sizes of this ledger; no hashes from size 0.
        last: The size of which this ledger believes that the witness cosigned it last; the witness knows better.

    Raises:
        IntegrityError: The witness saw a greater ledger, or another one of this size (`ledger.witness-ahead`,
            `ledger.witness-forked`).
        AndonError: The witness cannot be asked, or refuses.
    """
    try:
        return witness.cosign(Shown(last, tuple(prove_growth(last, head.size)), note))
    except WitnessConflictError as conflict:
        seen = conflict.size
    if seen > head.size:
        raise _not_this_ledger("ahead", witness.name, f"{seen} entries, and {head.size} are here")
    try:
        return witness.cosign(Shown(seen, tuple(prove_growth(seen, head.size)), note))
    except WitnessConflictError as error:
        if error.size == head.size:
            raise _not_this_ledger("forked", witness.name, f"another root over the same {head.size} entries") from error
        raise


def counted(witness: Witness, note: str, lines: str, keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """The cosignatures in a witness's answer that count.

    Raises:
        RefusedError: There is none (`ledger.not-cosigned`).
        IntegrityError: The answer is malformed, or a known key's signature is wrong.
    """
    found = cosignatures(note, keys, lines)
    if not found:
        raise RefusedError(
            "ledger.not-cosigned",
            "The witness answered without a cosignature that counts.",
            place=witness.name,
            found="signature lines of unknown keys" if lines else "no signature lines",
            fix="Name the witness with its key and the role witness in the trust root; have its owner cosign.",
        )
    return found


def check_witnessed(found: Witnessed, needed: int, now_ns: int) -> None:
    """Refuse to go on under a head that too few witnesses cosigned, or by a clock that they contradict.

    Args:
        found: What the witnesses said.
        needed: How many different ones it takes.
        now_ns: The time now, by this machine's clock.

    Raises:
        IntegrityError: A witness saw a ledger that this one does not continue: an old head that was cosigned once is
            no proof that it is the newest (`ledger.witness-ahead`, `ledger.witness-forked`, `witness.inconsistent`).
        RefusedError: There are too few (`ledger.unwitnessed`), or the clock is off (`ledger.clock-off`).
    """
    for _, error in found.failures:
        if needed and error.code in _CONTRADICTS:
            raise error
    for time_ns in found.answered.values():
        check_clock(now_ns, time_ns)
    if len(found.times) < needed:
        failed = "; ".join(f"{name}: {error.code} {error.found}".rstrip() for name, error in found.failures)
        raise RefusedError(
            "ledger.unwitnessed",
            "Too few witnesses cosigned the ledger, so nothing moves forward; what runs keeps running.",
            place=f"{found.head.origin} at {found.head.size} entries",
            found=f"{len(found.times)} of {needed}: {', '.join(sorted(found.times)) or 'nobody'}"
            + (f" ({failed})" if failed else ""),
            fix="Bring the witnesses back, then try again: andon witness status",
        )


def check_clock(now_ns: int, witness_ns: int) -> None:
    """Refuse a clock that is more than five minutes off what a witness said just now.

    Raises:
        RefusedError: It is (`ledger.clock-off`).
    """
    if abs(now_ns - witness_ns) > MOST_CLOCK_OFF_NS:
        raise RefusedError(
            "ledger.clock-off",
            "This machine's clock is not the witness's: one of them is more than five minutes off.",
            found=f"{iso(now_ns)} here, {iso(witness_ns)} there",
            fix="Set the clocks right, then try again.",
        )


def _not_this_ledger(what: str, name: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"ledger.witness-{what}",
        "A witness has seen a ledger that this one does not continue.",
        place=name,
        found=found,
        fix="Restore the newest ledger; after a restored backup, sign a recovery: andon audit recover --reason WHY",
    )
