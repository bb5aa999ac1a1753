"""What a person signed, here or elsewhere, is handed in; and what comes of it is said."""

from pathlib import Path
from typing import Final

from andon.attest import envelope as envelopes
from andon.attest.statement import ANNULMENT, SIGNOFF, WAIVER
from andon.gates.said import Said, kind_of
from andon.gates.signers import person_behind
from andon.kernel.clock import iso
from andon.runtime.run import RunKind, RunState
from andon.wiring.ask import ask
from andon.wiring.calls.annulling import note_on_annulment
from andon.wiring.calls.approving import gate_of, note_on_signoff
from andon.wiring.calls.drafts import Draft, Signed, sign_draft
from andon.wiring.factory import Opened, open_factory
from andon.wiring.settings import load_settings

_AGAIN: Final = "Next: andon run"
_ENDED: Final[tuple[RunState, ...]] = ("refused",)


def hand_in(folder: Path, envelope: str) -> Signed:
    """Enter what a person signed into the ledger; the very same again changes nothing.

    Args:
        folder: The factory's folder.
        envelope: The signed envelope, as canonical text.

    Raises:
        IntegrityError: It is no envelope.
        InputError: It is nothing that people sign, or about something unknown.
        RefusedError: No person of the trust root signed it, or this person may not.
    """
    with open_factory(folder) as opened:
        digest = opened.gatekeeper.hand_in(envelopes.from_json(envelope.strip().encode()))
        record = opened.gatekeeper.keeping.record
        root = record.root()
        said = record.get(digest, root)
        person = person_behind(said, root)
        name = person if isinstance(person, str) else person.name
        note = _note(opened, said, name)
        values = said.statement.predicate
        return Signed(
            person=name,
            kind=kind_of(said.statement.predicate_type),
            role=str(values.get("role", "")),
            gate=str(values.get("gate", "")),
            subject=said.subjects[0],
            statement=digest,
            entry=said.index,
            note=note,
            next="" if note else _next(opened, said),
        )


def sign_here(folder: Path, draft: Draft, *, key_uri: str = "") -> Signed:
    """Sign a draft with a key of this machine and hand it in: the key never goes to where the factory is.

    Raises:
        AndonError: The key cannot be used, or what was signed is refused.
    """
    envelope = sign_draft(load_settings(folder), draft.statement, draft.person, key_uri)
    return ask(hand_in, folder, envelope)


def _note(opened: Opened, said: Said, person: str) -> str:
    match said.statement.predicate_type:
        case kind if kind == SIGNOFF:
            return note_on_signoff(opened, said, person)
        case kind if kind == ANNULMENT:
            return note_on_annulment(opened, said)
        case _:
            return ""


def _next(opened: Opened, said: Said) -> str:
    """What to do now that it stands: a refused run is judged again on the data that it saw."""
    gate = str(said.statement.predicate.get("gate", ""))
    kind, _, subject = gate.partition(":")
    if said.statement.predicate_type not in (WAIVER, ANNULMENT):
        return _AGAIN if gate else ""
    run_kind: RunKind = "ingest" if kind == "data" else "model"
    runs = opened.database.runs.find(opened.settings.name, run_kind, subject, _ENDED)
    moments = [run.as_of_ns for run in runs if gate_of(run) == gate]
    return f"{_AGAIN} {subject} --as-of {iso(moments[0])}" if moments else _AGAIN
