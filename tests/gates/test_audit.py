"""The audit of a whole factory, as `andon audit verify` shows it."""

from andon.gates.audit import verify_everything


def problems(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


def test_an_untouched_factory_is_sound_and_the_audit_says_what_it_read(at):
    lines = verify_everything(at("admitted").keeper.keeping)
    assert [line.part for line in lines] == ["ledger", "statements", "verdicts", "names", "objects"]
    assert all(line.is_sound for line in lines)


def test_the_audit_changes_nothing(at):
    world = at("admitted")
    before = (world.path / "control.db").read_bytes(), world.record.remembered()
    verify_everything(world.keeper.keeping)
    assert ((world.path / "control.db").read_bytes(), world.record.remembered()) == before


def test_a_failed_verdict_and_a_rollback_are_sound_too(at):
    world = at("admitted")
    first = world.made.release
    world.build_bound(weights=b"second", rows=b"more rows").build_approved().admit()
    world.keeper.rollback(target="local", to=first, by="bo", reason="the second one answers too slowly")
    world.judge_training(world.model(b"broken"), completed=0.0)
    assert problems(world) == set()


def test_a_manifest_that_is_gone_is_found(at):
    world = at("admitted")
    world.sql("delete from manifests where digest = ?", world.made.snapshot)
    assert problems(world) == {"registry.unknown-artefact"}


def test_an_object_of_an_ancestor_that_was_edited_is_found(at):
    world = at("admitted")
    path = world.blobs.local(world.the("batch").object("landed").sha256)
    path.chmod(0o644)
    path.write_bytes(b"other rows")
    assert problems(world) == {"store.object-damaged"}


def test_a_statement_hidden_from_its_subject_is_found(at):
    world = at("admitted")
    assert world.sql("delete from statement_subjects where subject = ?", world.made.release) > 0
    assert "gates.note-edited" in problems(world)


def test_a_verdict_whose_word_is_a_lie_is_found(at):
    world = at("admitted")
    world.forge_verdict(world.made.model, "model:late", findings=())
    assert problems(world) == {"gates.findings-differ"}


def test_a_statement_by_a_key_without_the_role_is_found(at):
    world = at("admitted")
    world.forge_verdict(world.made.model, "model:late", key="trainer")
    assert "gates.signer-not-gate" in problems(world)
