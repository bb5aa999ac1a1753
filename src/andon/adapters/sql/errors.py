"""What SQLite says, as refusals that a person can act on."""

import sqlite3
from typing import Final

from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError, UsageError
from andon.store.errors import StorageError

_LOCKED: Final = (
    ConflictError,
    "database.locked",
    "Another process held the control database for too long.",
    "Run again. If it stays so, look for a process that hangs with the file open.",
)
_REFUSALS: Final[dict[int, tuple[type[AndonError], str, str, str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOTADB: (
        InputError,
        "database.not-a-database",
        "This file is not a control database of andon.",
        "Name another file in the settings; this one was left as it is.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        IntegrityError,
        "database.damaged",
        "The control database is damaged.",
        "Stop every process of this factory and restore the file from a backup; then verify the ledger.",
    ),
    sqlite3.SQLITE_READONLY: (
        StorageError,
        "database.read-only",
        "The control database cannot be written.",
        "Make the file and its folder writable for this user, and check that the disk is not mounted read-only.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        InputError,
        "database.cannot-open",
        "The control database cannot be opened.",
        "Check that its folder exists and that this user may read and write the folder and the file.",
    ),
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: (
        IntegrityError,
        "database.write-once",
        "What is written once in the control database is never changed.",
        "Record a new version beside the old one.",
    ),
    sqlite3.SQLITE_FULL: (
        StorageError,
        "database.disk-full",
        "There is no room left for the control database; nothing was written.",
        "Free some space or raise the quota, then run again: what is finished is kept.",
    ),
    sqlite3.SQLITE_IOERR: (
        StorageError,
        "database.disk-failed",
        "The disk of the control database refused; nothing was written.",
        "Check the disk, its free space and its mount, then run again.",
    ),
}


def refusal(error: BaseException, place: str) -> AndonError | None:
    """The refusal that an exception of the driver means; `None` when it is a mistake of ours.

    Args:
        error: What the driver raised.
        place: The database, for people.
    """
    if isinstance(error, OverflowError):
        return UsageError(
            "database.number-too-large",
            "A number does not fit into 64 bits.",
            place=place,
            found=str(error),
            fix="Keep times before the year 2262, and counts below 2**63.",
        )
    code = getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
    # The low byte of an extended code is the primary one: SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY.
    found = _REFUSALS.get(code) or _REFUSALS.get(code & 0xFF)
    if found is None:
        return None
    kind, name, message, fix = found
    return kind(name, message, place=place, found=str(error), fix=fix)


def not_a_database(place: str, found: str) -> AndonError:
    """The refusal of a file that is something else."""
    kind, code, message, fix = _REFUSALS[sqlite3.SQLITE_NOTADB]
    return kind(code, message, place=place, found=found, fix=fix)
