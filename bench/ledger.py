"""The ledger over SQLite: appending and proving one entry, and verifying a hundred thousand, or as many as asked."""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measured import against, tell
from sqlalchemy import insert

from andon.adapters.keys import Ed25519Signer, generate_key, load_signer, verifier
from andon.adapters.sql.database import Database, open_database
from andon.adapters.sql.tables import ledger_leaves, ledger_nodes
from andon.kernel.clock import SystemClock
from andon.kernel.digest import of_bytes
from andon.ledger.checkpoint import Checkpoint, sign
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.log import Ledger
from andon.ledger.merkle import completed_nodes, leaf_hash, root_at

ENTRIES = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000  # python bench/ledger.py 1000000
SAMPLE, ORIGIN = 200, "example.com/bench"


def main() -> None:
    """Fill a ledger, then append, prove and verify."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        generate_key(place / "keys" / "log.pem")
        signer = load_signer(place / "keys" / "log.pem")
        database = open_database(f"sqlite:///{place}/control.db")
        known = {signer.key_id: verifier(signer.public)}
        ledger = Ledger(database.ledger_rows, database.checkpoints, signer, ORIGIN, SystemClock(), known)
        leaves = fill(database, signer)
        hashed = least_us(lambda: [hashlib.sha256(leaf).digest() for leaf in leaves], len(leaves))
        appended = least_us(lambda: append(database, ledger), SAMPLE)
        committed = least_us(lambda: append_once(database, ledger), 1)
        proved = least_us(lambda: [ledger.prove(index * (ENTRIES // SAMPLE)) for index in range(SAMPLE)], SAMPLE)
        verified = least_us(lambda: verify(ledger, known), ENTRIES)
        database.close()
    floor_is = "sha256 of the bytes of one entry."
    note = f"{verified:.2f} s for a million entries."
    tell(
        against(
            "ledger_append", "us", appended, hashed, floor_is, note="Signed and in a transaction, without its commit."
        ),
        against(
            "ledger_append_commit", "us", committed, hashed, floor_is, note="With a commit that waits for the disk."
        ),
        against("ledger_prove", "us", proved, hashed, floor_is, at_most=1000),
        against("ledger_verify", "us", verified, hashed, floor_is, at_most=10, note=note),
    )


def fill(database: Database, signer: Ed25519Signer) -> list[bytes]:
    """Entries without a signed head for each, so that a hundred thousand do not take minutes; the last one has one."""
    begun = SystemClock().now_ns() - ENTRIES * 1_000
    leaves: list[bytes] = []
    known: dict[tuple[int, int], bytes] = {}
    for index in range(ENTRIES):
        leaves.append(leaf_bytes(Entry(index, begun + index, "gate-verdict", of_bytes(b"%d" % index))))
        nodes = completed_nodes(index, leaf_hash(leaves[-1]), lambda level, at: known[level, at])
        known.update({(node.level, node.index): node.hash for node in nodes})
    head = Checkpoint(ORIGIN, ENTRIES, root_at(ENTRIES, lambda level, at: known[level, at]))
    with database.engine.begin() as connection:
        connection.execute(insert(ledger_leaves), [{"position": at, "leaf": leaf} for at, leaf in enumerate(leaves)])
        stored = [{"level": level, "position": at, "hash": value} for (level, at), value in known.items()]
        connection.execute(insert(ledger_nodes), stored)
    with database.units.begin() as unit:
        database.checkpoints.save(unit, ENTRIES, sign(head, signer))
    return leaves


def append(database: Database, ledger: Ledger) -> None:
    """Many entries in one transaction."""
    with database.units.begin() as unit:
        for number in range(SAMPLE):
            ledger.append(unit, "gate-verdict", of_bytes(b"%d" % number))


def append_once(database: Database, ledger: Ledger) -> None:
    """One entry in a transaction of its own."""
    with database.units.begin() as unit:
        ledger.append(unit, "gate-verdict", of_bytes(b"one"))


def verify(ledger: Ledger, known: dict) -> None:
    """The whole ledger."""
    report = ledger.verify_whole(known, None)
    assert report.is_sound, report


def least_us(work: Callable[[], object], times: int) -> float:
    """The least processor time of one of `times` pieces of work, in microseconds."""
    least = float("inf")
    for _ in range(3):
        begun = time.process_time_ns()
        work()
        least = min(least, (time.process_time_ns() - begun) / 1000 / times)
    return least


if __name__ == "__main__":
    main()
