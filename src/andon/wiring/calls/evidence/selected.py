"""Which statements of a ledger belong to some artefacts: all about them, and all that change what those mean."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from andon.attest.envelope import from_json
from andon.attest.statement import ANNULMENT, DELEGATION, RECOVERY, REVOCATION, ROLLBACK, WAIVER
from andon.gates.said import read_statement
from andon.kernel.digest import Digest

_DIGEST: Final = re.compile(rb"sha256:[0-9a-f]{64}")
# Kinds whose effect on a release does not show in their subject: they name a statement or another release.
_NAMING: Final = frozenset({WAIVER, ANNULMENT, REVOCATION, ROLLBACK})
_FOR_ALL: Final = frozenset({DELEGATION, RECOVERY})
_CONTENT: Final = "content"


@dataclass(frozen=True, slots=True)
class Line:
    """One statement as far as it takes to see what it belongs to.

    Attributes:
        digest: Digest of its envelope.
        subjects: Names and digests of what it is about.
        named: Digests anywhere in it, where its kind may change what others mean; empty for all others.
    """

    index: int
    digest: Digest
    predicate_type: str
    subjects: tuple[tuple[str, Digest], ...]
    named: frozenset[Digest]


def line_of(index: int, digest: Digest, envelope: bytes) -> Line:
    """A statement's line, read from the bytes of its envelope.

    Raises:
        IntegrityError: They hold no statement.
    """
    opened = from_json(envelope)
    statement = read_statement(opened)
    is_naming = statement.predicate_type in _NAMING
    named = frozenset(found.decode() for found in _DIGEST.findall(opened.payload)) if is_naming else frozenset()
    subjects = tuple((subject.name, subject.digest) for subject in statement.subjects)
    return Line(index, digest, statement.predicate_type, subjects, named)


def selected(lines: Iterable[Line], artefacts: Collection[Digest]) -> frozenset[int]:
    """The places in the ledger of all statements that belong to some artefacts.

    These are the statements about one of them, or about the same bytes under another manifest; waivers, annulments,
    revocations and rollbacks that name one of them or one of those statements; every delegation and every recovery.
    """
    everything = tuple(lines)
    known, chosen = set(artefacts), {one.index: one for one in everything if one.predicate_type in _FOR_ALL}
    while True:
        fresh = {one.index: one for one in everything if one.index not in chosen and _belongs(one, known)}
        if not fresh:
            return frozenset(chosen)
        chosen |= fresh
        known |= _names_of(fresh)


def _belongs(line: Line, known: Collection[Digest]) -> bool:
    return any(digest in known for _, digest in line.subjects) or not line.named.isdisjoint(known)


def _names_of(lines: Mapping[int, Line]) -> set[Digest]:
    contents = {digest for one in lines.values() for name, digest in one.subjects if name == _CONTENT}
    return contents | {one.digest for one in lines.values()}
