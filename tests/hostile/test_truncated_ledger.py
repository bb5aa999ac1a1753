"""Somebody cuts the ledger back, to make a rejection never have happened."""

from andon.gates.audit import verify_everything
from tests.gates.world import refusal


def audited(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


def cut(world, size, *, with_head):
    world.sql("delete from statement_subjects where statement >= ?", size)
    world.sql("delete from statements where position >= ?", size)
    world.sql("delete from ledger_leaves where position >= ?", size)
    for level in range(8):
        world.sql("delete from ledger_nodes where level = ? and (position + 1) << ? > ?", level, level, size)
    if with_head:
        world.sql("delete from checkpoints where size > ?", size)


def rejected(at):
    world = at("approved")
    size = world.record.ledger.head().size
    world.approve("cy", "reject")
    return world, size


def test_untouched_the_rejection_stops_the_release(at):
    world, _ = rejected(at)
    assert refusal(world.admit) == "gates.people-missing"


def test_a_ledger_cut_back_is_refused(at):
    world, size = rejected(at)
    cut(world, size, with_head=False)
    assert refusal(world.admit) == "ledger.truncated"
    assert "ledger.truncated" in audited(world)


def test_a_ledger_cut_back_to_an_older_signed_head_is_refused_by_memory(at):
    world, size = rejected(at)
    cut(world, size, with_head=True)
    assert refusal(world.admit) == "ledger.shrunk"
    assert audited(world) == {"ledger.shrunk"}


def test_a_cut_ledger_is_not_written_to_either(at):
    world, size = rejected(at)
    cut(world, size, with_head=True)
    assert refusal(lambda: world.approve("bo", reason="again")) == "ledger.shrunk"


def test_without_memory_the_cut_would_not_show_which_is_why_it_is_kept_elsewhere(at):
    world, size = rejected(at)
    cut(world, size, with_head=True)
    (world.path / "home" / "remembered.json").unlink()
    assert refusal(world.admit) == ""
