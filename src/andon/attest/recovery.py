"""The statement by which people let a restored ledger go on: what was lost, from where it resumes, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from andon.attest.envelope import Envelope
from andon.attest.reading import malformed, members, moment_ns, text
from andon.attest.statement import RECOVERY, Statement, Subject, unseal
from andon.attest.trust_root import TrustRoot
from andon.kernel.canonical import Json
from andon.kernel.errors import RefusedError
from andon.kernel.signing import PublicKey, Verifier
from andon.ledger.checkpoint import Checkpoint, parse
from andon.ledger.recovery import Recovery

_PLACE: Final = "recovery"
_LOST: Final = "lost ledger head"
_RESUMED: Final = "resumed ledger head"


@dataclass(frozen=True, slots=True)
class RecoveryClaim:
    """What a recovery says.

    Attributes:
        domain: The trust domain.
        factory: The factory.
        recovery: What was lost and what is resumed.
        note: The signed head that is resumed, so that a witness needs nothing else.
        reason: Why.
        time_ns: When it was drafted.
    """

    domain: str
    factory: str
    recovery: Recovery
    note: str
    reason: str
    time_ns: int


def recovery_statement(claim: RecoveryClaim) -> Statement:
    """The statement to sign; its subjects are the roots of the two heads."""
    lost, resumed = claim.recovery.lost, claim.recovery.resumed
    predicate: dict[str, Json] = {
        "domain": claim.domain,
        "factory": claim.factory,
        "lost": {"origin": lost.origin, "root": lost.root.hex(), "size": str(lost.size)},
        "note": claim.note,
        "reason": claim.reason,
        "time_ns": str(claim.time_ns),
    }
    subjects = (Subject(_LOST, f"sha256:{lost.root.hex()}"), Subject(_RESUMED, f"sha256:{resumed.root.hex()}"))
    return Statement(subjects, RECOVERY, predicate)


def read_recovery(statement: Statement) -> RecoveryClaim:
    """What a recovery says; whether the right people signed it is for `check_recovery`.

    Raises:
        IntegrityError: It is malformed, or is no way back.
    """
    names = ("domain", "factory", "lost", "note", "reason", "time_ns")
    said = members(statement.predicate, names, _PLACE)
    lost = members(said["lost"], ("origin", "root", "size"), f"{_PLACE} lost")
    note = text(said["note"], f"{_PLACE} note")
    try:
        root = bytes.fromhex(text(lost["root"], f"{_PLACE} root"))
    except ValueError as error:
        raise malformed(f"{_PLACE} root", f"{lost['root']!r:.80}") from error
    given_up = Checkpoint(text(lost["origin"], _PLACE), moment_ns(lost["size"], f"{_PLACE} size"), root)
    claim = RecoveryClaim(
        domain=text(said["domain"], _PLACE),
        factory=text(said["factory"], _PLACE),
        recovery=Recovery(given_up, parse(note)),
        note=note,
        reason=text(said["reason"], f"{_PLACE} reason"),
        time_ns=moment_ns(said["time_ns"], f"{_PLACE} time"),
    )
    if recovery_statement(claim) != statement:
        raise malformed(_PLACE, "subjects or spelling that its heads do not have")
    return claim


def signers_of_recovery(
    envelope: Envelope, root: TrustRoot, verifier: Callable[[PublicKey], Verifier]
) -> tuple[RecoveryClaim, frozenset[str]]:
    """What a recovery says, and the people who signed it with a key that may sign the trust root.

    Raises:
        IntegrityError: It is malformed, or signed by none of them.
        RefusedError: It is about another factory.
    """
    owners = {key.public.key_id: (one.name, key.public) for one in root.principals for key in one.keys}
    verifiers = {key_id: verifier(owners[key_id][1]) for key_id in root.root_keys}
    statement, keys = unseal(envelope, verifiers, RECOVERY)
    claim = read_recovery(statement)
    if (claim.domain, claim.factory) != (root.domain, root.factory):
        raise RefusedError(
            "recovery.of-another",
            "This recovery is another factory's.",
            place=_PLACE,
            found=f"{claim.domain} {claim.factory}",
            fix="Bring the recovery of this factory.",
        )
    return claim, frozenset(owners[key_id][0] for key_id in keys)


def check_recovery(
    envelope: Envelope, root: TrustRoot, verifier: Callable[[PublicKey], Verifier]
) -> tuple[RecoveryClaim, frozenset[str]]:
    """What a recovery says, if as many people signed it as must sign a trust root.

    Args:
        envelope: The sealed recovery.
        root: The newest trust root, verified.
        verifier: Makes the check of one key.

    Raises:
        IntegrityError: It is malformed, or signed by nobody who may.
        RefusedError: Too few people signed it (`recovery.no-quorum`), or it is about another factory.
    """
    claim, people = signers_of_recovery(envelope, root, verifier)
    if len(people) < root.quorum:
        raise RefusedError(
            "recovery.no-quorum",
            "Too few people signed this recovery.",
            place=_PLACE,
            found=f"{len(people)} of {root.quorum}: {', '.join(sorted(people))}",
            fix="Have another owner sign it: andon audit recover --as NAME",
        )
    return claim, people
