"""Somebody edits what a running gatekeeper has read before: that it was right then counts for nothing."""

import json

import pytest

from andon.attest.statement import GATE_VERDICT
from andon.gates.said import read_said
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from tests.gates.world import refusal
from tests.redteam.moves import overwrite


def read_once(at):
    """A gatekeeper that has just read everything, and found it right."""
    world = at("admitted")
    assert world.admit().release == world.made.release
    return world


def verdict_of(world):
    return world.database.statements.about(world.made.model, GATE_VERDICT)[-1]


def test_untouched_the_same_release_is_admitted_again(at):
    world = read_once(at)
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def test_an_edited_statement_is_refused(at):
    world = read_once(at)
    payload = json.loads(verdict_of(world).envelope)
    payload["signatures"][0]["sig"] = "AAAA" + payload["signatures"][0]["sig"][4:]
    world.sql("update statements set envelope = ? where position = ?", dumps(payload), verdict_of(world).index)
    assert refusal(world.admit) == "gates.statement-damaged"


def test_another_statement_in_the_place_of_one_is_refused_though_both_were_read(at):
    world = read_once(at)
    one = verdict_of(world)
    other = world.database.statements.about(world.made.batch, GATE_VERDICT)[-1]
    world.sql("update statements set envelope = ? where position = ?", other.envelope, one.index)
    assert refusal(world.admit) == "gates.statement-damaged"


def test_a_signature_is_checked_again_by_keys_of_now(at):
    """The bytes are those that were read before, and the key that signed them is not good any more."""
    world = read_once(at)
    root = world.root
    known = {key.public.key_id for one in root.principals if one.name == "gatekeeper" for key in one.keys}
    record = world.record
    before = record.get(verdict_of(world).digest, root)
    assert before.keys & known
    without = {name: check for name, check in record.verifiers(root).items() if name not in known}
    assert known.isdisjoint(without)
    again = read_said(verdict_of(world).envelope, record.ledger.entry(before.index), without)
    assert again.keys == frozenset()


@pytest.mark.parametrize("part", ["batch", "model", "release"])
def test_an_edited_manifest_is_refused(at, part):
    world = read_once(at)
    old = world.the(part).to_bytes()
    new = old.replace(b'"contract":""', b'"contract":"' + b"sha256:" + b"0" * 64 + b'"')
    assert new != old
    world.sql("update manifests set body = ? where digest = ?", new, getattr(world.made, part))
    assert refusal(world.admit) == "registry.manifest-damaged"


def test_an_edited_declaration_is_refused(at):
    world = read_once(at)
    path = world.blobs.local(world.the("release").facts["declaration"])
    overwrite(path, path.read_bytes() + b" ")
    assert refusal(world.admit) == "store.object-damaged"


def test_an_edited_trust_root_is_refused(at):
    world = read_once(at)
    (path,) = world.path.rglob("root-000001.json")
    sealed = json.loads(path.read_bytes())
    sealed["signatures"][0]["sig"] = "AAAA" + sealed["signatures"][0]["sig"][4:]
    overwrite(path, dumps(sealed))
    assert refusal(world.admit) == "trust.no-quorum"


def test_an_ancestor_that_the_notes_hide_is_found_and_read(at):
    """The database's notes of what was made from what are a hint: without them the manifests are followed."""
    world = read_once(at)
    whole = world.keeper.keeping.lineage_of(world.made.release)
    world.sql("delete from manifest_inputs")
    assert world.keeper.keeping.lineage_of(world.made.release) == whole
    assert of_bytes(world.the("model").to_bytes()) == world.made.model
    assert world.admit().release == world.made.release
