"""Signed statements in the control database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from andon.adapters.sql.plain import Value, add, fetch, places
from andon.gates.ports import Sealed
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import ConflictError, InputError, IntegrityError
from andon.kernel.unit import Unit

_PAGE_ROWS: Final = 500
# The subjects as one text: digests have no spaces.
_ALL: Final = (
    "SELECT position, digest, predicate_type, envelope, coalesce((SELECT group_concat(subject, ' ') FROM "
    "(SELECT subject FROM statement_subjects WHERE statement = position ORDER BY ordinal)), '') FROM statements"
)
_SPEAKS: Final = "position IN (SELECT statement FROM statement_subjects WHERE subject = ?)"
_ADD: Final = "INSERT INTO statements (position, digest, predicate_type, envelope) VALUES (?, ?, ?, ?)"
_ADD_SUBJECT: Final = "INSERT INTO statement_subjects (statement, ordinal, subject) VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class SqlStatements:
    """Implements `andon.gates.ports.Statements`."""

    engine: Engine

    def add(self, unit: Unit, sealed: Sealed) -> None:
        """Record a statement; the very same again changes nothing.

        Raises:
            IntegrityError: `digest` is not the digest of `envelope` (`gates.statement-damaged`).
            ConflictError: The statement or the ledger index is taken by another record (`gates.statement-taken`).
        """
        _check(sealed)
        found = self._select("digest = ? OR position = ?", (sealed.digest, sealed.index), 2, unit)
        if found == [sealed]:
            return
        if found:
            raise ConflictError(
                "gates.statement-taken",
                "The statement, or its place in the ledger, is taken.",
                place=f"ledger index {sealed.index}",
                found=", ".join(f"{other.digest} at {other.index}" for other in found),
                fix="Append to the ledger first, and record each statement once, at the index it was given.",
            )
        row = (sealed.index, sealed.digest, sealed.predicate_type, sealed.envelope)
        add(self.engine, unit, _ADD, [row])
        subjects = [(sealed.index, ordinal, parse(subject)) for ordinal, subject in enumerate(sealed.subjects)]
        add(self.engine, unit, _ADD_SUBJECT, subjects)

    def get(self, digest: Digest) -> Sealed:
        """The statement of that digest, hashed again as it is read.

        Raises:
            InputError: There is none (`gates.unknown-statement`).
            IntegrityError: The record is not what was recorded (`gates.statement-damaged`).
        """
        return self.many((digest,))[digest]

    def many(self, digests: Collection[Digest]) -> Mapping[Digest, Sealed]:
        """Several statements at once, by digest, each hashed again as it is read.

        Raises:
            InputError: One of them is not there (`gates.unknown-statement`).
            IntegrityError: A record is not what was recorded (`gates.statement-damaged`).
        """
        wanted = [parse(digest) for digest in dict.fromkeys(digests)]
        found: dict[Digest, Sealed] = {}
        for start in range(0, len(wanted), _PAGE_ROWS):
            page = wanted[start : start + _PAGE_ROWS]
            found |= {one.digest: one for one in self._select(f"digest IN ({places(page)})", page, len(page))}
        missing = next((digest for digest in wanted if digest not in found), None)
        if missing:
            raise InputError(
                "gates.unknown-statement",
                "There is no such statement.",
                found=missing,
                fix="Check the digest, and that this is the control database of the factory that signed it.",
            )
        return {digest: found[digest] for digest in wanted}

    def about(self, subject: Digest, predicate_type: str | None = None) -> list[Sealed]:
        """Statements about a subject, of one type or of any, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        if predicate_type is None:
            return list(self._pages(_SPEAKS, parse(subject)))
        return list(self._pages(f"{_SPEAKS} AND predicate_type = ?", parse(subject), predicate_type))

    def of_type(self, predicate_type: str) -> list[Sealed]:
        """Statements of a type, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        return list(self._pages("predicate_type = ?", predicate_type))

    def all(self) -> Iterator[Sealed]:
        """Every statement, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        return self._pages("TRUE")

    def _pages(self, condition: str, *given: Value) -> Iterator[Sealed]:
        """Page by page, so that no long answer keeps a transaction open."""
        after = -1
        while True:
            page = self._select(f"{condition} AND position > ?", (*given, after), _PAGE_ROWS)
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1].index

    def _select(self, condition: str, given: Sequence[Value], limit: int, unit: Unit | None = None) -> list[Sealed]:
        query = f"{_ALL} WHERE {condition} ORDER BY position LIMIT ?"
        records = [
            Sealed(digest, predicate_type, tuple(subjects.split()), envelope, position)
            for position, digest, predicate_type, envelope, subjects in fetch(
                self.engine, query, *given, limit, unit=unit
            )
        ]
        for record in records:
            _check(record)
        return records


def _check(sealed: Sealed) -> None:
    found = of_bytes(sealed.envelope)
    if found != sealed.digest:
        raise IntegrityError(
            "gates.statement-damaged",
            "The envelope of this statement is not what was signed.",
            place=f"{sealed.digest}, ledger index {sealed.index}",
            found=found,
            fix="Restore the control database from a backup, verify the ledger, and look for who or what changed it.",
        )
