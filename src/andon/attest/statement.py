"""What is said about which bytes (in-toto Statement v1), sealed in an envelope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from andon.attest.envelope import Envelope, sign, signers_of
from andon.attest.reading import document, items, malformed, members, text
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest, hex_of, parse
from andon.kernel.errors import AndonError, IntegrityError
from andon.kernel.signing import Signer, Verifier

T = TypeVar("T")
GATE_VERDICT: Final = "andon/gate-verdict/v1"
SIGNOFF: Final = "andon/signoff/v1"
RELEASE: Final = "andon/release/v1"
ADMISSION: Final = "andon/admission/v1"
ROLLBACK: Final = "andon/rollback/v1"
REVOCATION: Final = "andon/revocation/v1"
WAIVER: Final = "andon/waiver/v1"
ANNULMENT: Final = "andon/annulment/v1"
DELEGATION: Final = "andon/delegation/v1"
RECOVERY: Final = "andon/recovery/v1"
PREDICATE_TYPES: Final = frozenset(
    {
        GATE_VERDICT,
        SIGNOFF,
        RELEASE,
        ADMISSION,
        ROLLBACK,
        REVOCATION,
        WAIVER,
        ANNULMENT,
        DELEGATION,
        RECOVERY,
    }
)
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_PLACE: Final = "statement"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: bytes, by digest, with a name for people."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim about subjects.

    Attributes:
        subjects: What it is about; at least one, none twice.
        predicate_type: What kind of claim: one of `PREDICATE_TYPES`.
        predicate: The claim itself.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Json]
    _read: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a claim about nothing, or of an unknown kind.

        Raises:
            IntegrityError: There is no subject, one stands there twice or is malformed, or the predicate type is
                unknown.
        """
        if self.predicate_type not in PREDICATE_TYPES:
            raise malformed(_PLACE, f"predicate type {self.predicate_type!r}")
        if not self.subjects or len({subject.digest for subject in self.subjects}) != len(self.subjects):
            raise malformed(_PLACE, f"{len(self.subjects)} subjects, not all different")
        for subject in self.subjects:
            _check_digest(subject.digest)
            text(subject.name, f"{_PLACE} subject name")

    def read_as(self, reader: Callable[["Statement"], T]) -> T:
        """What a reader makes of the statement; a statement never changes, so it is asked once.

        Raises:
            AndonError: What the reader raises.
        """
        if reader not in self._read:
            self._read[reader] = reader(self)
        return cast("T", self._read[reader])


def to_bytes(statement: Statement) -> bytes:
    """The canonical bytes of the in-toto JSON.

    Raises:
        InputError: The predicate holds something that has no canonical form.
    """
    subjects: list[Json] = [{"digest": {"sha256": hex_of(one.digest)}, "name": one.name} for one in statement.subjects]
    return dumps(
        {
            "_type": _STATEMENT_TYPE,
            "predicate": statement.predicate,
            "predicateType": statement.predicate_type,
            "subject": subjects,
        }
    )


def from_bytes(data: bytes) -> Statement:
    """Read what `to_bytes` wrote.

    Raises:
        IntegrityError: The bytes are not canonical, or a member is missing, unknown or of the wrong type.
    """
    value = members(document(data, _PLACE), ("_type", "predicate", "predicateType", "subject"), _PLACE)
    if value["_type"] != _STATEMENT_TYPE:
        raise malformed(_PLACE, f"type {value['_type']!r:.60}")
    predicate = value["predicate"]
    if not isinstance(predicate, Mapping):
        raise malformed(_PLACE, f"predicate {predicate!r:.60}")
    subjects = tuple(_subject(item) for item in items(value["subject"], _PLACE))
    return Statement(subjects, text(value["predicateType"], _PLACE), predicate)


def seal(statement: Statement, signer: Signer) -> Envelope:
    """Sign a statement.

    Raises:
        InputError: The predicate holds something that has no canonical form.
    """
    return sign(PAYLOAD_TYPE, to_bytes(statement), (signer,))


def unseal(
    envelope: Envelope, verifiers: Mapping[str, Verifier], predicate_type: str
) -> tuple[Statement, frozenset[str]]:
    """The statement in an envelope, and the ids of the keys that signed it: at least one.

    Whether those keys may say so is for the trust root to answer.

    Args:
        envelope: What is said to be signed.
        verifiers: The keys to check, by key id.
        predicate_type: The kind of claim that is expected; another is refused.

    Raises:
        IntegrityError: The payload is of another type or malformed, the claim of another kind, or none of the keys
            signed.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise malformed(_PLACE, f"payload type {envelope.payload_type!r:.60}")
    signers = signers_of(envelope, verifiers)
    if not signers:
        raise _unsigned(envelope)
    statement = from_bytes(envelope.payload)
    if statement.predicate_type != predicate_type:
        raise malformed(_PLACE, f"{statement.predicate_type} where {predicate_type} is expected")
    return statement, signers


def _subject(value: Json) -> Subject:
    item = members(value, ("digest", "name"), f"{_PLACE} subject")
    digests = members(item["digest"], ("sha256",), f"{_PLACE} subject digest")
    digest = f"sha256:{text(digests['sha256'], _PLACE)}"
    return Subject(text(item["name"], f"{_PLACE} subject name"), _check_digest(digest))


def _check_digest(digest: Digest) -> Digest:
    try:
        return parse(digest)
    except AndonError as error:
        raise malformed(f"{_PLACE} subject digest", f"{digest!r:.80}") from error


def _unsigned(envelope: Envelope) -> IntegrityError:
    return IntegrityError(
        "attest.unsigned",
        "This statement is not signed by any key that is trusted here.",
        place=_PLACE,
        found=", ".join(signature.key_id[:12] for signature in envelope.signatures) or "no signature",
        fix="Have it signed by a key in the trust root, or bring the newest trust root.",
    )
