"""The audit of a whole ledger: every entry and every hash again, the signed head, and what was seen before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.kernel.errors import IntegrityError
from andon.kernel.signing import Verifier
from andon.ledger.checkpoint import Checkpoint, verify
from andon.ledger.entry import Entry, parse_leaf, times_in_order
from andon.ledger.memory import Remembered
from andon.ledger.merkle import at_once, leaf_hash, leaf_hashes, pairs, root, root_at
from andon.ledger.ports import CheckpointRows, LedgerRows

_BLOCK_LEVEL: Final = 14
_BLOCK: Final = 1 << _BLOCK_LEVEL
_MOST_FINDINGS: Final = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was recorded.

    Attributes:
        code: Stable name, such as `ledger.entry-edited`.
        place: Where in the ledger.
        found: What is there.
    """

    code: str
    place: str
    found: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit of the ledger saw.

    Attributes:
        origin: The ledger's name.
        size: How many entries were read.
        root: The root over them, recomputed, 32 bytes.
        last_ns: Time of the last entry; None when there is none.
        findings: Everything that is wrong, the first fifty.
    """

    origin: str
    size: int
    root: bytes
    last_ns: int | None
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings


@dataclass(slots=True)
class _Walk:
    """What the audit has gathered so far."""

    rows: LedgerRows
    findings: list[Finding]
    tops: list[bytes]
    last_ns: int | None = None

    def report(self, code: str, place: str, found: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(Finding(code, place, found))


def verify_whole(
    rows: LedgerRows,
    checkpoints: CheckpointRows,
    origin: str,
    verifiers: Mapping[str, Verifier],
    remembered: Remembered | None,
) -> Report:
    """Read the whole ledger and compare it with its hashes, its signed head and what was seen of it before.

    An edited, deleted, inserted or reordered entry does not match its hash; a ledger whose hashes were rewritten too
    does not match its signed head; one that was cut back to an older signed head, or signed anew, does not match what
    is remembered. Nothing is changed, and nothing is raised for what is found.

    Args:
        rows: The entries and the nodes.
        checkpoints: The signed heads.
        origin: The ledger's name.
        verifiers: The keys that may sign its head, by key id.
        remembered: What this verifier has seen before; None the first time, when a cut cannot be noticed.
    """
    walk = _Walk(rows, [], [])
    newest = checkpoints.latest()
    size = rows.size()
    tail: list[bytes] = []
    for start in range(0, size, _BLOCK):
        tail = _read_block(walk, start, min(start + _BLOCK, size))
    whole = _root(walk, tail)
    _check_head(walk, checkpoints, newest, Checkpoint(origin, size, whole), tuple(verifiers.values()))
    if remembered is not None:
        _check_memory(walk, remembered, Checkpoint(origin, size, whole))
    return Report(origin, size, whole, walk.last_ns, tuple(walk.findings))


def _read_block(walk: _Walk, start: int, stop: int) -> list[bytes]:
    """Hash the leaves of one block and check the nodes over them; returns the leaf hashes of a block cut short."""
    hashes = _leaf_hashes(walk, start, stop)
    level_hashes = hashes
    for level in range(_BLOCK_LEVEL + 1):
        _check_level(walk, level, start >> level, level_hashes)
        if level < _BLOCK_LEVEL:
            level_hashes = pairs(level_hashes)
    if stop - start < _BLOCK:
        return hashes
    walk.tops += level_hashes
    return []


def _leaf_hashes(walk: _Walk, start: int, stop: int) -> list[bytes]:
    """The hash of every leaf; one that is missing is reported, and hashed as empty bytes so that the audit goes on."""
    rows = list(walk.rows.leaves(start, stop))
    leaves = [leaf for _, leaf in rows]
    if _are_in_order(walk, leaves, start, stop):
        return leaf_hashes(leaves)
    hashes: list[bytes] = []
    for index, leaf in rows:
        if index != start + len(hashes):
            hashes += _missing(walk, start + len(hashes), index)
        hashes.append(leaf_hash(leaf))
        _check_leaf(walk, index, leaf)
    hashes += _missing(walk, start + len(hashes), stop)
    return hashes


def _are_in_order(walk: _Walk, leaves: Sequence[bytes], start: int, stop: int) -> bool:
    """Whether these are all the entries of the block, each well-formed, in its place and not before the last one.

    A leaf says its own index, so leaves that are in order are in their places, wherever the rows say they stand.
    """
    times = times_in_order(leaves, start) if len(leaves) == stop - start else None
    if times is None or (walk.last_ns is not None and times[0] < walk.last_ns):
        return False
    walk.last_ns = times[-1]
    return True


def _missing(walk: _Walk, start: int, stop: int) -> list[bytes]:
    for index in range(start, stop):
        walk.report("ledger.entry-missing", f"entry {index}", "nothing")
    return [leaf_hash(b"")] * (stop - start)


def _check_leaf(walk: _Walk, index: int, leaf: bytes) -> None:
    place = f"entry {index}"
    try:
        entry: Entry = parse_leaf(leaf)
    except IntegrityError as error:
        walk.report(error.code, place, error.found)
        return
    if entry.index != index:
        walk.report("ledger.entry-misplaced", place, f"the entry with index {entry.index}")
    if walk.last_ns is not None and entry.time_ns < walk.last_ns:
        walk.report("ledger.entry-back-dated", place, f"time {entry.time_ns} after {walk.last_ns}")
    walk.last_ns = entry.time_ns if walk.last_ns is None else max(entry.time_ns, walk.last_ns)


def _check_level(walk: _Walk, level: int, first: int, hashes: list[bytes]) -> None:
    """Compare the stored nodes of one level with the recomputed ones."""
    if not hashes:
        return
    rows = list(walk.rows.nodes(level, first, first + len(hashes)))
    if [kept for _, kept in rows] == hashes:  # as many as there are places: each is in its own
        return
    stored = dict(rows)
    for index, expected in enumerate(hashes, first):
        if stored.get(index) != expected:
            code = "ledger.entry-edited" if level == 0 else "ledger.node-edited"
            walk.report(code, f"entry {index}" if level == 0 else f"node {level}/{index}", _shown(stored.get(index)))


def _root(walk: _Walk, tail: Sequence[bytes]) -> bytes:
    """The recomputed root, after the nodes above the blocks were checked."""
    hashes, level = list(walk.tops), _BLOCK_LEVEL
    while len(hashes) > 1:
        hashes, level = pairs(hashes), level + 1
        _check_level(walk, level, 0, hashes)
    return root([*walk.tops, root(tail)] if tail else walk.tops)


def _check_head(
    walk: _Walk,
    checkpoints: CheckpointRows,
    newest: str | None,
    whole: Checkpoint,
    verifiers: Sequence[Verifier],
) -> None:
    """The head of exactly this size must be signed and name this root, and no head may be of a greater ledger."""
    if newest is None and whole.size == 0:
        return
    try:
        head = verify(newest or "", whole.origin, verifiers)
        if head.size > whole.size:
            walk.report("ledger.truncated", f"entry {whole.size}", f"{whole.size} entries under a head of {head.size}")
            return
        note = checkpoints.at(whole.size)
        if note is None:
            walk.report("ledger.head-missing", f"entry {head.size}", f"{whole.size} entries, {head.size} under a head")
            return
        same = head if note == newest else verify(note, whole.origin, verifiers)
    except IntegrityError as error:
        walk.report(error.code, f"checkpoint of size {whole.size}", error.found)
        return
    if same != whole:
        walk.report("ledger.head-mismatch", f"checkpoint of size {whole.size}", f"root {same.root.hex()}")


def _check_memory(walk: _Walk, remembered: Remembered, whole: Checkpoint) -> None:
    """The ledger must be the one that was seen, no smaller, and begin with the entries seen then."""
    if remembered.origin != whole.origin:
        walk.report("ledger.other-ledger", whole.origin, f"{remembered.origin} was seen before")
    elif whole.size < remembered.size:
        found = f"{whole.size} entries where {remembered.size} were seen before"
        walk.report("ledger.shrunk", f"entry {whole.size}", found)
    elif _root_then(walk.rows, remembered.size) != remembered.root:
        walk.report("ledger.forked", f"entries before {remembered.size}", "not the entries seen before")


def _root_then(rows: LedgerRows, size: int) -> bytes | None:
    """The root at an earlier size, from the stored nodes, which were compared with the entries before."""
    try:
        return at_once(lambda node: root_at(size, node), rows.nodes_at)
    except IntegrityError:
        return None


def _shown(kept: bytes | None) -> str:
    return "nothing" if kept is None else f"hash {kept.hex()}"
