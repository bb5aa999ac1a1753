"""A witness at work: what it is shown comes in, what it answers goes out (C2SP tlog-witness)."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, RefusedError
from andon.kernel.signing import Signer, Verifier
from andon.ledger.checkpoint import Checkpoint, parse
from andon.ledger.cosignature import cosign, with_lines
from andon.ledger.ports import WitnessStates
from andon.ledger.recovery import Recovery
from andon.ledger.witness import Shown, WitnessConflictError, accept, parse_request

_TEXT: Final = "text/plain; charset=utf-8"
_SIZE: Final = "text/x.tlog.size"
_STATUS: Final = {
    "witness.malformed": 400,
    "witness.unsigned": 403,
    "witness.unknown-log": 404,
    "witness.inconsistent": 422,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers to one request: an HTTP status, the kind of the body, and the body."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Desk:
    """One witness, with its key and what it remembers; one process has one.

    Attributes:
        name: The name under which it signs.
        signer: Its key, which signs nothing but cosignatures.
        clock: Where the time comes from.
        states: The ledgers it knows and the head of each that it cosigned last.
    """

    name: str
    signer: Signer
    clock: Clock
    states: WitnessStates
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answer(self, body: bytes) -> Answer:
        """Answer one `add-checkpoint` request; every refusal is an answer too."""
        try:
            return Answer(200, _TEXT, self.cosign([parse_request(body)]).encode())
        except WitnessConflictError as error:
            return Answer(409, _SIZE, f"{error.size}\n".encode())
        except AndonError as error:
            # What is wrong on the witness's own disk is nothing to tell a stranger.
            status = _STATUS.get(error.code, 500)
            said = f"{error.code}: {error.message} {error.found}" if status != 500 else "witness.failed"
            return Answer(status, _TEXT, said.encode() + b"\n")

    def cosign(self, shown: Sequence[Shown]) -> str:
        """The cosignature line under the last of some heads of one ledger, each of which must continue the one before.

        The head is remembered, on disk, before anybody gets the line.

        Args:
            shown: At least one head, with the proof from the one before.

        Raises:
            InputError: One of them is malformed.
            RefusedError: The ledger is not known here (`witness.unknown-log`), or its key did not sign a head.
            WitnessConflictError: The first one does not start from the head that was cosigned last.
            IntegrityError: A proof does not show that the ledger only grew, or what was remembered cannot be read.
        """
        origin = parse(shown[0].note).origin
        verifiers = self._verifiers(origin)
        with self._turn:
            head = self.states.load(origin)
            for one in shown:
                head = accept(head, one, verifiers)
            line = cosign(shown[-1].note, self.name, self.signer, self.clock.now_ns())
            self.states.save(origin, with_lines(shown[-1].note, [line]))
        return line

    def seen(self, origin: str) -> Checkpoint | None:
        """The head of a ledger that was cosigned last."""
        return self.states.load(origin)

    def recover(self, recovery: Recovery, note: str) -> Checkpoint:
        """Go back to the head that a recovery resumes; its operator decides this, nobody who asks for cosignatures.

        Args:
            recovery: The recovery.
            note: The signed head that it resumes.

        Raises:
            RefusedError: The ledger is not known here, or its key did not sign the head, or the recovery is about
                another head than the one that was cosigned last (`witness.not-recovered`).
        """
        origin = recovery.lost.origin
        verifiers = self._verifiers(origin)
        with self._turn:
            seen = self.states.load(origin)
            if seen is None or not recovery.leads_back(seen):
                raise RefusedError(
                    "witness.not-recovered",
                    "This recovery is not about the head that this witness cosigned last.",
                    place=origin,
                    found=f"{seen.size if seen else 'no'} entries seen, {recovery.lost.size} given up",
                    fix="Nothing is to be recovered here, or another recovery is the right one.",
                )
            resumed = accept(None, Shown(0, (), note), verifiers)
            if resumed != recovery.resumed:
                raise RefusedError(
                    "witness.not-recovered",
                    "The signed head is not the one that the recovery resumes.",
                    place=origin,
                    found=f"{resumed.size} entries in place of {recovery.resumed.size}",
                    fix="Bring the recovery as it was signed.",
                )
            self.states.save(origin, note)
        return resumed

    def _verifiers(self, origin: str) -> Sequence[Verifier]:
        verifiers = self.states.verifiers(origin)
        if not verifiers:
            raise RefusedError(
                "witness.unknown-log",
                "This witness does not know this ledger.",
                place=origin,
                found="no key for this origin",
                fix="Have its operator name it: andon witness log-add ORIGIN KEY",
            )
        return verifiers
