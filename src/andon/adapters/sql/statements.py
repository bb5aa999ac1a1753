"""Signed statements in the control database."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, true

from andon.adapters.sql.tables import statement_subjects, statements
from andon.adapters.sql.unit import connection_of, reading
from andon.gates.ports import Sealed
from andon.kernel.digest import Digest, of_bytes, parse
from andon.kernel.errors import ConflictError, InputError, IntegrityError
from andon.kernel.unit import Unit

_PAGE_ROWS: Final = 500


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
        connection = connection_of(unit, self.engine)
        _check(sealed)
        taken = (statements.c.digest == sealed.digest) | (statements.c.position == sealed.index)
        found = _select(connection, taken, 2)
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
        _insert(connection, sealed)

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
        with reading(self.engine) as connection:
            for start in range(0, len(wanted), _PAGE_ROWS):
                page = wanted[start : start + _PAGE_ROWS]
                found |= {one.digest: one for one in _select(connection, statements.c.digest.in_(page), len(page))}
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
        is_of_type = true() if predicate_type is None else statements.c.predicate_type == predicate_type
        speaks = select(statement_subjects.c.statement).where(statement_subjects.c.subject == parse(subject))
        return list(self._pages(statements.c.position.in_(speaks) & is_of_type))

    def of_type(self, predicate_type: str) -> list[Sealed]:
        """Statements of a type, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        return list(self._pages(statements.c.predicate_type == predicate_type))

    def all(self) -> Iterator[Sealed]:
        """Every statement, in ledger order.

        Raises:
            IntegrityError: A record is not what was recorded.
        """
        return self._pages(true())

    def _pages(self, condition: ColumnElement[bool]) -> Iterator[Sealed]:
        """Page by page, so that no long answer keeps a transaction open."""
        after = -1
        while True:
            with reading(self.engine) as connection:
                page = _select(connection, condition & (statements.c.position > after), _PAGE_ROWS)
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1].index


def _insert(connection: Connection, sealed: Sealed) -> None:
    row = {
        "position": sealed.index,
        "digest": sealed.digest,
        "predicate_type": sealed.predicate_type,
        "envelope": sealed.envelope,
    }
    connection.execute(insert(statements).values(row))
    subjects = [
        {"statement": sealed.index, "ordinal": ordinal, "subject": parse(subject)}
        for ordinal, subject in enumerate(sealed.subjects)
    ]
    if subjects:
        connection.execute(insert(statement_subjects), subjects)


def _select(connection: Connection, condition: ColumnElement[bool], limit: int) -> list[Sealed]:
    found = connection.execute(select(statements).where(condition).order_by(statements.c.position).limit(limit)).all()
    subjects: dict[int, list[Digest]] = {row.position: [] for row in found}
    of_found = select(statement_subjects).where(statement_subjects.c.statement.in_(subjects))
    for row in connection.execute(of_found.order_by(statement_subjects.c.statement, statement_subjects.c.ordinal)):
        subjects[row.statement].append(row.subject)
    records = [
        Sealed(row.digest, row.predicate_type, tuple(subjects[row.position]), row.envelope, row.position)
        for row in found
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
