"""What the gates need from the control database: signed statements, found by what they are about.

Writing takes an open unit. Questions see what is committed, never what an open unit wrote.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from andon.attest.envelope import Envelope
from andon.kernel.digest import Digest
from andon.kernel.unit import Unit


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed statement as it is stored.

    Only `envelope` is proof. Type and subjects serve to find it: whoever relies on a statement unseals the envelope and
    reads them there.

    Attributes:
        digest: Digest of `envelope`, which is also what the ledger's entry names.
        predicate_type: Such as `andon/gate-verdict/v1`.
        subjects: Digests of what it speaks about, in order.
        envelope: Canonical bytes of the DSSE envelope.
        index: Its place in the ledger.
    """

    digest: Digest
    predicate_type: str
    subjects: tuple[Digest, ...]
    envelope: bytes
    index: int


class Statements(Protocol):
    """Everything that was signed, in ledger order."""

    def add(self, unit: Unit, sealed: Sealed) -> None:
        """Record a statement; the very same again changes nothing.

        Raises:
            IntegrityError: `digest` is not the digest of `envelope` (`gates.statement-damaged`).
            ConflictError: The statement or the ledger index is taken by another record (`gates.statement-taken`).
        """
        ...

    def get(self, digest: Digest) -> Sealed:
        """The statement of that digest, hashed again as it is read.

        Raises:
            InputError: There is none (`gates.unknown-statement`).
            IntegrityError: The record is not what was recorded (`gates.statement-damaged`).
        """
        ...

    def many(self, digests: Collection[Digest]) -> Mapping[Digest, Sealed]:
        """Several statements at once, by digest, each hashed again as it is read.

        Raises:
            InputError: One of them is not there (`gates.unknown-statement`).
            IntegrityError: A record is not what was recorded (`gates.statement-damaged`).
        """
        ...

    def about(self, subject: Digest, predicate_type: str | None = None) -> list[Sealed]:
        """Statements about a subject, of one type or of any, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        ...

    def of_type(self, predicate_type: str) -> list[Sealed]:
        """Statements of a type, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        ...

    def all(self) -> Iterator[Sealed]:
        """Every statement, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        ...


class Commits(Protocol):
    """Where the gates record finished work, together with what they say about it."""

    def commit(self, unit: Unit, stage_key: Digest, output: Digest, run_id: str, now_ns: int) -> None:
        """Record the output of a stage key; the same output again changes nothing.

        Raises:
            ConflictError: Another output is committed under the key (`runtime.key-committed`).
        """
        ...


class TrustRoots(Protocol):
    """Where the signed versions of the trust root are kept; whoever reads them verifies them."""

    def envelopes(self) -> Sequence[Envelope]:
        """Every version, the first one first.

        Raises:
            AndonError: There is none, or what is there cannot be read.
        """
        ...
