"""The bundle: its bytes, what it needs, and what it does not."""

from dataclasses import replace

import pytest

from andon.contracts.wire import to_json
from andon.gates.bundle import check_bundle, make_bundle, read_bundle
from andon.gates.serving import admission_of, decision_statement
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.ledger.memory import Remembered
from tests.gates.world import TARGET, refusal


def bundle_of(world):
    return read_bundle(world.blobs.read(world.made.bundle))


def test_a_bundle_reads_back_as_the_bytes_it_was(at):
    world = at("admitted")
    data = world.blobs.read(world.made.bundle)
    assert dumps(to_json(read_bundle(data))) == data


def test_a_bundle_holds_no_more_than_what_was_relied_on(at):
    world = at("admitted")
    world.judge_training(world.model(b"another"))
    world.approve("di", role="reader")
    bundle = bundle_of(world)
    assert len(bundle.statements) == 7  # four verdicts, a sign-off, bound, admission
    assert set(bundle.manifests) == {vars(world.made)[part] for part in vars(world.made) if part != "bundle"}


def test_a_bundle_made_later_on_a_longer_ledger_proves_the_same(at):
    world = at("admitted")
    world.judge_training(world.model(b"another"))
    first = world.made.bundle
    later = world.admit()
    assert later.bundle != first
    assert world.load().release == world.made.release


def test_only_the_models_own_bytes_and_the_declaration_are_read_at_a_load(at):
    world = at("admitted")
    read = []

    def reading(digest):
        read.append(digest)
        return world.blobs.read(digest)

    loaded = check_bundle(bundle_of(world), TARGET, reading, world.trust())
    model = {item.sha256 for item in world.the("model").content}
    assert set(read) == model | {loaded.facts.declaration}
    assert len(read) == len(set(read))


def test_a_ledger_of_another_name_or_another_history_is_refused(at):
    world = at("admitted")
    seen = world.record.remembered()
    assert refusal(lambda: world.load(remembered=replace(seen, origin="tests.example/other"))) != ""
    fork = Remembered(seen.origin, seen.size, b"\0" * 32, 1)
    assert refusal(lambda: world.load(remembered=fork)) == "gates.bundle-damaged"
    assert refusal(lambda: world.load(remembered=None)) == ""


def test_any_changed_byte_of_a_bundle_is_refused_or_means_the_same(at):
    world = at("admitted")
    data = world.blobs.read(world.made.bundle)
    trust = world.trust()
    for place in range(7, len(data), len(data) // 150):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

        def load(changed=changed):
            return check_bundle(read_bundle(changed), TARGET, world.blobs.read, trust)

        assert refusal(load) != "", place


@pytest.mark.parametrize("change", [{"relied": ()}, {"model": of_bytes(b"another model")}])
def test_an_admission_on_other_proofs_than_these_does_not_carry_the_release(at, change):
    world = at("admitted")
    bundle = bundle_of(world)
    decisions = world.keeper.keeping.decisions(world.root)
    found = admission_of(decisions, world.root, release=world.made.release, target=TARGET)
    digest = world.forge(decision_statement(replace(found[1], **change)))
    forged = world.record.get(digest, world.root)
    data = make_bundle(world.made.release, {}, [forged], {forged.index: world.record.ledger.prove(forged.index)}, [])
    one = read_bundle(data)
    wider = replace(bundle, statements=(*bundle.statements, *one.statements), proofs={**bundle.proofs, **one.proofs})
    assert refusal(lambda: check_bundle(wider, TARGET, world.blobs.read, world.trust())) == "gates.bundle-incomplete"
