"""The tree against the RFC's own recursion, and its proofs against the published probes."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.errors import UsageError
from andon.ledger.merkle import (
    EMPTY_ROOT,
    completed_nodes,
    consistency,
    inclusion,
    is_consistent,
    is_included,
    leaf_hash,
    root,
    root_at,
)


def rfc_root(leaves: list[bytes]) -> bytes:
    """MTH exactly as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_root(leaves[:k]) + rfc_root(leaves[k:])).digest()


def rfc_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH exactly as RFC 6962 section 2.1.1 defines it."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*rfc_path(index, leaves[:k]), rfc_root(leaves[k:])]
    return [*rfc_path(index - k, leaves[k:]), rfc_root(leaves[:k])]


def rfc_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF exactly as RFC 6962 section 2.1.2 defines it."""
    n = len(leaves)
    if m == n:
        return [] if whole else [rfc_root(leaves)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*rfc_subproof(m, leaves[:k], whole), rfc_root(leaves[k:])]
    return [*rfc_subproof(m - k, leaves[k:], False), rfc_root(leaves[:k])]


def grown(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for index, leaf in enumerate(leaves):
        for node in completed_nodes(index, leaf_hash(leaf), lambda level, at: nodes[level, at]):
            assert (node.level, node.index) not in nodes
            nodes[node.level, node.index] = node.hash
    return nodes


def some_leaves(count: int) -> list[bytes]:
    return [f"leaf {i}".encode() for i in range(count)]


@given(st.lists(st.binary(max_size=8), max_size=70))
@settings(max_examples=60, deadline=None)
def test_a_grown_tree_has_the_roots_of_the_rfc_at_every_size(leaves):
    nodes = grown(leaves)
    for size in range(len(leaves) + 1):
        expected = rfc_root(leaves[:size])
        assert root_at(size, lambda level, at: nodes[level, at]) == expected
        assert root([leaf_hash(leaf) for leaf in leaves[:size]]) == expected
    assert len(nodes) == sum(len(leaves) >> level for level in range(8))


@pytest.mark.parametrize("size", range(1, 34))
def test_inclusion_proofs_are_the_paths_of_the_rfc_and_verify_for_their_leaf_alone(size):
    leaves = some_leaves(size)
    nodes = grown(leaves)
    whole = rfc_root(leaves)
    for index in range(size):
        proof = inclusion(index, size, lambda level, at: nodes[level, at])
        assert proof == rfc_path(index, leaves)
        for claimed in range(size + 1):
            assert is_included(claimed, size, leaf_hash(leaves[index]), proof, whole) is (claimed == index)


@pytest.mark.parametrize("size2", range(1, 34))
def test_consistency_proofs_are_those_of_the_rfc_and_verify_for_their_sizes_alone(size2):
    leaves = some_leaves(size2)
    nodes = grown(leaves)
    new = rfc_root(leaves)
    for size1 in range(1, size2 + 1):
        proof = consistency(size1, size2, lambda level, at: nodes[level, at])
        old = rfc_root(leaves[:size1])
        assert proof == rfc_subproof(size1, leaves, True)
        assert is_consistent(size1, old, size2, new, proof)
        assert not is_consistent(size1, leaf_hash(b"another"), size2, new, proof)
        assert not is_consistent(size1, old, size2, leaf_hash(b"another"), proof)
        assert not is_consistent(size1, old, size2, new, [*proof, old])


def test_nothing_is_consistent_with_an_empty_tree():
    whole = rfc_root(some_leaves(3))
    assert not is_consistent(0, EMPTY_ROOT, 3, whole, [])
    assert not is_consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    with pytest.raises(UsageError):
        consistency(0, 3, lambda level, at: b"")


def test_a_proof_of_a_leaf_outside_the_tree_is_refused():
    for index in (-1, 3, 4):
        with pytest.raises(UsageError):
            inclusion(index, 3, lambda level, at: b"")


def test_a_node_of_another_length_never_verifies():
    leaf = leaf_hash(b"a")
    assert is_included(0, 1, leaf, [], leaf)
    assert not is_included(0, 1, leaf[:31], [], leaf[:31])


def test_a_proof_reads_logarithmically_many_nodes():
    leaves = some_leaves(1000)
    nodes = grown(leaves)
    seen = []

    def look(level, at):
        seen.append((level, at))
        return nodes[level, at]

    inclusion(437, 1000, look)
    consistency(437, 1000, look)
    root_at(1000, look)
    assert len(seen) < 100


def _bytes(value: str | None) -> bytes:
    return base64.b64decode(value or "")


def test_every_published_inclusion_probe_is_judged_as_published(vectors):
    probes = sorted((vectors / "merkle" / "inclusion").rglob("*.json"))
    assert len(probes) == 98
    for path in probes:
        probe = json.loads(path.read_text())
        proof = [_bytes(item) for item in probe["proof"] or []]
        verdict = is_included(
            probe["leafIdx"], probe["treeSize"], _bytes(probe["leafHash"]), proof, _bytes(probe["root"])
        )
        assert verdict is not probe["wantErr"], path


def test_every_published_consistency_probe_is_judged_as_published(vectors):
    probes = sorted((vectors / "merkle" / "consistency").rglob("*.json"))
    assert len(probes) == 98
    for path in probes:
        probe = json.loads(path.read_text())
        proof = [_bytes(item) for item in probe["proof"] or []]
        verdict = is_consistent(probe["size1"], _bytes(probe["root1"]), probe["size2"], _bytes(probe["root2"]), proof)
        assert verdict is not probe["wantErr"], path
