"""A signed statement in its place in the ledger: read again from its bytes, never from what was noted beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from andon.attest import envelope as envelopes
from andon.attest.statement import PAYLOAD_TYPE, Statement, from_bytes
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.entry import Entry

T = TypeVar("T")
_MOST_OPENED: Final = 2048


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody signed, and when it came into the ledger.

    Attributes:
        digest: Digest of the envelope, which is what the ledger names.
        envelope: The canonical bytes of the envelope.
        statement: What was signed.
        keys: Ids of the keys of the trust root whose signature is valid; whether they were good then is asked later.
        index: Its place in the ledger.
        logged_ns: When it was appended, in nanoseconds UTC.
        witnessed_ns: When a witness first cosigned a ledger that holds it; `None` where that is not known, or not asked
            because none of its keys is compromised.
    """

    digest: Digest
    envelope: bytes
    statement: Statement
    keys: frozenset[str]
    index: int
    logged_ns: int
    witnessed_ns: int | None = None

    def read_as(self, reader: Callable[[Statement], T]) -> T:
        """What a reader makes of the statement.

        Raises:
            AndonError: What the reader raises.
        """
        return self.statement.read_as(reader)

    @property
    def subjects(self) -> tuple[Digest, ...]:
        """Digests of what it speaks about, in order."""
        return tuple(subject.digest for subject in self.statement.subjects)

    @property
    def entry(self) -> Entry:
        """The ledger's entry that names it."""
        return Entry(self.index, self.logged_ns, kind_of(self.statement.predicate_type), self.digest)


def kind_of(predicate_type: str) -> str:
    """The kind under which the ledger enters statements of a type: `gate-verdict` for `andon/gate-verdict/v1`."""
    return predicate_type.removeprefix("andon/").removesuffix("/v1")


def read_said(data: bytes, entry: Entry, verifiers: Mapping[str, Verifier]) -> Said:
    """Read a statement from the bytes of its envelope, in the place its ledger entry gives it.

    A statement that no key of the trust root signed is read too, with no keys, so that whoever relies on it can say so.

    Args:
        data: The canonical bytes of the envelope.
        entry: The ledger entry that must name exactly these bytes.
        verifiers: The keys of the trust root, by key id.

    Raises:
        IntegrityError: The entry names other bytes or another kind (`gates.statement-damaged`), or the bytes are
            malformed.
    """
    entered(data, entry)
    return signed(data, entry, verifiers)


def entered(data: bytes, entry: Entry) -> Statement:
    """The statement in the envelope that a ledger entry names, before anybody asks who signed it.

    Raises:
        IntegrityError: The entry names other bytes or another kind (`gates.statement-damaged`), or the bytes are
            malformed.
    """
    if of_bytes(data) != entry.statement:
        raise _damaged(entry, f"{of_bytes(data)} in place of {entry.statement}")
    _, statement = opened(data)
    if kind_of(statement.predicate_type) != entry.kind:
        raise _damaged(entry, f"a {kind_of(statement.predicate_type)} entered as {entry.kind}")
    return statement


@lru_cache(maxsize=_MOST_OPENED)
def opened(data: bytes) -> tuple[envelopes.Envelope, Statement]:
    """The envelope that canonical bytes are, and the statement in it, without believing it.

    The same bytes always are the same envelope, so the last ones are not read again; whether they are the right bytes,
    and who signed them, is asked each time.

    Raises:
        IntegrityError: The bytes are malformed, or there is no statement in them.
    """
    envelope = envelopes.from_json(data)
    return envelope, read_statement(envelope)


def signed(data: bytes, entry: Entry, verifiers: Mapping[str, Verifier]) -> Said:
    """What `entered` found to be named by the entry, with the keys whose signature is valid."""
    envelope, statement = opened(data)
    keys = envelopes.signers_of(envelope, verifiers)
    return Said(entry.statement, data, statement, keys, entry.index, entry.time_ns)


def read_statement(envelope: envelopes.Envelope) -> Statement:
    """The statement in an envelope, without believing it.

    Raises:
        IntegrityError: There is none in it.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise IntegrityError(
            "gates.statement-damaged",
            "This envelope holds no statement.",
            found=envelope.payload_type,
            fix="Bring the envelope of a signed statement.",
        )
    return from_bytes(envelope.payload)


def members(value: Json) -> dict[str, Json]:
    """The members of a value that is an object, as every dataclass is when it is written."""
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _damaged(entry: Entry, found: str) -> IntegrityError:
    return IntegrityError(
        "gates.statement-damaged",
        "This statement is not the one that the ledger names.",
        place=f"ledger entry {entry.index}",
        found=found,
        fix="Restore the control database from a backup, and run: andon audit verify.",
    )
