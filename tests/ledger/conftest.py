"""A ledger kept in memory, test keys, and the published vectors."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon.adapters.keys import Ed25519Signer, verifier
from andon.kernel.errors import ConflictError, IntegrityError
from andon.kernel.signing import Verifier, public_key
from andon.ledger.cosignature import with_lines
from andon.ledger.log import Ledger
from andon.ledger.merkle import Node

ORIGIN = "example.com/flights"


@dataclass(frozen=True)
class OpenUnit:
    is_open: bool = True


@dataclass
class MemoryRows:
    """LedgerRows and CheckpointRows in dictionaries, so that an attack is one assignment."""

    leaf_rows: dict[int, bytes] = field(default_factory=dict)
    node_rows: dict[tuple[int, int], bytes] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    lines: dict[int, set[str]] = field(default_factory=dict)
    reads: int = 0

    def size(self, unit=None) -> int:
        return max(self.leaf_rows, default=-1) + 1

    def append(self, unit, index: int, leaf: bytes, nodes: Sequence[Node]) -> None:
        if index != self.size():
            raise ConflictError("ledger.moved", "Somebody else appended first.")
        self.leaf_rows[index] = leaf
        for node in nodes:
            self.node_rows[node.level, node.index] = node.hash

    def node(self, level: int, index: int, unit=None) -> bytes:
        self.reads += 1
        if (level, index) not in self.node_rows:
            raise IntegrityError("ledger.node-missing", "A node is missing.")
        return self.node_rows[level, index]

    def nodes_at(self, places, unit=None):
        return {(level, index): self.node(level, index, unit) for level, index in places}

    def nodes(self, level: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        yield from ((i, self.node_rows[level, i]) for i in range(start, stop) if (level, i) in self.node_rows)

    def leaves(self, start: int, stop: int, unit=None) -> Iterator[tuple[int, bytes]]:
        yield from ((i, self.leaf_rows[i]) for i in range(start, stop) if i in self.leaf_rows)

    def save(self, unit, size: int, note: str) -> None:
        if size in self.notes:
            raise ConflictError("ledger.moved", "There is a head of this size.")
        self.notes[size] = note

    def latest(self, unit=None) -> str | None:
        return self.at(max(self.notes)) if self.notes else None

    def at(self, size: int) -> str | None:
        return with_lines(self.notes[size], sorted(self.lines.get(size, ()))) if size in self.notes else None

    def cosign(self, unit, size: int, line: str) -> None:
        if size not in self.notes:
            raise IntegrityError("ledger.head-missing", "There is no head of this size.")
        self.lines.setdefault(size, set()).add(line)

    def cosigned(self, above: int) -> Iterator[tuple[int, str]]:
        yield from ((size, self.at(size)) for size in sorted(self.lines) if size > above)

    def last_cosigned(self) -> int:
        return max(self.lines, default=0)


@dataclass
class TickingClock:
    """A clock that moves one nanosecond a question."""

    time_ns: int = 1_795_000_000_000_000_000

    def now_ns(self) -> int:
        self.time_ns += 1
        return self.time_ns


def _signer(seed: int) -> Ed25519Signer:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Ed25519Signer(public_key(private.public_key().public_bytes_raw()), private)


@pytest.fixture(scope="session")
def signer_of() -> Callable[[int], Ed25519Signer]:
    """Signers with fixed keys, by number."""
    return _signer


@pytest.fixture(scope="session")
def verifiers_of() -> Callable[..., dict[str, Verifier]]:
    """Verifiers of signers, by key id."""
    return lambda *signers: {signer.key_id: verifier(signer.public) for signer in signers}


@pytest.fixture(scope="session")
def unit() -> OpenUnit:
    return OpenUnit()


@pytest.fixture(scope="session")
def new_rows() -> Callable[[], MemoryRows]:
    return MemoryRows


@pytest.fixture(scope="session")
def open_ledger(verifiers_of) -> Callable[..., Ledger]:
    """A ledger over rows, signed with the fixed key of that number, whose clock ticks."""

    def build(rows: MemoryRows, key: int = 1, clock: TickingClock | None = None) -> Ledger:
        signer = _signer(key)
        return Ledger(rows, rows, signer, ORIGIN, clock or TickingClock(), verifiers_of(signer))

    return build


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of published vectors."""
    beside = Path(__file__).parents[3] / "shared" / "vectors"
    folder = Path(os.environ.get("ANDON_VECTORS") or beside)
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the published vectors are missing: {folder}")
        pytest.skip(f"the published vectors are not here: {folder}; set ANDON_VECTORS")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """The frozen wire formats."""
    return Path(__file__).parents[1] / "golden"
