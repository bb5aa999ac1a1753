"""The Merkle tree of RFC 6962: roots, and proofs that a leaf is in it or that it only ever grew."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from andon.kernel.errors import UsageError

Place = tuple[int, int]  # level and index
NodeAt = Callable[[int, int], bytes]
T = TypeVar("T")
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Node:
    """The root of a perfect subtree: over the `2**level` leaves from `index << level`."""

    level: int
    index: int
    hash: bytes


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The hash of each leaf's bytes."""
    sha256 = hashlib.sha256  # as `leaf_hash`, without a call for each of the millions in an audit
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; an odd one out is promoted, which gives the left-filled tree of the RFC."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = pairs(level) + odd
    return level[0]


def pairs(hashes: Sequence[bytes]) -> list[bytes]:
    """The next level up: one node for every two hashes, without an odd one out."""
    sha256 = hashlib.sha256  # as `node_hash`, without a call for each of the millions in an audit
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


def completed_nodes(size: int, leaf: bytes, node: NodeAt) -> list[Node]:
    """The perfect subtrees completed by the leaf with this hash, when it is put behind `size` others.

    Args:
        size: How many leaves there are before it, which is also its index.
        leaf: Its leaf hash.
        node: Looks up the nodes that exist already.
    """
    done = [Node(0, size, leaf)]
    while done[-1].index & 1:
        last = done[-1]
        done.append(Node(last.level + 1, last.index >> 1, node_hash(node(last.level, last.index - 1), last.hash)))
    return done


def at_once(question: Callable[[NodeAt], T], fetch: Callable[[Collection[Place]], Mapping[Place, bytes]]) -> T:
    """The answer to a question about nodes, all of which are fetched together.

    Which nodes it takes depends on sizes alone, so the question is asked twice: once to see what it looks up.
    """
    wanted: dict[Place, bytes] = {}
    question(lambda level, index: wanted.setdefault((level, index), EMPTY_ROOT))
    found = fetch(wanted)
    return question(lambda level, index: found[level, index])


def root_at(size: int, node: NodeAt) -> bytes:
    """The root that the tree had at a size, from its nodes."""
    return _range_root(0, size, node) if size else EMPTY_ROOT


def inclusion(index: int, size: int, node: NodeAt) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves, lowest sibling first.

    Raises:
        UsageError: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise UsageError(
            "ledger.no-such-leaf",
            "There is no such entry in the ledger.",
            found=f"entry {index} of {size}",
            fix="Ask for an entry below the size.",
        )
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency(size1: int, size2: int, node: NodeAt) -> list[bytes]:
    """The proof that the tree of `size2` leaves begins with the tree of `size1` leaves.

    Raises:
        UsageError: The first tree is empty, which proves nothing, or greater than the second.
    """
    if not 0 < size1 <= size2:
        raise UsageError(
            "ledger.no-such-growth",
            "A consistency proof leads from a smaller tree, not empty, to a greater one.",
            found=f"from {size1} to {size2}",
            fix="Swap the sizes, or begin at a size of at least 1.",
        )
    path: list[bytes] = []
    start, stop, is_whole = 0, size2, True
    while stop != size1:
        middle = start + _split(stop - start)
        if size1 <= middle:
            path.append(_range_root(middle, stop, node))
            stop = middle
        else:
            path.append(_range_root(start, middle, node))
            start, is_whole = middle, False
    if not is_whole:
        path.append(_range_root(start, stop, node))
    return path[::-1]


def is_included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root_hash: bytes) -> bool:
    """Whether the proof shows that the leaf with this hash is entry `index` of the tree with this size and root."""
    if not 0 <= index < size or not _are_hashes(leaf, root_hash, *proof):
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            place, last = _skip_promoted(place, last)
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root_hash


def is_consistent(size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the second tree begins with the first.

    An empty first tree is consistent with anything and so shows nothing: it is always refused.
    """
    if not 0 < size1 <= size2:
        return False
    if size1 == size2:
        return not proof and root1 == root2
    if not _are_hashes(root1, root2, *proof):
        return False
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        return False
    return _climb(size1, size2, path) == (root1, root2)


def _climb(size1: int, size2: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The two roots that a consistency path leads to, or None when it has not the right length (RFC 9162, 2.1.4.2)."""
    place, last = size1 - 1, size2 - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            place, last = _skip_promoted(place, last)
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


def _skip_promoted(place: int, last: int) -> tuple[int, int]:
    """Climb past the levels at which the node at the right edge has no sibling."""
    while not place & 1 and place:
        place, last = place >> 1, last >> 1
    return place, last


def _split(width: int) -> int:
    """The greatest power of two below `width`: where the RFC divides a tree."""
    return 1 << ((width - 1).bit_length() - 1)


def _range_root(start: int, stop: int, node: NodeAt) -> bytes:
    """The root over leaves `start` up to `stop`; `start` is a multiple of the greatest power of two in the width."""
    perfect: list[bytes] = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        perfect.append(node(level, start >> level))
        start += 1 << level
    found = perfect.pop()
    while perfect:
        found = node_hash(perfect.pop(), found)
    return found


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
