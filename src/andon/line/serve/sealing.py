"""Routing tables under the gatekeeper's signature: how one is sealed, and what a worker demands of one."""

from collections.abc import Callable, Mapping

from andon.attest.envelope import from_json, sign, signers_of, to_json
from andon.attest.trust_root import GATE_ROLE, TrustRoot, verifiers_of
from andon.contracts.routing import PAYLOAD_TYPE, Generation, generation_from_bytes
from andon.kernel.errors import RefusedError
from andon.kernel.signing import PublicKey, Signer, Verifier
from andon.line.serve.routing import OpenTable


def seal_table(table: Generation, signer: Signer) -> bytes:
    """A routing table in its signed envelope, as it lies in the serve folder."""
    return to_json(sign(PAYLOAD_TYPE, table.to_bytes(), (signer,)))


def table_opener(root: TrustRoot, verifier: Callable[[PublicKey], Verifier]) -> OpenTable:
    """What reads sealed tables: only those of the root's factory that a gate's key signed.

    Neither an expired root nor a gate's key that was retired takes down what runs; a compromised key counts for
    nothing.

    Args:
        root: The verified trust root.
        verifier: Makes the check of one key.
    """
    services = [one for one in root.principals if any(held.role == GATE_ROLE for held in one.roles)]
    gates = {key.public.key_id for one in services if one.kind == "service" for key in one.keys}
    verifiers = {key_id: one for key_id, one in verifiers_of(root, verifier).items() if key_id in gates}

    def open_table(data: bytes) -> Generation:
        return _open(data, verifiers, root.factory)

    return open_table


def _open(data: bytes, verifiers: Mapping[str, Verifier], factory: str) -> Generation:
    envelope = from_json(data)
    if envelope.payload_type != PAYLOAD_TYPE or not signers_of(envelope, verifiers):
        raise _refuse("No gate's key signed this routing table.", envelope.payload_type)
    table = generation_from_bytes(envelope.payload)
    if table.factory != factory:
        raise _refuse("This routing table belongs to another factory.", table.factory)
    return table


def _refuse(message: str, found: str) -> RefusedError:
    return RefusedError(
        "serve.table-not-signed", message, found=found, fix="Promote a release: the gatekeeper signs the table then."
    )
