"""Somebody edits a manifest in the database."""

from dataclasses import replace

import pytest

from andon.gates.audit import verify_everything
from andon.gates.bundle import check_bundle, read_bundle
from tests.gates.world import TARGET, refusal


def test_untouched_the_same_release_is_admitted(at):
    world = at("approved")
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def audited(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


def edit(world, part):
    old = world.the(part).to_bytes()
    new = old.replace(b'"contract":""', b'"contract":"' + b"sha256:" + b"0" * 64 + b'"')
    assert world.sql("update manifests set body = ? where digest = ?", new, getattr(world.made, part)) == 1


@pytest.mark.parametrize("part", ["batch", "dataset", "snapshot", "model", "report", "release"])
def test_admission_refuses_a_chain_with_an_edited_manifest(at, part):
    world = at("approved")
    edit(world, part)
    assert refusal(world.admit) == "registry.manifest-damaged"


def test_the_audit_finds_it(at):
    world = at("admitted")
    edit(world, "snapshot")
    assert audited(world) == {"registry.manifest-damaged"}


def test_a_copied_manifest_in_a_bundle_is_refused_when_it_is_not_the_one_named(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    other = world.model(b"evil weights").to_json()
    changed = replace(bundle, manifests={**bundle.manifests, world.made.model: other})
    code = refusal(lambda: check_bundle(changed, TARGET, world.blobs.read, world.trust()))
    assert code == "gates.bundle-damaged"
