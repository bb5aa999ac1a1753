"""The signed envelope (DSSE): bytes, what they are, and who signed both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.attest.reading import document, items, malformed, members, text
from andon.kernel.armour import unwrap, wrap
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import AndonError
from andon.kernel.signing import Signer, Verifier

_PLACE: Final = "envelope"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and the id of the key that is said to have made it."""

    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes with their type and signatures; nothing is verified until `signers_of` says so."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        """Refuse two signatures under one key id.

        Raises:
            IntegrityError: A key id stands there twice.
        """
        ids = [signature.key_id for signature in self.signatures]
        if len(set(ids)) != len(ids):
            raise malformed(_PLACE, "two signatures under one key id")


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: type and payload, each with its length, so that neither can pass for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, signers: Sequence[Signer]) -> Envelope:
    """Sign bytes and their type with every one of these keys.

    Raises:
        IntegrityError: A key stands there twice.
    """
    data = pae(payload_type, payload)
    return Envelope(payload_type, payload, tuple(Signature(one.key_id, one.sign(data)) for one in signers))


def with_signature(envelope: Envelope, signer: Signer) -> Envelope:
    """The envelope with one signature more.

    Raises:
        IntegrityError: This key signed it already.
    """
    mine = sign(envelope.payload_type, envelope.payload, (signer,)).signatures
    return Envelope(envelope.payload_type, envelope.payload, envelope.signatures + mine)


def signers_of(envelope: Envelope, verifiers: Mapping[str, Verifier]) -> frozenset[str]:
    """The ids of the keys that signed this envelope.

    A key that is not among the verifiers never counts, nor does a wrong signature, nor a verifier that stands under an
    id other than its own key's. Whoever needs several people must count principals, not these keys.

    Args:
        envelope: What is said to be signed.
        verifiers: The keys to check, by key id.
    """
    data = pae(envelope.payload_type, envelope.payload)
    found: set[str] = set()
    for signature in envelope.signatures:
        verifier = verifiers.get(signature.key_id)
        if verifier is None or verifier.public.key_id != signature.key_id:
            continue
        if verifier.verify(signature.value, data):
            found.add(signature.key_id)
    return frozenset(found)


def to_json(envelope: Envelope) -> bytes:
    """The canonical bytes of the standard DSSE JSON."""
    signatures: list[Json] = [{"keyid": one.key_id, "sig": wrap(one.value)} for one in envelope.signatures]
    return dumps({"payload": wrap(envelope.payload), "payloadType": envelope.payload_type, "signatures": signatures})


def from_json(data: bytes) -> Envelope:
    """Read what `to_json` wrote; nothing is verified.

    Raises:
        IntegrityError: The bytes are not canonical, a member is missing, unknown or of the wrong type, or a key id
            stands there twice.
    """
    value = members(document(data, _PLACE), ("payload", "payloadType", "signatures"), _PLACE)
    signatures = tuple(_signature(item) for item in items(value["signatures"], _PLACE))
    return Envelope(text(value["payloadType"], _PLACE), _bytes(value["payload"]), signatures)


def digest_of(envelope: Envelope) -> Digest:
    """Identity of the envelope: what the ledger's entry names."""
    return of_bytes(to_json(envelope))


def _signature(value: Json) -> Signature:
    item = members(value, ("keyid", "sig"), _PLACE)
    return Signature(text(item["keyid"], _PLACE), _bytes(item["sig"]))


def _bytes(value: Json) -> bytes:
    if not isinstance(value, str):
        raise malformed(_PLACE, f"{value!r:.60}")
    try:
        return unwrap(value)
    except AndonError as error:
        raise malformed(_PLACE, f"{value!r:.60}") from error
