"""Routing tables and serving states under the gatekeeper's signature: how one is sealed, and what a worker demands."""

from collections.abc import Callable, Mapping
from typing import Final

from andon.attest.envelope import from_json, sign, signers_of, to_json
from andon.attest.trust_root import GATE_ROLE, TrustRoot, uncompromised_verifiers_of
from andon.contracts.routing import PAYLOAD_TYPE, Generation, generation_from_bytes
from andon.kernel.errors import RefusedError
from andon.kernel.signing import PublicKey, Signer, Verifier
from andon.line.serve.routing import OpenTable
from andon.line.serve.state import OpenState, ServingState, state_bytes, state_from_bytes

STATE_TYPE: Final = "application/vnd.andon.serving-state+json"
MakeVerifier = Callable[[PublicKey], Verifier]


def seal_table(table: Generation, signer: Signer) -> bytes:
    """A routing table in its signed envelope, as it lies in the serve folder."""
    return to_json(sign(PAYLOAD_TYPE, table.to_bytes(), (signer,)))


def seal_state(state: ServingState, signer: Signer) -> bytes:
    """A serving state in its signed envelope, as it lies in the folder of a target."""
    return to_json(sign(STATE_TYPE, state_bytes(state), (signer,)))


def table_opener(root: TrustRoot, verifier: MakeVerifier) -> OpenTable:
    """What reads sealed tables: only those of the root's factory that a gate's key signed.

    Neither an expired root nor a gate's key that was retired takes down what runs; a compromised key counts for
    nothing.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key.
    """
    verifiers = _gates(root, verifier)

    def open_table(data: bytes) -> Generation:
        table = generation_from_bytes(_signed(data, PAYLOAD_TYPE, verifiers))
        if table.factory != root.factory:
            raise _refuse("This routing table belongs to another factory.", table.factory)
        return table

    return open_table


def state_opener(root: TrustRoot, verifier: MakeVerifier) -> OpenState:
    """What reads sealed serving states: only those that a gate's key of this factory signed.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key.
    """
    verifiers = _gates(root, verifier)

    def open_state(data: bytes) -> ServingState:
        return state_from_bytes(_signed(data, STATE_TYPE, verifiers))

    return open_state


def _gates(root: TrustRoot, verifier: MakeVerifier) -> dict[str, Verifier]:
    """The checks of the keys of this factory's gates, by key id."""
    services = [one for one in root.principals if any(held.role == GATE_ROLE for held in one.roles)]
    gates = {key.public.key_id for one in services if one.kind == "service" for key in one.keys}
    return {key_id: one for key_id, one in uncompromised_verifiers_of(root, verifier).items() if key_id in gates}


def _signed(data: bytes, payload_type: str, verifiers: Mapping[str, Verifier]) -> bytes:
    envelope = from_json(data)
    if envelope.payload_type == payload_type and signers_of(envelope, verifiers):
        return envelope.payload
    if payload_type == PAYLOAD_TYPE:
        raise _refuse("No gate's key signed this routing table.", envelope.payload_type)
    raise RefusedError(
        "serve.state-not-signed",
        "No gate's key signed what is said to be published here.",
        found=envelope.payload_type,
        fix="Move the file away and publish again: andon run signs the file anew.",
    )


def _refuse(message: str, found: str) -> RefusedError:
    return RefusedError(
        "serve.table-not-signed", message, found=found, fix="Promote a release: the gatekeeper signs the table then."
    )
