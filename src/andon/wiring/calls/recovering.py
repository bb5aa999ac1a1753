"""After a restored backup: people sign what was lost, and the ledger goes on from what the backup holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from andon.adapters.keys import verifier
from andon.adapters.trust_folder import replace_file
from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope
from andon.attest.recovery import RecoveryClaim, check_recovery, recovery_statement, signers_of_recovery
from andon.attest.statement import RECOVERY, to_bytes
from andon.attest.trust_root import TrustRoot
from andon.gates.audit import Line
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError, RefusedError, UsageError
from andon.ledger.checkpoint import Checkpoint
from andon.ledger.memory import Remembered, accept_recovered
from andon.ledger.merkle import at_once, root_at
from andon.ledger.recovery import Recovery
from andon.wiring.factory import Opened, open_factory

_PART: Final = "recovery"


@dataclass(frozen=True, slots=True)
class Recovered:
    """How far a recovery is.

    Attributes:
        lost: How many entries the ledger had.
        resumed: How many it goes on from.
        people: Who signed.
        missing: How many people must still sign; 0 when it stands in the ledger.
        file: The signed recovery; witnesses take it as it is.
    """

    lost: int
    resumed: int
    people: tuple[str, ...]
    missing: int
    file: str

    def to_json(self) -> dict[str, Json]:
        """The recovery for programs."""
        return {
            "lost": self.lost,
            "resumed": self.resumed,
            "people": list(self.people),
            "missing": self.missing,
            "file": self.file,
        }


@dataclass(frozen=True, slots=True)
class RecoveryText:
    """A recovery to sign: the canonical bytes as text, and what they say."""

    statement: str
    lost: int
    resumed: int
    reason: str


def propose_recovery(folder: Path, reason: str) -> RecoveryText:
    """What people would sign so that a restored ledger goes on; the very same text for each, once one has signed.

    Args:
        folder: The factory's folder.
        reason: Why; only the first person gives one.

    Raises:
        UsageError: A reason is missing (`recovery.no-reason`), or nothing was lost (`recovery.nothing-lost`).
        RefusedError: What others signed is not about this ledger as it is now.
        IntegrityError: The restored ledger does not hold by itself.
    """
    with open_factory(folder) as opened:
        root = opened.gatekeeper.keeping.record.root()
        remembered = _remembered(opened)
        pending = _pending(opened)
        if pending is None:
            claim = _draft(opened, root, remembered, reason)
        else:
            claim, _ = signers_of_recovery(pending, root, verifier)
            _check_still_true(opened, claim.recovery, remembered)
    sizes = claim.recovery.lost.size, claim.recovery.resumed.size
    return RecoveryText(to_bytes(recovery_statement(claim)).decode(), *sizes, claim.reason)


def hand_in_recovery(folder: Path, envelope: str) -> Recovered:
    """Take what an owner signed; with the last signature the ledger goes on.

    Args:
        folder: The factory's folder.
        envelope: The signed recovery, as canonical text.

    Raises:
        RefusedError: None of the signatures is by somebody who may sign the trust root (`recovery.not-an-owner`), or
            it is not about this ledger, or not what others signed.
        IntegrityError: It is malformed.
    """
    with open_factory(folder) as opened:
        root = opened.gatekeeper.keeping.record.root()
        signed = envelopes.from_json(envelope.strip().encode())
        try:
            claim, _ = signers_of_recovery(signed, root, verifier)
        except IntegrityError as error:
            if error.code == "attest.unsigned":
                raise _not_an_owner(error.found, root) from error
            raise
        _check_still_true(opened, claim.recovery, _remembered(opened))
        together = _together(opened, signed)
        replace_file(_file(opened), envelopes.to_json(together))
        return _finish(opened, root, together, claim)


def read_recoveries(opened: Opened) -> list[Line]:
    """What was ever given up, named, and whether the right people signed for it."""
    return [line for sealed in opened.database.statements.of_type(RECOVERY) for line in _read(opened, sealed.index)]


def _pending(opened: Opened) -> Envelope | None:
    """What others signed so far."""
    path = _file(opened)
    return envelopes.from_json(path.read_bytes()) if path.exists() else None


def _together(opened: Opened, signed: Envelope) -> Envelope:
    """The recovery with the signatures that it had and those that come, each key once."""
    pending = _pending(opened)
    if pending is None:
        return signed
    if (pending.payload_type, pending.payload) != (signed.payload_type, signed.payload):
        raise RefusedError(
            "recovery.another-waits",
            "Another recovery waits for signatures.",
            place=str(_file(opened)),
            found="other bytes than those signed here",
            fix="Sign that one: andon audit recover; or remove the file and begin again.",
        )
    had = {one.key_id for one in pending.signatures}
    return replace(
        pending, signatures=(*pending.signatures, *(one for one in signed.signatures if one.key_id not in had))
    )


def _finish(opened: Opened, root: TrustRoot, signed: Envelope, claim: RecoveryClaim) -> Recovered:
    """Enter the recovery into the ledger and the memory, when enough people signed it."""
    pending = _file(opened)
    lost, resumed = claim.recovery.lost.size, claim.recovery.resumed.size
    _, people = signers_of_recovery(signed, root, verifier)
    missing = max(root.quorum - len(people), 0)
    if missing:
        return Recovered(lost, resumed, tuple(sorted(people)), missing, str(pending))
    record = opened.gatekeeper.keeping.record
    if opened.ledger.rows.size() == resumed:
        with opened.database.units.begin() as unit:
            record.check_size(unit, resumed)
            record.add(unit, signed)
    head = opened.ledger.head()
    remembered = _remembered(opened)
    seen = Remembered(head.origin, head.size, head.root, root.version)
    proof = opened.ledger.prove_growth(resumed, head.size)
    opened.home.save(accept_recovered(remembered, seen, proof, claim.recovery))
    done = pending.with_name(f"recovered-{resumed}-of-{lost}.json")
    pending.replace(done)
    return Recovered(lost, resumed, tuple(sorted(people)), 0, str(done))


def _draft(opened: Opened, root: TrustRoot, remembered: Remembered, reason: str) -> RecoveryClaim:
    note = opened.ledger.checkpoints.latest()
    head = opened.ledger.head()
    if head.size >= remembered.size:
        raise UsageError(
            "recovery.nothing-lost",
            "Nothing was lost: the ledger is as great as the one that was seen before.",
            place=opened.settings.origin,
            found=f"{head.size} entries, {remembered.size} seen before",
            fix="If it is another one all the same, restore the backup itself: nothing may be added to it first.",
        )
    if not reason.strip():
        raise UsageError(
            "recovery.no-reason", "A recovery needs a reason.", fix="Say why: andon audit recover --reason WHY"
        )
    report = opened.ledger.verify_whole(opened.ledger.verifiers, None)
    if not report.is_sound:
        first = report.findings[0]
        raise IntegrityError(
            "recovery.not-sound",
            "The restored ledger does not hold by itself, so nothing can go on from it.",
            place=first.place,
            found=f"{first.code}: {first.found}",
            fix="Restore another backup.",
        )
    return RecoveryClaim(
        domain=root.domain,
        factory=root.factory,
        recovery=Recovery(Checkpoint(head.origin, remembered.size, remembered.root), head),
        note=str(note),
        reason=reason.strip(),
        time_ns=opened.clock.now_ns(),
    )


def _check_still_true(opened: Opened, recovery: Recovery, remembered: Remembered) -> None:
    """Refuse to add a name to a recovery that is not about what lies here, or about what was seen here."""
    here = _root_then(opened, recovery.resumed.size)
    seen = Checkpoint(remembered.origin, remembered.size, remembered.root)
    is_grown = opened.ledger.rows.size() - recovery.resumed.size
    # One entry more is the recovery itself, where the machine stopped before it was remembered.
    if here != recovery.resumed.root or is_grown > 1 or not recovery.gives_up(seen):
        raise RefusedError(
            "recovery.of-another",
            "The recovery that waits for signatures is not about this ledger as it is now.",
            place=str(_file(opened)),
            found=f"back to {recovery.resumed.size} of {recovery.lost.size} entries; {remembered.size} were seen here",
            fix="Remove the file and begin again: andon audit recover --reason WHY",
        )


def _root_then(opened: Opened, size: int) -> bytes | None:
    try:
        return at_once(lambda node: root_at(size, node), opened.ledger.rows.nodes_at)
    except IntegrityError:
        return None


def _remembered(opened: Opened) -> Remembered:
    found = opened.home.load(opened.settings.origin)
    if found is None:
        raise InputError(
            "recovery.no-memory",
            "This machine remembers nothing of this ledger, so nothing here was lost.",
            place=opened.settings.origin,
            fix="Recover on a machine that saw the ledger; a witness saw it too: andon witness status",
        )
    return found


def _file(opened: Opened) -> Path:
    return opened.settings.database.parent / "recovery.json"


def _read(opened: Opened, index: int) -> Iterator[Line]:
    """One recovery of the ledger: signed by a quorum of some version, and standing where it says."""
    record = opened.gatekeeper.keeping.record
    place = f"ledger entry {index}"
    try:
        envelope = envelopes.from_json(opened.database.statements.get(opened.ledger.entry(index).statement).envelope)
        claim, people = _signed(envelope, record.all_roots())
        lost, resumed = claim.recovery.lost, claim.recovery.resumed
        if index != resumed.size or _root_then(opened, index) != resumed.root:
            raise ConflictError("recovery.misplaced", "A recovery stands elsewhere than it says.", found=str(index))
    except AndonError as error:
        yield Line(_PART, error.code, place, f"{error.message} {error.found}".strip())
        return
    names = ", ".join(sorted(people))
    what = f"entries {resumed.size} to {lost.size - 1} were lost and given up ({lost.size - resumed.size} statements)"
    yield Line(_PART, "", "", f"{what}; signed by {names} at {iso(claim.time_ns)}: {claim.reason}")


def _signed(envelope: Envelope, roots: Sequence[TrustRoot]) -> tuple[RecoveryClaim, frozenset[str]]:
    """A recovery that the quorum of some version of the trust root signed: owners come and go."""
    for root in roots[:-1]:
        try:
            return check_recovery(envelope, root, verifier)
        except AndonError:
            continue
    return check_recovery(envelope, roots[-1], verifier)


def _not_an_owner(who: str, root: TrustRoot) -> RefusedError:
    owners = [one.name for one in root.principals if any(key.public.key_id in root.root_keys for key in one.keys)]
    return RefusedError(
        "recovery.not-an-owner",
        "Only who may sign the trust root may give up a part of the ledger.",
        found=who,
        fix=f"Ask {' or '.join(owners)}.",
    )
