"""Only the deploy step is run again, or a server is given a path."""

from dataclasses import replace

import pytest

from andon.gates.bundle import check_bundle, read_bundle
from tests.gates.world import TARGET, refusal


def test_untouched_after_all_gates_the_deploy_step_deploys(at):
    world = at("approved")
    assert world.admit().sequence == 1


def test_the_deploy_step_alone_deploys_nothing(at):
    world = at("bound")
    assert refusal(world.admit) == "gates.no-pass"
    assert world.keeper.serving("late", TARGET) == ""


def test_a_release_nobody_bound_is_refused(at):
    world = at("approved")
    loose = world.add(world.release(world.the("model"), latency_ns=1))
    assert refusal(lambda: world.keeper.admit(loose, TARGET)) == "gates.not-bound"


@pytest.mark.parametrize("part", ["model", "report", "dataset"])
def test_another_artefact_than_a_release_is_refused(at, part):
    world = at("admitted")
    assert refusal(lambda: world.keeper.admit(getattr(world.made, part), TARGET)) == "gates.not-a-release"


def test_run_state_that_says_done_is_never_read(at):
    world = at("bound")
    stage_key, output = world.made.model, world.made.release
    world.sql(
        "insert into commits (stage_key, output, run_id, committed_ns) values (?, ?, 'run-1', 1)", stage_key, output
    )
    assert refusal(world.admit) == "gates.no-pass"


@pytest.mark.parametrize("data", [b"weights", b"{}", b"", b'"/models/late.txt"'])
def test_a_server_loads_no_path_and_no_bytes_but_a_bundle(data):
    assert refusal(lambda: read_bundle(data)) == "gates.bundle-damaged"


def damaged(world, **changes):
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    return lambda: check_bundle(replace(bundle, **changes), TARGET, world.blobs.read, world.trust())


def test_a_bundle_with_any_statement_taken_out_is_refused(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    codes = [
        refusal(damaged(world, statements=bundle.statements[:n] + bundle.statements[n + 1 :]))
        for n in range(len(bundle.statements))
    ]
    assert set(codes) == {"gates.bundle-incomplete", "gates.not-admitted"}
    assert codes.count("gates.not-admitted") == 1


def test_a_bundle_with_any_proof_taken_out_is_refused(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    for digest in bundle.proofs:
        rest = {name: proof for name, proof in bundle.proofs.items() if name != digest}
        assert refusal(damaged(world, proofs=rest)) == "gates.bundle-incomplete"


def test_a_bundle_with_proofs_exchanged_is_refused(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    first, *rest = bundle.proofs.values()
    exchanged = dict(zip(bundle.proofs, [*rest, first], strict=True))
    assert refusal(damaged(world, proofs=exchanged)) == "gates.statement-damaged"


def test_a_bundle_with_any_manifest_taken_out_is_refused(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    for digest in bundle.manifests:
        rest = {name: value for name, value in bundle.manifests.items() if name != digest}
        assert refusal(damaged(world, manifests=rest)) in ("gates.lineage-open", "gates.bundle-incomplete")


def test_a_bundle_of_one_release_does_not_load_another(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    assert refusal(world.load) == ""
    assert refusal(damaged(world, release=first)) == "gates.not-admitted"


def test_a_bundle_with_an_edited_statement_is_refused(at):
    world = at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    edited = ({**bundle.statements[0], "payload": bundle.statements[1]["payload"]}, *bundle.statements[1:])
    assert refusal(damaged(world, statements=edited)) == "gates.bundle-incomplete"


def test_a_bundle_without_its_trust_root_is_refused(at):
    assert refusal(damaged(at("admitted"), root={})) == "trust.missing"
